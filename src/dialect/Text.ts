/**
 * Lengths and sizes of text. Lengths that clients see are code points; a lone surrogate counts as one.
 */

/** The number of code points. */
export const codePoints = (text: string): number => {
  let count = text.length
  for (let i = 0; i < text.length - 1; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count -= 1
      i += 1
    }
  }
  return count
}

/** The first `limit` UTF-16 units of a text, without half a surrogate pair at the end. */
export const truncate = (text: string, limit: number): string =>
  text.length <= limit ? text : text.slice(0, (text.charCodeAt(limit - 1) & 0xfc00) === 0xd800 ? limit - 1 : limit)
