/**
 * Texts that are printed when somebody reads them: a store that writes to a file does that at once, one in memory mostly
 * never.
 */

/** A text that is printed when it is read, as often as it is. What it says does not change meanwhile. */
export interface LateText {
  readonly text: string
}

/** A text, or one that is printed late. */
export type Printable = string | LateText

/** Reads a text. */
export const textOf = (text: Printable): string => (typeof text === "string" ? text : text.text)
