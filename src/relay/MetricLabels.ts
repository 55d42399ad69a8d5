/**
 * Values of labels, of which there are never more than a few: a name that anybody may make up makes a series for each,
 * for ever.
 */

/** What stands for every name that is not counted by itself. */
export const other = "other"

/** What stands for no name. */
export const none = "none"

/** Names of which the first `most` are counted by themselves, and all others together: for names that operators make. */
export const firstNames = (most: number): ((name: string) => string) => {
  const seen = new Set<string>()
  return (name) => {
    if (name === "") return none
    if (seen.has(name)) return name
    if (seen.size >= most) return other
    seen.add(name)
    return name
  }
}
