/**
 * What is no part of the conversation, and what an item is: shared by all that read a request.
 */
import type { JsonObject } from "../Json.ts"
import type { HintName } from "../Request.ts"

/** Collects what is no part of the conversation. */
export interface Aside {
  readonly hint: (name: HintName, path: string, value: unknown) => void
  readonly meaning: (path: string, value: unknown) => void
}

/** Whether a field was given: `null` is how many clients leave one out. */
export const isGiven = (value: unknown): boolean => value !== undefined && value !== null

/** The type of an item: a message may leave it out, and so may a reference. */
export const typeOfItem = (item: JsonObject): unknown =>
  item["type"] ?? (item["role"] === undefined && typeof item["id"] === "string" ? "item_reference" : "message")
