/**
 * What is asked, and what came of it, in words that no vendor has: each client puts a question into the words of its SDK,
 * and gives what its SDK assembled, or raised.
 */

/** What is said in a turn. A string is text. */
export type Piece =
  | string
  | { readonly image: string; readonly mediaType: "image/png" }
  | { readonly imageUrl: string }
  | { readonly pdf: string; readonly name: string }
  | {
      readonly result: string
      readonly id: string
      readonly name: string
      readonly failed?: boolean
      readonly image?: string
    }
  | { readonly call: string; readonly id: string; readonly input: object }

/** A turn of the conversation. */
export interface Turn {
  readonly role: "user" | "assistant" | "system"
  readonly says: ReadonlyArray<Piece>
}

/** A function that the model may call. */
export interface Tool {
  readonly name: string
  readonly description: string
  readonly schema: { readonly [field: string]: unknown }
}

/** A question, whoever asks it. */
export interface Question {
  readonly system?: ReadonlyArray<string>
  readonly turns?: ReadonlyArray<Turn>
  readonly tools?: ReadonlyArray<Tool>
  readonly toolChoice?: "auto" | "none" | "required" | { readonly name: string }
  readonly oneCallAtATime?: boolean
  readonly maxTokens?: number
  readonly stop?: ReadonlyArray<string>
  readonly schema?: { readonly [field: string]: unknown }
  readonly effort?: "low" | "medium" | "high"
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly seed?: number
  readonly user?: string
  /** Fields of the client's own dialect, as they are. */
  readonly fields?: { readonly [field: string]: unknown }
  /** Headers of the client's. */
  readonly headers?: { readonly [name: string]: string }
}

/** Why an answer ended, in the words of Effect's `ai`. */
export type Finish = "stop" | "length" | "tool-calls" | "content-filter"

/** What an SDK raised. */
export interface Raised {
  /** The class of the SDK's error. */
  readonly name: string
  readonly message: string
  /** Our code, wherever the dialect puts it. */
  readonly code: string | undefined
  /** The HTTP status; `undefined` for an error inside a stream, but for Google's, which has a number of its own. */
  readonly status: number | undefined
  readonly type: string | undefined
  readonly requestId: string | undefined
  readonly headers: { readonly [name: string]: string | undefined }
}

/** What an SDK gave its program. */
export interface Answer {
  readonly text: string
  readonly reasoning: string
  readonly calls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly input: unknown }>
  readonly finish: Finish | string | undefined
  readonly usage: {
    readonly input: number | undefined
    readonly output: number | undefined
    readonly cacheRead: number | undefined
    readonly reasoning: number | undefined
  }
  readonly model: string | undefined
  readonly headers: { readonly [name: string]: string | undefined }
  readonly raised: Raised | undefined
  /** The conversation with this answer behind it, as the SDK would send it back. */
  readonly history: History
}

/** A conversation in the words of one SDK. */
export type History = ReadonlyArray<unknown>

/** Where and how to ask. */
export interface Ask {
  readonly url: string
  readonly delivery: "whole" | "stream"
  readonly question: Question
  /** What was said before, by the same client. */
  readonly history?: History
  readonly headers?: { readonly [name: string]: string }
}

/** An SDK. */
export interface Client {
  readonly name: string
  /** The dialect that it speaks. */
  readonly dialect: "openai" | "responses" | "anthropic" | "gemini"
  readonly ask: (ask: Ask) => Promise<Answer>
}

export const hello: ReadonlyArray<Turn> = [{ role: "user", says: ["hello"] }]

/** Nothing was said. */
export const nothingSaid: Omit<Answer, "history"> = {
  text: "",
  reasoning: "",
  calls: [],
  finish: undefined,
  usage: { input: undefined, output: undefined, cacheRead: undefined, reasoning: undefined },
  model: undefined,
  headers: {},
  raised: undefined
}

/** Headers as a record. */
export const headersOf = (headers: Headers | undefined): { readonly [name: string]: string } =>
  headers === undefined ? {} : Object.fromEntries(headers.entries())
