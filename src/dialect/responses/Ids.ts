/**
 * Ids of responses and of their items. They are made of the stream's own id, so that they are unique in a relay, and so
 * that an answer is found by the id of any of its items.
 *
 * OpenAI looks at how an id begins: `msg_`, `rs_` and `fc_` are what it takes back.
 */
import { createHash } from "node:crypto"

const prefix = "resp_"

/** The id of the response that a stream is. */
export const responseIdOf = (streamId: string): string => prefix + streamId

const prefixes: { readonly [type: string]: string } = {
  message: "msg",
  reasoning: "rs",
  function_call: "fc",
  custom_tool_call: "ctc",
  image_generation_call: "ig",
  web_search_call: "ws",
  file_search_call: "fs",
  code_interpreter_call: "ci",
  computer_call: "cu",
  mcp_call: "mcp"
}

/** How an item's id begins, by its type. */
const prefixOf = (type: unknown): string =>
  typeof type === "string" && Object.hasOwn(prefixes, type) ? prefixes[type]! : "item"

/** The id of an item of a stream's output: by where it stands there. */
export const itemIdOf = (type: unknown, streamId: string, index: number): string =>
  `${prefixOf(type)}_${streamId}_${index}`

/** The id of an item of what a stream was asked. */
export const inputIdOf = (type: unknown, streamId: string, index: number): string =>
  `${prefixOf(type)}_${streamId}_i${index}`

/** The id of an item that has none, made of what it says. */
export const madeItemId = (type: string, text: string): string =>
  `${prefixOf(type)}_${createHash("sha256").update(text).digest("hex").slice(0, 24)}`

const stream = "[A-Za-z0-9_-]{22,40}"
const responseId = new RegExp(`^${prefix}(${stream})$`)
const itemId = new RegExp(`^[a-z]+_(${stream})_(i?)(0|[1-9][0-9]{0,8})$`)

/** The stream that a response is; `undefined` for an id that is none of a relay's. */
export const streamOfResponse = (id: string): string | undefined => responseId.exec(id)?.[1]

/** Where an item stands: in a stream's output, or in what it was asked. */
export interface ItemPlace {
  readonly streamId: string
  readonly of: "output" | "input"
  readonly index: number
}

/** Where the item with an id stands; `undefined` for an id that is none of a relay's. */
export const placeOfItem = (id: string): ItemPlace | undefined => {
  const [, streamId, input, index] = itemId.exec(id) ?? []
  return streamId === undefined ? undefined : { streamId, of: input === "i" ? "input" : "output", index: Number(index) }
}

/** Whether a response goes on from the one with this id: what `Asking.parameter` says once it was put into its input. */
export const previousOf = (parameter: string): string | undefined =>
  streamOfResponse(parameter) === undefined ? undefined : parameter
