/**
 * The dialects alone: what one event of an answer costs from an upstream's frame to a client's, for each client dialect
 * over each dialect of channels. Nothing else of the relay runs: no socket, no machine, no journal.
 */
import type { JsonObject, UpstreamDialect, UpstreamEvent } from "effect-resilience/dialect"
import {
  type AnswerIdentity,
  type ClientDialect,
  type ClientDialectName,
  clientDialectNames,
  clientDialects,
  isContent,
  upstreamDialectNames,
  type UpstreamDialectName,
  upstreamDialects
} from "#src/dialect/index"

/** Events that bring content, of each answer. */
const steps = 300

/** Answers of one sample, samples of each pair, and those before them that are not counted. */
const answers = 10
const samples = 31
const unmeasured = 8

/** What crossing may cost, beside OpenAI's words to a client of OpenAI's. */
const goal = 1.6

/** What an answer is made of. */
const kinds = ["text", "reasoning", "tool input"] as const

type Kind = (typeof kinds)[number]

type Frame = readonly [event: string, data: string]

interface Wire {
  readonly open: ReadonlyArray<JsonObject>
  readonly say: (text: string) => JsonObject
  readonly close: ReadonlyArray<JsonObject>
}

const chunk = (choice: JsonObject): JsonObject => ({
  id: "chatcmpl-Bz8c2cFQqF5jJq4v8b8T6wVvA1n2X",
  object: "chat.completion.chunk",
  created: 1_758_000_000,
  model: "gpt-4.1",
  service_tier: "default",
  system_fingerprint: "fp_51e1070cf2",
  choices: [{ index: 0, logprobs: null, finish_reason: null, ...choice }]
})

const openai = (first: JsonObject, say: (text: string) => JsonObject, finish: string): Wire => ({
  open: [chunk({ delta: { role: "assistant", ...first } })],
  say: (text) => chunk({ delta: say(text) }),
  close: [chunk({ delta: {}, finish_reason: finish })]
})

const response = (status: string): JsonObject => ({ id: "resp_68c1f3", object: "response", status, output: [] })

const responses = (item: JsonObject, part: JsonObject | undefined, type: string): Wire => {
  const at = { item_id: "item_68c1f3", output_index: 0 }
  return {
    open: [
      { type: "response.created", response: response("in_progress") },
      { type: "response.output_item.added", output_index: 0, item: { id: at.item_id, ...item } },
      ...(part === undefined ? [] : [{ ...at, ...part }])
    ],
    say: (delta) => ({ type, sequence_number: 4, ...at, content_index: 0, summary_index: 0, delta }),
    close: [{ type: "response.completed", response: response("completed") }]
  }
}

const anthropic = (content_block: JsonObject, say: (text: string) => JsonObject): Wire => ({
  open: [
    {
      type: "message_start",
      message: { id: "msg_01", type: "message", role: "assistant", content: [], usage: { input_tokens: 9 } }
    },
    { type: "content_block_start", index: 0, content_block }
  ],
  say: (text) => ({ type: "content_block_delta", index: 0, delta: say(text) }),
  close: [
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 300 } },
    { type: "message_stop" }
  ]
})

const candidate = (more: JsonObject): JsonObject => ({
  candidates: [{ index: 0, ...more }],
  usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 9, totalTokenCount: 18 },
  modelVersion: "gemini-2.5-pro",
  responseId: "mNnJaKqzKYe4"
})

const gemini = (part: (text: string) => JsonObject): Wire => ({
  open: [],
  say: (text) => candidate({ content: { role: "model", parts: [part(text)] } }),
  close: [candidate({ content: { role: "model", parts: [{ text: "" }] }, finishReason: "STOP" })]
})

const called = { id: "call_1", type: "function", function: { name: "write", arguments: "" } }

/** What upstreams stream, as they write it. A call of Gemini's comes whole: there is no event for a part of one. */
const wires: { readonly [D in UpstreamDialectName]: { readonly [K in Kind]: Wire | undefined } } = {
  openai: {
    text: openai({ content: "", refusal: null }, (content) => ({ content }), "stop"),
    reasoning: openai({ content: null }, (reasoning_content) => ({ reasoning_content }), "stop"),
    "tool input": openai(
      { content: null, tool_calls: [{ index: 0, ...called }] },
      (text) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] }),
      "tool_calls"
    )
  },
  responses: {
    text: responses(
      { type: "message", content: [] },
      {
        type: "response.content_part.added",
        content_index: 0,
        part: { type: "output_text", text: "", annotations: [] }
      },
      "response.output_text.delta"
    ),
    reasoning: responses(
      { type: "reasoning", summary: [] },
      { type: "response.reasoning_summary_part.added", summary_index: 0, part: { type: "summary_text", text: "" } },
      "response.reasoning_summary_text.delta"
    ),
    "tool input": responses(
      { type: "function_call", call_id: "call_1", name: "write", arguments: "" },
      undefined,
      "response.function_call_arguments.delta"
    )
  },
  anthropic: {
    text: anthropic({ type: "text", text: "" }, (text) => ({ type: "text_delta", text })),
    reasoning: anthropic({ type: "thinking", thinking: "", signature: "" }, (thinking) => ({
      type: "thinking_delta",
      thinking
    })),
    "tool input": anthropic({ type: "tool_use", id: "toolu_1", name: "write", input: {} }, (partial_json) => ({
      type: "input_json_delta",
      partial_json
    }))
  },
  gemini: {
    text: gemini((text) => ({ text })),
    reasoning: gemini((text) => ({ text, thought: true })),
    "tool input": undefined
  }
}

/** Words; of a call's input, all together a JSON text. */
const wordOf = (kind: Kind, n: number): string => {
  if (kind !== "tool input") return n % 7 === 0 ? `, "word" ${n}` : ` word ${n}`
  return n === 0 ? '{"text":"' : n === steps - 1 ? '"}' : ` word ${n}`
}

const framesOf = ({ close, open, say }: Wire, kind: Kind): ReadonlyArray<Frame> => {
  const said = Array.from({ length: steps }, (_, n) => say(wordOf(kind, n)))
  return [...open, ...said, ...close].map((event) => [String(event["type"] ?? "message"), JSON.stringify(event)])
}

const identity: AnswerIdentity = {
  requestId: "req_0123456789abcdef",
  streamId: "GxkzVqSx7yT9Hq8bV6Qm3A",
  createdAt: 1_758_000_000_000,
  includeUsage: true,
  debug: false
}

const usage = { inputTokens: 9, outputTokens: 300, estimated: false }
const plain = { body: "", dropped: [], names: undefined }

/** One answer: each frame of an upstream's read, each event written, as a frame of the journal. Gives what was written. */
const relay = (client: ClientDialect, dialect: UpstreamDialect, frames: ReadonlyArray<Frame>): number => {
  const decoder = dialect.decoder(plain)
  const encoder = client.encoder(identity)
  const frame = client.frames(identity.streamId)
  let seq = 0
  let written = 0
  let begun = false
  const write = (payloads: ReturnType<typeof encoder.delta>): void => {
    for (const payload of payloads) written += frame(payload, seq++).length
  }
  const deltas: Array<Extract<UpstreamEvent, { _tag: "Delta" }>> = []
  write(encoder.open("m"))
  for (const [name, data] of frames) {
    const event = decoder.step(name, data)
    if (event._tag !== "Delta") continue
    if (!begun && !isContent(event)) deltas.push(event)
    else {
      if (!begun) write(encoder.begin("m", { usage, deltas }))
      begun = true
      write(encoder.delta(event))
    }
  }
  const finish = { reason: "stop", native: "stop", from: undefined } as const
  write(encoder.complete({ finish, usage, fullContent: "", tokenCount: steps, attempts: 1 }, true))
  return written
}

interface Pair {
  readonly client: ClientDialectName
  readonly channel: UpstreamDialectName
  readonly once: () => number
  /** CPU of each sample, in µs for each event. */
  readonly costs: Array<number>
}

const pairsOf = (kind: Kind): ReadonlyArray<Pair> =>
  clientDialectNames.flatMap((client) =>
    upstreamDialectNames.flatMap((channel): ReadonlyArray<Pair> => {
      const wire = wires[channel][kind]
      if (wire === undefined) return []
      const frames = framesOf(wire, kind)
      return [
        { client, channel, once: () => relay(clientDialects[client], upstreamDialects[channel], frames), costs: [] }
      ]
    })
  )

const sample = ({ channel, client, costs, once }: Pair, counts: boolean): void => {
  let written = 0
  const before = process.cpuUsage()
  for (let n = 0; n < answers; n++) written += once()
  const { system, user } = process.cpuUsage(before)
  if (written < steps * answers) throw new Error(`${client} over ${channel} has written nothing`)
  if (counts) costs.push((user + system) / (answers * steps))
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** Measures pairs in turns, sample by sample, so that what else the machine does disturbs all of them alike. */
const measure = async (pairs: ReadonlyArray<Pair>): Promise<void> => {
  for (let n = -unmeasured; n < samples; n++) {
    for (const pair of pairs) sample(pair, n >= 0)
    // What one has left behind is nobody else's.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/**
 * Prints a matrix for each kind of content: rows are what clients speak, columns what channels do; in each the CPU of an
 * event in µs, and how often that is what the same event costs from OpenAI's words to a client of OpenAI's. The figure is
 * the median of the samples, the ratio that of the samples' ratios.
 */
export const run = async (): Promise<void> => {
  for (const kind of kinds) {
    const pairs = pairsOf(kind)
    await measure(pairs)
    const base = pairs.find(({ channel, client }) => channel === "openai" && client === "openai")!
    const ratioOf = ({ costs }: Pair): number => median(costs.map((cost, n) => cost / base.costs[n]!))
    const cell = (pair: Pair): string => `${median(pair.costs).toFixed(2)} us  x ${ratioOf(pair).toFixed(2)}`
    const rows = clientDialectNames.map((client) => {
      const own = pairs.filter((pair) => pair.client === client)
      return [client, Object.fromEntries(own.map((pair) => [pair.channel, cell(pair)]))] as const
    })
    console.log(`\n${kind}`)
    console.table(Object.fromEntries(rows))
    const over = pairs.filter((pair) => ratioOf(pair) > goal).map(({ channel, client }) => `${client} over ${channel}`)
    console.log(`goal, at most x ${goal}: ${over.length === 0 ? "reached" : `not by ${over.join(", ")}`}`)
  }
}
