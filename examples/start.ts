/**
 * The relay before three simulated channels, of which one now and then resets, stalls, cuts or refuses.
 *
 *   npm start                 port 8080, or PORT
 *   PACE=100 npm start        words a second of the simulated models; 12 is a readable pace
 */
import { Effect, Result } from "effect"
import { decodeConfiguration, printErr, runMain, runRelay } from "effect-resilience/relay"
import { startAimock } from "./simulated/Aimock.ts"
import { moody, startUpstream, steady } from "./simulated/Upstream.ts"

const wordsPerSecond = Math.max(1, Number(process.env["PACE"]) || 12)

const program = Effect.gen(function* () {
  const shaky = yield* startUpstream(moody, wordsPerSecond)
  const solid = yield* startUpstream(steady, wordsPerSecond)
  const mock = yield* startAimock(wordsPerSecond)
  const channel = { dialect: "openai", keys: [] }
  const configuration = decodeConfiguration(
    {
      store: { type: "sqlite", path: ".relay/relay.db" },
      // Short, so that a stall is rescued while somebody watches.
      timeouts: { headers: "2 seconds", firstContent: "2 seconds", idle: "2 seconds", total: "1 minute" },
      server: { shutdownGrace: "10 seconds" },
      channels: [
        { ...channel, id: "shaky", baseUrl: shaky.baseUrl, models: ["demo"], priority: 2 },
        { ...channel, id: "solid", baseUrl: solid.baseUrl, models: ["demo"], priority: 1 },
        { ...channel, id: "aimock", baseUrl: mock.baseUrl, models: ["demo", "aimock"], priority: 0 }
      ]
    },
    process.env,
    "examples/start.ts"
  )
  if (Result.isFailure(configuration)) return yield* Effect.as(printErr(configuration.failure.message), 2)
  return yield* runRelay(configuration.success, [
    "The channels are simulated. shaky is asked first, and goes wrong every other time: the answer goes on from",
    "solid. The first request shows it. Stop with Ctrl-C.",
    ""
  ])
})

runMain(Effect.scoped(program))
