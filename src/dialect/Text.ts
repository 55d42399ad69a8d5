/**
 * Lengths and sizes of text. Lengths that clients see are code points; a lone surrogate counts as one.
 */

export { codePoints } from "../errors/index.ts"

/** The first `limit` UTF-16 units of a text, without half a surrogate pair at the end. */
export const truncate = (text: string, limit: number): string =>
  text.length <= limit ? text : text.slice(0, (text.charCodeAt(limit - 1) & 0xfc00) === 0xd800 ? limit - 1 : limit)
