/**
 * All that is simulated: two providers, a gate before each channel, and the control behind the buttons.
 */
import { Effect, type Scope } from "effect"
import { startAimock } from "./Aimock.ts"
import { type ControlAddress, startControl } from "./Control.ts"
import { startGate } from "./Gate.ts"
import { moody } from "./Mood.ts"
import type { RelayLife } from "./Supervisor.ts"
import { startUpstream, steady } from "./Upstream.ts"

/** What the relay is told of it. */
export interface Demo {
  /** In the order in which they are asked. */
  readonly channels: ReadonlyArray<{
    readonly id: string
    readonly baseUrl: string
    readonly models: ReadonlyArray<string>
  }>
  readonly control: ControlAddress
}

/** Starts it; it ends with the scope. */
export const startDemo = (wordsPerSecond: number, life: RelayLife): Effect.Effect<Demo, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { baseUrl: provider } = yield* startUpstream(steady, wordsPerSecond)
    const mock = yield* startAimock(wordsPerSecond)
    const shaky = yield* startGate({ id: "shaky", target: provider, wordsPerSecond, rota: moody })
    const solid = yield* startGate({ id: "solid", target: provider, wordsPerSecond })
    const aimock = yield* startGate({ id: "aimock", target: mock, wordsPerSecond })
    const control = yield* startControl([shaky, solid, aimock], life, wordsPerSecond)
    const models = ["demo", "demo-thinking"]
    return {
      channels: [
        { id: "shaky", baseUrl: shaky.baseUrl, models },
        { id: "solid", baseUrl: solid.baseUrl, models },
        { id: "aimock", baseUrl: aimock.baseUrl, models: [...models, "aimock"] }
      ],
      control
    }
  })
