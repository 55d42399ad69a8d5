import { Effect } from "effect"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import { openBooks } from "./kit.ts"
import { booksSuite } from "./suite.ts"

booksSuite({
  name: "memory",
  shared: false,
  place: Effect.succeed({ open: openBooks(BooksMemoryNode.layer) })
})
