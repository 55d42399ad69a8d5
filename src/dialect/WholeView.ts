/**
 * An answer as one body, put together from its events.
 */
import type { Payload, View } from "./Dialect.ts"
import { makePayloadReader } from "./Framing.ts"

/** Takes the events of an answer, and prints it once they are all there. */
export interface Assembled {
  readonly push: (payload: Payload) => void
  readonly print: () => string
}

/** A view that gives nothing before the end, and then all of it. */
export const wholeView = (make: () => Assembled): View => ({
  contentType: "application/json",
  make: () => {
    const assembled = make()
    const read = makePayloadReader((payload) => assembled.push(payload))
    return {
      push: (frames) => {
        read(frames)
        return ""
      },
      end: () => assembled.print()
    }
  }
})
