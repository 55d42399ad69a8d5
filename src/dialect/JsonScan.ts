/**
 * JSON that is looked at without being parsed: whether a text that comes in pieces has come to its end, which tells the
 * parts of one tool call from the next one's; and how much there is in a text, before anybody pays for it.
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

/** How much a JSON text may hold. */
export interface JsonLimits {
  /** Values: fields of objects and elements of lists, all together. */
  readonly values: number
  /** Fields of one object. */
  readonly fields: number
  /** How deep it may be nested: 1 is `[]`. */
  readonly depth: number
}

// The end of a string that begins before an index: behind the first quote that no odd number of backslashes stands before.
const stringEnd = (text: string, from: number): number => {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at
    while (before > from && text.charCodeAt(before - 1) === 92) before -= 1
    if ((at - before) % 2 === 0) return at + 1
  }
  return text.length
}

/**
 * The first limit that a JSON text goes beyond; `undefined` for none. Of a text that is no JSON anything may be said, and
 * the rest of it is left alone once a limit is found: strings are skipped as fast as memory is read (2 ms for 10 MB), and of
 * other characters no more than a few million can come before a limit does.
 */
export const beyondLimits = (text: string, limits: JsonLimits): keyof JsonLimits | undefined => {
  let values = 0
  /** How many fields each open object has had; -1 for a list. */
  const open: Array<number> = []
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 34: // "
        i = stringEnd(text, i + 1) - 1
        break
      case 58: {
        // :
        const fields = (open[open.length - 1] ?? 0) + 1
        if (fields > limits.fields) return "fields"
        if (open.length > 0) open[open.length - 1] = fields
        if (++values > limits.values) return "values"
        break
      }
      case 44: // ,
        if (open[open.length - 1] === -1 && ++values > limits.values) return "values"
        break
      case 91: // [
        if (open.push(-1) > limits.depth) return "depth"
        if (++values > limits.values) return "values"
        break
      case 123: // {
        if (open.push(0) > limits.depth) return "depth"
        break
      case 93: // ]
      case 125: // }
        open.pop()
    }
  }
  return undefined
}
