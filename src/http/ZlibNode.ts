/**
 * Node's `node:zlib`, loaded when it is first asked for: 4 ms and 1.5 MB that most relays need for nothing but a page.
 */
import type * as Zlib from "node:zlib"
import process from "node:process"

/** `node:zlib`. */
export const zlib = (): typeof Zlib => process.getBuiltinModule("node:zlib")
