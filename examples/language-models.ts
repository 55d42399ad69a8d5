/**
 * Language models of `effect/ai` that stand in for one another: a stream whose provider dies goes on from another vendor,
 * a tool runs once whatever is asked again, and beside it what an `ExecutionPlan` makes of the same stream.
 *
 *   node --conditions=effect-resilience-source examples/language-models.ts
 */
import { Effect, ExecutionPlan, Layer, Schema, Stream } from "effect"
import { type AiError, LanguageModel, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import { DialectLanguageModel, ResilientLanguageModel } from "effect-resilience/ai"
import { blameOf } from "effect-resilience/errors"
import { CircuitBreaker } from "effect-resilience/policy"
import { Script, ScriptedServer } from "effect-resilience/testing"

const story = "The relay stood at the edge of the town, and whoever passed it heard a word of the answer."

/** The text of a stream, and what became of it. */
const told = <R>(stream: Stream.Stream<string, AiError.AiError, R>) =>
  Effect.suspend(() => {
    let text = ""
    return stream.pipe(
      Stream.runForEach((piece) => Effect.sync(() => void (text += piece))),
      Effect.match({
        onFailure: (error) => `${text.length} characters, then ${error.reason._tag}`,
        onSuccess: () =>
          text === story ? "the whole story, once" : `${text.length} characters for a story of ${story.length}`
      })
    )
  })

const streamed = LanguageModel.streamText({ prompt: "Tell me a story" }).pipe(
  Stream.map((part) => (part.type === "text-delta" ? part.delta : ""))
)

const program = Effect.gen(function* () {
  // In the place of vendors: one that always dies after nine words, and one that lives.
  const dying = yield* ScriptedServer.make({
    dialect: "anthropic",
    scripts: [Script.answer(story).pipe(Script.cutAfter(9, "reset"))]
  })
  const living = yield* ScriptedServer.make({ dialect: "openai", scripts: [Script.answer(story)] })
  const claude = DialectLanguageModel.layer({ dialect: "anthropic", baseUrl: dying.url, model: "claude" }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )
  const gpt = DialectLanguageModel.layer({ dialect: "openai", baseUrl: living.url, model: "gpt" }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )

  const resilient = ResilientLanguageModel.layer([claude, gpt])
  console.log(`ResilientLanguageModel:          ${yield* told(streamed).pipe(Effect.provide(resilient))}`)

  const plan = ExecutionPlan.make({ provide: claude }, { provide: gpt })
  console.log(`Stream.withExecutionPlan:        ${yield* told(Stream.withExecutionPlan(streamed, plan))}`)
  const careful = Stream.withExecutionPlan(streamed, plan, { preventFallbackOnPartialStream: true })
  console.log(`preventFallbackOnPartialStream:  ${yield* told(careful)}`)

  // A tool runs when the answer has come, once: not once for each model that was asked.
  const tools = Toolkit.make(
    Tool.make("Book", { parameters: Schema.Struct({ seat: Schema.String }), success: Schema.String })
  )
  let booked = 0
  const handlers = tools.toLayer({ Book: ({ seat }) => Effect.sync(() => `${seat}, booking ${++booked}`) })
  dying.setDefault(Script.status(503))
  living.enqueue(Script.answer([Script.toolCall({ id: "c1", name: "Book", input: ['{"seat":"12A"}'] })]))
  const response = yield* LanguageModel.generateText({ prompt: "Book me a seat", toolkit: tools }).pipe(
    Effect.provide([resilient, handlers])
  )
  console.log(`a tool:                          ${response.toolResults.map(({ result }) => String(result)).join()}`)

  // After two failures in a row nobody asks the dying one for a minute.
  const breaker = { window: CircuitBreaker.consecutive(2), openFor: "1 minute" } as const
  dying.forget()
  const answers = LanguageModel.generateText({ prompt: "Tell me a story" }).pipe(Effect.repeat({ times: 9 }))
  dying.setDefault(Script.status(503))
  yield* answers.pipe(Effect.provide(ResilientLanguageModel.layer([claude, gpt], { breaker })))
  console.log(`ten questions with a breaker:    the dying one was asked ${dying.calls().length} times`)

  living.enqueue(Script.status(429, { headers: { "retry-after": "20" } }))
  const error = yield* LanguageModel.generateText({ prompt: "Hello" }).pipe(Effect.provide(resilient), Effect.flip)
  console.log(`when nobody answers:             ${error._tag}, ${error.reason._tag}, blamed on ${blameOf(error)}`)
})

await Effect.runPromise(Effect.scoped(program))
