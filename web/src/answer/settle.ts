/**
 * The Markdown of an answer that is being written: what is open is closed, so that a word in bold is bold from its first
 * letter and no star flickers. Only the end changes, so that places in the text stay what they are. Pure.
 */

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0

/** The text as it is to be parsed before it is whole. */
export const settle = (text: string): string => {
  // A block of code is open until it ends, whatever stands in it.
  if (count(text, /^```/gm) % 2 === 1) return text
  const shown = text.replace(/[*_`~]+$/, "")
  const line = shown.slice(shown.lastIndexOf("\n") + 1)
  if (count(line, /`/g) % 2 === 1) return `${shown}\``
  return count(line, /\*\*/g) % 2 === 1 ? `${shown}**` : shown
}
