/**
 * The quota in the books: reservations, settlements, balances.
 */
import { Clock, Effect, Layer, Random, type Scope } from "effect"
import { Books, type BooksError, type BooksNewer, piecesOf, type Row, sql } from "../books/index.ts"
import { InsufficientUserQuota, PreConsumeTokenQuotaFailed, QueryDataError, stackless } from "../errors/index.ts"
import { Journal } from "../journal/index.ts"
import { HeldMap } from "../memory/index.ts"
import { Settings } from "../settings/index.ts"
import { type AccountOf, allowanceOf, mostCredits } from "./Allowance.ts"
import { changesOf, finalRows, freshOf } from "./FinalRows.ts"
import { GroupsSection } from "./GroupsSection.ts"
import { makeIds } from "./LedgerIds.ts"
import {
  addReserved,
  anyReserved,
  charge,
  insertAccount,
  insertRows,
  keyOf,
  ledgerModule,
  type LedgerRow,
  limitsTopic,
  plainRow,
  readAccount,
  selectAccount,
  selectFinal,
  takeReservations,
  updateBalance
} from "./LedgerRows.ts"
import {
  BalanceTooLarge,
  type Final,
  type LowListener,
  Quota,
  type QuotaLow,
  type QuotaState,
  refundOf,
  type Wanted,
  type Whose
} from "./Quota.ts"
import { makePresence, type Processes } from "./Presence.ts"
import { QuotaSection } from "./QuotaSection.ts"
import type { TokenQuota } from "./Token.ts"
import { Tokens } from "./Tokens.ts"

type Limits = typeof TokenQuota.Type

/** How the quota is kept. */
export interface QuotaLayerOptions {
  /** Default: nothing is known of any process but what it says in the books. */
  readonly processes?: Processes | undefined
  /** At which part of its last grant a token has little left: 0 is when nothing is. Default: 0.1. */
  readonly lowAt?: (() => number) | undefined
}

/** The quota in the books. */
export const layer = (
  options: QuotaLayerOptions = {}
): Layer.Layer<Quota, BooksNewer | BooksError, Books | Journal | Settings | Tokens> =>
  Layer.effect(Quota, make(options))

/** Rows of the ledger that one statement adds, and accounts that it charges. */
const mostAtOnce = 64

type Refusal = InsufficientUserQuota | PreConsumeTokenQuotaFailed

const refusal = (tag: "TooLittle" | "OverBudget", whose: AccountOf["_tag"], credits: number): Refusal => {
  const who = whose === "Token" ? "this token" : "the group of this token"
  return tag === "TooLittle"
    ? stackless(
        () => new InsufficientUserQuota({ message: `${who} has less left than the ${credits} credits of this request` })
      )
    : stackless(
        () =>
          new PreConsumeTokenQuotaFailed({
            message: `the budget of ${who} has less left than the ${credits} credits of this request`
          })
      )
}

const away = (error: BooksError): QueryDataError =>
  stackless(() => new QueryDataError({ message: `what is left cannot be looked up: ${error.message}` }))

/** One account that a request is held to. */
interface Held {
  readonly of: AccountOf
  readonly limits: Limits | undefined
}

const make = Effect.fnUntraced(function* ({
  lowAt = () => 0.1,
  processes
}: QuotaLayerOptions): Effect.fn.Return<
  Quota["Service"],
  BooksNewer | BooksError,
  Books | Journal | Scope.Scope | Settings | Tokens
> {
  const books = yield* Books
  const { run } = books
  const journal = yield* Journal
  const settings = yield* Settings
  const tokens = yield* Tokens
  const section = settings.of(QuotaSection)
  const groups = settings.of(GroupsSection)
  yield* books.migrate(ledgerModule)
  const presence = yield* makePresence(books, journal, processes)
  const idOf = makeIds(yield* Random.nextIntBetween(0, 2 ** 32 - 1))

  /** What is reserved and has not begun yet. */
  const inHand = new HeldMap<string, true>()
  const listeners = new Set<LowListener>()

  let listed = groups.current
  let quotas = new Map<string, Limits>()
  const readGroups = (): void => {
    listed = groups.current
    quotas = new Map(listed.flatMap(({ name, quota }) => (quota === undefined ? [] : [[name, quota] as const])))
  }
  readGroups()
  const groupLimits = (name: string): Limits | undefined => {
    if (groups.current !== listed) readGroups()
    return quotas.get(name)
  }

  /** By key: the accounts that have a balance, whoever has set it. */
  let limited: ReadonlySet<string> = new Set()
  const readLimited = Effect.map(run(sql`SELECT account FROM relay_accounts WHERE balance IS NOT NULL`), (rows) => {
    limited = new Set(rows.map(({ account }) => String(account)))
  })
  yield* readLimited
  /** By key: what was seeded by a transaction, and is not in `limited` for all that is known. */
  const seeds = new Set<string>()
  /** A transaction over these accounts. Those that it seeds are limited once it is done. */
  const seeding = <A, E>(held: ReadonlyArray<Held>, effect: Effect.Effect<A, E>): Effect.Effect<A, E | BooksError> =>
    Effect.tap(books.transaction(effect), () => {
      const seeded = seeds.size === 0 ? [] : held.map(({ of }) => keyOf(of)).filter((key) => seeds.has(key))
      if (seeded.length === 0) return Effect.void
      const read = Effect.tap(readLimited, () => Effect.sync(() => seeded.forEach((key) => seeds.delete(key))))
      return Effect.ignore(read)
    })
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  yield* books.watch(limitsTopic, () => void fork(Effect.ignore(readLimited)))

  // What a group may spend stands in the file alone; of a token an admin may have set it.
  const isLimited = ({ limits, of }: Held): boolean =>
    (limits !== undefined && (limits.balance !== null || limits.budget !== undefined)) ||
    (of._tag === "Token" && limited.has(keyOf(of)))

  const tokenHeld = (name: string, limits: Limits | undefined): Held => ({ of: { _tag: "Token", name }, limits })
  const groupHeld = (name: string): Held => ({ of: { _tag: "Group", name }, limits: groupLimits(name) })
  const heldOf = (whose: Whose): Held =>
    whose._tag === "Token" ? tokenHeld(whose.name, whose.quota) : groupHeld(whose.name)

  /** An account, with the grant that its name is given when it is first seen. To be called in a transaction. */
  const account = Effect.fnUntraced(function* (held: Held, now: number) {
    const key = keyOf(held.of)
    let [row] = yield* run(selectAccount(key, books.engine.forUpdate))
    if (row === undefined) {
      yield* run(insertAccount(key))
      ;[row] = yield* run(selectAccount(key, books.engine.forUpdate))
    }
    const found = readAccount(row ?? {}, now)
    const grant = held.limits?.balance ?? null
    // What the file says no more of a group limits it no more.
    if (held.of._tag === "Group" && grant === null) return { ...found, balance: null }
    if (found.seeded || grant === null) return found
    yield* setBalance(held.of, grant, grant, grant, "first seen", now)
    seeds.add(key)
    yield* books.touch(limitsTopic)
    return { ...found, balance: grant, seeded: true, lastGrant: grant }
  })

  const setBalance = Effect.fnUntraced(function* (
    of: AccountOf,
    balance: number | null,
    amount: number,
    granted: number | undefined,
    reason: string,
    now: number
  ) {
    yield* run(updateBalance(keyOf(of), balance, granted))
    const row: LedgerRow = {
      ...plainRow,
      id: idOf(now),
      at: now,
      token: of._tag === "Token" ? of.name : "",
      group: of._tag === "Group" ? of.name : "",
      kind: "grant",
      amount,
      balance,
      tokenCharged: of._tag === "Token",
      groupCharged: of._tag === "Group",
      reason: reason === "" ? null : reason
    }
    yield* run(insertRows([row]))
  })

  /** Reserves at both accounts, in one transaction. */
  const reserving = Effect.fnUntraced(function* (
    { credits, group, streamId, token }: Wanted,
    held: ReadonlyArray<Held>,
    now: number
  ) {
    const { trustAbove } = section.current
    let balance: number | null = null
    const reserved = { Token: 0, Group: 0 }
    // Always in this order: two that wait for each other would wait for ever.
    for (const one of held) {
      const found = yield* account(one, now)
      const { _tag } = one.of
      if (_tag === "Token") balance = found.balance
      const allowed = allowanceOf(found, one.limits?.budget, credits, trustAbove)
      if (allowed._tag !== "Allowed") return yield* Effect.fail(refusal(allowed._tag, _tag, credits))
      reserved[_tag] = allowed.reserve
      if (allowed.reserve > 0) yield* run(addReserved(keyOf(one.of), allowed.reserve))
    }
    const most = Math.max(reserved.Token, reserved.Group)
    if (most === 0) return
    yield* run(
      sql`INSERT INTO relay_reservations (stream_id, journal, at, token, token_group, credits, of_token, of_group)
          VALUES (${streamId}, ${journal.identity}, ${now}, ${token}, ${group}, ${most}, ${reserved.Token},
                  ${reserved.Group})`
    )
    yield* run(
      insertRows([
        {
          ...plainRow,
          id: idOf(now),
          at: now,
          token,
          group,
          kind: "reserve",
          amount: most,
          balance,
          tokenCharged: false,
          groupCharged: false,
          streamId
        }
      ])
    )
  })

  const reserve: Quota["Service"]["reserve"] = (wanted) =>
    Effect.suspend(() => {
      const { group, quota, streamId, token } = wanted
      const held = [...(token === "" ? [] : [tokenHeld(token, quota)]), groupHeld(group)].filter(isLimited)
      if (held.length === 0) return Effect.void
      inHand.set(streamId, true)
      return Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.mapError(seeding(held, reserving(wanted, held, now)), (error) =>
          error._tag === "InsufficientUserQuota" || error._tag === "PreConsumeTokenQuotaFailed" ? error : away(error)
        )
      ).pipe(Effect.tapError(() => Effect.sync(() => inHand.delete(streamId))))
    })

  /** Writes final rows, in a transaction; gives the tokens that have little left by then. */
  const settling = Effect.fnUntraced(function* (finals: ReadonlyArray<Final>, now: number) {
    const ids = [...new Set(finals.map(({ streamId }) => streamId))]
    const done = new Set((yield* run(selectFinal(ids))).map((row) => String(row["stream_id"])))
    const still = ids.filter((id) => !done.has(id))
    if (still.length === 0) return []
    const takes = anyReserved(done) ? yield* run(takeReservations(still)) : []
    const taken = new Map(takes.map((row) => [String(row["stream_id"]), row]))
    const fresh = freshOf(finals, taken, done)
    const changes = changesOf(fresh, taken, (group) => isLimited(groupHeld(group)))
    const charged: Array<Row> = []
    for (const piece of piecesOf(changes, mostAtOnce)) charged.push(...(yield* run(charge(piece, now))))
    const settledOf = new Map(changes.map(({ key, settled }) => [key, settled]))
    const before = new Map<string, number>()
    const low: Array<QuotaLow> = []
    for (const { account, balance, last_grant: grant, low_told: told } of charged) {
      const key = String(account)
      if (typeof balance !== "number") continue
      before.set(key, balance + (settledOf.get(key) ?? 0))
      const isLow = key.startsWith("token:") && Number(grant) > 0 && balance <= lowAt() * Number(grant)
      if (!isLow || told !== 0) continue
      yield* run(sql`UPDATE relay_accounts SET low_told = 1 WHERE account = ${key}`)
      low.push({ token: key.slice("token:".length), balance, grant: Number(grant) })
    }
    const rows = finalRows(fresh, taken, before, { at: now, idOf })
    for (const piece of piecesOf(rows, mostAtOnce)) yield* run(insertRows(piece))
    return low
  })

  const settle: Quota["Service"]["settle"] = (finals, also = Effect.void) =>
    finals.length === 0
      ? also
      : Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const told = yield* books.transaction(
            Effect.gen(function* () {
              const told: Array<() => void> = []
              for (const low of yield* settling(finals, now)) {
                for (const listener of listeners) told.push(yield* listener(low))
              }
              yield* also
              return told
            })
          )
          for (const { streamId } of finals) inHand.delete(streamId)
          for (const committed of told) committed()
        })

  const stateOf = (found: ReturnType<typeof readAccount>, limits: Limits | undefined): QuotaState => ({
    balance: found.balance,
    budget: limits?.budget ?? null,
    reserved: found.reserved,
    settledToday: found.settledToday,
    settledMonth: found.settledMonth
  })

  const open = Effect.gen(function* () {
    const rows = yield* run(
      sql`SELECT r.stream_id, r.token, r.token_group, r.at, CASE WHEN r.journal = ${journal.identity} THEN 0 ELSE 1 END AS gone
          FROM relay_reservations r WHERE r.journal = ${journal.identity}${yield* presence.orGone}`
    )
    return rows.flatMap((row) => {
      const streamId = String(row["stream_id"])
      return inHand.has(streamId)
        ? []
        : [
            {
              streamId,
              token: String(row["token"]),
              group: String(row["token_group"]),
              at: Number(row["at"]),
              gone: row["gone"] === 1
            }
          ]
    })
  })

  /** The names whose grants are in the books, as far as this process has looked. */
  const entered = new Set<string>()
  const enter = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const known = yield* Effect.orElseSucceed(tokens.list, () => [])
    const held = [
      ...known.map(({ name, quota }) => tokenHeld(name, quota)),
      ...groups.current.map(({ name }) => groupHeld(name))
    ]
    for (const one of held) {
      const key = keyOf(one.of)
      if ((one.limits?.balance ?? null) === null || entered.has(key)) continue
      yield* seeding([one], account(one, now))
      entered.add(key)
    }
  })
  yield* enter

  return Quota.of({
    // HOT: what nobody limits costs three looks into tables.
    limits: (token, group, quota) =>
      (token !== "" && isLimited(tokenHeld(token, quota))) || isLimited(groupHeld(group)),
    reserve,
    began: (streamId) => void inHand.delete(streamId),
    release: ({ group, streamId, token }) =>
      Effect.suspend(() => {
        if (!inHand.delete(streamId)) return Effect.void
        return Effect.ignore(settle([refundOf({ streamId, token, group }, "nothing was begun")]))
      }),
    settle,
    settleSoon: (final) =>
      inHand.has(final.streamId)
        ? Effect.catch(settle([final]), () => Effect.sync(() => books.later(settle([final]))))
        : Effect.sync(() => books.later(settle([final]))),
    open,
    position: presence.position,
    keepPosition: presence.keepPosition,
    enter,
    of: (whose) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const held = heldOf(whose)
        return stateOf(yield* seeding([held], account(held, now)), held.limits)
      }),
    grant: (whose, change, reason) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const held = heldOf(whose)
        const changed = Effect.gen(function* () {
          const before = yield* account(held, now)
          if ("add" in change && before.balance === null) return undefined
          const balance = "add" in change ? (before.balance ?? 0) + change.add : change.set
          // What is unlimited has nothing in the ledger: what it had is taken back, and what it gets is all of it.
          const amount = (balance ?? 0) - (before.balance ?? 0)
          if (balance !== null && Math.abs(balance) > mostCredits) return yield* Effect.fail(new BalanceTooLarge())
          // What takes credits away is no grant: how much is little goes by the one before.
          const isGrant = balance !== null && (before.balance === null || balance > before.balance)
          const granted = isGrant ? ("add" in change ? change.add : balance) : undefined
          yield* setBalance(held.of, balance, amount, granted, reason, now)
          if ((balance === null) !== (before.balance === null)) yield* books.touch(limitsTopic)
          return stateOf({ ...before, balance }, held.limits)
        })
        const state = yield* books.transaction(changed)
        yield* Effect.ignore(readLimited)
        return state
      }),
    onLow: (listener) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        )
      )
  })
})
