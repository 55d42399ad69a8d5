/**
 * The body of a Responses client, for a Responses channel: as it is, but for what the relay has put into it, and for what it
 * keeps itself.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { readSigned } from "../Signature.ts"
import { encryptedReasoning } from "./Crossing.ts"
import { placeOfItem } from "./Ids.ts"

type Items = ReadonlyArray<unknown>

// Reasoning is believed by who sealed it. What a relay has given an id, and nobody sealed, its upstream has never seen.
const believable = (item: unknown): ReadonlyArray<unknown> => {
  if (!isObject(item) || item["type"] !== "reasoning") return [item]
  const sealed = item["encrypted_content"]
  if (typeof sealed !== "string" || sealed === "") {
    return typeof item["id"] === "string" && placeOfItem(item["id"]) !== undefined ? [] : [item]
  }
  const signed = readSigned(sealed, "responses")
  if (signed?.by !== "responses" || signed.value === "") return []
  return [signed.value === sealed ? item : { ...item, encrypted_content: signed.value }]
}

// What the relay keeps it must be able to ask with again, also when its upstream keeps nothing.
const includeOf = (body: JsonObject, refused: ReadonlySet<string>): JsonObject => {
  const { include, reasoning, store } = body
  const effort = isObject(reasoning) ? reasoning["effort"] : undefined
  const thinks = typeof effort === "string" && effort !== "none"
  if (!thinks || store === false || refused.has("include")) return {}
  const said = Array.isArray(include) ? (include as Items) : []
  return said.includes(encryptedReasoning) ? {} : { include: [...said, encryptedReasoning] }
}

/** A body of this dialect's own client: all of it. Upstream nothing is kept, unless its client wants that. */
export const ownBody = (body: JsonObject, refused: ReadonlySet<string>): JsonObject => {
  const { input } = body
  return {
    ...body,
    ...(Array.isArray(input) ? { input: (input as Items).flatMap(believable) } : {}),
    ...includeOf(body, refused)
  }
}
