/**
 * What a client has to send back for an upstream to believe its own reasoning, on its way through a client of another
 * dialect: there it says who signed, since the client will give it to whomever it asks next.
 */
import { type UpstreamDialectName, upstreamDialectNames } from "./Names.ts"

const mark = "er1."

/** What was signed, and by whom. */
export interface Signed {
  readonly by: UpstreamDialectName
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
 * Who signed what a client sends back. Unmarked, it is `own`: the client's own dialect's. `undefined` for a signer that
 * this version does not know: nobody can believe it.
 *
 * ```ts import.meta.vitest
 * import { readSigned } from "effect-resilience/dialect"
 *
 * readSigned("er1.openai.abc", "anthropic") // => { by: "openai", value: "abc" }
 * readSigned("EqQB", "anthropic") // => { by: "anthropic", value: "EqQB" }
 * readSigned("er1.nobody.abc", "anthropic") // => undefined
 * ```
 */
export const readSigned = (text: string, own: UpstreamDialectName): Signed | undefined => {
  if (!text.startsWith(mark)) return { by: own, value: text }
  const end = text.indexOf(".", mark.length)
  const name = end < 0 ? "" : text.slice(mark.length, end)
  const by = upstreamDialectNames.find((known) => known === name)
  return by === undefined ? undefined : { by, value: text.slice(end + 1) }
}
