/**
 * What a client has to send back for an upstream to believe its own reasoning, on its way through a client of another
 * dialect: there it says who signed, since the client will give it to whomever it asks next.
 */
const mark = "er1."

/** A name that can stand in a mark, which a full stop ends. */
const signer = /^[a-z][a-z0-9-]{0,31}$/

/** Whether a text can be the name of a dialect: it begins with a letter, and has at most 32 of a-z, 0-9 and -. */
export const isDialectName = (name: string): boolean => signer.test(name)

/** What was signed, and by whom. */
export interface Signed {
  /** The name of a dialect. */
  readonly by: string
  /** Empty where the reasoning was not signed: it is known whose it is, and that is all. */
  readonly value: string
}

/**
 * A signature as a client of another dialect is given it.
 *
 * ```ts import.meta.vitest
 * import { signedFor } from "effect-resilience/dialect"
 *
 * signedFor({ by: "anthropic", value: "EqQB" }) // => "er1.anthropic.EqQB"
 * ```
 */
export const signedFor = ({ by, value }: Signed): string => `${mark}${by}.${value}`

/**
 * Who signed what a client sends back. Unmarked, it is `own`: the client's own dialect's. A signer whom nobody knows any
 * more is one all the same: it is nobody else's. `undefined` for a mark that names no signer.
 *
 * ```ts import.meta.vitest
 * import { readSigned } from "effect-resilience/dialect"
 *
 * readSigned("er1.openai.abc", "anthropic") // => { by: "openai", value: "abc" }
 * readSigned("EqQB", "anthropic") // => { by: "anthropic", value: "EqQB" }
 * readSigned("er1.cohere.abc", "anthropic") // => { by: "cohere", value: "abc" }
 * readSigned("er1.abc", "anthropic") // => undefined
 * ```
 */
export const readSigned = (text: string, own: string): Signed | undefined => {
  if (!text.startsWith(mark)) return { by: own, value: text }
  const end = text.indexOf(".", mark.length)
  const by = end < 0 ? "" : text.slice(mark.length, end)
  return isDialectName(by) ? { by, value: text.slice(end + 1) } : undefined
}
