import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Schema, Stream } from "effect"
import { AiError, LanguageModel, Model, type Response, ResponseIdTracker, Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { ResilientLanguageModel, toAiError } from "effect-resilience/ai"
import { blameOf, UpstreamOverloaded } from "effect-resilience/errors"
import { CircuitBreaker, Failures, PolicyTelemetry, RetrySchedule } from "effect-resilience/policy"
import {
  aiError,
  badKey,
  broken,
  cut,
  down,
  finish,
  parts,
  read,
  says,
  streamed,
  text,
  textOf,
  usage,
  whole
} from "./kit.ts"

const generate = LanguageModel.generateText({ prompt: "Hello" }).pipe(Effect.map((response) => response.text))

const immediate = { attempts: 3, schedule: RetrySchedule.immediate }

describe("retry", () => {
  it.effect("asks all models anew, but none whose key was refused", () =>
    Effect.gen(function* () {
      const primary = whole(Effect.fail(badKey))
      const backup = whole(Effect.fail(down), Effect.fail(down), says("third"))
      const answer = yield* generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer], { retry: immediate }))
      )
      assert.strictEqual(answer, "third")
      assert.deepStrictEqual([primary.asked.length, backup.asked.length], [1, 3])
    })
  )

  /** Asks where the only model fails so at first: after 6 seconds it was asked once, and after `rest` once more. */
  const waits = Effect.fnUntraced(function* (error: AiError.AiError, rest: Duration.Input) {
    const only = whole(Effect.fail(error), says("at last"))
    const fiber = yield* generate.pipe(
      Effect.provide(ResilientLanguageModel.layer([only.layer], { retry: { attempts: 2 } })),
      Effect.forkChild
    )
    yield* TestClock.adjust("6 seconds")
    assert.lengthOf(only.asked, 1)
    yield* TestClock.adjust(rest)
    assert.strictEqual(yield* Fiber.join(fiber), "at last")
  })

  it.effect("waits as long as a rate limit asks for", () =>
    waits(aiError(new AiError.RateLimitError({ retryAfter: Duration.seconds(7) })), "25 seconds")
  )

  it.effect("waits as long as any failure asks for, also where an AiError has no word for that", () =>
    Effect.gen(function* () {
      const busy = toAiError(new UpstreamOverloaded({ retryAfterMillis: 7000 }), {
        module: "Busy",
        method: "generateText"
      })
      assert.strictEqual(Failures.retryAfterMillisOf(busy), 7000)
      yield* waits(busy, "1 second")
    })
  )

  it.effect("gives up with the model's own error, and its type", () =>
    Effect.gen(function* () {
      const only = whole(Effect.fail(down))
      const failed: Effect.Effect<string, AiError.AiError> = generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([only.layer], { retry: immediate }))
      )
      const caught = yield* Effect.flip(failed.pipe(Effect.catchTag("AiError", Effect.fail)))
      assert.strictEqual(caught, down)
      assert.lengthOf(only.asked, 3)
    })
  )

  it.effect("is of the failure that it may help with, whichever came last", () =>
    Effect.gen(function* () {
      const primary = whole(Effect.fail(down), says("second"))
      const backup = whole(Effect.fail(badKey))
      const answer = yield* generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer], { retry: immediate }))
      )
      assert.strictEqual(answer, "second")
      assert.lengthOf(backup.asked, 1)
    })
  )

  it.effect("of a stream is for what nobody saw", () =>
    Effect.gen(function* () {
      const only = streamed(broken(down), broken(down, { type: "text-start", id: "0" }), parts(...text(["Hi"]), finish))
      const { error, seen } = yield* read("Hello").pipe(
        Effect.provide(ResilientLanguageModel.layer([only.layer], { retry: immediate }))
      )
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), "Hi")
      assert.lengthOf(only.asked, 3)
    })
  )
})

describe("breaker", () => {
  it.effect("leaves a model alone that fails, by its name", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.makeKeyed({ window: CircuitBreaker.consecutive(2) })
      const primary = whole(Effect.fail(down))
      const backup = whole(says("backup"))
      const layer = ResilientLanguageModel.layer(
        [Model.make("openai", "gpt-5", primary.layer), Model.make("openai", "gpt-5", backup.layer)],
        { breaker }
      )
      yield* generate.pipe(Effect.repeat({ times: 3 }), Effect.provide(layer))
      assert.deepStrictEqual([primary.asked.length, backup.asked.length], [2, 4])
      const [first, second] = yield* Effect.all([
        CircuitBreaker.state(breaker.get("openai/gpt-5")),
        CircuitBreaker.state(breaker.get("openai/gpt-5 (2)"))
      ])
      assert.deepStrictEqual([first._tag, second._tag], ["Open", "Closed"])
    })
  )

  it.effect("that is open for all models is an AiError, and says whose fault it is", () =>
    Effect.gen(function* () {
      const only = whole(Effect.fail(down))
      const layer = ResilientLanguageModel.layer([only.layer], { breaker: { window: CircuitBreaker.consecutive(1) } })
      const errors = yield* Effect.all([Effect.flip(generate), Effect.flip(generate)]).pipe(Effect.provide(layer))
      assert.strictEqual(errors[0], down)
      assert.isTrue(AiError.isAiError(errors[1]))
      assert.strictEqual(blameOf(errors[1]), "rejected")
      const through = yield* Schema.decodeUnknownEffect(AiError.AiError)(
        yield* Schema.encodeEffect(AiError.AiError)(errors[1]!)
      )
      assert.strictEqual(blameOf(through), "rejected")
    })
  )

  it.effect("counts a stream by its end", () =>
    Effect.gen(function* () {
      const primary = streamed(broken(cut, ...text(["half"])))
      const backup = streamed(parts(...text([" and all"]), finish))
      const layer = ResilientLanguageModel.layer([primary.layer, backup.layer], {
        breaker: { window: CircuitBreaker.consecutive(2) }
      })
      yield* read("Hello").pipe(Effect.repeat({ times: 3 }), Effect.provide(layer))
      assert.lengthOf(primary.asked, 2)
    })
  )
})

describe("hedge", () => {
  const hedge = { idempotent: true, when: "2 seconds" } as const

  it.effect("asks a second model beside one that is late, and takes who answers first", () =>
    Effect.gen(function* () {
      let interrupted = 0
      const primary = whole(Effect.never.pipe(Effect.onInterrupt(() => Effect.sync(() => void interrupted++))))
      const backup = whole(says("backup"))
      const fiber = yield* generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer], { hedge })),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 seconds")
      assert.lengthOf(backup.asked, 0)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "backup")
      assert.strictEqual(interrupted, 1)
    })
  )

  it.effect("of a stream is over with the first content, and closes the other", () =>
    Effect.gen(function* () {
      let closed = 0
      const late = Stream.concat(
        parts({ type: "response-metadata", id: "p" }, { type: "text-start", id: "0" }),
        Stream.never
      ).pipe(Stream.ensuring(Effect.sync(() => void closed++)))
      const primary = streamed(late)
      const backup = streamed(parts(...text(["Hi ", "there"]), finish))
      const fiber = yield* read("Hello").pipe(
        Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer], { hedge })),
        Effect.forkChild
      )
      yield* TestClock.adjust("2 seconds")
      const { error, seen } = yield* Fiber.join(fiber)
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), "Hi there")
      assert.strictEqual(closed, 1)
    })
  )

  it.effect("closes the other at once where both have shown content at the same time", () =>
    Effect.gen(function* () {
      let closed = 0
      const gate = yield* Deferred.make<void>()
      const begins = Stream.fromEffect(Deferred.await(gate)).pipe(Stream.drain)
      const both = () =>
        streamed(
          begins.pipe(
            Stream.concat(parts(...text(["Hi"]).slice(0, -1))),
            Stream.concat(Stream.never),
            Stream.ensuring(Effect.sync(() => void closed++))
          )
        )
      const models = [both(), both()] as const
      const fiber = yield* read("Hello").pipe(
        Effect.provide(
          ResilientLanguageModel.layer([models[0].layer, models[1].layer], {
            hedge: { idempotent: true, when: "parallel" }
          })
        ),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([models[0].asked.length, models[1].asked.length, closed], [1, 1, 1])
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(closed, 2)
    })
  )

  it.effect("does not end the first one for what the second one's key is refused", () =>
    Effect.gen(function* () {
      const primary = whole(
        Effect.delay(
          Effect.suspend(() => says("slow")),
          "5 seconds"
        )
      )
      const backup = whole(Effect.fail(badKey))
      const fiber = yield* generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer], { hedge })),
        Effect.forkChild
      )
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "slow")
    })
  )

  it.effect("asks the only model twice", () =>
    Effect.gen(function* () {
      const only = whole(Effect.never, says("again"))
      const fiber = yield* generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([only.layer], { hedge })),
        Effect.forkChild
      )
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "again")
    })
  )
})

describe("time", () => {
  it.effect("attempt leaves a model that is late, deadline ends the call", () =>
    Effect.gen(function* () {
      const late = whole(Effect.never)
      const backup = whole(says("backup"))
      const fiber = yield* generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([late.layer, backup.layer], { attempt: "1 second" })),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "backup")
      const all = yield* generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([late.layer], { deadline: "3 seconds" })),
        Effect.flip,
        Effect.forkChild
      )
      yield* TestClock.adjust("3 seconds")
      const error = yield* Fiber.join(all)
      assert.isTrue(AiError.isAiError(error))
      assert.strictEqual(blameOf(error), "exhausted")
    })
  )

  it.effect("clocks leave a stream that falls silent, before its first content and behind it", () =>
    Effect.gen(function* () {
      const silent = streamed(Stream.never, Stream.concat(parts(...text(["Hi "]).slice(0, -1)), Stream.never))
      const backup = streamed(Stream.never, parts(...text(["there"]), finish))
      const fiber = yield* read("Hello").pipe(
        Effect.provide(
          ResilientLanguageModel.layer([silent.layer, backup.layer], {
            clocks: { firstContent: "3 seconds", idle: "1 second" },
            retry: immediate
          })
        ),
        Effect.forkChild
      )
      yield* TestClock.adjust("3 seconds")
      yield* TestClock.adjust("3 seconds")
      yield* TestClock.adjust("1 seconds")
      const { error, seen } = yield* Fiber.join(fiber)
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), "Hi there")
    })
  )
})

const Search = Tool.make("Search", {
  parameters: Schema.Struct({ query: Schema.String }),
  success: Schema.Struct({ found: Schema.NumberFromString })
})
const tools = Toolkit.make(Search)
const call: Response.ToolCallPartEncoded = { type: "tool-call", id: "c1", name: "Search", params: { query: "tea" } }
const calls: Response.FinishPartEncoded = { type: "finish", reason: "tool-calls", usage }

/** Tools that count how often they run. */
const counted = () => {
  const ran: Array<string> = []
  const layer = tools.toLayer({
    Search: ({ query }) =>
      Effect.sync(() => {
        ran.push(query)
        return { found: 3 }
      })
  })
  return { ran, layer }
}

describe("tools", () => {
  it.effect("run once, when the answer has come, whatever was asked again", () =>
    Effect.gen(function* () {
      const { layer, ran } = counted()
      const primary = whole(Effect.fail(down))
      const backup = whole(Effect.succeed([call, calls]))
      const response = yield* LanguageModel.generateText({ prompt: "Hello", toolkit: tools }).pipe(
        Effect.provide(
          Layer.merge(ResilientLanguageModel.layer([primary.layer, backup.layer], { retry: immediate }), layer)
        )
      )
      assert.deepStrictEqual(ran, ["tea"])
      assert.deepStrictEqual(
        response.toolResults.map(({ result }) => result),
        [{ found: 3 }]
      )
      assert.deepStrictEqual(
        backup.asked[0]!.tools.map(({ name }) => name),
        ["Search"]
      )
      assert.strictEqual(backup.asked[0]!.toolChoice, "auto")
    })
  )

  it.effect("run once in a stream whose first model fails, and results come before the finish", () =>
    Effect.gen(function* () {
      const { layer, ran } = counted()
      const primary = streamed(broken(down))
      const backup = streamed(parts(...text(["Let me look."]), call, calls))
      const seen: Array<string> = []
      yield* LanguageModel.streamText({ prompt: "Hello", toolkit: tools }).pipe(
        Stream.runForEach((part) => Effect.sync(() => seen.push(part.type))),
        Effect.provide(Layer.merge(ResilientLanguageModel.layer([primary.layer, backup.layer]), layer))
      )
      assert.deepStrictEqual(ran, ["tea"])
      assert.deepStrictEqual(seen.slice(-3), ["tool-call", "tool-result", "finish"])
    })
  )

  it.effect("that nobody has declared are a failure of the model that calls them", () =>
    Effect.gen(function* () {
      const { layer } = counted()
      const primary = whole(Effect.succeed([{ ...call, name: "Delete" }, calls]))
      const backup = whole(Effect.succeed([call, calls]))
      const response = yield* LanguageModel.generateText({ prompt: "Hello", toolkit: tools }).pipe(
        Effect.provide(Layer.merge(ResilientLanguageModel.layer([primary.layer, backup.layer]), layer))
      )
      assert.deepStrictEqual(
        response.toolCalls.map(({ name }) => name),
        ["Search"]
      )
    })
  )

  it.effect("are left to the caller who wants to run them", () =>
    Effect.gen(function* () {
      const only = whole(Effect.succeed([call, calls]))
      const response = yield* LanguageModel.generateText({
        prompt: "Hello",
        toolkit: tools,
        disableToolCallResolution: true
      }).pipe(Effect.provide(ResilientLanguageModel.layer([only.layer])))
      assert.deepStrictEqual(
        response.toolCalls.map(({ params }) => params),
        [{ query: "tea" }]
      )
      assert.lengthOf(response.toolResults, 0)
    })
  )

  it.effect("give what their models have executed in the form that their schemas encode", () =>
    Effect.gen(function* () {
      const { layer, ran } = counted()
      const result: Response.ToolResultPartEncoded = {
        type: "tool-result",
        id: "c1",
        name: "Search",
        result: { found: "7" },
        isFailure: false,
        providerExecuted: true
      }
      const only = whole(Effect.succeed([{ ...call, providerExecuted: true }, result, finish]))
      const response = yield* LanguageModel.generateText({ prompt: "Hello", toolkit: tools }).pipe(
        Effect.provide(Layer.merge(ResilientLanguageModel.layer([only.layer]), layer))
      )
      assert.deepStrictEqual(
        response.toolResults.map(({ result }) => result),
        [{ found: 7 }]
      )
      assert.lengthOf(ran, 0)
    })
  )
})

describe("generateObject", () => {
  const schema = Schema.Struct({ name: Schema.String, born: Schema.NumberFromString })

  it.effect("asks the next model when an answer does not fit the schema", () =>
    Effect.gen(function* () {
      const primary = whole(says('{"name":'), says('{"name": "Ada"}'))
      const backup = whole(says('{"name": "Ada", "born": "1815"}'))
      const response = yield* LanguageModel.generateObject({ prompt: "Who?", schema, objectName: "person" }).pipe(
        Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer]))
      )
      assert.deepStrictEqual(response.value, { name: "Ada", born: 1815 })
      assert.deepStrictEqual(backup.asked[0]!.responseFormat.type, "json")
      assert.lengthOf(primary.asked, 1)
    })
  )

  it.effect("fails with the last model's own error", () =>
    Effect.gen(function* () {
      const only = whole(says("{}"))
      const error = yield* LanguageModel.generateObject({ prompt: "Who?", schema }).pipe(
        Effect.provide(ResilientLanguageModel.layer([only.layer], { retry: immediate })),
        Effect.flip
      )
      assert.strictEqual(error.reason._tag, "StructuredOutputError")
      assert.lengthOf(only.asked, 3)
    })
  )
})

describe("what a model gives", () => {
  it.effect("comes as it was, whatever part it is", () =>
    Effect.gen(function* () {
      const all: ReadonlyArray<Response.StreamPartEncoded> = [
        { type: "response-metadata", id: "r", modelId: "m", timestamp: "2026-01-02T03:04:05.000Z" },
        { type: "reasoning-start", id: "0" },
        { type: "reasoning-delta", id: "0", delta: "Hm" },
        { type: "reasoning-end", id: "0", metadata: { anthropic: { signature: "EqQB" } } },
        { type: "file", mediaType: "image/png", data: "aGk=" },
        { type: "source", sourceType: "url", id: "s", url: "https://a.test/", title: "A" },
        { type: "source", sourceType: "document", id: "d", mediaType: "text/plain", title: "D" },
        ...text(["Hi"]),
        { ...finish, metadata: { openai: { serviceTier: "flex" } } }
      ]
      const only = streamed(parts(...all))
      const direct = yield* read("Hello").pipe(Effect.provide(only.layer))
      const through = yield* read("Hello").pipe(Effect.provide(ResilientLanguageModel.layer([only.layer])))
      assert.isUndefined(direct.error)
      assert.deepStrictEqual(through, direct)
    })
  )

  it.effect("is asked for with the whole prompt: an id of one model's answer means nothing to another", () =>
    Effect.gen(function* () {
      const only = whole(Effect.succeed([{ type: "response-metadata", id: "r1" }, { type: "text", text: "a" }, finish]))
      const tracker = yield* ResponseIdTracker.make
      const prepared: Array<unknown> = []
      const watching = {
        ...tracker,
        markParts: (...marked: Parameters<typeof tracker.markParts>) => {
          prepared.push(marked[1])
          tracker.markParts(...marked)
        }
      }
      yield* generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([only.layer])),
        Effect.provideService(ResponseIdTracker.ResponseIdTracker, watching)
      )
      assert.strictEqual(only.asked[0]!.previousResponseId, undefined)
      assert.deepStrictEqual(prepared, ["r1"])
    })
  )

  it.effect("that fails is told of", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* generate.pipe(
        Effect.provide(ResilientLanguageModel.layer([whole(Effect.fail(down)).layer, whole(says("b")).layer])),
        Effect.provideService(PolicyTelemetry.Sink, ({ key, name }) => events.push(`${name} ${key}`))
      )
      assert.deepStrictEqual(events, ["OnFallback model 1"])
    })
  )
})
