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

/** Events that bring text, of each answer. */
const texts = 300

/** Answers of one sample, samples of each pair, and those before them that are not counted. */
const answers = 20
const samples = 41
const unmeasured = 8

/** What crossing may cost, beside OpenAI's words to a client of OpenAI's. */
const goal = 1.6

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

const item = { item_id: "msg_68c1f3", output_index: 0, content_index: 0 }
const response = (status: string): JsonObject => ({ id: "resp_68c1f3", object: "response", status, output: [] })

const candidate = (more: JsonObject): JsonObject => ({
  candidates: [{ index: 0, ...more }],
  usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 9, totalTokenCount: 18 },
  modelVersion: "gemini-2.5-pro",
  responseId: "mNnJaKqzKYe4"
})

/** What upstreams stream, as they write it. */
const wires: { readonly [D in UpstreamDialectName]: Wire } = {
  openai: {
    open: [chunk({ delta: { role: "assistant", content: "", refusal: null } })],
    say: (content) => chunk({ delta: { content } }),
    close: [chunk({ delta: {}, finish_reason: "stop" })]
  },
  responses: {
    open: [
      { type: "response.created", response: response("in_progress") },
      { type: "response.output_item.added", output_index: 0, item: { id: item.item_id, type: "message", content: [] } },
      { type: "response.content_part.added", ...item, part: { type: "output_text", text: "", annotations: [] } }
    ],
    say: (delta) => ({ type: "response.output_text.delta", sequence_number: 4, ...item, delta, logprobs: [] }),
    close: [{ type: "response.completed", response: response("completed") }]
  },
  anthropic: {
    open: [
      {
        type: "message_start",
        message: { id: "msg_01", type: "message", role: "assistant", content: [], usage: { input_tokens: 9 } }
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }
    ],
    say: (text) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }),
    close: [
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 300 } },
      { type: "message_stop" }
    ]
  },
  gemini: {
    open: [],
    say: (text) => candidate({ content: { role: "model", parts: [{ text }] } }),
    close: [candidate({ content: { role: "model", parts: [{ text: "" }] }, finishReason: "STOP" })]
  }
}

const framesOf = ({ close, open, say }: Wire): ReadonlyArray<Frame> => {
  const said = Array.from({ length: texts }, (_, n) => say(n % 7 === 0 ? `, "word" ${n}` : ` word ${n}`))
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
  let seq = 0
  let written = 0
  let begun = false
  const write = (payloads: ReturnType<typeof encoder.delta>): void => {
    for (const payload of payloads) written += client.frame(payload, `${identity.streamId}.${seq++}`).length
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
  write(encoder.complete({ finish, usage, fullContent: "", tokenCount: texts, attempts: 1 }, true))
  return written
}

interface Pair {
  readonly client: ClientDialectName
  readonly channel: UpstreamDialectName
  readonly once: () => number
  /** CPU of each sample, in µs for each event. */
  readonly costs: Array<number>
}

const pairOf = (client: ClientDialectName, channel: UpstreamDialectName): Pair => {
  const frames = framesOf(wires[channel])
  return { client, channel, once: () => relay(clientDialects[client], upstreamDialects[channel], frames), costs: [] }
}

const sample = ({ costs, once }: Pair, counts: boolean): void => {
  let written = 0
  const before = process.cpuUsage()
  for (let n = 0; n < answers; n++) written += once()
  const { system, user } = process.cpuUsage(before)
  if (written < texts * answers * 10) throw new Error("nothing was written")
  if (counts) costs.push((user + system) / (answers * texts))
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/**
 * Prints a matrix: rows are what clients speak, columns what channels do; in each the CPU of an event in µs, and how often
 * that is what OpenAI's words to a client of OpenAI's cost. The pairs take turns, sample by sample, so that what else the
 * machine does disturbs all of them alike; the figure is the median of the samples, the ratio that of the samples' ratios.
 */
export const run = async (): Promise<void> => {
  const pairs = clientDialectNames.flatMap((client) => upstreamDialectNames.map((channel) => pairOf(client, channel)))
  const base = pairs.find(({ channel, client }) => channel === "openai" && client === "openai")!
  for (let n = -unmeasured; n < samples; n++) {
    for (const pair of pairs) sample(pair, n >= 0)
    // What one has left behind is nobody else's.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const ratioOf = ({ costs }: Pair): number => median(costs.map((cost, n) => cost / base.costs[n]!))
  const cell = (pair: Pair): string => `${median(pair.costs).toFixed(2)} us  x ${ratioOf(pair).toFixed(2)}`
  console.table(
    Object.fromEntries(
      clientDialectNames.map((client) => [
        client,
        Object.fromEntries(pairs.filter((pair) => pair.client === client).map((pair) => [pair.channel, cell(pair)]))
      ])
    )
  )
  const over = pairs.filter((pair) => ratioOf(pair) > goal)
  const named = over.map(({ channel, client }) => `${client} over ${channel}`)
  console.log(`goal, at most x ${goal}: ${over.length === 0 ? "reached" : `not by ${named.join(", ")}`}`)
}
