/**
 * A whole response as the events that its stream would have been.
 */
import { inputText } from "../CallInput.ts"
import type { NativeEvents } from "../Event.ts"
import { isObject, type JsonObject } from "../Json.ts"

type Raw = NativeEvents["responses"]
type Items = ReadonlyArray<unknown>

const listOf = (value: unknown): Items => (Array.isArray(value) ? (value as Items) : [])
const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** Where an event belongs. */
interface Place {
  readonly output_index: number
  readonly item_id: unknown
}

const contentEvents = (part: unknown, place: Place & { readonly content_index: number }): ReadonlyArray<Raw> => {
  if (!isObject(part)) return []
  const added = (empty: JsonObject): Raw => ({
    type: "response.content_part.added",
    ...place,
    part: { ...part, ...empty }
  })
  const done: Raw = { type: "response.content_part.done", ...place, part }
  switch (part["type"]) {
    case "output_text": {
      const logprobs = listOf(part["logprobs"])
      return [
        added({ text: "", annotations: [], ...(part["logprobs"] === undefined ? {} : { logprobs: [] }) }),
        { type: "response.output_text.delta", ...place, delta: text(part["text"]), logprobs },
        ...listOf(part["annotations"]).map((annotation, annotation_index) => ({
          type: "response.output_text.annotation.added",
          ...place,
          annotation_index,
          annotation
        })),
        { type: "response.output_text.done", ...place, text: text(part["text"]), logprobs },
        done
      ]
    }
    case "refusal":
      return [
        added({ refusal: "" }),
        { type: "response.refusal.delta", ...place, delta: text(part["refusal"]) },
        { type: "response.refusal.done", ...place, refusal: text(part["refusal"]) },
        done
      ]
    case "reasoning_text":
      return [
        added({ text: "" }),
        { type: "response.reasoning_text.delta", ...place, delta: text(part["text"]) },
        { type: "response.reasoning_text.done", ...place, text: text(part["text"]) },
        done
      ]
    default:
      return [added({}), done]
  }
}

const summaryEvents = (part: unknown, place: Place & { readonly summary_index: number }): ReadonlyArray<Raw> => {
  const said = isObject(part) ? part : {}
  return [
    { type: "response.reasoning_summary_part.added", ...place, part: { ...said, text: "" } },
    { type: "response.reasoning_summary_text.delta", ...place, delta: text(said["text"]) },
    { type: "response.reasoning_summary_text.done", ...place, text: text(said["text"]) },
    { type: "response.reasoning_summary_part.done", ...place, part: said }
  ]
}

const itemEvents = (item: unknown, output_index: number): ReadonlyArray<Raw> => {
  if (!isObject(item)) return [{ type: "response.output_item.added", output_index, item }]
  const place: Place = { output_index, item_id: item["id"] }
  const added = (empty: JsonObject): Raw => ({
    type: "response.output_item.added",
    output_index,
    item: { ...item, ...(item["status"] === undefined ? {} : { status: "in_progress" }), ...empty }
  })
  const done: Raw = { type: "response.output_item.done", output_index, item }
  const contents = (): ReadonlyArray<Raw> =>
    listOf(item["content"]).flatMap((part, content_index) => contentEvents(part, { ...place, content_index }))
  switch (item["type"]) {
    case "message":
      return [added({ content: [] }), ...contents(), done]
    case "reasoning":
      return [
        added({ summary: [], ...(item["content"] === undefined ? {} : { content: [] }) }),
        ...listOf(item["summary"]).flatMap((part, summary_index) => summaryEvents(part, { ...place, summary_index })),
        ...contents(),
        done
      ]
    case "function_call": {
      const input = inputText(item["arguments"])
      return [
        added({ arguments: "" }),
        { type: "response.function_call_arguments.delta", ...place, delta: input },
        { type: "response.function_call_arguments.done", ...place, name: item["name"], arguments: input },
        done
      ]
    }
    default:
      return [added({}), done]
  }
}

/** The events of a response that has ended well, or as well as it could. */
export const responseEvents = (response: JsonObject): ReadonlyArray<Raw> => {
  const { usage: _, ...rest } = response
  const begun = { ...rest, status: "in_progress", incomplete_details: null, output: [] }
  const end = response["status"] === "incomplete" ? "response.incomplete" : "response.completed"
  return [
    { type: "response.created", response: begun },
    { type: "response.in_progress", response: begun },
    ...listOf(response["output"]).flatMap(itemEvents),
    { type: end, response }
  ]
}
