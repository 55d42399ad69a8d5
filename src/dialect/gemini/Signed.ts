/**
 * Whose a thought of a Gemini conversation is. A signature of another vendor's is marked as everywhere. A thought that
 * nobody signed is marked too: unmarked ones are Gemini's, which go to nobody else.
 *
 * The mark of the unsigned ones is base64, as Google's signatures are: its SDKs for Python and Go read no other text there.
 */
import { type UpstreamDialectName, upstreamDialectNames } from "../Names.ts"
import { readSigned, type Signed, signedFor } from "../Signature.ts"

/** What a call is sent to Gemini with that Gemini has not signed. */
export const unsignedCall = "skip_thought_signature_validator"

const markOf = (by: string): string => Buffer.from(signedFor({ by, value: "" })).toString("base64")

const marks: ReadonlyMap<string, string> = new Map(upstreamDialectNames.map((by) => [by, markOf(by)]))
const marked: ReadonlyMap<string, UpstreamDialectName> = new Map(upstreamDialectNames.map((by) => [markOf(by), by]))

/** All marks of thoughts that nobody signed. */
export const unsignedMarks: ReadonlySet<string> = new Set(marked.keys())

/** The `thoughtSignature` of a thought that nobody signed. */
export const unsignedMark = (by: UpstreamDialectName): string => marks.get(by)!

/** A signature as a Gemini client is given it. */
export const writtenSignature = ({ by, value }: Signed): string =>
  by === "gemini" ? value : value === "" ? (marks.get(by) ?? signedFor({ by, value })) : signedFor({ by, value })

/** Who signed; a value that is empty says only whose it is. `undefined` for a signer that nobody knows. */
export const readThoughtSignature = (text: string): Signed | undefined => {
  const by = marked.get(text)
  if (by !== undefined) return { by, value: "" }
  return text === unsignedCall ? { by: "gemini", value: "" } : readSigned(text, "gemini")
}

/** Whether a signature was given to the client by the relay, for another vendor than Gemini. */
export const isForeign = (text: string): boolean => marked.has(text) || text.startsWith("er1.")
