/**
 * A simulated model provider that speaks OpenAI chat completions, at a readable pace. What it does with each new request
 * stands on a fixed rota.
 */
import { Effect, type Scope } from "effect"
import { Script, type ScriptedCall, ScriptedServer } from "effect-resilience/testing"
import { answerTo, inWords, questionOf, type Message } from "./Answer.ts"

/** What is done with one request, in its turn. Numbers are words that are sent before it goes wrong. */
export type Turn =
  | { readonly does: "answer" }
  | { readonly does: "reset" | "stall" | "cut"; readonly after: number }
  | { readonly does: "refuse"; readonly status: number }

/** Answers every time. */
export const steady: ReadonlyArray<Turn> = [{ does: "answer" }]

/** A simulated provider that runs. */
export interface SimulatedUpstream {
  readonly baseUrl: string
  /** How many requests it was sent. */
  readonly asked: () => number
}

/** What the model that thinks says to itself before it answers. */
const thoughts = "The question is short. I shall say what happens while I speak, and end with the same words as always."

const scriptOf = (turn: Turn, { goesOn, request }: ScriptedCall, wordsPerSecond: number): Script.Script => {
  if (turn.does === "refuse") {
    const headers = turn.status === 429 ? { "retry-after": "60" } : {}
    const body = { error: { message: "The simulated model is overloaded", type: "server_error" } }
    return Script.status(turn.status, { headers, body })
  }
  const question = questionOf((request?.body["messages"] ?? []) as ReadonlyArray<Message>)
  // Who goes on from a part has thought.
  const thinks = request?.model === "demo-thinking" && goesOn === undefined
  const thought = thinks ? inWords(thoughts).map(Script.reasoning) : []
  const answer = Script.answer([...thought, ...inWords(answerTo(question))]).pipe(
    Script.every(1000 / wordsPerSecond),
    Script.usage(({ steps }) => ({ inputTokens: 10, outputTokens: steps.length }))
  )
  switch (turn.does) {
    case "answer":
      return answer
    case "reset":
    case "stall":
      return answer.pipe(Script.cutAfter(turn.after, turn.does))
    case "cut":
      return answer.pipe(Script.cutAfter(turn.after, "end"))
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
  rota: ReadonlyArray<Turn>,
  wordsPerSecond: number
): Effect.Effect<SimulatedUpstream, never, Scope.Scope> =>
  Effect.suspend(() => {
    let turns = 0
    const scripts = (call: ScriptedCall): Script.Script => {
      if (call.url.endsWith("/embeddings")) return noEmbeddings
      const turn = call.goesOn === undefined ? rota[turns++ % rota.length] : undefined
      return scriptOf(turn ?? { does: "answer" }, call, wordsPerSecond)
    }
    return Effect.map(ScriptedServer.make({ dialect: "openai", scripts }), ({ calls, url }) => ({
      baseUrl: url,
      asked: () => calls().length
    }))
  })
