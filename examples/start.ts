/**
 * The relay before three simulated channels, of which one now and then resets, stalls, cuts or refuses. The relay is a
 * process of its own, which is started again when it is killed; the page at `/` has a button for that.
 *
 *   npm start                 port 8080, or PORT
 *   PACE=100 npm start        words a second of the simulated models; 12 is a readable pace
 */
import { Effect } from "effect"
import { runMain } from "effect-resilience/relay"
import { fileURLToPath } from "node:url"
import { buildPageIfPossible } from "../scripts/buildPage.ts"
import { startAimock } from "./simulated/Aimock.ts"
import { startControl } from "./simulated/Control.ts"
import { startGate } from "./simulated/Gate.ts"
import { moody } from "./simulated/Mood.ts"
import type { Demo } from "./simulated/Relay.ts"
import { freePort, Supervisor } from "./simulated/Supervisor.ts"
import { startUpstream, steady } from "./simulated/Upstream.ts"

const wordsPerSecond = Math.max(1, Number(process.env["PACE"]) || 12)

const program = Effect.gen(function* () {
  yield* Effect.promise(buildPageIfPossible)
  const { baseUrl: upstream } = yield* startUpstream(steady, wordsPerSecond)
  const mock = yield* startAimock(wordsPerSecond)
  const shaky = yield* startGate({ id: "shaky", target: upstream, wordsPerSecond, rota: moody })
  const solid = yield* startGate({ id: "solid", target: upstream, wordsPerSecond })
  const aimock = yield* startGate({ id: "aimock", target: mock, wordsPerSecond })

  const supervisor = new Supervisor()
  const control = yield* startControl([shaky, solid, aimock], supervisor.life, wordsPerSecond)
  const models = ["demo", "demo-thinking"]
  const demo: Demo = {
    channels: [
      { id: "shaky", baseUrl: shaky.baseUrl, models },
      { id: "solid", baseUrl: solid.baseUrl, models },
      { id: "aimock", baseUrl: aimock.baseUrl, models: [...models, "aimock"] }
    ],
    control
  }
  return yield* supervisor.run({
    file: fileURLToPath(new URL("simulated/Relay.ts", import.meta.url)),
    environment: {
      DEMO: JSON.stringify(demo),
      ...(process.env["PORT"] === "0" ? { PORT: String(yield* freePort) } : {})
    }
  })
})

runMain(Effect.scoped(program))
