/**
 * Node's own `node:http`, without what an `import` of it brings. An `import` reads all names of a built-in module, and in
 * `node:http` one of them is `WebSocket`, whose getter loads the whole of Node's `fetch`: 40 ms of CPU at each start, and
 * 3 MB for as long as the process lives. Whoever asks for the module by a call gets the same one, and nothing more.
 */
import type * as Http from "node:http"
import process from "node:process"

/** `node:http`. */
export const leanHttp: typeof Http = process.getBuiltinModule("node:http")
