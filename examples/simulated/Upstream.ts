/**
 * A simulated model provider that speaks OpenAI chat completions, at a readable pace. What it does with each new request
 * stands on a fixed rota of scripts.
 */
import { Effect, type Scope } from "effect"
import { Script, type ScriptedCall, ScriptedServer } from "effect-resilience/testing"
import { answerTo, questionOf, type Message } from "./Answer.ts"

/** What is done with one request. Numbers are words that are sent before it goes wrong. */
export type Mood =
  | { readonly does: "answer" }
  | { readonly does: "reset" | "stall" | "cut"; readonly after: number }
  | { readonly does: "refuse"; readonly status: number }

/** Answers every time. */
export const steady: ReadonlyArray<Mood> = [{ does: "answer" }]

/** Goes wrong in another way every other time; the first request breaks off in the middle. */
export const moody: ReadonlyArray<Mood> = [
  { does: "reset", after: 17 },
  { does: "answer" },
  { does: "stall", after: 27 },
  { does: "answer" },
  { does: "answer" },
  { does: "refuse", status: 503 },
  { does: "answer" },
  { does: "cut", after: 40 },
  { does: "answer" },
  { does: "answer" }
]

/** A simulated provider that runs. */
export interface SimulatedUpstream {
  readonly baseUrl: string
  /** How many requests it was sent. */
  readonly asked: () => number
}

const scriptOf = (mood: Mood, { request }: ScriptedCall, wordsPerSecond: number): Script.Script => {
  if (mood.does === "refuse") {
    const headers = mood.status === 429 ? { "retry-after": "60" } : {}
    const body = { error: { message: "The simulated model is overloaded", type: "server_error" } }
    return Script.status(mood.status, { headers, body })
  }
  const question = questionOf((request?.body["messages"] ?? []) as ReadonlyArray<Message>)
  const answer = Script.answer(answerTo(question)).pipe(
    Script.every(1000 / wordsPerSecond),
    Script.usage(({ steps }) => ({ inputTokens: 10, outputTokens: steps.length }))
  )
  switch (mood.does) {
    case "answer":
      return answer
    case "reset":
    case "stall":
      return answer.pipe(Script.cutAfter(mood.after, mood.does))
    case "cut":
      return answer.pipe(Script.cutAfter(mood.after, "end"))
  }
}

/** A model that only talks. */
const noEmbeddings = Script.status(404, {
  body: {
    error: { message: "The simulated model makes no embeddings", type: "not_found_error", code: "model_not_found" }
  }
})

/** Starts a provider on a free port of loopback. Continuations are always honoured, and take no turn of the rota. */
export const startUpstream = (
  rota: ReadonlyArray<Mood>,
  wordsPerSecond: number
): Effect.Effect<SimulatedUpstream, never, Scope.Scope> =>
  Effect.suspend(() => {
    let turn = 0
    const scripts = (call: ScriptedCall): Script.Script => {
      if (call.url.endsWith("/embeddings")) return noEmbeddings
      const mood = call.goesOn === undefined ? rota[turn++ % rota.length] : undefined
      return scriptOf(mood ?? { does: "answer" }, call, wordsPerSecond)
    }
    return Effect.map(ScriptedServer.make({ dialect: "openai", scripts }), ({ calls, url }) => ({
      baseUrl: url,
      asked: () => calls().length
    }))
  })
