/**
 * Contents that end in the part of an answer that was shown.
 */
import type { ContinuationAsked } from "../Continuation.ts"
import { isObject } from "../Json.ts"
import type { Content } from "./CrossedContents.ts"

const isPlainText = (part: unknown): part is { readonly text: string } =>
  isObject(part) && typeof part["text"] === "string" && Object.keys(part).length === 1

/** The partial stands behind what the model has already said in the request itself. */
const withPartial = (contents: ReadonlyArray<Content>, partial: string): ReadonlyArray<Content> => {
  const last = contents.at(-1)
  if (last?.role !== "model") return [...contents, { role: "model", parts: [{ text: partial }] }]
  const parts = Array.isArray(last.parts) ? last.parts : []
  const end = parts.at(-1)
  const joined = isPlainText(end)
    ? [...parts.slice(0, -1), { text: end.text + partial }]
    : [...parts, { text: partial }]
  return [...contents.slice(0, -1), { ...last, parts: joined }]
}

/** What was given with the request was asked with it, whoever began the answer. */
const givenOf = ({ given }: ContinuationAsked): ContinuationAsked | undefined =>
  given === undefined ? undefined : { mode: "prefill", partial: given, given }

/**
 * The contents of a continuation. What nothing was shown of is asked anew, and a token says itself what was: it goes with
 * the contents that it was given for.
 */
export const continued = (
  contents: ReadonlyArray<Content>,
  continuation: ContinuationAsked | undefined
): ReadonlyArray<Content> => {
  if (continuation === undefined || continuation.partial === "") return contents
  switch (continuation.mode) {
    case "prefill":
      return withPartial(contents, continuation.partial)
    case "message":
      return [
        ...withPartial(contents, continuation.partial),
        { role: "user", parts: [{ text: continuation.prompt.replaceAll("{partial}", () => continuation.partial) }] }
      ]
    case "token":
      return continued(contents, continuation.after ?? givenOf(continuation))
  }
}
