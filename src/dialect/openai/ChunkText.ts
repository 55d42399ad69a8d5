/**
 * Writing an OpenAI chunk again under another id. Every token of every answer comes by here: put together by hand it
 * takes half of the 2 µs that setting its fields and one `JSON.stringify` of the whole take.
 */
import { isExact, keepExact, printJson } from "../ExactNumbers.ts"
import type { JsonObject } from "../Json.ts"

/** A text in one piece. A template gives a tree of its parts, which is walked through each time that it is written. */
const inOnePiece = (...parts: ReadonlyArray<string>): string => parts.join("")

/** How every chunk of an answer begins. */
export const chunkHead = (id: string, created: number, model: string): string =>
  inOnePiece(
    `{"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${created},"model":`,
    JSON.stringify(model)
  )

// The text of a choice that has nothing else, as nearly all have; `undefined` if it has more.
const onlyText = (choice: JsonObject): string | undefined => {
  for (const field in choice) {
    switch (field) {
      case "index":
        if (choice[field] !== 0) return undefined
        break
      case "logprobs":
      case "finish_reason":
        if (choice[field] !== null) return undefined
        break
      case "delta":
        break
      default:
        return undefined
    }
  }
  const delta = choice["delta"] as JsonObject | undefined
  let text: string | undefined
  for (const field in delta) {
    const value = delta[field]
    if (field !== "content" || typeof value !== "string") return undefined
    text = value
  }
  return text
}

const beforeText = '[{"index":0,"delta":{"content":'
const behindText = '},"logprobs":null,"finish_reason":null}]'

/** The choices of a chunk that says who speaks, as JSON. */
export const roleChoices =
  '[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]'

/** The choices of a chunk that says how the answer ends. */
export const finishChoices = (finish: string): string =>
  `[{"index":0,"delta":{},"logprobs":null,"finish_reason":${JSON.stringify(finish)}}]`

/** The choices of a chunk that says one text, as JSON. */
export const textChoices = (text: string): string => `${beforeText}${JSON.stringify(text)}${behindText}`

const choicesText = (raw: JsonObject): string => {
  if (!Array.isArray(raw["choices"])) return "[]"
  const list = raw["choices"] as ReadonlyArray<JsonObject>
  const text = list.length === 1 ? onlyText(list[0]!) : undefined
  return text === undefined ? printJson(list, raw) : textChoices(text)
}

const exactMember = (raw: JsonObject, field: string): string => {
  const member = { [field]: raw[field] }
  keepExact(member, raw)
  return printJson(member).slice(1, -1)
}

/** Our head, and the unknown fields of an upstream's chunk. */
const withFields = (head: string, raw: JsonObject): string => {
  let text = head
  const exact = isExact(raw)
  for (const field in raw) {
    switch (field) {
      case "id":
      case "object":
      case "created":
      case "model":
      case "choices":
      case "usage":
        break
      default:
        text += exact ? `,${exactMember(raw, field)}` : `,${JSON.stringify(field)}:${JSON.stringify(raw[field])}`
    }
  }
  return text
}

/** A chunk of an upstream under our head: its choices and unknown fields as they are, its usage left out. */
export const rewriteChunk = (head: string, raw: JsonObject, tail: string): string =>
  `${withFields(head, raw)},"choices":${choicesText(raw)}${tail}`

/** What `rewriteChunk` writes around the text of a chunk, if it says that and nothing else. */
export interface AroundText {
  readonly before: string
  readonly behind: string
}

/** What is written around the text of every chunk like this one; `undefined` where one is more than its text. */
export const aroundText = (head: string, raw: JsonObject, tail: string): AroundText | undefined => {
  const [choice, another] = raw["choices"] as ReadonlyArray<JsonObject>
  if (choice === undefined || another !== undefined || onlyText(choice) === undefined) return undefined
  return { before: inOnePiece(withFields(head, raw), ',"choices":', beforeText), behind: inOnePiece(behindText, tail) }
}
