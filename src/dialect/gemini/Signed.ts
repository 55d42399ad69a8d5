/**
 * Whose a thought of a Gemini conversation is. A signature of another vendor's is marked as everywhere. A thought that
 * nobody signed is marked too: unmarked ones are Gemini's, which go to nobody else.
 *
 * To Google the field is bytes, and base64 in JSON. Its SDKs for Python, Go and Java decode it, and read no answer in which
 * it is anything else; those for JavaScript, and most other programs, keep it as the text that it is. So a signature of
 * another vendor's is given to the first ones as the bytes of its text, to all others as that text, and taken back in
 * either form. The mark of what nobody signed is base64 for all.
 */
import { readSigned, type Signed, signedFor } from "../Signature.ts"

/** What a call is sent to Gemini with that Gemini has not signed. */
export const unsignedCall = "skip_thought_signature_validator"

const mark = "er1."

const asBytes = (text: string): string => Buffer.from(text).toString("base64")

/** A signature as text: what was given as the bytes of one of ours is that one, all else is as it is. */
export const signatureText = (written: string): string => {
  // How the base64 of the mark begins.
  if (!written.startsWith("ZXIxL")) return written
  const text = Buffer.from(written, "base64").toString("utf8")
  return text.startsWith(mark) ? text : written
}

/** A signature for the JSON of a client that takes it for bytes. */
export const signatureBytes = (text: string): string => (text.startsWith(mark) ? asBytes(text) : text)

/** The `thoughtSignature` of a thought that nobody signed. */
export const unsignedMark = (by: string): string => asBytes(signedFor({ by, value: "" }))

/** Whether a thought was signed by nobody. */
export const isUnsigned = (written: string): boolean => written === "" || /^er1\.[^.]+\.$/.test(signatureText(written))

/** A signature as a Gemini client is given it. */
export const writtenSignature = ({ by, value }: Signed): string =>
  by === "gemini" ? value : value === "" ? unsignedMark(by) : signedFor({ by, value })

/** Who signed; a value that is empty says only whose it is. `undefined` for a signer that nobody knows. */
export const readThoughtSignature = (written: string): Signed | undefined =>
  written === unsignedCall ? { by: "gemini", value: "" } : readSigned(signatureText(written), "gemini")

/** Whether a signature was given to the client by the relay, for another vendor than Gemini. */
export const isForeign = (written: string): boolean => signatureText(written).startsWith(mark)
