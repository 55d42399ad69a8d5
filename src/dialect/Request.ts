/**
 * What a client asks for, in words that all dialects share. `AnswerRequest` is what the relay looks at; `Asked` is the
 * whole conversation, made only when a channel of another dialect is asked.
 *
 * A field of the client's is one of three: **carried** (there are words for it here), a **hint** (it does not change what
 * is meant: dropped where the target has no words for it, and told), or a **meaning** (everything else: a target without
 * words for it is not asked).
 */
import type { JsonObject } from "./Json.ts"
import type { ClientDialectName } from "./Names.ts"
import { tokenQuarters } from "./Usage.ts"

/** A part of a message. `path` says where the client wrote it, such as `messages[1].content[0]`. */
export type Part =
  | { readonly _tag: "Text"; readonly text: string }
  | {
      readonly _tag: "Image"
      readonly path: string
      readonly mediaType: string | undefined
      readonly source: { readonly url: string } | { readonly base64: string }
    }
  | {
      readonly _tag: "File"
      readonly path: string
      readonly mediaType: string | undefined
      readonly name: string | undefined
      readonly base64: string
    }
  /** A signature goes back only to the dialect that signed; `sealed` is reasoning that only that one can read. */
  | {
      readonly _tag: "Reasoning"
      readonly text: string
      readonly signed: { readonly by: string; readonly value: string; readonly sealed: boolean } | undefined
    }
  | { readonly _tag: "Refusal"; readonly text: string }
  /** `input` is JSON text. `path` is where it stands, so that what a target cannot take of it can be told. */
  | {
      readonly _tag: "ToolCall"
      readonly path?: string
      readonly id: string
      readonly name: string
      readonly input: string
      readonly signed: { readonly by: string; readonly value: string } | undefined
    }
  /** `name` is the call's, where the client says it. */
  | {
      readonly _tag: "ToolResult"
      readonly path: string
      readonly id: string
      readonly name: string | undefined
      readonly parts: ReadonlyArray<Part>
      readonly failed: boolean
    }

/** A turn of the conversation. `system` is text of the system that stands later than the beginning. */
export interface Turn {
  readonly role: "user" | "assistant" | "system"
  readonly parts: ReadonlyArray<Part>
}

/** A function that the model may call. */
export interface Tool {
  /** Where the client wrote it: `tools[1]`. */
  readonly path: string
  readonly name: string
  readonly description: string | undefined
  /** JSON Schema of its input. */
  readonly schema: JsonObject
  readonly strict: boolean | undefined
}

/** How much is thought before the answer. */
export type Effort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max"

/** A hint's name, the same in all dialects. */
export type HintName =
  | "temperature"
  | "topP"
  | "topK"
  | "presencePenalty"
  | "frequencyPenalty"
  | "seed"
  | "user"
  | "metadata"
  | "serviceTier"
  | "store"
  | "cacheControl"
  | "promptCacheKey"
  | "safetyIdentifier"
  | "safetySettings"
  | "verbosity"
  | "logitBias"
  | "imageDetail"
  | "streamOptions"
  | "include"
  | "truncation"
  | "labels"
  | "speed"
  | "inferenceGeo"

/** A field that does not change what is meant. `path` and `value` are as the client wrote them. */
export interface Hint {
  readonly name: HintName
  readonly path: string
  readonly value: unknown
}

/** A field that changes what is meant, and for which there are no shared words. */
export interface Meaning {
  readonly path: string
  readonly value: unknown
}

/** What is asked, in words that all dialects share. */
export interface Asked {
  /** Texts that stand before the first turn. */
  readonly system: ReadonlyArray<Part>
  readonly turns: ReadonlyArray<Turn>
  readonly tools: ReadonlyArray<Tool>
  readonly toolChoice: "auto" | "none" | "required" | { readonly name: string } | undefined
  readonly oneCallAtATime: boolean
  readonly maxTokens: number | undefined
  readonly effort: { readonly path: string; readonly level: Effort } | undefined
  readonly stop: { readonly path: string; readonly sequences: ReadonlyArray<string> } | undefined
  readonly format:
    | { readonly _tag: "Text" }
    | {
        readonly _tag: "Json"
        readonly path: string
        /** Absent: any JSON. */
        readonly schema: JsonObject | undefined
        readonly name: string | undefined
        readonly strict: boolean | undefined
      }
  readonly hints: ReadonlyArray<Hint>
  readonly meanings: ReadonlyArray<Meaning>
}

/** Nothing at all: what is asked is this, and more. */
export const nothingAsked: Asked = {
  system: [],
  turns: [],
  tools: [],
  toolChoice: undefined,
  oneCallAtATime: false,
  maxTokens: undefined,
  effort: undefined,
  stop: undefined,
  format: { _tag: "Text" },
  hints: [],
  meanings: []
}

/** A request as its client sent it: what an upstream of the same dialect is given, and what is stored to ask again. */
export interface Asking {
  /** What the path names: a model, say. `""` where it names nothing. */
  readonly parameter: string
  /** Without its question mark, and without a credential. */
  readonly query: string
  /** By lower-case name: those that the dialect looks at. */
  readonly headers: { readonly [name: string]: string }
  /** `undefined` where there is none: a `GET`. */
  readonly body: string | undefined
}

/** The last words of a conversation, which the answer goes on from. */
export interface Given {
  /** Never empty. */
  readonly text: string
  /** What is asked, but for these words. */
  readonly before: () => Asked
}

/** What a client asks for, whatever its dialect. */
export interface AnswerRequest {
  readonly dialect: ClientDialectName
  readonly operation: "generate" | "embed" | "count"
  /** The model that the client named. */
  readonly model: string
  /** As events, as one whole body, or as a list that grows. */
  readonly delivery: "stream" | "whole" | "list"
  /** Whether the client wants the usage in its stream. */
  readonly includeUsage: boolean
  /** How many answers are asked for at once: more than one is never continued. */
  readonly choices: number
  /** The time that the client gives it, in milliseconds; `undefined` if it does not say. */
  readonly timeoutMillis: number | undefined
  /** Whether what is asked for is JSON, which is whole only if it parses. */
  readonly json: boolean
  /** What whoever asks has of the answer already: the answer is what comes behind it. Absent: nothing. */
  readonly given?: Given | undefined
  readonly asking: Asking
  /** The body, read: unknown fields pass to an upstream of the same dialect. `{}` where there is none. */
  readonly body: JsonObject
  /** Characters in its messages, for the log. */
  readonly messageLength: number
  /** About how many tokens its messages are. */
  readonly inputEstimate: () => number
  /** In words that all dialects share; made when first asked for. */
  readonly asked: () => Asked
}

/** Measures the contents of messages: their texts, and what stands in their other parts as JSON. */
export const measure = (contents: ReadonlyArray<unknown>): Pick<AnswerRequest, "messageLength" | "inputEstimate"> => {
  const textOf = (content: unknown): string => (typeof content === "string" ? content : JSON.stringify(content ?? ""))
  return {
    messageLength: contents.reduce<number>((sum, content) => sum + textOf(content).length, 0),
    inputEstimate: () =>
      Math.ceil(contents.reduce<number>((sum, content) => sum + tokenQuarters(textOf(content)), 0) / 4)
  }
}

/** A value that is made when it is first asked for, and kept. */
export const lazily = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}
