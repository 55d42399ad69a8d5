/**
 * A list of tokens, read page by page: those of the file first, then those of the books. Pure.
 */
import type { Token } from "./Token.ts"

/** Some of the tokens. */
export interface TokensPage {
  readonly tokens: ReadonlyArray<Token>
  /** Where the next page begins; `undefined` on the last one. */
  readonly next: string | undefined
}

/** Which page. */
export interface PageAsked {
  /** At least 1. */
  readonly limit: number
  /** Where a page before ended. */
  readonly cursor?: string | undefined
}

/** Where a token stands. */
const placeOf = ({ name, source }: Token): string => `${source}:${name}`

const books = "books:"

/** The tokens of the file that come after a cursor. Where its own token is there no more, those of the books follow. */
export const ofFileAfter = (list: ReadonlyArray<Token>, cursor: string | undefined): ReadonlyArray<Token> => {
  if (cursor === undefined) return list
  const at = list.findIndex((token) => placeOf(token) === cursor)
  return at < 0 ? [] : list.slice(at + 1)
}

/** After which name the tokens of the books are read on; `undefined`: from the first. */
export const ofBooksAfter = (cursor: string | undefined): string | undefined =>
  cursor?.startsWith(books) === true ? cursor.slice(books.length) : undefined

/** A page of what follows, of which there is one more than fits where there is a next page. */
export const pageOf = (following: ReadonlyArray<Token>, limit: number): TokensPage => {
  const tokens = following.slice(0, limit)
  const last = tokens.at(-1)
  return { tokens, next: following.length > limit && last !== undefined ? placeOf(last) : undefined }
}
