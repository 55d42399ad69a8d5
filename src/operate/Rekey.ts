/**
 * Another `server.secret` for what is encrypted in the books: all of it is opened with the old one and closed with the new
 * one, in one transaction. Who is killed in it has changed nothing; who does it twice does nothing the second time.
 */
import { Data, Effect, Result } from "effect"
import { Books, type BooksError, type BooksNewer } from "../books/index.ts"
import {
  editsModule,
  type Reseal,
  resealChange,
  resealChannel,
  selectChanges,
  selectChannels,
  takeTurn,
  type UnreadRow
} from "./EditRows.ts"

/** Some of it was encrypted with neither of the two secrets, or with another one where no old one was given. Nothing was changed. */
export class NotRekeyed extends Data.TaggedError("NotRekeyed")<{
  readonly rows: ReadonlyArray<UnreadRow>
  readonly hasOld: boolean
}> {
  override get message(): string {
    const which = this.rows.map(({ about }) => about).join(", ")
    return this.hasOld
      ? `encrypted with neither the old secret nor the new one: ${which}; nothing was changed`
      : `encrypted with another secret than this server.secret: ${which}; say with --from which variable has that one; nothing was changed`
  }
}

/** Does so; gives how many settings and channels are encrypted anew. */
export const rekey = (how: Reseal): Effect.Effect<number, BooksError | BooksNewer | NotRekeyed, Books> =>
  Effect.gen(function* () {
    const books = yield* Books
    yield* books.migrate(editsModule)
    return yield* books.transaction(
      Effect.gen(function* () {
        // Nobody changes anything meanwhile.
        yield* books.run(takeTurn)
        const changes = yield* books.run(selectChanges)
        const channels = yield* books.run(selectChannels)
        const found = [
          ...changes.map((row) => resealChange(row, how)),
          ...channels.map((row) => resealChannel(row, how))
        ]
        const rows = found.flatMap((one) => (Result.isFailure(one) ? [one.failure] : []))
        if (rows.length > 0) return yield* new NotRekeyed({ rows, hasOld: how.from !== undefined })
        const writes = found.flatMap((one) => (Result.isSuccess(one) && one.success !== undefined ? [one.success] : []))
        for (const write of writes) yield* books.run(write)
        return writes.length
      })
    )
  })
