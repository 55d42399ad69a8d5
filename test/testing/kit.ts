/**
 * Reading what an upstream wrote, by its dialect's own framing and decoder, and what it comes to: the same summary for a
 * recorded stream and for a played one.
 */
import {
  type Encoded,
  type FinishReason,
  type Piece,
  type UpstreamDialectName,
  upstreamDialectOf,
  type UpstreamEvent
} from "#src/dialect/index"
import { OpenCall } from "#src/testing/ScriptedCall"
import { wireOf } from "#src/testing/Wire"
import type { Script } from "effect-resilience/testing"

const encoded: Encoded = { body: "", dropped: [], names: undefined }

/** The events of a stream's bytes. */
export const eventsOf = (dialect: UpstreamDialectName, stream: string): ReadonlyArray<UpstreamEvent> => {
  const { decoder, framing } = upstreamDialectOf(dialect)
  const events: Array<UpstreamEvent> = []
  const reading = decoder(encoded)
  const parser = framing.make({
    maxEventBytes: 1_000_000,
    onFrame: (event, data) => void events.push(reading.step(event, data))
  })
  parser.feed(new TextEncoder().encode(stream))
  parser.end()
  const halted = reading.halt()
  return halted === undefined ? events : [...events, halted]
}

/** The events of a whole answer. */
export const eventsOfWhole = (dialect: UpstreamDialectName, body: string, status = 200): ReadonlyArray<UpstreamEvent> =>
  upstreamDialectOf(dialect).decodeWhole(
    { status, headers: { "content-type": "application/json" }, body, now: 0 },
    encoded
  )

/** What an answer comes to. */
export interface Summary {
  readonly text: string
  readonly reasoning: string
  readonly calls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly input: string }>
  readonly refusal: string
  readonly signatures: ReadonlyArray<string>
  readonly finish: FinishReason | undefined
  readonly usage: { readonly input: number; readonly output: number } | undefined
  readonly usageDetails: { readonly cacheRead: number | undefined; readonly reasoning: number | undefined } | undefined
  readonly done: boolean
  /** The code of the error that it ended with. */
  readonly fault: string | undefined
}

/** Puts events together. What comes after a fault is not read. */
export const summaryOf = (events: ReadonlyArray<UpstreamEvent>): Summary => {
  let summary: Summary = {
    text: "",
    reasoning: "",
    calls: [],
    refusal: "",
    signatures: [],
    finish: undefined,
    usage: undefined,
    usageDetails: undefined,
    done: false,
    fault: undefined
  }
  const calls = new Map<number, { id: string; name: string; input: string }>()
  const take = (piece: Piece): void => {
    switch (piece._tag) {
      case "ToolCall":
        return void calls.set(piece.index, { id: piece.id, name: piece.name, input: "" })
      case "ToolInput": {
        const call = calls.get(piece.index)
        if (call !== undefined) call.input += piece.text
        return
      }
      case "Refusal":
        summary = { ...summary, refusal: summary.refusal + piece.text }
        return
      case "Signature":
        summary = { ...summary, signatures: [...summary.signatures, piece.value] }
        return
      case "SealedReasoning":
      case "Media":
      case "OtherChoice":
      case "Native":
        return
    }
  }
  for (const event of events) {
    if (summary.fault !== undefined) break
    switch (event._tag) {
      case "Done":
        summary = { ...summary, done: true }
        break
      case "Fault":
        summary = { ...summary, fault: event.error._tag }
        break
      case "Delta": {
        const { finish, pieces, reasoning, text, usage } = event
        summary = {
          ...summary,
          text: summary.text + text,
          reasoning: summary.reasoning + reasoning,
          finish: finish?.reason ?? summary.finish,
          usage: usage === undefined ? summary.usage : { input: usage.inputTokens, output: usage.outputTokens },
          usageDetails:
            usage === undefined
              ? summary.usageDetails
              : { cacheRead: usage.cacheReadTokens, reasoning: usage.reasoningTokens }
        }
        for (const piece of pieces ?? []) take(piece)
      }
    }
  }
  return { ...summary, calls: [...calls].sort(([a], [b]) => a - b).map(([, call]) => call) }
}

interface Said {
  readonly role: string
  readonly content: string
}

/** Where a question is asked. */
const urlOf = (dialect: UpstreamDialectName, question: string): string =>
  dialect !== "gemini"
    ? "http://a/v1"
    : question.includes('"stream":false')
      ? "http://a/v1beta/models/m:generateContent"
      : "http://a/v1beta/models/m:streamGenerateContent?alt=sse"

/** A question in each dialect's words; with messages it goes on from those. */
const questions: {
  readonly [N in UpstreamDialectName]: (more: object) => object
} = {
  anthropic: (more) => ({
    model: "m",
    max_tokens: 100,
    messages: [{ role: "user", content: "hi" }],
    stream: true,
    ...more
  }),
  // Whether it is a stream says the path.
  gemini: ({ messages = [{ role: "user", content: "hi" }], ...more }: { messages?: ReadonlyArray<Said> }) => ({
    contents: messages.map(({ content, role }) => ({
      role: role === "assistant" ? "model" : role,
      parts: [{ text: content }]
    })),
    ...more
  }),
  openai: (more) => ({ model: "m", messages: [{ role: "user", content: "hi" }], stream: true, ...more }),
  responses: (more) => ({ model: "m", input: [{ role: "user", content: "hi" }], stream: true, ...more })
}

/** The body of a question in a dialect. */
export const questionOf = (dialect: UpstreamDialectName, more: object = {}): string =>
  JSON.stringify(questions[dialect](more))

/** A question that goes on from a part of the answer, as a prefill, or before a word of the user. */
export const goingOnFrom = (dialect: UpstreamDialectName, partial: string, word?: string): string =>
  questionOf(dialect, {
    [dialect === "responses" ? "input" : "messages"]: [
      { role: "user", content: "hi" },
      { role: "assistant", content: partial },
      ...(word === undefined ? [] : [{ role: "user", content: word }])
    ]
  })

/** A script as one call is played it: the status, the body, and how the connection ends. */
export interface Played {
  readonly status: number
  readonly contentType: string
  readonly headers: { readonly [name: string]: string }
  readonly body: string
  readonly ends: "open" | "End" | "Reset" | "CutChunk" | "NotHttp"
  /** Milliseconds that pass. */
  readonly millis: number
}

/** Plays a script to one question. Of a script without an end only the first `most` steps. */
export const playedTo = (
  script: Script.Script,
  dialect: UpstreamDialectName,
  question: string,
  most = 1000,
  url = urlOf(dialect, question)
): Played => {
  const call = new OpenCall(0, dialect, { method: "POST", url, headers: {}, body: question }, 0)
  let played: Played = { status: 0, contentType: "", headers: {}, body: "", ends: "open", millis: 0 }
  let steps = 0
  for (const step of wireOf(script, dialect, call)) {
    if (steps++ === most) break
    switch (step._tag) {
      case "Wait":
        played = { ...played, millis: played.millis + step.millis }
        break
      case "Head":
        played = {
          ...played,
          status: step.status,
          headers: step.headers,
          contentType: step.headers["content-type"] ?? ""
        }
        break
      case "Data":
        played = { ...played, body: played.body + step.text }
        break
      case "CutChunk":
        played = { ...played, body: played.body + step.text, ends: step._tag }
        break
      case "End":
      case "Reset":
      case "NotHttp":
        played = { ...played, ends: step._tag }
    }
  }
  return played
}
