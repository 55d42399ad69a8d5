/**
 * The relay before three simulated channels, of which one now and then resets, stalls, cuts or refuses. The relay is a
 * process of its own, which is started again when it is killed; the page at `/` has a button for that.
 *
 *   npm start                 port 8080, or PORT
 *   PACE=100 npm start        words a second of the simulated models; 12 is a readable pace
 */
import { fileURLToPath } from "node:url"
import { freePort, Supervisor } from "./simulated/Supervisor.ts"

const wordsPerSecond = Math.max(1, Number(process.env["PACE"]) || 12)
const { promise: message, resolve: tell } = Promise.withResolvers<object>()

const supervisor = new Supervisor({
  file: fileURLToPath(new URL("simulated/Relay.ts", import.meta.url)),
  environment: process.env["PORT"] === "0" ? { PORT: String(await freePort()) } : {},
  message
})
const ended = supervisor.run()

// The two processes load beside each other: what is simulated, and the page if it has to be built, while the relay loads.
const [{ Effect, Scope }, { startDemo }, { buildPageIfPossible }] = await Promise.all([
  import("effect"),
  import("./simulated/Demo.ts"),
  import("../scripts/buildPage.ts")
])
const simulated = Effect.provideService(startDemo(wordsPerSecond, supervisor.life), Scope.Scope, Scope.makeUnsafe())
const [demo] = await Promise.all([Effect.runPromise(simulated), buildPageIfPossible()])
tell(demo)

process.exit(await ended)
