/**
 * What a client is written is on a single line, whatever an upstream says: nothing of it can end its event's data, or
 * forge a field of the next one. The relay writes it without looking.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type Payload, clientDialects, nothing, type UpstreamDialectName, upstreamDialects } from "#src/dialect/index"
import { UpstreamOverloaded } from "effect-resilience/errors"
import { Machine } from "#src/relay/Machine"

const hostile = fc
  .array(
    fc.constantFrom("\n", "\r", "\0", "\r\n\r\n", "data: x", "id: 1", "\u2028", '"', "\\n", "word", "é", "\ud83d"),
    {
      maxLength: 5
    }
  )
  .map((parts) => parts.join(""))

/** Values that upstreams put everywhere, with hostile text in names and values. */
const odd = (depth: number): fc.Arbitrary<unknown> =>
  depth === 0
    ? fc.oneof(hostile, fc.integer(), fc.constant(null))
    : fc.oneof(
        hostile,
        fc.array(odd(depth - 1), { maxLength: 2 }),
        fc.dictionary(hostile, odd(depth - 1), { maxKeys: 2 })
      )

/** Events of each upstream that say something of every kind. */
const said: {
  readonly [D in UpstreamDialectName]?: (text: string, more: unknown) => ReadonlyArray<[string, unknown]>
} = {
  openai: (text, more) => [
    [
      "message",
      {
        id: text,
        model: text,
        system_fingerprint: text,
        more,
        choices: [{ index: 0, delta: { role: "assistant", content: text, reasoning_content: text, more }, more }]
      }
    ],
    [
      "message",
      {
        choices: [
          {
            index: 0,
            delta: {
              tool_calls: [{ index: 0, id: text, type: "function", function: { name: text, arguments: text } }]
            },
            finish_reason: text
          }
        ],
        usage: { prompt_tokens: 1, completion_tokens: 2, more }
      }
    ]
  ],
  anthropic: (text, more) => [
    ["message_start", { type: "message_start", message: { id: text, model: text, usage: { input_tokens: 1 }, more } }],
    ["content_block_start", { type: "content_block_start", index: 0, content_block: { type: "text", text, more } }],
    ["content_block_delta", { type: "content_block_delta", index: 0, delta: { type: "text_delta", text, more } }],
    [
      "content_block_start",
      { type: "content_block_start", index: 1, content_block: { type: text, id: text, name: text, input: {}, more } }
    ],
    ["content_block_delta", { type: "content_block_delta", index: 1, delta: { type: text, partial_json: text, more } }],
    [text, { type: text, more }],
    [
      "message_delta",
      { type: "message_delta", delta: { stop_reason: text, stop_sequence: text }, usage: { output_tokens: 1 } }
    ]
  ],
  gemini: (text, more) => [
    [
      "message",
      {
        responseId: text,
        modelVersion: text,
        more,
        candidates: [
          {
            content: {
              role: "model",
              parts: [
                { text, thoughtSignature: text },
                { text, thought: true },
                { functionCall: { name: text, args: { [text]: more } } },
                { more }
              ]
            },
            finishReason: text
          }
        ]
      }
    ]
  ],
  responses: (text, more) => [
    ["response.created", { type: "response.created", response: { id: text, model: text, more } }],
    [
      "response.output_item.added",
      { type: "response.output_item.added", output_index: 0, item: { id: text, type: "message", more } }
    ],
    [
      "response.output_text.delta",
      { type: "response.output_text.delta", output_index: 0, content_index: 0, item_id: text, delta: text, more }
    ],
    [text, { type: text, delta: text, more }],
    [
      "response.output_item.done",
      {
        type: "response.output_item.done",
        output_index: 1,
        item: { id: text, type: text, name: text, arguments: text, more }
      }
    ]
  ]
}

/** As an upstream may print it: on several lines, with a number that no double holds. */
const writtenBy = (data: unknown, lines: boolean): string =>
  JSON.stringify(data, undefined, lines ? 1 : undefined).replace("{", '{"big":9007199254740993,')

const identity = { requestId: "req", streamId: "A".repeat(22), createdAt: 0, includeUsage: true, debug: true }
const usage = { inputTokens: 1, outputTokens: 1, estimated: true }

describe("what is written of an answer", () => {
  for (const client of Object.values(clientDialects)) {
    for (const [name, events] of Object.entries(said)) {
      it(`is on one line: ${name} to ${client.name}`, () => {
        let written = 0
        fc.assert(
          fc.property(hostile, hostile, odd(2), fc.boolean(), (text, other, more, breaks) => {
            const payloads: Array<Payload> = []
            const encoder = client.encoder(identity)
            payloads.push(...encoder.open(other))
            payloads.push(
              ...encoder.attempt({ attempt: 2, maxAttempts: 3, delayMillis: 1, reason: text, from: other, to: text })
            )
            const machine = new Machine({
              encoder,
              choices: 1,
              inputEstimate: () => 11,
              output: { show: (shown) => payloads.push(...shown), onCommit: () => {}, onSeam: () => {} }
            })
            machine.begin(other)
            const decoder = upstreamDialects[name as UpstreamDialectName].decoder({
              body: "",
              dropped: [],
              names: undefined
            })
            for (const [event, data] of events(text, more)) machine.step(decoder.step(event, writtenBy(data, breaks)))
            machine.step({ ...nothing, text: other })
            payloads.push(
              ...encoder.failover({
                from: text,
                to: other,
                reason: "stream_broken",
                seam: "exact",
                offset: 0,
                dropped: 0
              })
            )
            const error = new UpstreamOverloaded({
              message: text,
              upstream: { status: 500, message: other, code: text }
            })
            if (breaks) payloads.push(...encoder.fail({ error, partial: text + other, retryAfterMillis: 1 }))
            else {
              const finish = { reason: "unknown", native: text, from: "openai" } as const
              payloads.push(
                ...encoder.complete({ finish, usage, fullContent: text, tokenCount: 1, attempts: 1 }, false)
              )
            }
            written += payloads.length
            const frames = client.frames(identity.streamId)
            for (const [seq, payload] of payloads.entries()) {
              assert.notMatch(payload.data, /[\r\n\0]/)
              assert.notMatch(payload.event ?? "", /[\r\n\0]/)
              assert.include(frames(payload, seq), `id: ${identity.streamId}.${seq}\n`)
            }
          }),
          { numRuns: 150 }
        )
        assert.isAbove(written, 300)
      })
    }
  }
})
