/**
 * What somebody has typed, as the relay is told of it. Pure.
 */

/** Names, apart by commas, spaces or lines. */
export const items = (text: string): ReadonlyArray<string> => text.split(/[\s,]+/).filter((item) => item !== "")

/** A number; what is none goes to the relay as it is, which says what is wrong with it, and where. */
export const figure = (text: string): number | string => {
  const value = Number(text)
  return text.trim() !== "" && Number.isFinite(value) ? value : text
}
