/**
 * Whether a JSON text that comes in pieces has come to its end: what tells the parts of one tool call from the next one's.
 */

/** How far an object or a list has come. Anything else never ends. */
export interface JsonScan {
  /** How deep it is nested now. */
  depth: number
  /** It is in a string, and behind a backslash there. */
  quoted: boolean
  escaped: boolean
  /** It is whole. */
  whole: boolean
}

/** Nothing has come. */
export const nothingScanned = (): JsonScan => ({ depth: 0, quoted: false, escaped: false, whole: false })

/** Takes the next piece: one look at each character, and nothing is kept of them. */
export const scanJson = (scan: JsonScan, text: string): void => {
  for (let i = 0; i < text.length; i++) {
    const unit = text[i]
    if (scan.escaped) scan.escaped = false
    else if (scan.quoted) {
      if (unit === "\\") scan.escaped = true
      else if (unit === '"') scan.quoted = false
    } else if (unit === '"') scan.quoted = true
    else if (unit === "{" || unit === "[") scan.depth += 1
    else if (unit === "}" || unit === "]") {
      scan.depth -= 1
      if (scan.depth === 0) scan.whole = true
    }
  }
}
