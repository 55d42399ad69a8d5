/**
 * What was said of the settings by hand, kept in the books: it counts again after a restart, from before anything is
 * served, and at every relay on these books within a second of when it was said.
 *
 * A change is made in one transaction, in turn over all relays: it is checked over what all of them have said, written,
 * and counts here once it is written. What the file does not allow (any more) is left out and told in the log; it stays in
 * the books until somebody takes it back, and counts again when the file allows it.
 */
import { Clock, Context, Effect, Layer, Queue, Result, Schedule, Semaphore } from "effect"
import { Books, type BooksError, type BooksNewer, type BooksNotOpened, notOpened, type Row } from "../books/index.ts"
import { Conflict, stackless } from "../errors/index.ts"
import {
  type Adopted,
  type Change,
  ConfigurationFaults,
  Edits,
  formatPath,
  type LeftOut,
  Settings,
  type SettingsService
} from "../settings/index.ts"
import { EventLog } from "../telemetry/index.ts"
import {
  editsModule,
  editsTopic,
  forget,
  keep,
  keptUnder,
  neededSeal,
  readChange,
  readChannel,
  selectChanges,
  selectChannels,
  type Seals,
  takeTurn,
  type UnreadRow
} from "./EditRows.ts"
import type { BooksKey } from "./BooksKeyNode.ts"
import type { Seal } from "./SealNode.ts"

/** Why secrets are not kept. */
const withoutSecret = (): Conflict =>
  stackless(
    () =>
      new Conflict({
        message:
          "keys and other secrets are kept encrypted, and there is nothing to encrypt them with: set server.secret to 32 bytes or more, and restart"
      })
  )

/** Why nothing is changed while the books are for relays with another secret. */
const withAnotherSecret = (): Conflict =>
  stackless(
    () =>
      new Conflict({
        message:
          "the books were encrypted with another server.secret since this relay has started: restart it with that one"
      })
  )

/** The key of the books' own; or why there is none. */
const keyMade = (key: BooksKey): Effect.Effect<Seal, Conflict> =>
  Effect.mapError(Effect.fromResult(key.made()), (why) =>
    stackless(
      () =>
        new Conflict({ message: `what is secret of it is kept encrypted, and its key could not be written: ${why}` })
    )
  )

/** What was said by hand. */
export class KeptEdits extends Context.Service<
  KeptEdits,
  {
    /**
     * Changes what is kept. `next` is given what there is, of all relays, and says what there shall be, or why not; then
     * nothing is changed. Succeeds when it is written and counts.
     */
    readonly update: <E>(
      next: (kept: Adopted) => Result.Result<Edits.Edits, E>
    ) => Effect.Effect<void, BooksError | Conflict | E>
    /** What is kept and does not count, and why. */
    readonly leftOut: () => ReadonlyArray<LeftOut>
  }
>()("effect-resilience/operate/KeptEdits") {
  /**
   * In the books. `seal`: of `server.secret`, if there is one. Fails where the books hold secrets that were sealed with
   * another: whoever started with half of its channels would find it out by an answer that fails. `own`: the key beside
   * books in a file, for secrets of settings where there is no `server.secret`.
   */
  static readonly layer = (
    seal: Seal | undefined,
    own?: BooksKey | undefined
  ): Layer.Layer<KeptEdits, BooksNewer | BooksNotOpened | ConfigurationFaults, Books | EventLog | Settings> =>
    Layer.effect(
      KeptEdits,
      Effect.mapError(make(seal, own), (error) => (error instanceof ConfigurationFaults ? error : notOpened(error)))
    )
}

interface Stored {
  readonly edits: Edits.Edits
  readonly unread: ReadonlyArray<UnreadRow>
}

const read = (changes: ReadonlyArray<Row>, channels: ReadonlyArray<Row>, seals: Seals): Stored => {
  const rows = [
    ...channels.map((row) => readChannel(row, seals.secret)),
    ...changes.map((row): Result.Result<Edits.Edit, UnreadRow> => readChange(row, seals))
  ]
  return {
    edits: rows.flatMap((row) => (Result.isSuccess(row) ? [row.success] : [])),
    unread: rows.flatMap((row) => (Result.isFailure(row) ? [row.failure] : []))
  }
}

/** Why the books cannot be read with this secret, if they cannot. */
const secretFault = (unread: ReadonlyArray<UnreadRow>): ConfigurationFaults | undefined => {
  const sealed = unread.filter(isForeign)
  const [first] = sealed
  if (first === undefined) return undefined
  const what = `${sealed.map(({ about }) => about).join(", ")} in the books`
  const message =
    first.why === "sealed without a secret"
      ? `is needed: secrets of ${what} were encrypted with it`
      : `is not the one that secrets of ${what} were encrypted with`
  return new ConfigurationFaults({ file: "books", faults: [{ path: ["server", "secret"], message }] })
}

/** Whether a row was sealed with another secret. */
const isForeign = ({ why }: UnreadRow): boolean => why !== "garbled"

const nameOf = (edit: Edits.Edit, settings: SettingsService): string =>
  edit._tag === "Change" ? edit.path : formatPath([edit.list, Edits.nameOf(settings.edits().edited.file, edit) ?? ""])

const make = Effect.fnUntraced(function* (seal: Seal | undefined, beside: BooksKey | undefined) {
  const books = yield* Books
  // Books that are no file have nothing beside them.
  const key = books.engine.name === "sqlite" && books.engine.lasts ? beside : undefined
  const settings = yield* Settings
  const log = yield* EventLog
  const turn = yield* Semaphore.make(1)
  yield* books.migrate(editsModule)

  const stored = Effect.zipWith(books.run(selectChanges), books.run(selectChannels), (changes, channels) =>
    read(changes, channels, { secret: seal, own: key?.known() })
  )

  /** What was told to be left out: it is told once. */
  let told = new Set<string>()
  const tell = (lines: ReadonlyArray<string>): void => {
    for (const error of lines) if (!told.has(error)) log.emit("warning", "relay_setting_left_out", { error })
    told = new Set(lines)
  }
  const take = ({ edits, unread }: Stored): void => {
    // They were encrypted anew (`books rekey`) under this relay: it goes on with what it knows until it is restarted.
    if (unread.some(isForeign)) return tell([withAnotherSecret().message])
    const leftOut = settings.adopt(edits)
    tell([
      ...unread.map(({ about, why }) => `${about} in the books: ${why}`),
      ...leftOut.map(
        ({ edit, faults }) =>
          `${nameOf(edit, settings)} in the books: ${faults.map(({ message, path }) => `${formatPath(path)}: ${message}`).join("; ")}`
      )
    ])
  }

  const first = yield* stored
  const fault = secretFault(first.unread)
  if (fault !== undefined) return yield* Effect.fail(fault)
  take(first)

  // What others have said, and what may have been written by a commit whose answer was lost.
  const news = yield* Queue.sliding<void>(1)
  const readAgain = turn.withPermit(Effect.map(stored, take))
  yield* Effect.forkScoped(
    Effect.forever(Effect.andThen(Queue.take(news), Effect.retry(readAgain, Schedule.spaced("1 second"))))
  )
  yield* books.watch(editsTopic, () => void Queue.offerUnsafe(news, undefined))

  const update: KeptEdits["Service"]["update"] = (next) =>
    books
      .transaction(
        Effect.gen(function* () {
          const [row] = yield* books.run(takeTurn)
          const before = yield* stored
          if (before.unread.some(isForeign)) return yield* Effect.fail(withAnotherSecret())
          const kept = settings.over(before.edits)
          const edits = yield* Effect.fromResult(next(kept))
          const now = yield* Clock.currentTimeMillis
          const secrets = new Set(settings.list().flatMap(({ path, secret }) => (secret ? [path] : [])))
          const keeping = { now, turn: Number(row?.["turn"]), isSecret: (path: string) => secrets.has(path) }
          // What is gone with the process nobody else reads.
          const holds = (change: Change): boolean => books.engine.lasts && Edits.holdsSecret(kept.edited, change)
          const stays = new Set(edits.map(keptUnder))
          for (const edit of before.edits) if (!stays.has(keptUnder(edit))) yield* books.run(forget(edit))
          for (const edit of edits) {
            if (before.edits.includes(edit)) continue
            const needed = seal === undefined ? neededSeal(edit, holds) : undefined
            if (needed !== undefined && (needed === "secret" || key === undefined)) {
              return yield* Effect.fail(withoutSecret())
            }
            const own = needed === undefined || key === undefined ? undefined : yield* keyMade(key)
            yield* books.run(keep(edit, { ...keeping, seals: { secret: seal, own } }))
          }
          yield* books.touch(editsTopic)
          return { edits, unread: before.unread }
        })
      )
      .pipe(
        Effect.tap((now) => Effect.sync(() => take(now))),
        // A commit whose answer was lost may have been done.
        Effect.tapError(() => Effect.sync(() => void Queue.offerUnsafe(news, undefined))),
        turn.withPermit,
        Effect.uninterruptible
      )

  return { update, leftOut: () => settings.edits().leftOut }
})
