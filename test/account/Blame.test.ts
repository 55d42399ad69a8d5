import { assert, describe, it } from "@effect/vitest"
import { BooksAway, BooksBroken, BooksBusy } from "#src/books/index"
import { TokenNameTaken, TokenNotFound, TokenOfFile, TokensUnavailable, TokensWithoutBooks } from "#src/account/index"
import { blameOf } from "#src/errors/index"

describe("who is to blame for books and tokens", () => {
  const message = "away"
  it.each([
    [new BooksAway({ message }), "storage"],
    [new BooksBusy({ message }), "storage"],
    [new BooksBroken({ message }), "storage"],
    [new TokensUnavailable({ reason: new BooksAway({ message }) }), "storage"],
    [new TokenNameTaken({ name: "a" }), "caller"],
    [new TokenNotFound({ name: "a" }), "caller"],
    [new TokenOfFile({ name: "a" }), "caller"],
    [new TokensWithoutBooks(), "caller"]
  ] as const)("%o", (error, blame) => {
    assert.strictEqual(blameOf(error), blame)
  })
})
