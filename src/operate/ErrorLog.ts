/**
 * The error log: what failed, as rows in the books that can be searched.
 *
 * Rows are made of the relay's events as they are told, and written some of them at a time, off the way of any answer. A
 * process that dies takes the rows of its last quarter of a second with it; while the books are away up to 10,000 wait.
 * What is older than the retention, or too much, is forgotten in small steps.
 */
import { Clock, Context, Deferred, Effect, Latch, Layer, Random, Result, type Scope, SubscriptionRef } from "effect"
import { Books, type BooksError, type BooksNewer, piecesOf, type Row, sql } from "../books/index.ts"
import { Registry } from "../channel/index.ts"
import { excerpt, redactText, Secrets, stackless, ValidationFailed } from "../errors/index.ts"
import { RelayEvents } from "../relay/index.ts"
import { Settings } from "../settings/index.ts"
import { type Behind, errorFindOf, type ErrorFilter } from "./ErrorFind.ts"
import { ErrorLogSection } from "./ErrorLogSection.ts"
import { type DraftRow, errorLogSink, trailSteps } from "./ErrorLogSink.ts"
import type { ErrorRow } from "./ErrorRow.ts"
import { insertRows, type PlacedRow, readRow } from "./ErrorRows.ts"
import { makeSlots, slotAt } from "./ErrorSlots.ts"

/** What is asked of the log. */
export interface ErrorQuery extends ErrorFilter {
  /** How many rows, 1 to 1,000. */
  readonly limit: number
  /** The `next` of the page before. */
  readonly cursor?: string | undefined
}

/** Some of the rows, the newest first. */
export interface ErrorPage {
  readonly rows: ReadonlyArray<ErrorRow>
  /** Where the next page begins; `undefined` on the last one. */
  readonly next: string | undefined
}

/** How long rows gather, in milliseconds. */
const gatherFor = 250
/** A batch of a hundred holds the loop some 2 ms. */
const mostAtOnce = 100
/** Rows that may wait for the books. */
const mostWaiting = 10_000
/** The most rows that are read at once. */
const mostOfPage = 1001
/** The most rows of one request that are shown. */
const mostOfRequest = 1000
/** How often is looked for what may be forgotten, and how much of it goes in one step. */
const forgetEvery = 10_000
const forgetPause = 100
const forgetAtOnce = 500
/** After so many steps the rows are counted anew: others write and forget too. */
const recountAfter = 360
/** So many rows are counted where others wait for it: some tenths of a millisecond. */
const fewRows = 1_000

const cursorOf = ({ row, seq }: PlacedRow): string => `${seq}.${row.id}`

const readCursor = (cursor: string): Result.Result<Behind, ValidationFailed> => {
  const found = /^(\d{1,16})\.([\w.-]{1,80})$/.exec(cursor)
  const message = "expected the `next` of another page"
  return found === null
    ? Result.fail(stackless(() => new ValidationFailed({ details: [{ field: "cursor", message, code: "invalid" }] })))
    : Result.succeed({ seq: Number(found[1]), id: found[2]! })
}

/** Without case: a sigma is the same letter at the end of a word as within one. */
const caseless = (text: string): string => text.toLowerCase().replaceAll("ς", "σ")

/** Whether a message holds a text, in any case. */
const holds = (message: string | null, q: string | undefined): boolean =>
  q === undefined || (message !== null && caseless(message).includes(caseless(q)))

/** A text as it stands in a row: to a database a NUL is its end. */
const findable = (text: string): string => text.replaceAll("\0", "\ufffd")

/** Searches the log. */
export class ErrorLog extends Context.Service<
  ErrorLog,
  {
    /** The rows that are meant, the newest first. */
    readonly search: (query: ErrorQuery) => Effect.Effect<ErrorPage, BooksError | ValidationFailed>
    /** All rows of a request, the oldest first. */
    readonly ofRequest: (requestId: string) => Effect.Effect<ReadonlyArray<ErrorRow>, BooksError>
    /**
     * Writes what has gathered, now, and is done when all that was told before is in the books or was given up. While the
     * books are away it waits for nothing.
     */
    readonly flush: Effect.Effect<void>
    /** Rows that were lost, as too many waited for the books. */
    readonly dropped: () => number
  }
>()("effect-resilience/operate/ErrorLog") {
  /** Written by the relay's events, in the books. */
  static readonly layer: Layer.Layer<ErrorLog, BooksError | BooksNewer, Books | Registry | RelayEvents | Settings> =
    Layer.effect(
      ErrorLog,
      Effect.suspend(() => make)
    )

  /** Of books that somebody else writes: it only searches. */
  static readonly layerReader: Layer.Layer<ErrorLog, BooksError | BooksNewer, Books> = Layer.effect(
    ErrorLog,
    Effect.gen(function* () {
      const books = yield* Books
      yield* books.migrate(errorFindOf(books.engine).module)
      return { ...searching(books), flush: Effect.void, dropped: () => 0 }
    })
  )
}

const readRows = (rows: ReadonlyArray<Row>) => Effect.forEach(rows, readRow)

const searching = (books: Books["Service"]) => {
  const find = errorFindOf(books.engine)
  const page = (
    filter: ErrorFilter,
    behind: Behind | undefined,
    limit: number,
    weighed: ReadonlyArray<Row> | undefined
  ) => Effect.flatMap(books.read(find.select(filter, behind, limit, weighed)), readRows)

  /** Of what does not begin at the newest: the rows, if all that are wanted are near, or there are no others. */
  const nearest = Effect.fnUntraced(function* (filter: ErrorFilter, behind: Behind | undefined, limit: number) {
    const reach = find.reach(filter, behind)
    if (reach === undefined) return undefined
    const [place] = yield* books.read(reach)
    const seq = place === undefined ? undefined : Number(place["seq"])
    const rows = yield* readRows(yield* books.read(find.near(filter, behind, limit, seq)))
    return seq === undefined || rows.length === limit ? rows : undefined
  })

  const search = Effect.fnUntraced(function* ({ cursor, limit, ...asked }: ErrorQuery) {
    const filter: ErrorFilter = asked.q === undefined ? asked : { ...asked, q: findable(asked.q) }
    let behind = cursor === undefined ? undefined : yield* Effect.fromResult(readCursor(cursor))
    const weigh = filter.q === undefined ? undefined : find.weigh(filter.q)
    const weighed = weigh === undefined ? undefined : yield* books.read(weigh)
    const found: Array<PlacedRow> = []
    for (let pages = 0; ; pages++) {
      // Where many only look as if they were meant, more of them are looked at together.
      const wanted = Math.min(mostOfPage, (limit + 1 - found.length) * 2 ** pages)
      const rows = (yield* nearest(filter, behind, wanted)) ?? (yield* page(filter, behind, wanted, weighed))
      for (const placed of rows) if (holds(placed.row.message, filter.q)) found.push(placed)
      const last = rows.at(-1)
      if (rows.length < wanted || found.length > limit || last === undefined) break
      // Some only looked as if they were meant.
      behind = { seq: last.seq, id: last.row.id }
    }
    const shown = found.slice(0, limit)
    const last = shown.at(-1)
    return {
      rows: shown.map(({ row }) => row),
      next: found.length > limit && last !== undefined ? cursorOf(last) : undefined
    }
  })
  return {
    search,
    ofRequest: (request_id: string) =>
      Effect.map(page({ request_id }, undefined, mostOfRequest, undefined), (rows) =>
        rows.map(({ row }) => row).reverse()
      )
  }
}

const make: Effect.Effect<
  ErrorLog["Service"],
  BooksError | BooksNewer,
  Books | Registry | RelayEvents | Scope.Scope | Settings
> = Effect.gen(function* () {
  const books = yield* Books
  const events = yield* RelayEvents
  const registry = yield* Registry
  const { mask } = yield* Secrets
  const clock = yield* Clock.Clock
  const settings = (yield* Settings).of(ErrorLogSection)
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const find = errorFindOf(books.engine)
  yield* books.migrate(find.module)
  const now = (): number => clock.currentTimeMillisUnsafe()
  const slot = makeSlots(yield* Random.next)
  const filled = yield* Latch.make(false)

  let gathered: Array<DraftRow> = []
  /** Rows that wait for the books, beside those that still gather. */
  let waiting = 0
  /** Batches that wait for the books. */
  const unsettled = new Set<Deferred.Deferred<void>>()
  let dropped = 0
  let overflowing = false
  /** Rows that there are, as far as is known. */
  let known: number | undefined

  const add = (row: DraftRow): void => {
    if (gathered.length + waiting >= mostWaiting) {
      dropped++
      if (!overflowing) fork(Effect.logWarning(`${mostWaiting} errors wait for the books: more are dropped`))
      overflowing = true
      return
    }
    overflowing = false
    gathered.push(row)
    filled.openUnsafe()
  }

  const finished = ({ attempts, row, seq }: DraftRow): PlacedRow => ({
    seq,
    row: attempts === undefined ? row : { ...row, trail: trailSteps(attempts) }
  })

  const insert = Effect.fnUntraced(function* (rows: ReadonlyArray<PlacedRow>) {
    const added = new Set((yield* books.run(insertRows(rows))).map(({ id }) => id))
    const fresh = added.size === rows.length ? rows : rows.filter(({ row }) => added.has(row.id))
    const index = find.index(fresh)
    if (index !== undefined) yield* books.run(index)
    if (known !== undefined) known += fresh.length
    return rows.filter((one) => !fresh.includes(one))
  })

  /** Whether a row of an answer that came from another process is there already: that one has told of it too. */
  const isThere = ({ row }: PlacedRow): Effect.Effect<boolean, BooksError> =>
    row.stream_id === null
      ? Effect.succeed(false)
      : Effect.map(books.run(find.select({ stream_id: row.stream_id }, undefined, mostOfRequest)), (rows) =>
          rows.some(({ id }) => id === row.id)
        )

  const write = Effect.fnUntraced(function* (drafts: ReadonlyArray<DraftRow>) {
    const rows: Array<PlacedRow> = []
    for (const draft of drafts) {
      const placed = finished(draft)
      if (!draft.taken || !(yield* isThere(placed))) rows.push(placed)
    }
    for (const piece of piecesOf(rows, 64)) for (const placed of yield* insert(piece)) yield* again(placed)
  })

  /** Its place is taken: by itself, when it is written again, or by another process' row of the same millisecond. */
  const again = Effect.fnUntraced(function* (placed: PlacedRow) {
    const [there] = yield* books.run(sql`SELECT id FROM relay_errors WHERE seq = ${placed.seq}`)
    if (there === undefined || there["id"] === placed.row.id) return
    yield* insert([{ ...placed, seq: slot(placed.row.at) }])
  })

  const handOver = Effect.sync(() => {
    const rows = gathered
    gathered = []
    waiting += rows.length
    for (let from = 0; from < rows.length; from += mostAtOnce) {
      const batch = rows.slice(from, from + mostAtOnce)
      const settled = Deferred.makeUnsafe<void>()
      unsettled.add(settled)
      books.later(write(batch), () => {
        waiting -= batch.length
        unsettled.delete(settled)
        Deferred.doneUnsafe(settled, Effect.void)
      })
    }
  })

  const flush = Effect.andThen(
    handOver,
    Effect.suspend(() =>
      SubscriptionRef.getUnsafe(books.health)._tag === "Away"
        ? Effect.void
        : Effect.forEach([...unsettled], (settled) => Deferred.await(settled), { discard: true })
    )
  )

  const nOf = ([row]: ReadonlyArray<Row>): number => Number(row?.["n"] ?? 0)
  /** Few are counted at once: it is for many that a reader, which may be a thread, is begun. */
  const count = Effect.flatMap(
    books.run(sql`SELECT count(*) AS n FROM (SELECT seq FROM relay_errors LIMIT ${fewRows}) AS few`),
    (found) =>
      nOf(found) < fewRows
        ? Effect.succeed(nOf(found))
        : Effect.map(books.read(sql`SELECT count(*) AS n FROM relay_errors`), nOf)
  )

  /** Forgets one step of what is too old or too much. Whether there is more. */
  const forget = Effect.gen(function* () {
    const { maxRows, retention } = settings.current
    known ??= yield* count
    const over = Math.min(forgetAtOnce, known - maxRows)
    const below = over > 0 ? Number.MAX_SAFE_INTEGER : slotAt(now() - retention)
    const most = over > 0 ? over : forgetAtOnce
    const [oldest] = yield* books.run(sql`SELECT seq FROM relay_errors ORDER BY seq LIMIT 1`)
    if (oldest === undefined || Number(oldest["seq"]) >= below) return false
    const gone = yield* books.transaction(Effect.forEach(find.forget(below, most), books.run))
    known -= gone.at(-1)?.length ?? 0
    return true
  })
  const forgetting = Effect.gen(function* () {
    for (let looked = 1; ; looked++) {
      while (yield* forget) yield* Effect.sleep(forgetPause)
      yield* Effect.sleep(forgetEvery)
      if (looked % recountAfter === 0) known = undefined
    }
  }).pipe(Effect.catch(() => Effect.sleep(forgetEvery)))

  yield* Effect.acquireRelease(
    Effect.sync(() =>
      events.add(
        "errors",
        errorLogSink({
          settings,
          dialectOf: (channel) => registry.channels().find(({ id }) => id === channel)?.dialect,
          now,
          slot,
          mask: (text) => findable(redactText(mask(excerpt(text, 4096)))),
          add
        })
      )
    ),
    // The books, which close later, write it.
    (remove) => Effect.andThen(Effect.sync(remove), handOver)
  )
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.gen(function* () {
        yield* filled.await
        yield* Effect.sleep(gatherFor)
        filled.closeUnsafe()
        yield* handOver
      })
    )
  )
  yield* Effect.forkScoped(Effect.forever(forgetting))

  return { ...searching(books), flush, dropped: () => dropped }
})
