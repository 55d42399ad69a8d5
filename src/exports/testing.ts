/**
 * `effect-resilience/testing`: false upstreams that follow a script, on virtual time or over a socket, and what else a test
 * puts in the place of the real thing.
 */
// What an upstream does with a request, and the two stages that play it.
export {
  /** What a false upstream does with one request: an answer and how it ends, or no answer at all. */
  Script,
  /** A false upstream over a socket: an HTTP server that plays scripts. */
  ScriptedServer,
  /** A false upstream on virtual time: the service `Upstream`, played from scripts. */
  ScriptedUpstream
} from "../testing/index.ts"
export type { Default, GoingOn, ScriptedCall, Scripts } from "../testing/index.ts"

// Other services of a relay that tests replace.
export {
  /** A `Selection` that gives the targets of a list, and writes down what it was asked. */
  ScriptedSelection
} from "../testing/index.ts"
export {
  /** Answers in memory: for tests, and for a relay whose answers need not outlive it. */
  JournalStoreMemory
} from "../journal/index.ts"
