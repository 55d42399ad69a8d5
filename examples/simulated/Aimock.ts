/**
 * `@copilotkit/aimock` as a third provider: not our code, but the same answers.
 *
 * Its fixtures begin anew where a request ends with a part of the answer; a response that is made from the request goes
 * on, as a model does that takes a prefill.
 */
import { LLMock } from "@copilotkit/aimock"
import { Effect, type Scope } from "effect"
import { restOf } from "./Answer.ts"

/** Starts the mock on a free port of loopback, and gives its base URL. */
export const startAimock = (wordsPerSecond: number): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      // It streams pieces of six letters, about a word.
      const mock = new LLMock({ port: 0, host: "127.0.0.1", chunkSize: 6, latency: 1000 / wordsPerSecond })
      mock.on({ endpoint: "chat" }, ({ messages }) => ({ content: restOf(messages) }))
      await mock.start()
      return mock
    }),
    (mock) => Effect.promise(() => mock.stop())
  ).pipe(Effect.map((mock) => `${mock.url}/v1`))
