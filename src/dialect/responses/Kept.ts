/**
 * What a response goes on from: an answer that is kept, by its id, and items of such answers, by theirs. Both are put into
 * the input, so that a channel of any dialect can be asked, and so that nobody upstream has to keep anything.
 */
import { createHash } from "node:crypto"
import { keepExact, printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import type { AnswerRequest, Asking } from "../Request.ts"
import { inputIdOf, type ItemPlace, placeOfItem, streamOfResponse } from "./Ids.ts"
import { typeOfItem } from "./Aside.ts"

type Items = ReadonlyArray<unknown>

/** The stream in which the input of an answer is kept. */
export const inputStreamOf = (streamId: string): string =>
  createHash("sha256").update(`${streamId}/input`).digest("base64url").slice(0, 22)

/** An item of the input that stands for another. */
export interface Reference {
  /** Its place in the input. */
  readonly at: number
  readonly id: string
  /** Where the other one stands; `undefined` for an id that is none of a relay's. */
  readonly place: ItemPlace | undefined
}

/** What a request goes on from. */
export interface GoesOnFrom {
  /** The stream of the answer before. */
  readonly previous: string | undefined
  readonly references: ReadonlyArray<Reference>
}

const itemsIn = (input: unknown): Items =>
  Array.isArray(input)
    ? (input as Items)
    : typeof input === "string"
      ? [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }]
      : []

/** What a request goes on from, as far as a relay may know it. */
export const goesOnFrom = ({ input, previous_response_id: previous }: JsonObject): GoesOnFrom => ({
  previous: typeof previous === "string" ? streamOfResponse(previous) : undefined,
  references: (Array.isArray(input) ? (input as Items) : []).flatMap((item, at) => {
    if (!isObject(item) || typeOfItem(item) !== "item_reference" || typeof item["id"] !== "string") return []
    return [{ at, id: item["id"], place: placeOfItem(item["id"]) }]
  })
})

/** The input and the output of an answer that is kept. */
export interface KeptAnswer {
  readonly input: Items
  readonly output: Items
}

/**
 * The request with what it goes on from put into its input. `items` are those that its references stand for, by place; the
 * id of the answer before is told again by its answer.
 */
export const withKept = (
  { asking, body }: Pick<AnswerRequest, "asking" | "body">,
  previous: KeptAnswer | undefined,
  items: ReadonlyMap<number, unknown>
): Asking => {
  const { previous_response_id: id, ...rest } = body
  const own = itemsIn(body["input"]).map((item, at) => items.get(at) ?? item)
  const asked: JsonObject =
    previous === undefined
      ? { ...body, input: own }
      : { ...rest, input: [...previous.input, ...previous.output, ...own] }
  for (const part of [body, ...(previous?.input ?? []), ...(previous?.output ?? []), ...items.values()]) {
    if (isObject(part)) keepExact(asked, part)
  }
  return {
    ...asking,
    parameter: previous === undefined || typeof id !== "string" ? asking.parameter : id,
    body: printJson(asked, { ...asked })
  }
}

/** The input of a request as it is kept: a JSON list. */
export const keptInput = ({ body }: Pick<AnswerRequest, "body">): string => printJson([...itemsIn(body["input"])], body)

/** The items of an input that was kept, each with the id that it is found by. */
export const readKeptInput = (data: string, streamId: string): Items => {
  const items = parseJson(data)
  return itemsIn(items).map((item, i) => {
    if (!isObject(item) || (typeof item["id"] === "string" && item["id"] !== "")) return item
    const type = typeOfItem(item)
    return { ...item, id: inputIdOf(type, streamId, i), type }
  })
}

const statusIn = (item: JsonObject): JsonObject => (item["status"] === undefined ? { status: "completed" } : {})

/** An item of an input as it is listed. */
export const listedItem = (item: unknown): unknown => {
  if (!isObject(item) || item["type"] !== "message" || typeof item["content"] !== "string") return item
  const type = item["role"] === "assistant" ? "output_text" : "input_text"
  const text = { type, text: item["content"], ...(type === "output_text" ? { annotations: [] } : {}) }
  return { ...item, ...statusIn(item), content: [text] }
}
