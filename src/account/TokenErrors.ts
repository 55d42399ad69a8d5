/**
 * How asking for tokens, and changing them, fails.
 */
import { Data } from "effect"
import type { BooksError } from "../books/index.ts"
import { Blame } from "../errors/index.ts"

/** Another token has this name, in the file or in the books. */
export class TokenNameTaken extends Data.TaggedError("TokenNameTaken")<{ readonly name: string }> {
  readonly [Blame.of] = "caller"

  override get message(): string {
    return `there is a token named ${JSON.stringify(this.name)} already`
  }
}

/** No token has this name. */
export class TokenNotFound extends Data.TaggedError("TokenNotFound")<{ readonly name: string }> {
  readonly [Blame.of] = "caller"

  override get message(): string {
    return `there is no token named ${JSON.stringify(this.name)}`
  }
}

/** The token is one of the configuration file, and is changed there. */
export class TokenOfFile extends Data.TaggedError("TokenOfFile")<{ readonly name: string }> {
  readonly [Blame.of] = "caller"

  override get message(): string {
    return `the token ${JSON.stringify(this.name)} is one of the configuration file, and is changed there`
  }
}

/**
 * The change would leave tokens, and none of them able to administer: nobody could undo it. A relay may be left without
 * any token, which opens it to its own machine; or its configuration file names an admin.
 */
export class LastAdmin extends Data.TaggedError("LastAdmin")<{ readonly name: string }> {
  readonly [Blame.of] = "caller"

  override get message(): string {
    return `the token ${JSON.stringify(this.name)} is the last that can administer: make another one first`
  }
}

/** There are no books: all tokens are those of the configuration file. */
export class TokensWithoutBooks extends Data.TaggedError("TokensWithoutBooks") {
  readonly [Blame.of] = "caller"

  override get message(): string {
    return "this relay has no books to keep tokens in: all are those of its configuration file"
  }
}

/** The books could not be asked: whether a token is known, or was changed, cannot be said now. */
export class TokensUnavailable extends Data.TaggedError("TokensUnavailable")<{ readonly reason: BooksError }> {
  readonly [Blame.of] = "storage"

  override get message(): string {
    return this.reason.message
  }
}
