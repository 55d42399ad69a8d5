/**
 * A conversation on `/chat` that ends with words of the assistant: the answer is what comes behind them, and its first attempt
 * goes on from them as a broken answer is gone on from.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ContextLengthExceeded, InvalidRequest, PromptBlocked, UpstreamOverloaded } from "effect-resilience/errors"
import { Script } from "effect-resilience/testing"
import { JournalStoreMemory } from "#src/journal/index"
import { channel, wholeText } from "../virtual.ts"
import { ask, judge, type Life, type LifeOptions, recordOf, startLife, type Upstreams, virtually } from "./lives.ts"

const given = wholeText.slice(0, 60)
const rest = wholeText.slice(given.length)

const asks = {
  body: {
    message: undefined,
    messages: [
      { role: "user", content: "hello" },
      { role: "assistant", content: given }
    ]
  }
} as const

const good = Script.answer(wholeText.match(/.{1,9}/gs)!).pipe(Script.usage("none"), Script.every(50))
const anew = Script.continuing(good, { prefill: "anew" })
const stubborn = Script.continuing(good, { prefill: Script.prefillRefused })
const silent = Script.answer([]).pipe(Script.usage("none"))
const saysNothing = Script.continuing(good, { prefill: silent, message: silent })
const invalid = Script.failure(400, new InvalidRequest({ message: "temperature is too high" }))

const data = (payload: { readonly data: string } | undefined) =>
  JSON.parse(payload?.data ?? "{}") as { readonly [field: string]: unknown }

const modes = (life: Life): ReadonlyArray<string> =>
  life.calls().map(({ goesOn, url }) => `${new URL(url).hostname} ${goesOn?.mode ?? "begins"}`)

const partials = (life: Life): ReadonlyArray<string | undefined> => life.calls().map(({ goesOn }) => goesOn?.partial)

/** What a stream says in the end. */
const ended = Effect.fnUntraced(function* (life: Life, id: string, name: "chat" | "openai" = "chat") {
  for (let passed = 0; passed < 120_000 && (yield* recordOf(life, id)).endedAt === null; passed += 25) {
    yield* TestClock.adjust(25)
  }
  return judge(name, id, (yield* life.journal.frames(id, -1)).join(""))
})

/** One relay, asked once. */
const asked = Effect.fnUntraced(function* (upstreams: Upstreams, more: Partial<LifeOptions> = {}) {
  const life = yield* startLife(yield* JournalStoreMemory.place, { upstreams, ...more })
  const { id } = yield* ask(life, asks)
  const said = yield* ended(life, id)
  return { life, ...said, names: said.payloads.map(({ event }) => event ?? "message"), last: data(said.end) }
})

/** A relay that is killed when an answer has shown so much, or has asked, and the one after it. */
const killed = Effect.fnUntraced(function* (first: Upstreams, then: Upstreams, millis: number) {
  const place = yield* JournalStoreMemory.place
  const before = yield* startLife(place, { upstreams: first })
  const { id, reader } = yield* ask(before, asks)
  for (let passed = 0; passed < millis; passed += 25) yield* TestClock.adjust(25)
  yield* before.kill
  const shown = judge("chat", id, reader.text()).text
  const life = yield* startLife(place, { upstreams: then })
  return { life, shown, ...(yield* ended(life, id)) }
})

describe("the assistant's last words are gone on from", () => {
  const ways: ReadonlyArray<
    readonly [what: string, upstreams: Upstreams, more: Partial<LifeOptions>, asked: ReadonlyArray<string>]
  > = [
    ["as the beginning of its answer", { a: { scripts: [good] } }, {}, ["a prefill"]],
    ["by a message, where it begins anew", { a: { scripts: [anew] } }, {}, ["a prefill", "a message"]],
    ["by a message, where it takes no prefill", { a: { scripts: [stubborn] } }, {}, ["a prefill", "a message"]],
    [
      "by a message, where its channel says so",
      { a: { scripts: [stubborn] } },
      { channels: [channel("a", { continuation: "message" })] },
      ["a message"]
    ],
    ["by a message, of a Responses channel", { a: { dialect: "responses", scripts: [good] } }, {}, ["a message"]],
    ["as its beginning, of an Anthropic channel", { a: { dialect: "anthropic", scripts: [good] } }, {}, ["a prefill"]],
    [
      "as its beginning, where its channel goes on by tokens",
      { a: { dialect: "gemini", scripts: [good] } },
      { channels: [channel("a", { dialect: "gemini", continuation: "token" })] },
      ["a prefill"]
    ],
    [
      "by a channel that does not stream",
      { a: { scripts: [anew] } },
      { channels: [channel("a", { stream: false })] },
      ["a prefill", "a message"]
    ],
    [
      "by another channel, where one goes on in no way",
      { a: { scripts: [good] }, b: { scripts: [good] } },
      { channels: [channel("a", { priority: 1, continuation: "none" }), channel("b")] },
      ["b prefill"]
    ],
    [
      "although nothing is recovered",
      { a: { scripts: [anew] } },
      { settings: { recovery: { mode: "off" } } },
      ["a prefill", "a message"]
    ]
  ]
  it.each(ways)("%s", (_what, upstreams, more, calls) =>
    virtually(
      Effect.gen(function* () {
        const { last, life, names, state, text } = yield* asked(upstreams, more)
        assert.deepStrictEqual([state, text], ["whole", rest])
        assert.deepStrictEqual(modes(life), calls)
        assert.deepStrictEqual([...new Set(partials(life))], [given])
        // What is refused is not told of: nothing was shown, and nobody else was asked.
        assert.deepStrictEqual([...new Set(names)], ["init", "message", "done"])
        assert.deepInclude(last, {
          full_content: rest,
          attempts: calls.length,
          token_count: names.filter((name) => name === "message").length
        })
      })
    )
  )

  it("by another channel when one has refused each of its ways: an attempt, which the client is told of", () =>
    virtually(
      Effect.gen(function* () {
        const refusing = Script.continuing(good, { prefill: Script.prefillRefused, message: silent })
        const { life, payloads, state, text } = yield* asked({ a: { scripts: [refusing] }, b: { scripts: [good] } })
        assert.deepStrictEqual([state, text], ["whole", rest])
        assert.deepStrictEqual(modes(life), ["a prefill", "a message", "b prefill"])
        assert.deepInclude(data(payloads[1]), { attempt: 3, reason: "empty_response", from: "a", to: "b" })
      })
    ))

  it("what a target does not take is known to the next request", () =>
    virtually(
      Effect.gen(function* () {
        const { life } = yield* asked({ a: { scripts: [stubborn] } })
        const again = yield* ask(life, asks)
        assert.strictEqual((yield* ended(life, again.id)).text, rest)
        assert.deepStrictEqual(modes(life).slice(2), ["a message"])
      })
    ))

  it("several of them are one text", () =>
    virtually(
      Effect.gen(function* () {
        const life = yield* startLife(yield* JournalStoreMemory.place, { upstreams: { a: { scripts: [anew] } } })
        const [user] = asks.body.messages
        const halves = [given.slice(0, 30), given.slice(30)].map((content) => ({ role: "assistant", content }))
        const { id } = yield* ask(life, { body: { message: undefined, messages: [user, ...halves] } })
        assert.strictEqual((yield* ended(life, id)).text, rest)
        assert.deepStrictEqual(partials(life), [given, given])
      })
    ))

  it.each([
    ["openai", { max_tokens: 20 }],
    ["responses", { max_output_tokens: 20 }],
    ["anthropic", { max_tokens: 20 }],
    ["gemini", { generationConfig: { maxOutputTokens: 20 } }]
  ] as const)("they have spent nothing of what %s may spend", (dialect, params) =>
    virtually(
      Effect.gen(function* () {
        const { life } = yield* asked(
          { a: { dialect, scripts: [good] } },
          { channels: [channel("a", { dialect, params })] }
        )
        assert.deepInclude(JSON.parse(life.calls()[0]!.body), params)
      })
    )
  )

  it("what is said again at the seam is cut, and no part of the usage", () =>
    virtually(
      Effect.gen(function* () {
        const all = Script.answer(wholeText.match(/.{1,9}/gs)!).pipe(
          Script.usage({ inputTokens: 100, outputTokens: 600 })
        )
        const repeats = Script.continuing(good, { message: Script.continuing(all, { message: "anew" }) })
        const { last, text } = yield* asked(
          { a: { scripts: [repeats] } },
          { channels: [channel("a", { continuation: "message" })] }
        )
        assert.strictEqual(text, rest)
        const { input_tokens, output_tokens } = last["usage"] as { readonly [name: string]: number }
        assert.strictEqual(input_tokens, 100)
        assert.approximately(output_tokens!, (600 * rest.length) / wholeText.length, 30)
      })
    ))

  it("a target that writes them again and no more has nothing new to say", () =>
    virtually(
      Effect.gen(function* () {
        const same = Script.answer([given]).pipe(Script.usage("none"))
        const { last, names, state } = yield* asked(
          { a: { scripts: [Script.continuing(good, { message: Script.continuing(same, { message: "anew" }) })] } },
          { channels: [channel("a", { continuation: "message" })] }
        )
        assert.deepStrictEqual([state, names], ["whole", ["init", "done"]])
        assert.deepInclude(last, { full_content: "", token_count: 0, finish_reason: "stop" })
      })
    ))

  it("other routes give them to the upstream as they are", () =>
    virtually(
      Effect.gen(function* () {
        const life = yield* startLife(yield* JournalStoreMemory.place, { upstreams: { a: { scripts: [anew] } } })
        const { id } = yield* ask(life, { dialect: "openai", body: { messages: asks.body.messages } })
        assert.strictEqual((yield* ended(life, id, "openai")).text, wholeText)
        assert.deepStrictEqual(modes(life), ["a prefill"])
      })
    ))
})

describe("an answer that goes on from them breaks", () => {
  it("who goes on has them, and what was shown; only what was shown is told", () =>
    virtually(
      Effect.gen(function* () {
        const { last, life, payloads, state, text } = yield* asked({
          a: { scripts: [good.pipe(Script.cutAfter(5, "reset"))] },
          b: { scripts: [anew] }
        })
        assert.deepStrictEqual([state, text], ["whole", rest])
        assert.deepStrictEqual(modes(life), ["a prefill", "b prefill", "b message"])
        const failover = data(payloads.find(({ event }) => event === "failover"))
        const shown = partials(life)[1]!.slice(given.length)
        assert.isAbove(shown.length, 0)
        assert.deepInclude(failover, { from: "a", to: "b", offset: shown.length, dropped: 0 })
        assert.deepInclude(last, { full_content: rest, attempts: 3 })
      })
    ))

  it("before the first word: an attempt replaces it, in the same way", () =>
    virtually(
      Effect.gen(function* () {
        const overloaded = Script.failure(503, new UpstreamOverloaded({}))
        const { life, names, text } = yield* asked({ a: { scripts: [overloaded] }, b: { scripts: [good] } })
        assert.strictEqual(text, rest)
        assert.deepStrictEqual(modes(life), ["a prefill", "a prefill", "b prefill"])
        assert.deepStrictEqual(names.slice(0, 4), ["init", "attempt", "attempt", "message"])
      })
    ))

  it("between its seam and its first word it is replaced unseen", () =>
    virtually(
      Effect.gen(function* () {
        // It has said all of it again, and nothing new.
        const repeats = Script.answer([given, Script.pause(10), "never said"]).pipe(Script.cutAfter(1, "reset"))
        const { life, names, text } = yield* asked(
          {
            a: { scripts: [Script.continuing(good, { message: Script.continuing(repeats, { message: "anew" }) })] },
            b: { scripts: [good] }
          },
          { channels: [channel("a", { priority: 1, continuation: "message" }), channel("b")] }
        )
        assert.strictEqual(text, rest)
        assert.notInclude(names, "failover")
        assert.deepStrictEqual(modes(life).at(-1), "b prefill")
      })
    ))

  it("its partial is what was new, where nothing is recovered", () =>
    virtually(
      Effect.gen(function* () {
        const { last, state, text } = yield* asked(
          { a: { scripts: [good.pipe(Script.cutAfter(5, "reset"))] }, b: { scripts: [good] } },
          { settings: { recovery: { mode: "off" } } }
        )
        assert.strictEqual(state, "error")
        assert.isTrue(rest.startsWith(text))
        assert.deepInclude(last, { partial_content: text, partial_length: text.length, recoverable: true })
      })
    ))

  it("its relay is killed: the next one goes on from both, and neither is shown again", () =>
    virtually(
      Effect.gen(function* () {
        const { life, payloads, shown, state, text } = yield* killed(
          { a: { scripts: [good] } },
          { a: { scripts: [anew] } },
          500
        )
        assert.isAbove(shown.length, 0)
        assert.deepStrictEqual([state, text], ["whole", rest])
        assert.deepStrictEqual(modes(life), ["a prefill", "a message"])
        assert.deepStrictEqual(partials(life), [given + shown, given + shown])
        const failover = data(payloads.find(({ event }) => event === "failover"))
        assert.deepInclude(failover, { reason: "writer_lost", offset: shown.length })
        assert.deepInclude(data(payloads.at(-1)), { full_content: rest })
      })
    ))

  it("its relay is killed before the first word: the next one goes on from them", () =>
    virtually(
      Effect.gen(function* () {
        const { life, shown, state, text } = yield* killed(
          { a: { scripts: [Script.silence] } },
          { a: { scripts: [anew] } },
          500
        )
        assert.strictEqual(shown, "")
        assert.deepStrictEqual([state, text], ["whole", rest])
        assert.deepStrictEqual(partials(life), [given, given])
      })
    ))
})

describe("nobody goes on from them: the error is", () => {
  const failing: ReadonlyArray<
    readonly [
      what: string,
      script: Script.Script,
      continuation: "auto" | "prefill" | "message" | "none",
      code: string,
      asked: ReadonlyArray<string>
    ]
  > = [
    ["the refusal, where the mode is refused", stubborn, "prefill", "invalid_request", ["a prefill"]],
    ["bad_response, where it is begun anew", anew, "prefill", "bad_response", ["a prefill"]],
    ["empty_response, where nothing is said", saysNothing, "auto", "empty_response", ["a prefill", "a message"]],
    ["get_channel_failed, where no channel goes on", good, "none", "get_channel_failed", []],
    ["what is wrong with the request", invalid, "auto", "invalid_request", ["a prefill", "a message"]],
    [
      "that it is too long",
      Script.failure(400, new ContextLengthExceeded({})),
      "auto",
      "context_length_exceeded",
      ["a prefill"]
    ],
    ["that it is blocked", Script.failure(400, new PromptBlocked({})), "auto", "prompt_blocked", ["a prefill"]]
  ]
  it.each(failing)("%s", (_what, script, continuation, code, calls) =>
    virtually(
      Effect.gen(function* () {
        const { last, life, state, text } = yield* asked(
          { a: { scripts: [script] } },
          { channels: [channel("a", { continuation })] }
        )
        assert.deepStrictEqual([state, text], ["error", ""])
        assert.deepInclude(last, { code, partial_content: "", partial_length: 0 })
        assert.deepStrictEqual(modes(life), calls)
      })
    )
  )

  it("what is wrong with the request is told at once, and is no word against the mode", () =>
    virtually(
      Effect.gen(function* () {
        const { last, life } = yield* asked({ a: { scripts: [invalid, invalid, good] }, b: { scripts: [good] } })
        assert.deepInclude(last, { code: "invalid_request", recoverable: false })
        assert.deepStrictEqual(modes(life), ["a prefill", "a message"])
        const again = yield* ask(life, asks)
        assert.strictEqual((yield* ended(life, again.id)).text, rest)
        assert.deepStrictEqual(modes(life).slice(2), ["a prefill"])
      })
    ))
})
