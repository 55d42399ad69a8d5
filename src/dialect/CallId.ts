/**
 * Ids of tool calls that their upstream gave none: `call_` and 24 characters, the same in the stream, in the whole answer
 * and in a replay, since they are derived from what does not change.
 */
import { createHash } from "node:crypto"

/**
 * The id of a call of a stream. It says nothing of the stream's id, because it goes on to upstreams with the next request.
 */
export const callIdOf = (streamId: string, choice: number, index: number): string =>
  madeId(`${streamId}/${choice}/${index}`)

/** An id that is derived from a text. */
export const madeId = (text: string): string => `call_${createHash("sha256").update(text).digest("hex").slice(0, 24)}`
