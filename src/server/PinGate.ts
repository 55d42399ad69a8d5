/**
 * Who may pin a request to a channel, and to which: an admin's token, or anybody on this machine where there are no tokens.
 */
import { Effect } from "effect"
import type { Caller } from "../account/index.ts"
import { parsePin, pinHeader, type Selection } from "../channel/index.ts"
import { AccessDenied, NotFound, type ResilienceError, stackless } from "../errors/index.ts"
import type { Exchange } from "./Exchange.ts"

const denied = (message: string) => Effect.fail(stackless(() => new AccessDenied({ message })))
const unknown = Effect.fail(stackless(() => new NotFound({ message: `${pinHeader}: there is no such channel or key` })))
const none = Effect.succeed(undefined)

/** Where a request is pinned to, as it was written, and whose channel that is. */
export interface Pinned {
  readonly written: string
  readonly group: string
}

/** The pin that a request has; or why it may not have it. An empty one is none. */
export const pinned = (
  exchange: Exchange,
  caller: Caller,
  selection: Selection["Service"]
): Effect.Effect<Pinned | undefined, ResilienceError> => {
  const written = exchange.header(pinHeader)
  if (written === undefined || written.trim() === "") return none
  if (caller !== undefined && !caller.admin) return denied(`${pinHeader}: this needs an admin token`)
  const pin = parsePin(written)
  if (pin === undefined) return unknown
  const { group, is } = selection.standing(pin)
  switch (is) {
    case "unknown":
      return unknown
    case "off":
      return denied(`${pinHeader}: ${written.trim()} is switched off`)
    case "there":
      return Effect.succeed({ written: written.trim(), group })
  }
}
