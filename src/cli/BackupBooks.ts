/**
 * Copies the books of a relay while it uses them.
 */
import { Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { Books } from "../books/index.ts"
import * as BooksSqliteNode from "../books/BooksSqliteNode.ts"
import { StoreSection } from "../journal/StoreSection.ts"
import { BooksSection } from "../operate/index.ts"
import { type BooksPlace, placeOf } from "../operate/BooksPlaceNode.ts"
import type { SettingsService } from "../settings/index.ts"
import { printErr, printOut } from "./Process.ts"

/** Where the books are of a relay that was told nothing of them. */
export const usualPlace: BooksPlace = placeOf({}, { type: "sqlite", path: ".relay/relay.db", wait: 0 })

/** Where the books of these settings are. */
export const placeIn = (settings: SettingsService): BooksPlace =>
  placeOf(settings.of(BooksSection).current, settings.of(StoreSection).current)

/** Copies them into a new file, and gives the exit code: 1 where there are none, or they cannot be copied. */
export const backUpBooks = (place: BooksPlace, file: string): Effect.Effect<number> => {
  const failed = (message: string): Effect.Effect<number> => Effect.as(printErr(message), 1)
  switch (place._tag) {
    case "Memory":
      return failed("the books are in the memory of the relay: nobody else can copy them")
    case "File": {
      // Opening them would make them.
      if (!existsSync(place.path)) return failed(`there are no books at ${place.path}`)
      return Effect.scoped(
        Effect.gen(function* () {
          const books = yield* Layer.build(BooksSqliteNode.layer({ path: place.path }))
          yield* Effect.provideContext(
            Books.use(({ backup }) => backup(file)),
            books
          )
          yield* printOut(`${file}: a copy of ${place.path}`)
          return 0
        })
      ).pipe(Effect.catch(({ message }) => failed(message)))
    }
  }
}
