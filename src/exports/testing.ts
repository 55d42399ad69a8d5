/**
 * `effect-resilience/testing`: false upstreams that follow a script, on virtual time or over a socket, and what else a test
 * puts in the place of the real thing.
 */
// What an upstream does with a request, and the two stages that play it.
export { Script, ScriptedServer, ScriptedUpstream } from "../testing/index.ts"
export type { Default, GoingOn, ScriptedCall, Scripts } from "../testing/index.ts"

// Other services of a relay that tests replace.
export { ScriptedSelection } from "../testing/index.ts"
export { JournalStoreMemory } from "../journal/index.ts"
