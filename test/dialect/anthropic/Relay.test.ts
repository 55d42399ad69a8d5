/**
 * The dialect in a whole relay, on virtual time: Anthropic's clients and channels, alone and beside OpenAI's.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import {
  data,
  end,
  fails,
  finish,
  head,
  layer as scripted,
  reset,
  says,
  type Script,
  ScriptedCalls,
  type Step,
  terminator,
  token
} from "../../support/rawUpstream.ts"
import {
  type AnswerRequest,
  anthropicClient,
  chatClient,
  type ClientDialect,
  clientDialects,
  openaiClient
} from "#src/dialect/index"
import { Journal } from "#src/journal/index"
import { attemptsHeader, Relay } from "#src/relay/index"
import { channel, options, passUntil, readerOf, relayOver } from "../../relay/virtual.ts"
import { readAnthropicMessage } from "../../support/decoders.ts"
import { least, messages, wholeOf } from "./kit.ts"

type Json = { readonly [field: string]: unknown }

const event = (type: string, fields: object = {}): Step =>
  data(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`)

const started = event("message_start", {
  message: { id: "msg_theirs", model: "theirs", content: [], usage: { input_tokens: 9, output_tokens: 1 } }
})
const block = (index: number, content_block: object): Step => event("content_block_start", { index, content_block })
const delta = (index: number, of: object): Step => event("content_block_delta", { index, delta: of })
const stopBlock = (index: number): Step => event("content_block_stop", { index })
const text = (said: string, index = 0): Step => delta(index, { type: "text_delta", text: said })
const ended = (reason = "end_turn"): ReadonlyArray<Step> => [
  event("message_delta", { delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: 8 } }),
  event("message_stop"),
  end
]

/** What an Anthropic upstream streams that says these texts. */
const speaks = (...texts: ReadonlyArray<string>): Script => [
  head(),
  started,
  block(0, { type: "text", text: "" }),
  ...texts.map((said) => text(said)),
  stopBlock(0),
  ...ended()
]

/** The same, broken off behind its texts. */
const breaks = (...texts: ReadonlyArray<string>): Script => [
  head(),
  started,
  block(0, { type: "text", text: "" }),
  ...texts.map((said) => text(said)),
  reset
]

const claude = channel("claude", { dialect: "anthropic", priority: 2 })
const other = channel("other", { dialect: "anthropic", priority: 1, modelMapping: [["m", "claude-opus-4-5"]] })
const gpt = channel("gpt", { priority: 1 })

const chat = (message: string): AnswerRequest =>
  Result.getOrThrow(
    chatClient.parse(
      { parameter: "", query: "", headers: {}, body: JSON.stringify({ message, model: "m" }) },
      { maxMessage: 2000, defaultModel: "m" }
    )
  )

/** Asks a relay, reads the answer to its end, and says what the upstreams were sent. */
const ask = (
  request: AnswerRequest,
  channels: ReadonlyArray<ReturnType<typeof channel>>,
  scripts: { readonly [channel: string]: ReadonlyArray<Script> }
) => {
  const addresses = Object.fromEntries(Object.entries(scripts).map(([id, list]) => [`http://${id}/v1`, list]))
  const services = relayOver(options(channels), scripted(addresses))
  return Effect.gen(function* () {
    const relay = yield* Relay
    const journal = yield* Journal
    const { calls } = yield* ScriptedCalls
    const dialect: ClientDialect = clientDialects[request.dialect]
    let reader: ReturnType<typeof readerOf> | undefined
    const answer = yield* relay.start(
      { request, dialect, requestId: "req_test", owner: "", group: "default", timeoutMillis: 300_000, leave: "detach" },
      ({ id }) => {
        reader = readerOf(journal, id, -1)
      }
    )
    yield* passUntil(() => answer.ended)
    yield* passUntil(() => reader!.terminals() > 0)
    const sent = calls().map(({ request }) => ({
      url: request.url,
      headers: request.headers,
      body: JSON.parse(request.body) as Json
    }))
    return { answer, text: reader!.text(), sent }
  }).pipe(Effect.provide(services))
}

/** Asks one channel, one request after the other, and says which bodies it was sent. */
const askInTurn = (requests: ReadonlyArray<AnswerRequest>, scripts: ReadonlyArray<Script>) =>
  Effect.gen(function* () {
    const relay = yield* Relay
    const { calls } = yield* ScriptedCalls
    for (const request of requests) {
      const dialect: ClientDialect = clientDialects[request.dialect]
      const begin = {
        request,
        dialect,
        requestId: "req_test",
        owner: "",
        group: "default",
        timeoutMillis: 300_000,
        leave: "detach"
      } as const
      const answer = yield* relay.start(begin, () => {})
      yield* passUntil(() => answer.ended)
      assert.strictEqual(answer.failure, undefined)
    }
    return calls().map(({ request }) => JSON.parse(request.body) as Json)
  }).pipe(Effect.provide(relayOver(options([claude]), scripted({ "http://claude/v1": scripts }))))

const messageOf = (read: string): Json => {
  const result = readAnthropicMessage(read)
  if (result._tag === "Thrown") throw new Error(JSON.stringify(result.error))
  return result.message
}

const chatOf = (read: string): Json => wholeOf(chatClient, read) as Json

describe("Anthropic's dialect in a relay", () => {
  it.effect("asks an Anthropic channel in its words, for its own client and for another", () =>
    Effect.gen(function* () {
      const own = yield* ask(messages({ ...least, stream: true }, { query: "beta=true" }), [claude], {
        claude: [speaks("Hel", "lo")]
      })
      assert.strictEqual(own.sent[0]!.url, "http://claude/v1/messages?beta=true")
      assert.include(own.sent[0]!.headers, { "x-api-key": "claude-key-0", "anthropic-version": "2023-06-01" })
      assert.notProperty(own.sent[0]!.headers, "authorization")
      assert.deepStrictEqual(own.sent[0]!.body, { ...least, stream: true })
      const message = messageOf(own.text)
      assert.deepStrictEqual(message["content"], [{ type: "text", text: "Hello" }])
      assert.deepStrictEqual(message["usage"], { input_tokens: 9, output_tokens: 8 })
      assert.strictEqual(message["id"], `msg_${own.answer.id}`)
      assert.strictEqual(message["model"], "m")

      const theirs = yield* ask(chat("Hi"), [claude], { claude: [speaks("Hel", "lo")] })
      assert.deepStrictEqual(theirs.sent[0]!.body, {
        model: "m",
        max_tokens: 8192,
        messages: [{ role: "user", content: "Hi" }],
        stream: true
      })
      assert.deepInclude(chatOf(theirs.text), { full_content: "Hello", finish_reason: "stop" })
    })
  )

  it.effect("has a channel's headers say another version", () =>
    Effect.gen(function* () {
      const pinned = { ...claude, headers: { "anthropic-version": "2026-10-21" } }
      const { sent } = yield* ask(chat("Hi"), [pinned], { claude: [speaks("Hello")] })
      assert.strictEqual(sent[0]!.headers["anthropic-version"], "2026-10-21")
    })
  )

  it.effect("answers from a channel that cannot stream, whose whole answer is read as events", () =>
    Effect.gen(function* () {
      const whole = { ...claude, stream: false }
      const body = { type: "message", content: [{ type: "text", text: "Hello" }], stop_reason: "end_turn", usage: {} }
      const { sent, text: read } = yield* ask(messages(least), [whole], { claude: [fails(200, body)] })
      assert.notProperty(sent[0]!.body, "stream")
      assert.deepStrictEqual(messageOf(read)["content"], [{ type: "text", text: "Hello" }])
      assert.deepStrictEqual(wholeOf(anthropicClient, read), messageOf(read))
    })
  )

  it.effect("goes on from an Anthropic channel to another, by prefill, without the white space at the end", () =>
    Effect.gen(function* () {
      const { sent, text: read } = yield* ask(messages({ ...least, stream: true }), [claude, other], {
        claude: [breaks("One", " two ")],
        other: [speaks(" three", " four")]
      })
      assert.deepStrictEqual(sent[1]!.body["messages"], [...least.messages, { role: "assistant", content: "One two" }])
      const message = messageOf(read)
      assert.deepStrictEqual(message["content"], [{ type: "text", text: "One two three four" }])
      // Everybody's output, and the first one's input.
      assert.deepStrictEqual(message["usage"], { input_tokens: 9, output_tokens: 10 })
    })
  )

  it.effect("goes on although it has thought: what was signed is over", () =>
    Effect.gen(function* () {
      const thinks: Script = [
        head(),
        started,
        block(0, { type: "thinking", thinking: "", signature: "" }),
        delta(0, { type: "thinking_delta", thinking: "Hm" }),
        delta(0, { type: "signature_delta", signature: "sig" }),
        stopBlock(0),
        block(1, { type: "text", text: "" }),
        text("One", 1),
        reset
      ]
      const thinksAgain: Script = [...thinks.slice(0, -2), text(" two", 1), text(" three", 1), stopBlock(1), ...ended()]
      const { text: read } = yield* ask(messages({ ...least, stream: true }), [claude, other], {
        claude: [thinks],
        other: [thinksAgain]
      })
      assert.deepStrictEqual(messageOf(read)["content"], [
        { type: "thinking", thinking: "Hm", signature: "sig" },
        { type: "text", text: "One two three" }
      ])
    })
  )

  it.effect("goes on from OpenAI to Anthropic and from Anthropic to OpenAI, whatever the client speaks", () =>
    Effect.gen(function* () {
      const openaiBreaks: Script = [head(), token("One"), token(" two"), reset]
      const openaiSpeaks: Script = [head(), token(" three"), finish(), terminator, end]
      const requests = [messages({ ...least, stream: true }), chat("Hi")]
      for (const request of requests) {
        const first = yield* ask(request, [claude, gpt], { claude: [breaks("One", " two")], gpt: [openaiSpeaks] })
        assert.strictEqual(textOf(request, first.text), "One two three")
      }
      const late = { ...claude, priority: 0 }
      const { sent, text: read } = yield* ask(chat("Hi"), [late, gpt], {
        gpt: [openaiBreaks],
        claude: [speaks(" three")]
      })
      assert.deepStrictEqual(sent[1]!.body["messages"], [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "One two" }
      ])
      assert.strictEqual(chatOf(read)["full_content"], "One two three")
    })
  )

  it.effect("asks for the rest in words where a model refuses the beginning of its own answer", () =>
    Effect.gen(function* () {
      const refuses = fails(400, {
        type: "error",
        error: {
          type: "invalid_request_error",
          message:
            "This model does not support assistant message prefill. The conversation must end with a user message."
        }
      })
      const { sent, text: read } = yield* ask(messages({ ...least, stream: true }), [claude, other], {
        claude: [breaks("One")],
        other: [refuses, speaks(" two")]
      })
      assert.strictEqual(textOf(messages(least), read), "One two")
      const last = sent[2]!.body["messages"] as ReadonlyArray<{ readonly role: string; readonly content: string }>
      assert.deepStrictEqual(
        last.map(({ role }) => role),
        ["user", "assistant", "user"]
      )
    })
  )

  it.effect("does not ask a model that is known to refuse it", () =>
    Effect.gen(function* () {
      const newest = { ...other, modelMapping: [["m", "claude-opus-5"]] as const }
      const { sent } = yield* ask(messages({ ...least, stream: true }), [claude, newest], {
        claude: [breaks("One")],
        other: [speaks(" two")]
      })
      const last = sent[1]!.body["messages"] as ReadonlyArray<{ readonly role: string }>
      assert.strictEqual(last.at(-1)!.role, "user")
    })
  )

  it.effect("is cut for good once a call was shown, and never looks whole", () =>
    Effect.gen(function* () {
      const calls: Script = [
        head(),
        started,
        block(0, { type: "tool_use", id: "t", name: "get", input: {} }),
        delta(0, { type: "input_json_delta", partial_json: '{"a"' }),
        end
      ]
      const { sent, text: read } = yield* ask(messages({ ...least, stream: true }), [claude, other], {
        claude: [calls],
        other: [speaks("never")]
      })
      assert.strictEqual(sent.length, 1)
      const result = readAnthropicMessage(read)
      assert.deepInclude(result, { _tag: "Thrown" })
      assert.include(read, '"error_code":"stream_truncated"')
      assert.notInclude(read, "message_stop")
    })
  )

  it.effect("leaves an overloaded upstream for another, before the first content and inside the stream", () =>
    Effect.gen(function* () {
      const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }
      for (const script of [fails(529, overloaded), [head(), started, event("error", overloaded)]]) {
        const { text: read } = yield* ask(messages({ ...least, stream: true }), [claude, other], {
          claude: [script],
          other: [speaks("Hello")]
        })
        assert.strictEqual(textOf(messages(least), read), "Hello")
      }
    })
  )

  it.effect("answers an Anthropic client from an OpenAI channel, with its usage estimated where none says it", () =>
    Effect.gen(function* () {
      const { text: read } = yield* ask(messages({ ...least, stream: true }), [gpt], {
        gpt: [says(["Hello", " you"])]
      })
      assert.strictEqual(textOf(messages(least), read), "Hello you")
      assert.deepStrictEqual(messageOf(read)["usage"], { input_tokens: 1, output_tokens: 3 })
      assert.strictEqual(messageOf(read)["stop_reason"], "end_turn")
    })
  )

  describe("what a channel does not take", () => {
    const openaiRequest = (fields: object): AnswerRequest =>
      Result.getOrThrow(
        openaiClient.parse(
          {
            parameter: "",
            query: "",
            headers: {},
            body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "Hi" }], ...fields })
          },
          { maxMessage: 0, defaultModel: "" }
        )
      )
    const refuses = (message: string): Script =>
      fails(400, { type: "error", error: { type: "invalid_request_error", message } })

    it.effect("ends a request that no channel has words for, with the fields", () =>
      Effect.gen(function* () {
        const { answer, sent } = yield* ask(openaiRequest({ x_unknown: 1, logprobs: true }), [claude, other], {
          claude: [speaks("never")],
          other: [speaks("never")]
        })
        assert.deepStrictEqual(sent, [])
        const { failure, trail } = answer
        assert(failure?._tag === "ConvertRequestFailed")
        assert.match(failure.message, /logprobs/)
        assert.match(failure.message, /x_unknown/)
        assert.deepStrictEqual(failure.details?.map(({ field }) => field).toSorted(), ["logprobs", "x_unknown"])
        assert.deepStrictEqual(
          trail.map(({ attempt, channel, code, fields }) => [attempt, channel, code, fields?.toSorted()]),
          [
            [0, "claude", "convert_request_failed", ["logprobs", "x_unknown"]],
            [0, "other", "convert_request_failed", ["logprobs", "x_unknown"]]
          ]
        )
      })
    )

    it.effect("passes over a channel without words, whatever its priority", () =>
      Effect.gen(function* () {
        const { answer, sent } = yield* ask(openaiRequest({ x_unknown: 1 }), [claude, gpt], {
          claude: [speaks("never")],
          gpt: [says(["Hello"])]
        })
        assert.deepStrictEqual(
          sent.map(({ body }) => body["x_unknown"]),
          [1]
        )
        assert.strictEqual(attemptsHeader(answer.trail), "gpt=200")
        assert.deepStrictEqual(
          answer.trail.map(({ attempt, channel }) => [attempt, channel]),
          [
            [0, "claude"],
            [1, "gpt"]
          ]
        )
      })
    )

    it.effect("asks a channel of `onUnsupported: drop` without the fields, and tells", () =>
      Effect.gen(function* () {
        const { answer, sent } = yield* ask(
          openaiRequest({ x_unknown: 1 }),
          [channel("claude", { dialect: "anthropic", onUnsupported: "drop" })],
          { claude: [speaks("Hello")] }
        )
        assert.strictEqual("x_unknown" in sent[0]!.body, false)
        assert.deepStrictEqual(answer.dropped, ["x_unknown"])
        assert.deepStrictEqual(
          answer.trail.map(({ attempt, fields }) => [attempt, fields]),
          [[1, ["x_unknown"]]]
        )
      })
    )

    it.effect("drops a hint that the target refuses, asks again at once, and remembers it", () =>
      Effect.gen(function* () {
        const {
          answer,
          sent,
          text: read
        } = yield* ask(openaiRequest({ temperature: 0.5, top_p: 0.9 }), [channel("claude", { dialect: "anthropic" })], {
          claude: [
            refuses("`temperature` is deprecated for this model."),
            refuses("top_p: Extra inputs are not permitted"),
            speaks("Hello")
          ]
        })
        assert.strictEqual(answer.failure, undefined)
        assert.match(read, /Hello/)
        assert.deepStrictEqual(
          sent.map(({ body }) => ["temperature" in body, "top_p" in body]),
          [
            [true, true],
            [false, true],
            [false, false]
          ]
        )
        assert.deepStrictEqual(answer.dropped.toSorted(), ["temperature", "top_p"])
        assert.strictEqual(answer.attempts, 1)
      })
    )

    it.effect("takes nothing away from an Anthropic client for what another one's was refused", () =>
      Effect.gen(function* () {
        const sent = yield* askInTurn(
          [openaiRequest({ temperature: 0.5 }), messages({ ...least, temperature: 0.5 })],
          [refuses("temperature: Extra inputs are not permitted"), speaks("Hello"), speaks("Hello")]
        )
        assert.deepStrictEqual(
          sent.map((body) => body["temperature"]),
          [0.5, undefined, 0.5]
        )
      })
    )

    it.effect("takes each of two hints again that were refused together", () =>
      Effect.gen(function* () {
        const both = "`temperature` and `top_p` cannot both be specified for this model"
        const sent = yield* askInTurn(
          [openaiRequest({ temperature: 0.5, top_p: 0.9 }), openaiRequest({ temperature: 0.5 })],
          [refuses(both), speaks("Hello"), speaks("Hello")]
        )
        assert.deepStrictEqual(
          sent.map((body) => [body["temperature"], body["top_p"]]),
          [
            [0.5, 0.9],
            [undefined, 0.9],
            [0.5, undefined]
          ]
        )
      })
    )

    it.effect("leaves what an Anthropic client says to Anthropic", () =>
      Effect.gen(function* () {
        const { answer, sent } = yield* ask(messages({ ...least, temperature: 0.5 }), [claude], {
          claude: [refuses("temperature: Extra inputs are not permitted")]
        })
        assert.strictEqual(sent.length, 1)
        assert.strictEqual(answer.failure?._tag, "InvalidRequest")
      })
    )
  })
})

const textOf = (request: AnswerRequest, read: string): unknown => {
  if (request.dialect === "chat") return chatOf(read)["full_content"]
  const content = messageOf(read)["content"] as ReadonlyArray<{ readonly text?: string }>
  assert.strictEqual(content.length, 1)
  return content[0]!.text
}
