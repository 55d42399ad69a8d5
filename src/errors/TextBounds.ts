/**
 * How much is kept and told of what somebody else wrote. A client, an upstream or a file may write names and reasons of
 * any length; what is quoted back, stored with an answer or logged has an end.
 */

/** The number of code points of a text; a lone surrogate counts as one. */
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

/** The longest name that is kept or repeated (a model, a tool), in code points. */
export const longestName = 256

/** Whether a text is short enough to be a name. A lone surrogate counts as one. */
export const isNameSized = (text: string): boolean =>
  // A code point is one unit or two: in most cases the units say it, and a long text is never counted through.
  text.length <= longestName || (text.length <= 2 * longestName && Array.from(text).length <= longestName)

/**
 * What is quoted of a text: all of it, or its first `most` UTF-16 units and an ellipsis. Half a surrogate pair is never
 * left.
 */
export const excerpt = (text: string, most: number): string => {
  if (text.length <= most) return text
  const end = (text.charCodeAt(most - 1) & 0xfc00) === 0xd800 ? most - 1 : most
  return `${text.slice(0, end)}…`
}

/** Names that are told together: more are somebody's noise. */
const mostNames = 64

/** What is told of a list of names: the first 64, each no longer than a name is; `...` stands for the rest. */
export const fewNames = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.length <= mostNames && names.every((name) => name.length <= longestName)
    ? names
    : [
        ...names.slice(0, mostNames).map((name) => excerpt(name, longestName)),
        ...(names.length > mostNames ? ["..."] : [])
      ]
