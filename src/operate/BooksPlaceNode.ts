/**
 * The books of a relay, where its settings say that they are.
 */
import { Effect, Layer } from "effect"
import { dirname, join } from "node:path"
import type { Books, BooksNewer, BooksNotOpened } from "../books/index.ts"
import { type StoreOptions, StoreSection } from "../journal/StoreSection.ts"
import { Settings } from "../settings/index.ts"
import { type BooksOptions, BooksSection } from "./BooksSection.ts"

/** Where books are. */
export type BooksPlace = { readonly _tag: "Memory" } | { readonly _tag: "File"; readonly path: string }

/** Where they are by what was said of them, and of the store that they follow. */
export const placeOf = (books: BooksOptions, store: StoreOptions): BooksPlace => {
  if (books.path !== undefined) return { _tag: "File", path: books.path }
  if ((books.type ?? store.type) === "memory") return { _tag: "Memory" }
  return { _tag: "File", path: join(store.type === "sqlite" ? dirname(store.path) : ".relay", "books.db") }
}

/** The books of the settings. Their database is built on what Effect marks unstable: it is loaded when they are opened. */
export const layer: Layer.Layer<Books, BooksNewer | BooksNotOpened, Settings> = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings
    const place = placeOf(settings.of(BooksSection).current, settings.of(StoreSection).current)
    if (place._tag === "Memory") return (yield* Effect.promise(() => import("../books/BooksMemoryNode.ts"))).layer
    return (yield* Effect.promise(() => import("../books/BooksSqliteNode.ts"))).layer({ path: place.path })
  })
)
