/**
 * The property that lets an answer be put down and taken up: for any events of any upstream and any cut between two of
 * them, an encoder that has read what was written goes on as the one that wrote it would have.
 */
import * as fc from "fast-check"
import { isDeepStrictEqual } from "node:util"
import { expect } from "vitest"
import {
  type AnswerEncoder,
  type AnswerIdentity,
  type ClientDialect,
  type Delta,
  type Finish,
  isContent,
  nothing,
  type Payload,
  type Piece,
  seals,
  type Usage,
  type UpstreamDialect,
  upstreamDialects
} from "#src/dialect/index"
import { nothingScanned, scanJson } from "#src/dialect/JsonScan"
import { StreamTruncated } from "effect-resilience/errors"

/** One call of an encoder, as the relay makes them. */
type Call = (encoder: AnswerEncoder) => ReadonlyArray<Payload>

/** An answer as it is told: what is told at each step, and what a reader has then. */
interface Told {
  readonly call: Call
  readonly text: string
  readonly tokenCount: number
  readonly sealed: boolean
  readonly called: boolean
  /** A call has begun whose input is not whole. */
  readonly open: boolean
  readonly ended: boolean
}

const word = fc.oneof(
  fc.constantFrom("Hello", " world", "\n", '"', "\\", "😀", "\u2028", "{", "é"),
  fc.string({ minLength: 1, maxLength: 8, unit: "grapheme" })
)
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/)

/** A part of an answer, in no vendor's words. */
type Segment =
  | { readonly _tag: "Text"; readonly words: ReadonlyArray<string> }
  | { readonly _tag: "Reasoning"; readonly words: ReadonlyArray<string>; readonly signature: ReadonlyArray<string> }
  | { readonly _tag: "Sealed"; readonly value: string }
  | { readonly _tag: "Call"; readonly id: string; readonly name: string; readonly input: ReadonlyArray<string> }
  | { readonly _tag: "Refusal"; readonly words: ReadonlyArray<string> }

const words = fc.array(word, { minLength: 1, maxLength: 4 })
const plainSegment: fc.Arbitrary<Segment> = fc.oneof(
  { weight: 3, arbitrary: words.map((said): Segment => ({ _tag: "Text", words: said })) },
  fc.record({
    _tag: fc.constant("Reasoning" as const),
    words,
    signature: fc.array(id, { maxLength: 2 })
  }),
  fc.record({ _tag: fc.constant("Sealed" as const), value: id })
)
const anySegment: fc.Arbitrary<Segment> = fc.oneof(
  { weight: 3, arbitrary: plainSegment },
  fc.record({
    _tag: fc.constant("Call" as const),
    id,
    name: id,
    input: fc.array(word, { maxLength: 3 }).map((said) => ['{"x":', JSON.stringify(said.join("")), "}"])
  }),
  words.map((said): Segment => ({ _tag: "Refusal", words: said }))
)

// ---------------------------------------------------------------------------------------- told by nobody, or by a vendor

/** Writes segments as canonical events of a vendor that has no raw events. */
const canonical = (segments: ReadonlyArray<Segment>): ReadonlyArray<Delta> => {
  let calls = 0
  const piece = (...pieces: ReadonlyArray<Piece>): Delta => ({ ...nothing, pieces })
  return segments.flatMap((segment): ReadonlyArray<Delta> => {
    switch (segment._tag) {
      case "Text":
        return segment.words.map((text) => ({ ...nothing, text }))
      case "Reasoning":
        return [
          ...segment.words.map((reasoning) => ({ ...nothing, reasoning })),
          ...segment.signature.map((value) => piece({ _tag: "Signature", by: "openai", value, of: "reasoning" }))
        ]
      case "Sealed":
        return [piece({ _tag: "SealedReasoning", by: "openai", value: segment.value })]
      case "Call": {
        const index = calls++
        return [
          piece({ _tag: "ToolCall", index, id: segment.id, name: segment.name }),
          ...segment.input.map((text) => piece({ _tag: "ToolInput", index, text })),
          piece({ _tag: "Signature", by: "openai", value: segment.id, of: { call: index } })
        ]
      }
      case "Refusal":
        return segment.words.map((text) => piece({ _tag: "Refusal", text }))
    }
  })
}

/** What a vendor's own decoder makes of its stream. */
const decodedBy = (upstream: UpstreamDialect, events: ReadonlyArray<object>): ReadonlyArray<Delta> => {
  const decoder = upstream.decoder({ body: "", dropped: [], names: undefined })
  return events.flatMap((event) => {
    const step = decoder.step("", JSON.stringify(event))
    return step._tag === "Delta" ? [step] : []
  })
}

const openaiStream = (segments: ReadonlyArray<Segment>): ReadonlyArray<object> => {
  let calls = 0
  const chunk = (delta: object) => ({ choices: [{ index: 0, delta, finish_reason: null }] })
  return segments.flatMap((segment) => {
    switch (segment._tag) {
      case "Text":
        return segment.words.map((content) => chunk({ content }))
      case "Reasoning":
        return segment.words.map((reasoning_content) => chunk({ reasoning_content }))
      case "Sealed":
        return [chunk({ reasoning_details: [{ type: "reasoning.encrypted", data: segment.value }] })]
      case "Call": {
        const index = calls++
        return [
          chunk({
            tool_calls: [{ index, id: segment.id, type: "function", function: { name: segment.name, arguments: "" } }]
          }),
          ...segment.input.map((text) => chunk({ tool_calls: [{ index, function: { arguments: text } }] }))
        ]
      }
      case "Refusal":
        return segment.words.map((refusal) => chunk({ refusal }))
    }
  })
}

const anthropicStream = (segments: ReadonlyArray<Segment>): ReadonlyArray<object> => {
  const block = (index: number, content_block: object, deltas: ReadonlyArray<object>) => [
    { type: "content_block_start", index, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index }
  ]
  return segments.flatMap((segment, index) => {
    switch (segment._tag) {
      case "Text":
      case "Refusal":
        return block(
          index,
          { type: "text", text: "" },
          segment.words.map((text) => ({ type: "text_delta", text }))
        )
      case "Reasoning":
        return block(index, { type: "thinking", thinking: "", signature: "" }, [
          ...segment.words.map((thinking) => ({ type: "thinking_delta", thinking })),
          ...segment.signature.slice(0, 1).map((signature) => ({ type: "signature_delta", signature }))
        ])
      case "Sealed":
        return block(index, { type: "redacted_thinking", data: segment.value }, [])
      case "Call":
        return block(
          index,
          { type: "tool_use", id: segment.id, name: segment.name, input: {} },
          segment.input.map((partial_json) => ({ type: "input_json_delta", partial_json }))
        )
    }
  })
}

const responsesStream = (segments: ReadonlyArray<Segment>): ReadonlyArray<object> => {
  const item = (output_index: number, added: object, events: ReadonlyArray<object>, done: object) => [
    { type: "response.output_item.added", output_index, item: added },
    ...events,
    { type: "response.output_item.done", output_index, item: { ...added, ...done } }
  ]
  const contents = (
    place: { output_index: number; item_id: string },
    kind: "output_text" | "refusal",
    words: ReadonlyArray<string>
  ) => {
    const field = kind === "refusal" ? "refusal" : "text"
    const at = { ...place, content_index: 0 }
    const part = { type: kind, [field]: "", ...(kind === "refusal" ? {} : { annotations: [], logprobs: [] }) }
    const whole = words.join("")
    const logprobs = kind === "refusal" ? {} : { logprobs: [] }
    return {
      events: [
        { type: "response.content_part.added", ...at, part },
        ...words.map((delta) => ({ type: `response.${kind}.delta`, ...at, delta, ...logprobs })),
        { type: `response.${kind}.done`, ...at, [field]: whole, ...logprobs },
        { type: "response.content_part.done", ...at, part: { ...part, [field]: whole } }
      ],
      content: [{ ...part, [field]: whole }]
    }
  }
  return segments.flatMap((segment, output_index) => {
    const place = { output_index, item_id: `their_${output_index}` }
    switch (segment._tag) {
      case "Text":
      case "Refusal": {
        const { content, events } = contents(place, segment._tag === "Text" ? "output_text" : "refusal", segment.words)
        const added = { id: place.item_id, type: "message", status: "in_progress", role: "assistant", content: [] }
        return item(output_index, added, events, { status: "completed", content })
      }
      case "Reasoning": {
        const at = { ...place, summary_index: 0 }
        const part = { type: "summary_text", text: segment.words.join("") }
        const [encrypted_content] = segment.signature
        return item(
          output_index,
          { id: place.item_id, type: "reasoning", summary: [] },
          [
            { type: "response.reasoning_summary_part.added", ...at, part: { ...part, text: "" } },
            ...segment.words.map((delta) => ({ type: "response.reasoning_summary_text.delta", ...at, delta })),
            { type: "response.reasoning_summary_text.done", ...at, text: part.text },
            { type: "response.reasoning_summary_part.done", ...at, part }
          ],
          { summary: [part], ...(encrypted_content === undefined ? {} : { encrypted_content }) }
        )
      }
      case "Sealed":
        return item(output_index, { id: place.item_id, type: "reasoning", summary: [] }, [], {
          encrypted_content: segment.value
        })
      case "Call": {
        const input = segment.input.join("")
        const added = { id: place.item_id, type: "function_call", status: "in_progress", arguments: "" }
        return item(
          output_index,
          { ...added, call_id: segment.id, name: segment.name },
          [
            ...segment.input.map((delta) => ({ type: "response.function_call_arguments.delta", ...place, delta })),
            { type: "response.function_call_arguments.done", ...place, name: segment.name, arguments: input }
          ],
          { status: "completed", arguments: input }
        )
      }
    }
  })
}

const geminiStream = (segments: ReadonlyArray<Segment>): ReadonlyArray<object> => {
  const event = (...parts: ReadonlyArray<object>) => ({ candidates: [{ content: { role: "model", parts }, index: 0 }] })
  return segments.flatMap((segment) => {
    switch (segment._tag) {
      case "Text":
      case "Refusal":
        return segment.words.map((text) => event({ text }))
      case "Reasoning":
        return [
          ...segment.words.map((text) => event({ text, thought: true })),
          ...segment.signature.map((thoughtSignature) => event({ text: "", thoughtSignature }))
        ]
      case "Sealed":
        return [event({ text: "", thoughtSignature: segment.value })]
      case "Call": {
        const args = JSON.parse(segment.input.join("")) as object
        return [event({ functionCall: { name: segment.name, args }, thoughtSignature: segment.id })]
      }
    }
  })
}

const speakers: ReadonlyArray<(segments: ReadonlyArray<Segment>) => ReadonlyArray<Delta>> = [
  canonical,
  (segments) => decodedBy(upstreamDialects.openai, openaiStream(segments)),
  (segments) => decodedBy(upstreamDialects.responses, responsesStream(segments)),
  (segments) => decodedBy(upstreamDialects.anthropic, anthropicStream(segments)),
  (segments) => decodedBy(upstreamDialects.gemini, geminiStream(segments))
]
const speaker = fc.constantFrom(...speakers)

const finishes: ReadonlyArray<Finish> = [
  { reason: "stop", native: "stop", from: "openai" },
  { reason: "tool-calls", native: "tool_calls", from: "openai" },
  { reason: "length", native: "max_tokens", from: undefined },
  { reason: "content-filter", native: "content_filter", from: "openai" }
]

const usage: Usage = { inputTokens: 11, outputTokens: 7, cacheReadTokens: 3, estimated: false }

/** An answer, as a list of what an encoder is told: perhaps from two upstreams, joined by a seam. */
const answers: fc.Arbitrary<ReadonlyArray<Told>> = fc
  .record({
    first: speaker,
    segments: fc.array(anySegment, { minLength: 1, maxLength: 5 }),
    second: fc.option(fc.record({ speaker, released: word, segments: fc.array(anySegment, { maxLength: 3 }) })),
    end: fc.oneof(fc.constantFrom(...finishes), fc.constant("failed" as const), fc.constant("shown" as const))
  })
  .map(({ end, first, second, segments }) => {
    const told: Array<Told> = []
    let text = ""
    let tokenCount = 0
    let sealed = false
    let called = false
    let scan = nothingScanned()
    const tell = (call: Call, ended = false): void => {
      const open = called && !scan.whole
      told.push({ call, text, tokenCount, sealed, called, open, ended })
    }
    const show = (deltas: ReadonlyArray<Delta>): void => {
      for (const delta of deltas) {
        text += delta.text
        tokenCount += delta.text === "" ? 0 : 1
        sealed ||= seals(delta)
        for (const piece of delta.pieces ?? []) {
          if (piece._tag === "ToolCall") scan = nothingScanned()
          if (piece._tag === "ToolInput") scanJson(scan, piece.text)
          called ||= piece._tag === "ToolCall"
        }
        // What is raw may be changed by who encodes it: each encoder is given its own.
        const copy = JSON.stringify(delta)
        tell((encoder) => encoder.delta({ ...nothing, ...(JSON.parse(copy) as Delta) }))
      }
    }
    tell((encoder) => encoder.open("named"))
    const deltas = first(segments)
    const begins = deltas.findIndex(isContent)
    const opening = begins < 0 ? deltas : deltas.slice(0, begins)
    tell((encoder) => encoder.begin("asked", { usage, deltas: opening.filter(({ from }) => from !== undefined) }))
    show(begins < 0 ? [] : deltas.slice(begins))
    if (second !== null && !sealed && text !== "") {
      tell((encoder) =>
        encoder.failover({ from: "a", to: "b", reason: "stream_truncated", offset: 1, dropped: 0, seam: "exact" })
      )
      text += second.released
      tokenCount++
      tell((encoder) => encoder.text(second.released))
      show(second.speaker(second.segments))
    }
    if (end === "failed") {
      tell(
        (encoder) => encoder.fail({ error: new StreamTruncated({}), partial: text, retryAfterMillis: undefined }),
        true
      )
      return told
    }
    const finish = end === "shown" ? finishes[0]! : end
    if (end === "shown") {
      const raw = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }
      tell((encoder) => encoder.delta({ ...nothing, finish, from: "openai", raw: { ...raw } }))
    }
    const completion = { finish, usage, fullContent: text, tokenCount, attempts: 1 }
    tell((encoder) => encoder.complete(completion, end === "shown"), true)
    return told
  })

const identity: AnswerIdentity = {
  requestId: "req_1",
  streamId: "abcdefghijklmnopqrstuv",
  createdAt: 1_700_000_000_999,
  includeUsage: true,
  debug: false
}

const failed = ([first]: ReadonlyArray<Payload>): boolean => first?.data.startsWith('{"error"') === true

/** Fails where two values differ. Of a thousand cuts nearly none does: that they are the same is seen without an assertion's ado. */
const same = (one: unknown, other: unknown): void => {
  if (!isDeepStrictEqual(one, other)) expect(one).toStrictEqual(other)
}

/** Checks a client dialect: every cut of many answers. */
export const checkResume = (client: ClientDialect, numRuns: number): void => {
  fc.assert(
    fc.property(answers, (told) => {
      const whole = client.encoder(identity)
      const written = told.map(({ call }) => call(whole))
      for (let cut = 1; cut <= told.length; cut++) {
        const encoder = client.encoder(identity)
        // As they come back from the journal.
        const before = written.slice(0, cut).flat()
        const replayed = encoder.resume(before)
        // A long answer is read in parts, wherever they end.
        const inParts = client.encoder(identity)
        inParts.resume(before.slice(0, before.length >> 1))
        same(inParts.resume(before.slice(before.length >> 1)), replayed)
        const at = told[cut - 1]!
        // Gemini's answers have no opening, and no words for a call that is not whole: where nothing was shown, and while a
        // call grows, who takes up begins anew.
        if (client.name === "gemini" && (at.open || before.length === 0)) continue
        same(replayed.text, at.text)
        same(replayed.tokenCount, at.tokenCount)
        same(replayed.ended, at.ended)
        if (client.name !== "chat") {
          same(replayed.begun, cut > 1 && !failed(before))
          same(replayed.sealed, at.sealed)
          same(replayed.called, at.called)
        }
        const rest = told.slice(cut).map(({ call }) => call(encoder))
        same(rest, written.slice(cut))
        same(
          told.slice(cut).map(({ call }) => call(inParts)),
          rest
        )
      }
    }),
    { numRuns }
  )
}
