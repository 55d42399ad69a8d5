/**
 * What the vendors' SDKs take for an event of a stream and for a whole answer, written down from their types. The compiler
 * sees that every field which a type wants is looked at, and none that it does not know; what of it an upstream leaves out
 * in fact, and the SDK reads all the same, is `or(absent, …)`.
 */
import type {
  Message,
  RawContentBlockDeltaEvent,
  RawContentBlockStartEvent,
  RawMessageDeltaEvent,
  RawMessageStartEvent
} from "@anthropic-ai/sdk/resources/messages"
import type { Candidate, GenerateContentResponse, Part } from "@google/genai"
import type { ChatCompletion, ChatCompletionChunk } from "openai/resources/chat/completions"
import type { Response, ResponseOutputItem, ResponseUsage } from "openai/resources/responses/responses"

/** What is wrong with a value at a place: nothing, or a line for each fault. */
export type Shape = (value: unknown, at: string) => ReadonlyArray<string>

const isObject = (value: unknown): value is { readonly [field: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const is =
  (what: string, holds: (value: unknown) => boolean): Shape =>
  (value, at) =>
    holds(value) ? [] : [`${at}: ${JSON.stringify(value)?.slice(0, 80)} is not ${what}`]

const text = is("text", (value) => typeof value === "string")
const flag = is("a flag", (value) => typeof value === "boolean")
const count = is("a count", (value) => Number.isInteger(value) && (value as number) >= 0)
const nothing = is("null", (value) => value === null)
const absent = is("absent", (value) => value === undefined)
const anything = is("a value", (value) => value !== undefined)
const record = is("an object", isObject)
const one = (...words: ReadonlyArray<string>): Shape =>
  is(words.join(" or "), (value) => words.some((word) => word === value))
const or =
  (...shapes: ReadonlyArray<Shape>): Shape =>
  (value, at) => {
    const faults = shapes.map((shape) => shape(value, at))
    return faults.some((list) => list.length === 0) ? [] : faults.at(-1)!
  }

const list =
  (shape: Shape): Shape =>
  (value, at) =>
    Array.isArray(value)
      ? (value as ReadonlyArray<unknown>).flatMap((item, i) => shape(item, `${at}[${i}]`))
      : [`${at} is no list`]

type Wanted<T> = { [K in keyof T]-?: undefined extends T[K] ? never : K }[keyof T]

/** The fields of a type: those that it wants, and those that it may have. */
type FieldsOf<T> = { readonly [K in Wanted<T>]: Shape } & { readonly [K in keyof T]?: Shape }

const object =
  <T>() =>
  (fields: FieldsOf<T>): Shape =>
  (value, at) =>
    isObject(value)
      ? Object.entries(fields as { readonly [field: string]: Shape }).flatMap(([field, shape]) => {
          const found = value[field]
          return found === undefined && shape(undefined, at).length === 0 ? [] : shape(found, `${at}.${field}`)
        })
      : [`${at} is no object`]

const maybe = (shape: Shape): Shape => or(absent, shape)
const ornull = (shape: Shape): Shape => or(nothing, shape)

// ------------------------------------------------------------------------------------------------------------ openai

const usage = object<NonNullable<ChatCompletion["usage"]>>()({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count
})

const finish = one("stop", "length", "tool_calls", "content_filter", "function_call")

const error = (value: unknown, at: string): ReadonlyArray<string> =>
  object<{ message: string; type: string; code: unknown }>()({ message: text, type: text, code: anything })(
    isObject(value) ? value["error"] : undefined,
    `${at}.error`
  )

type Delta = ChatCompletionChunk.Choice.Delta
type DeltaCall = NonNullable<Delta["tool_calls"]>[number]

const chunk: Shape = or(
  error,
  object<ChatCompletionChunk>()({
    id: text,
    object: one("chat.completion.chunk"),
    created: count,
    model: text,
    choices: list(
      object<ChatCompletionChunk.Choice>()({
        index: count,
        finish_reason: ornull(finish),
        delta: object<Delta>()({
          role: maybe(one("assistant")),
          content: maybe(ornull(text)),
          refusal: maybe(ornull(text)),
          tool_calls: maybe(
            list(
              object<DeltaCall>()({
                index: count,
                id: maybe(text),
                type: maybe(one("function")),
                function: maybe(
                  object<NonNullable<DeltaCall["function"]>>()({ name: maybe(text), arguments: maybe(text) })
                )
              })
            )
          )
        })
      })
    ),
    usage: maybe(ornull(usage))
  })
)

type Called = Extract<NonNullable<ChatCompletion.Choice["message"]["tool_calls"]>[number], { type: "function" }>

const completion: Shape = object<ChatCompletion>()({
  id: text,
  object: one("chat.completion"),
  created: count,
  model: text,
  choices: list(
    object<ChatCompletion.Choice>()({
      index: count,
      finish_reason: finish,
      logprobs: maybe(nothing),
      message: object<ChatCompletion.Choice["message"]>()({
        role: one("assistant"),
        content: ornull(text),
        refusal: maybe(ornull(text)),
        tool_calls: maybe(
          list(
            object<Called>()({
              id: text,
              type: one("function"),
              function: object<Called["function"]>()({ name: text, arguments: text })
            })
          )
        )
      })
    })
  ),
  usage
})

// --------------------------------------------------------------------------------------------------------- anthropic

const stopReason = one(
  "end_turn",
  "max_tokens",
  "stop_sequence",
  "tool_use",
  "pause_turn",
  "refusal",
  "model_context_window_exceeded"
)

const typed =
  (shapes: { readonly [type: string]: Shape }): Shape =>
  (value, at) => {
    const type = isObject(value) && typeof value["type"] === "string" ? value["type"] : ""
    return Object.hasOwn(shapes, type) ? shapes[type]!(value, `${at}<${type}>`) : [`${at} is of the type ${type}`]
  }

const block = (input: Shape): Shape =>
  typed({
    text: object<{ text: string }>()({ text }),
    thinking: object<{ thinking: string; signature: string }>()({ thinking: text, signature: text }),
    redacted_thinking: object<{ data: string }>()({ data: text }),
    tool_use: object<{ id: string; name: string; input: unknown }>()({ id: text, name: text, input })
  })

type Fields<T> = Omit<T, "type">

const tokens = object<Pick<Message["usage"], "input_tokens" | "output_tokens">>()({
  input_tokens: count,
  output_tokens: count
})

const heading = {
  id: text,
  role: one("assistant"),
  model: text,
  usage: tokens,
  stop_sequence: ornull(text),
  container: maybe(nothing),
  diagnostics: maybe(nothing),
  stop_details: maybe(ornull(record))
}

const messageEvent: Shape = typed({
  message_start: object<Fields<RawMessageStartEvent>>()({
    message: object<Fields<Message>>()({ ...heading, content: list(block(record)), stop_reason: nothing })
  }),
  content_block_start: object<Fields<RawContentBlockStartEvent>>()({ index: count, content_block: block(record) }),
  content_block_delta: object<Fields<RawContentBlockDeltaEvent>>()({
    index: count,
    delta: typed({
      text_delta: object<{ text: string }>()({ text }),
      thinking_delta: object<{ thinking: string }>()({ thinking: text }),
      signature_delta: object<{ signature: string }>()({ signature: text }),
      input_json_delta: object<{ partial_json: string }>()({ partial_json: text })
    })
  }),
  content_block_stop: object<{ index: number }>()({ index: count }),
  message_delta: object<Fields<RawMessageDeltaEvent>>()({
    delta: object<{ stop_reason: unknown; stop_sequence: unknown }>()({
      stop_reason: stopReason,
      stop_sequence: ornull(text)
    }),
    usage: object<{ output_tokens: number }>()({ output_tokens: count })
  }),
  message_stop: record,
  ping: record,
  error: (value, at) =>
    object<{ message: string; type: string }>()({ message: text, type: text })(
      isObject(value) ? value["error"] : undefined,
      at
    )
})

const message: Shape = object<Fields<Message>>()({ ...heading, content: list(block(record)), stop_reason: stopReason })

// ------------------------------------------------------------------------------------------------------------ gemini

const part = object<Part>()({
  text: maybe(text),
  thought: maybe(flag),
  thoughtSignature: maybe(text),
  functionCall: maybe(object<{ id: string; name: string; args: object }>()({ id: text, name: text, args: record })),
  inlineData: maybe(object<{ mimeType: string; data: string }>()({ mimeType: text, data: text }))
})

const candidates = (finishReason: Shape): Shape =>
  list(
    object<Candidate>()({
      index: count,
      finishReason,
      content: maybe(object<{ role: string; parts: unknown }>()({ role: one("model"), parts: list(part) }))
    })
  )

const metadata = object<{ promptTokenCount: number; totalTokenCount: number; candidatesTokenCount?: number }>()({
  promptTokenCount: count,
  totalTokenCount: count,
  candidatesTokenCount: maybe(count)
})

type Told = Pick<GenerateContentResponse, "candidates" | "modelVersion" | "responseId" | "usageMetadata">

const content = (finishReason: Shape, usageMetadata: Shape): Shape =>
  object<Told>()({ candidates: candidates(finishReason), modelVersion: text, responseId: text, usageMetadata })

const contentError: Shape = (value, at) =>
  object<{ code: number; message: string; status: string; details: unknown }>()({
    code: is("400 to 599", (code) => Number.isInteger(code) && (code as number) >= 400 && (code as number) <= 599),
    message: text,
    status: text,
    details: list(record)
  })(isObject(value) ? value["error"] : undefined, `${at}.error`)

// --------------------------------------------------------------------------------------------------------- responses

const item: Shape = typed({
  message: object<Fields<Extract<ResponseOutputItem, { type: "message" }>>>()({
    id: text,
    role: one("assistant"),
    status: one("in_progress", "completed", "incomplete"),
    content: list(
      typed({
        output_text: object<{ text: string; annotations: unknown }>()({ text, annotations: list(anything) }),
        refusal: object<{ refusal: string }>()({ refusal: text })
      })
    )
  }),
  reasoning: object<Fields<Extract<ResponseOutputItem, { type: "reasoning" }>>>()({
    id: text,
    summary: list(typed({ summary_text: object<{ text: string }>()({ text }) })),
    encrypted_content: maybe(ornull(text))
  }),
  image_generation_call: object<Fields<Extract<ResponseOutputItem, { type: "image_generation_call" }>>>()({
    id: text,
    result: ornull(text),
    status: one("in_progress", "completed", "generating", "failed")
  }),
  function_call: object<Fields<Extract<ResponseOutputItem, { type: "function_call" }>>>()({
    id: maybe(text),
    call_id: text,
    name: text,
    arguments: text,
    status: maybe(one("in_progress", "completed", "incomplete"))
  })
})

const spent = object<Pick<ResponseUsage, "input_tokens" | "output_tokens" | "total_tokens">>()({
  input_tokens: count,
  output_tokens: count,
  total_tokens: count
})

const response = object<Pick<Response, "id" | "object" | "created_at" | "model" | "output" | "status" | "usage">>()({
  id: text,
  object: one("response"),
  created_at: count,
  model: text,
  output: list(item),
  status: one("completed", "failed", "in_progress", "cancelled", "queued", "incomplete"),
  usage: maybe(ornull(spent))
})

const ofItem = { output_index: count, item_id: text }

const responseEvent: Shape = (value, at) => {
  const type = isObject(value) && typeof value["type"] === "string" ? value["type"] : ""
  const numbered = object<{ sequence_number: number }>()({ sequence_number: count })(value, at)
  const shape: Shape = /^response\.(created|in_progress|completed|failed|incomplete|queued)$/.test(type)
    ? object<{ response: unknown }>()({ response })
    : /^response\.output_item\.(added|done)$/.test(type)
      ? object<{ output_index: number; item: unknown }>()({ output_index: count, item })
      : /^response\..*\.delta$/.test(type)
        ? object<{ output_index: number; item_id: string; delta: string }>()({ ...ofItem, delta: text })
        : type === "error"
          ? object<{ message: string; code: unknown }>()({ message: text, code: anything })
          : type.startsWith("response.")
            ? object<{ output_index: number; item_id: string }>()(ofItem)
            : () => [`${at} is of the type ${type}`]
  return [...numbered, ...shape(value, `${at}<${type}>`)]
}

/** What each client's SDK takes for one event, and for the whole of an answer. */
export const vendorShapes = {
  openai: { event: chunk, whole: completion },
  anthropic: { event: messageEvent, whole: message },
  gemini: { event: or(contentError, content(maybe(text), maybe(metadata))), whole: content(text, metadata) },
  responses: { event: responseEvent, whole: response }
} as const satisfies { readonly [client: string]: { readonly event: Shape; readonly whole: Shape } }
