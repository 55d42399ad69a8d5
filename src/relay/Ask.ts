/**
 * Asking the relay from inside another Effect program: a question, and its answer as a `Stream` of typed events. It is the
 * same answer that a client of `/chat` reads, with all that the relay does for it.
 */
import { Result, Stream } from "effect"
import { clientDialects, type Ended, makePayloadReader, type Payload } from "../dialect/index.ts"
import { type ResilienceError, stackless, StreamTruncated } from "../errors/index.ts"
import type { Frames } from "./FrameStream.ts"
import { decodeNote } from "./Note.ts"

/** What is asked: one message, or a conversation. */
export type Question = {
  /** Default: the relay's own (`chat.model`). */
  readonly model?: string | undefined
  /** How long the answer may take, in milliseconds. Default: the relay's own (`chat.timeout`). */
  readonly timeoutMillis?: number | undefined
  /** For the log. Default: one of its own. */
  readonly requestId?: string | undefined
  /** The name of the token that it is asked for. Default: none. */
  readonly owner?: string | undefined
  /** The group whose channels may answer it. Default: `default`. */
  readonly group?: string | undefined
} & (
  | { readonly message: string; readonly messages?: undefined }
  | {
      readonly message?: undefined
      readonly messages: ReadonlyArray<{ readonly role: "system" | "user" | "assistant"; readonly content: string }>
    }
)

/** One event of an answer. `id` is its cursor: what a client would come back with. */
export type AnswerEvent = { readonly id: string } & (
  | { readonly _tag: "Init"; readonly requestId: string; readonly streamId: string; readonly model: string }
  | { readonly _tag: "Content"; readonly content: string }
  | { readonly _tag: "Reasoning"; readonly content: string }
  /** An attempt replaces one that failed before anything was shown. */
  | {
      readonly _tag: "Attempt"
      readonly attempt: number
      readonly maxAttempts: number
      readonly delayMillis: number
      readonly reason: string
      readonly from: string
      readonly to: string
    }
  /** The answer goes on from another channel. Offsets and what was dropped are code points. */
  | {
      readonly _tag: "Failover"
      readonly from: string
      readonly to: string
      readonly reason: string
      readonly offset: number
      readonly dropped: number
      readonly seam: "exact" | "overlap" | "restart" | "ambiguous"
    }
  | {
      readonly _tag: "Done"
      readonly fullContent: string
      readonly finishReason: string
      readonly ended: Ended
      readonly tokenCount: number
      readonly attempts: number
      readonly usage: { readonly inputTokens: number; readonly outputTokens: number; readonly estimated: boolean }
    }
)

/** A question as the body of a request to `/chat`. */
export const questionBody = ({ message, messages, model, timeoutMillis }: Question): string =>
  JSON.stringify({
    message,
    messages,
    model,
    timeout: timeoutMillis === undefined ? undefined : timeoutMillis / 1000
  })

/** The data of our own events, whichever it is: our own encoder wrote it, so reading it needs no schema. */
interface Wire {
  readonly request_id: string
  readonly stream_id: string
  readonly model: string
  readonly content: string
  readonly attempt: number
  readonly max_attempts: number
  readonly delay_ms: number
  readonly reason: string
  readonly from: string
  readonly to: string
  readonly offset: number
  readonly dropped: number
  readonly seam: "exact" | "overlap" | "restart" | "ambiguous"
  readonly full_content: string
  readonly finish_reason: string
  readonly ended: Ended
  readonly token_count: number
  readonly attempts: number
  readonly usage: { readonly input_tokens: number; readonly output_tokens: number; readonly estimated: boolean }
}

const eventOf = (id: string, { data, event }: Payload): AnswerEvent | undefined => {
  const said = JSON.parse(data) as Wire
  const { content, from, reason, to } = said
  switch (event) {
    case "init":
      return { _tag: "Init", id, requestId: said.request_id, streamId: said.stream_id, model: said.model }
    case undefined:
      return { _tag: "Content", id, content }
    case "reasoning":
      return { _tag: "Reasoning", id, content }
    case "attempt":
      return {
        _tag: "Attempt",
        id,
        attempt: said.attempt,
        maxAttempts: said.max_attempts,
        delayMillis: said.delay_ms,
        reason,
        from,
        to
      }
    case "failover":
      return { _tag: "Failover", id, from, to, reason, offset: said.offset, dropped: said.dropped, seam: said.seam }
    case "done":
      return {
        _tag: "Done",
        id,
        fullContent: said.full_content,
        finishReason: said.finish_reason,
        ended: said.ended,
        tokenCount: said.token_count,
        attempts: said.attempts,
        usage: {
          inputTokens: said.usage.input_tokens,
          outputTokens: said.usage.output_tokens,
          estimated: said.usage.estimated
        }
      }
    default:
      return undefined
  }
}

/** The events of an answer's frames; one that ended badly fails with its own error. */
export const answerEvents = <E>(
  streamId: string,
  frames: Stream.Stream<Frames, E>
): Stream.Stream<AnswerEvent, E | ResilienceError> => {
  let seq = 0
  let payloads: Array<Payload> = []
  const read = makePayloadReader((payload) => payloads.push(payload))
  const step = ({ note, text }: Frames): Stream.Stream<AnswerEvent, ResilienceError> => {
    payloads = []
    read(text)
    const events: Array<AnswerEvent> = []
    for (const payload of payloads) {
      const event = eventOf(`${streamId}.${seq++}`, payload)
      if (event !== undefined) events.push(event)
      if (payload.event !== "error") continue
      const error =
        (note === undefined ? undefined : decodeNote(note)?.error) ?? stackless(() => new StreamTruncated({}))
      return Stream.concat(Stream.fromIterable(events), Stream.fail(error))
    }
    return Stream.fromIterable(events)
  }
  return Stream.flatMap(frames, step)
}

/** Checks a question as a request to `/chat` is checked. */
export const parseQuestion = (question: Question, rules: Parameters<typeof clientDialects.chat.parse>[1]) =>
  Result.map(
    clientDialects.chat.parse({ parameter: "", query: "", headers: {}, body: questionBody(question) }, rules),
    (request) => ({ request, dialect: clientDialects.chat })
  )
