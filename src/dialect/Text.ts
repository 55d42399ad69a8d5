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

/**
 * How many tokens a text is, about: a quarter of its ASCII characters, one for each other code point, rounded up. It is
 * within a third for English and for Chinese with the tokenizers in use; nothing that must be exact may rest on it.
 */
export const estimateTokens = (text: string): number => {
  let quarters = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) quarters += 1
    else if ((unit & 0xfc00) !== 0xdc00) quarters += 4
  }
  return Math.ceil(quarters / 4)
}
