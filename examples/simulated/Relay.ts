/**
 * The relay of `npm start`, a process of its own: that it can be killed, and comes back, is what it is there to show. What
 * its channels are, and who has its buttons, it is sent by the supervisor.
 */
import { Effect, Result } from "effect"
import { DoRequestFailed } from "effect-resilience/errors"
import { decodeConfiguration, type OwnRoute, OwnRoutes, printErr, runMain, runRelay } from "effect-resilience/relay"
import type { ControlAddress } from "./Control.ts"
import type { Demo } from "./Demo.ts"

/** What it is told by whoever has started it. */
const told = Effect.callback<Demo>((resume) => {
  process.once("message", (demo) => resume(Effect.succeed(demo as Demo)))
})

const noButton = { status: 404, body: { message: "there is no such button" } }

/** Passes a button on. */
const button = (control: ControlAddress, method: "GET" | "POST", shows: string): OwnRoute => ({
  method,
  path: "/demo/{what*}",
  access: "anybody",
  shows,
  handle: ({ body, parameter, query }) =>
    Effect.tryPromise({
      try: async (signal) => {
        const steps = parameter.split("/")
        if (steps.some((step) => /^\.{0,2}$/.test(step))) return noButton
        // A name is a name, whatever is in it.
        const answer = await fetch(`${control.url}/${steps.map(encodeURIComponent).join("/")}?${query}`, {
          method,
          headers: { authorization: `Bearer ${control.secret}` },
          signal,
          ...(method === "POST" ? { body } : {})
        })
        return { status: answer.status, body: await answer.json() }
      },
      catch: (cause) => new DoRequestFailed({ message: `the simulated channels are gone: ${String(cause)}` })
    })
})

const program = Effect.gen(function* () {
  const { channels, control } = yield* told
  const configuration = decodeConfiguration(
    {
      store: { type: "sqlite", path: ".relay/relay.db" },
      // Short, so that a stall is rescued while somebody watches.
      timeouts: { headers: "2 seconds", firstContent: "2 seconds", idle: "2 seconds", total: "1 minute" },
      server: { shutdownGrace: "10 seconds" },
      channels: channels.map((channel, index) => ({
        ...channel,
        dialect: "openai",
        keys: [],
        priority: channels.length - 1 - index
      }))
    },
    process.env,
    "examples/start.ts"
  )
  if (Result.isFailure(configuration)) return yield* Effect.as(printErr(configuration.failure.message), 2)
  return yield* runRelay(configuration.success, [
    "The channels are simulated. shaky is asked first, and goes wrong every other time: the answer goes on from",
    "solid. The page has buttons that break them, drop its connection, and kill the relay; it is started again.",
    "/admin shows who runs it what is wrong now: errors, channels, tokens, settings. Stop with Ctrl-C.",
    ""
  ]).pipe(
    Effect.provideService(OwnRoutes, [
      button(control, "GET", "how the simulated channels are, and what their answers will be"),
      button(control, "POST", "breaks and mends them, and kills the relay")
    ])
  )
})

// Whoever has started it is gone, and the channels with it.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))

runMain(program)
