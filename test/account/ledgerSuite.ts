/**
 * What quota and ledger promise, whatever is below: run on memory, on a SQLite file and on PostgreSQL.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Random, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { type Final, mostCredits, type QuotaLow, refundOf } from "#src/account/index"
import { type Books, BooksAway, sql } from "#src/books/index"
import { makeStreamId } from "#src/journal/index"
import { charge, readAccount, selectAccount } from "#src/account/LedgerRows"
import { type Process, processOn } from "./ledgerKit.ts"

type Open = Effect.Effect<Books["Service"], unknown, Scope.Scope>

/** What the suite runs on. */
export interface LedgerSuite {
  readonly name: string
  readonly open: Effect.Effect<Open, never, Scope.Scope>
}

const limited = { balance: 10_000 }
const alice = { token: "alice", group: "default", quota: limited } as const

const want = (credits: number, more: object = {}) => ({ streamId: makeStreamId(), ...alice, credits, ...more })

const ended = (streamId: string, credits: Final["credits"], more: Partial<Final> = {}): Final => ({
  ...refundOf({ streamId, token: "alice", group: "default" }, ""),
  credits,
  reason: null,
  model: "m",
  inputTokens: 1,
  outputTokens: 2,
  ...more
})

const stateOf = ({ quota }: Process) => quota.of({ _tag: "Token", name: "alice", quota: limited })

/** What must hold at any time, whatever is done. */
const holds = Effect.fnUntraced(function* (books: Books["Service"], { ledger }: Process) {
  const sum = yield* ledger.sum
  assert.strictEqual(sum.drift, 0)
  // Each reservation is open, or has one final row.
  const torn = yield* books.run(
    sql`SELECT r.stream_id FROM relay_ledger r WHERE r.kind = 'reserve' AND
          (SELECT count(*) FROM relay_ledger f WHERE f.stream_id = r.stream_id AND f.kind IN ('settle', 'refund'))
        + (SELECT count(*) FROM relay_reservations o WHERE o.stream_id = r.stream_id) <> 1`
  )
  assert.deepStrictEqual(torn, [])
  const [reserved] = yield* books.run(
    sql`SELECT (SELECT CAST(coalesce(sum(of_token), 0) AS BIGINT) FROM relay_reservations) AS open,
               (SELECT CAST(coalesce(sum(reserved), 0) AS BIGINT) FROM relay_accounts WHERE account LIKE 'token:%') AS kept`
  )
  assert.strictEqual(reserved?.["kept"], reserved?.["open"])
  return sum
})

/** The suite. */
export const ledgerSuite = ({ name, open }: LedgerSuite): void =>
  void describe(`quota on ${name}`, () => {
    const start = (written: { readonly [section: string]: unknown } = {}) =>
      Effect.gen(function* () {
        const opening = yield* open
        const books = yield* opening
        return { books, one: yield* processOn(books, written) }
      })

    it.live("grants once what the file says, however often it is opened", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const written = { tokens: [{ name: "alice", key: "key-of-alice", quota: limited }] }
          const { books, one } = yield* start(written)
          yield* one.die
          const two = yield* processOn(books, {
            tokens: [{ name: "alice", key: "key-of-alice", quota: { balance: 5 } }]
          })
          assert.deepInclude(yield* holds(books, two), { granted: 10_000 })
          assert.strictEqual((yield* stateOf(two)).balance, 10_000)
        })
      )
    )

    it.live("who was granted something has that limit from then on, whatever the token is set to later", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { one } = yield* start({ tokens: [{ name: "alice", key: "key-of-alice", quota: limited }] })
          assert.isTrue(one.quota.limits("alice", "default", undefined))
          assert.isFalse(one.quota.limits("bob", "default", undefined))
          yield* one.quota.of({ _tag: "Token", name: "bob", quota: { balance: 5 } })
          assert.isTrue(one.quota.limits("bob", "default", undefined))
          yield* one.quota.reserve(want(5, { token: "carol" }))
          assert.isTrue(one.quota.limits("carol", "default", undefined))
        })
      )
    )

    it.live("reserves, settles and refunds; doing it again does nothing", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { books, one } = yield* start()
          const [first, second] = [want(600), want(400)]
          yield* one.quota.reserve(first)
          yield* one.quota.reserve(second)
          assert.deepInclude(yield* stateOf(one), { balance: 10_000, reserved: 1000, settledToday: 0 })
          for (let time = 0; time < 3; time++) {
            yield* one.quota.settle([ended(first.streamId, 700), ended(second.streamId, "refund")])
            yield* one.quota.settle([ended(first.streamId, "refund"), ended(second.streamId, 5)])
          }
          assert.deepInclude(yield* stateOf(one), { balance: 9300, reserved: 0, settledToday: 700, settledMonth: 700 })
          assert.deepInclude(yield* holds(books, one), { settled: 700, refunded: 400, open: 0 })
          const { rows } = yield* one.ledger.list({ token: "alice", limit: 10 })
          assert.deepStrictEqual(
            rows.map(({ amount, balance, kind }) => [kind, amount, balance]),
            [
              ["refund", 400, 9300],
              ["settle", 700, 9300],
              ["reserve", 400, 10_000],
              ["reserve", 600, 10_000],
              ["grant", 10_000, 10_000]
            ]
          )
        })
      )
    )

    it.live("of any number at the same time as many are let through as the balance is for", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { books, one } = yield* start()
          const tries = Array.from({ length: 100 }, () => Effect.result(one.quota.reserve(want(1000))))
          const results = yield* Effect.all(tries, { concurrency: "unbounded" })
          const tags = results.map((result) => (result._tag === "Success" ? "let through" : result.failure._tag))
          assert.lengthOf(
            tags.filter((tag) => tag === "let through"),
            10
          )
          assert.lengthOf(
            tags.filter((tag) => tag === "InsufficientUserQuota"),
            90
          )
          assert.deepInclude(yield* holds(books, one), { open: 10_000 })
        })
      )
    )

    it.live("a group is asked too: both allow, or nothing is reserved of either", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { books, one } = yield* start({
            groups: [{ name: "team", quota: { balance: 500, budget: { amount: 450, per: "month" } } }]
          })
          const team = { group: "team" }
          const refused = yield* Effect.flip(one.quota.reserve(want(600, team)))
          assert.strictEqual(refused._tag, "InsufficientUserQuota")
          const over = yield* Effect.flip(one.quota.reserve(want(460, team)))
          assert.strictEqual(over._tag, "PreConsumeTokenQuotaFailed")
          assert.deepInclude(yield* stateOf(one), { reserved: 0 })
          const allowed = want(400, team)
          yield* one.quota.reserve(allowed)
          yield* one.quota.settle([ended(allowed.streamId, 450)])
          const group = yield* one.quota.of({ _tag: "Group", name: "team" })
          assert.deepInclude(group, { balance: 50, reserved: 0, settledMonth: 450 })
          yield* one.quota.grant({ _tag: "Group", name: "team" }, { add: 100 }, "more")
          assert.deepInclude(yield* one.quota.of({ _tag: "Group", name: "team" }), { balance: 150 })
          // It is held to nothing where only its token's balance is there to ask.
          assert.isFalse(one.quota.limits("bob", "default", undefined))
          assert.isTrue(one.quota.limits("bob", "team", undefined))
          yield* holds(books, one)
        })
      )
    )

    it.live(
      "an admin adds, sets, and takes the limit away; a limit that is set counts for who has none in the file",
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const { books, one } = yield* start()
            const bob = { _tag: "Token", name: "bob", quota: undefined } as const
            yield* one.quota.settle([ended("stream-of-bob-without-any", 70, { token: "bob" })])
            assert.isUndefined(yield* one.quota.grant(bob, { add: 5 }, ""))
            assert.isFalse(one.quota.limits("bob", "default", undefined))
            assert.deepInclude(yield* one.quota.grant(bob, { set: 100 }, "a limit"), { balance: 100, settledToday: 70 })
            assert.isTrue(one.quota.limits("bob", "default", undefined))
            yield* one.quota.settle([ended("another-of-bob", 130, { token: "bob" })])
            assert.deepInclude(yield* one.quota.of(bob), { balance: -30 })
            yield* holds(books, one)
            yield* one.quota.grant(bob, { set: null }, "no limit")
            yield* one.quota.settle([ended("a-third-of-bob", 1, { token: "bob" })])
            yield* holds(books, one)
            assert.deepInclude(yield* one.quota.grant(bob, { set: 7 }, "again"), { balance: 7 })
            yield* holds(books, one)
          })
        )
    )

    it.live("little left of the last grant is told once, until there is more", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { one } = yield* start()
          const told: Array<QuotaLow> = []
          yield* one.quota.onLow((low) => Effect.succeed(() => void told.push(low)))
          const spend = Effect.fnUntraced(function* (credits: number) {
            const wanted = want(1)
            yield* one.quota.reserve(wanted)
            yield* one.quota.settle([ended(wanted.streamId, credits)])
          })
          yield* spend(8999)
          assert.deepStrictEqual(told, [])
          yield* spend(1)
          yield* spend(1)
          assert.deepStrictEqual(told, [{ token: "alice", balance: 1000, grant: 10_000 }])
          yield* one.quota.grant({ _tag: "Token", name: "alice", quota: limited }, { add: 100 }, "")
          yield* spend(1089)
          assert.deepStrictEqual(told.slice(1), [{ token: "alice", balance: 10, grant: 100 }])
        })
      )
    )

    it.live("who is told of little left writes that down with the settlement, or there is neither", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { books, one } = yield* start()
          yield* books.run(sql`CREATE TABLE low (token TEXT, balance BIGINT)`)
          const committed: Array<number> = []
          yield* one.quota.onLow(({ balance, token }) =>
            Effect.as(
              books.run(sql`INSERT INTO low (token, balance) VALUES (${token}, ${balance})`),
              () => void committed.push(balance)
            )
          )
          const wanted = want(1)
          yield* one.quota.reserve(wanted)
          const settled = (also?: Effect.Effect<void, BooksAway>) =>
            Effect.exit(one.quota.settle([ended(wanted.streamId, 9500)], also))
          assert.isTrue(Exit.isFailure(yield* settled(Effect.fail(new BooksAway({ message: "killed" })))))
          assert.deepStrictEqual([yield* books.run(sql`SELECT * FROM low`), committed], [[], []])
          assert.isTrue(Exit.isSuccess(yield* settled()))
          assert.deepStrictEqual(yield* books.run(sql`SELECT * FROM low`), [{ token: "alice", balance: 500 }])
          assert.deepStrictEqual(committed, [500])
          yield* books.run(sql`DROP TABLE low`)
          yield* holds(books, one)
        })
      )
    )

    it.live("what takes credits away is no grant: little is told of the last one, and once", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { one } = yield* start()
          const whose = { _tag: "Token", name: "alice", quota: limited } as const
          const told: Array<QuotaLow> = []
          yield* one.quota.onLow((low) => Effect.succeed(() => void told.push(low)))
          const spend = Effect.fnUntraced(function* (credits: number) {
            const wanted = want(1)
            yield* one.quota.reserve(wanted)
            yield* one.quota.settle([ended(wanted.streamId, credits)])
          })
          yield* one.quota.grant(whose, { add: -5 }, "")
          yield* one.quota.grant(whose, { set: 1500 }, "")
          yield* spend(600)
          assert.deepStrictEqual(told, [{ token: "alice", balance: 900, grant: 10_000 }])
          yield* one.quota.grant(whose, { add: -5 }, "")
          yield* spend(1)
          assert.lengthOf(told, 1)
          yield* one.quota.grant(whose, { set: null }, "")
          yield* one.quota.grant(whose, { set: 10 }, "")
          yield* spend(9)
          assert.deepStrictEqual(told.slice(1), [{ token: "alice", balance: 1, grant: 10 }])
        })
      )
    )

    it.live("a balance stays in bounds within which sums are exact", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { books, one } = yield* start()
          const whose = { _tag: "Token", name: "alice", quota: limited } as const
          yield* one.quota.grant(whose, { set: mostCredits }, "")
          const error = yield* Effect.flip(one.quota.grant(whose, { add: 1 }, ""))
          assert.strictEqual(error._tag, "BalanceTooLarge")
          const below = yield* Effect.flip(one.quota.grant(whose, { set: -mostCredits - 1 }, ""))
          assert.strictEqual(below._tag, "BalanceTooLarge")
          assert.strictEqual((yield* stateOf(one)).balance, mostCredits)
          yield* holds(books, one)
        })
      )
    )

    it.effect("budgets begin anew with the day and the month, by UTC", () =>
      Effect.scoped(
        Effect.gen(function* () {
          yield* TestClock.setTime(Date.parse("2026-01-31T23:00:00Z"))
          const { books, one } = yield* start()
          const daily = { quota: { balance: null, budget: { amount: 100, per: "day" } } }
          const first = want(100, daily)
          yield* one.quota.reserve(first)
          yield* one.quota.settle([ended(first.streamId, 90)])
          assert.strictEqual(
            (yield* Effect.flip(one.quota.reserve(want(11, daily))))._tag,
            "PreConsumeTokenQuotaFailed"
          )
          yield* TestClock.setTime(Date.parse("2026-02-01T00:00:00Z"))
          assert.deepInclude(yield* stateOf(one), { settledToday: 0, settledMonth: 0 })
          yield* one.quota.reserve(want(100, daily))
          const days = yield* one.ledger.usage("day", undefined, undefined)
          assert.deepStrictEqual(
            days.map(({ credits, key }) => [key, credits]),
            [["2026-01-31", 90]]
          )
          yield* holds(books, one)
        })
      )
    )

    it.effect("a day and a month that have begun do not begin anew by a clock that is behind", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { books } = yield* start()
          const settleAt = (time: string, settled: number) =>
            Effect.gen(function* () {
              const now = Date.parse(time)
              yield* books.run(charge([{ key: "token:zoe", settled, released: 0 }], now))
              const [row] = yield* books.run(selectAccount("token:zoe", sql``))
              const { settledMonth, settledToday } = readAccount(row!, now)
              return [settledToday, settledMonth]
            })
          assert.deepStrictEqual(yield* settleAt("2026-12-31T23:59:50Z", 10), [10, 10])
          assert.deepStrictEqual(yield* settleAt("2027-01-01T00:00:03Z", 100), [100, 100])
          // Another relay's.
          assert.deepStrictEqual(yield* settleAt("2026-12-31T23:59:58Z", 7), [107, 107])
          assert.deepStrictEqual(yield* settleAt("2027-01-01T00:00:09Z", 1), [108, 108])
          assert.deepStrictEqual(yield* settleAt("2027-01-02T00:00:00Z", 2), [2, 110])
          // One that is years ahead holds up no budget when it is set right.
          assert.deepStrictEqual(yield* settleAt("2031-05-31T00:00:00Z", 3), [3, 3])
          assert.deepStrictEqual(yield* settleAt("2027-01-02T00:00:01Z", 4), [4, 4])
        })
      )
    )

    it.effect("what another has reserved is its own, until it was silent for three minutes that could be heard", () =>
      Effect.scoped(
        Effect.gen(function* () {
          yield* TestClock.setTime(Date.parse("2026-11-27T12:00:00Z"))
          const { books, one } = yield* start()
          yield* one.quota.reserve(want(100))
          const other = yield* processOn(books)
          const says = (process: Process) => Effect.flatMap(process.quota.position, process.quota.keepPosition)
          const isGone = Effect.map(other.quota.open, (open) => open.some(({ gone }) => gone))
          assert.isFalse(yield* isGone)
          for (let minute = 0; minute < 5; minute++) {
            yield* TestClock.adjust("1 minute")
            yield* says(one)
            yield* says(other)
            assert.isFalse(yield* isGone)
          }
          // Nobody could say anything, and now the one that did not die has not come to it yet.
          yield* TestClock.adjust("10 minutes")
          assert.isFalse(yield* isGone)
          yield* says(other)
          assert.isFalse(yield* isGone)
          for (let minute = 0; minute < 3; minute++) {
            yield* TestClock.adjust("1 minute")
            yield* says(other)
            assert.strictEqual(yield* isGone, minute === 2)
          }
        })
      )
    )

    it.effect("what one has reserved in memory that is known to be dead is gone at once", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { books, one } = yield* start()
          const dead = new Set<string>()
          const named = (me: string) => processOn(books, {}, { me, isDead: (name) => dead.has(name) })
          const first = yield* named("first")
          const wanted = want(100)
          yield* first.quota.reserve(wanted)
          yield* one.quota.reserve(want(100))
          yield* first.die
          const second = yield* named("second")
          assert.deepStrictEqual(yield* second.quota.open, [])
          dead.add("first")
          const gone = yield* second.quota.open
          assert.deepStrictEqual(
            gone.map(({ gone, streamId }) => [streamId, gone]),
            [[wanted.streamId, true]]
          )
        })
      )
    )

    it.live("rows that are too old are forgotten, and their credits carried", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const written = { ledger: { retention: "1 second" } }
          const { books, one } = yield* start(written)
          const first = want(100)
          yield* one.quota.reserve(first)
          yield* one.quota.settle([ended(first.streamId, 90)])
          // Of one whom nothing limits, and of one that came to nothing.
          yield* one.quota.settle([ended(makeStreamId(), 7, { token: "bob" })])
          yield* one.quota.settle([ended(makeStreamId(), 4, { token: "" })])
          const vain = want(30)
          yield* one.quota.reserve(vain)
          yield* one.quota.settle([refundOf(vain, "nothing was begun")])
          yield* Effect.sleep(1100)
          const second = want(100)
          yield* one.quota.reserve(second)
          const before = yield* one.ledger.sum
          const two = yield* processOn(books, written)
          const rows = Effect.map(two.ledger.list({ limit: 10 }), (page) => page.rows.map(({ kind }) => kind))
          const kept = yield* Effect.repeat(Effect.delay(rows, 20), { until: ({ length }) => length === 1, times: 100 })
          assert.deepStrictEqual(kept, ["reserve"])
          assert.deepStrictEqual(yield* holds(books, two), before)
          assert.deepInclude(before, { granted: 10_000, settled: 101, refunded: 30, open: 100 })
          assert.deepInclude(yield* stateOf(two), { balance: 9910 })
        })
      )
    )

    it.live("the ledger is read page by page, and summed piece by piece", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { books, one } = yield* start()
          for (let n = 0; n < 25; n++) {
            yield* one.quota.settle([ended(makeStreamId(), n, { model: `m${n % 2}`, channel: "c" })])
          }
          const ids: Array<string> = []
          let cursor: string | undefined
          do {
            const page: { rows: ReadonlyArray<{ id: string }>; next: string | undefined } = yield* one.ledger.list({
              limit: 7,
              cursor
            })
            ids.push(...page.rows.map(({ id }) => id))
            cursor = page.next
          } while (cursor !== undefined)
          assert.lengthOf(new Set(ids), 25)
          assert.deepStrictEqual(ids, ids.toSorted().reverse())
          const usage = yield* one.ledger.usage("model", undefined, undefined)
          assert.deepStrictEqual(
            usage.map(({ credits, key, requests }) => [key, credits, requests]),
            [
              ["m0", 156, 13],
              ["m1", 144, 12]
            ]
          )
          yield* holds(books, one)
        })
      )
    )

    it.live(
      "whatever is done at the same time, and whoever dies: nothing is lost, doubled or out by a credit",
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const seed = Number(process.env["LEDGER_SEED"] ?? Date.now() % 1_000_000)
            const { books, one } = yield* start({ groups: [{ name: "default", quota: { balance: 1_000_000 } }] })
            let current = one
            /** What was reserved, and the ends that were told of it: the first that was written counts. */
            const reserved: Array<string> = []
            const act = Effect.gen(function* () {
              const what = yield* Random.nextIntBetween(0, 9)
              const stream = reserved[yield* Random.nextIntBetween(0, Math.max(1, reserved.length))]
              const credits = yield* Random.nextIntBetween(0, 2000)
              if (what < 4 || stream === undefined) {
                const wanted = want(credits)
                const done = yield* Effect.result(current.quota.reserve(wanted))
                if (done._tag === "Success") reserved.push(wanted.streamId)
              } else if (what < 6) yield* current.quota.settle([ended(stream, credits), ended(makeStreamId(), credits)])
              else if (what < 8) yield* current.quota.settle([ended(stream, "refund")])
              else {
                const whose = { _tag: "Token", name: "alice", quota: limited } as const
                yield* current.quota.grant(whose, what === 8 ? { add: credits } : { set: credits }, "by chance")
              }
            })
            const rounds = Effect.gen(function* () {
              for (let round = 0; round < 30; round++) {
                // Two that meet on PostgreSQL may both write one end: one of them fails, and is done again.
                yield* Effect.all(
                  Array.from({ length: 20 }, () => Effect.retry(act, { times: 20 })),
                  { concurrency: "unbounded", discard: true }
                )
                yield* holds(books, current)
                if (round % 3 !== 2) continue
                // What the dead one had in hand is another's to give back, when it has been silent for long enough.
                yield* current.die
                current = yield* processOn(books, { groups: [{ name: "default", quota: { balance: 1_000_000 } }] })
                assert.deepStrictEqual(
                  (yield* current.quota.open).filter(({ gone }) => gone),
                  []
                )
                const gone = (yield* books.run(sql`SELECT stream_id FROM relay_reservations`)).map(({ stream_id }) => ({
                  streamId: String(stream_id),
                  token: "alice",
                  group: "default"
                }))
                if (gone.length > 0)
                  yield* current.quota.settle(gone.map((one) => refundOf(one, "its process is gone")))
                yield* holds(books, current)
              }
            })
            yield* rounds.pipe(
              Random.withSeed(seed),
              Effect.annotateLogs({ seed }),
              Effect.tapCause(() => Effect.logError(`LEDGER_SEED=${seed}`))
            )
          })
        ),
      60_000
    )
  })
