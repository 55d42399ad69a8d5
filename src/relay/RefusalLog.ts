/**
 * The log of refused requests: a line each, and above a rate only their number. Whoever floods a relay with what it
 * refuses must not fill its log.
 */
import { describe, excerpt } from "../errors/index.ts"
import type { EventLog } from "../telemetry/index.ts"
import type { Sink } from "./Events.ts"

/** Lines in a second. What is above them is told as one number when the second is over. */
const most = 10
const secondMillis = 1000

/** The longest part of a path that is logged. */
const pathLength = 256

/** The most of a store's own words that is logged, in UTF-16 units. */
const messageLength = 500

/** Writes to an event log. Neither the body nor a header nor the query of a request is in it. */
export const refusalLog = (log: EventLog["Service"]): Sink["RequestRefused"] => {
  let since = Number.NEGATIVE_INFINITY
  let told = 0
  let leftOut = 0
  const tellRest = (): void => {
    log.emit("warning", "relay_refused", { left_out: leftOut })
    leftOut = 0
  }
  return ({ error, method, path, requestId }) => {
    const now = performance.now()
    if (now - since >= secondMillis) {
      since = now
      told = 0
    }
    if (told++ >= most) {
      if (leftOut++ === 0) setTimeout(tellRest, since + secondMillis - now).unref()
      return
    }
    const { blame, code, severity, status } = describe(error)
    log.emit(status < 500 ? "warning" : severity, "relay_refused", {
      request_id: requestId,
      class: blame,
      code,
      status_code: status,
      // The client is told nothing of a store's failure; whoever mends it has to be. What others are told may quote them.
      error: blame === "storage" ? excerpt(error.message, messageLength) : undefined,
      // What never became a request has neither, or had.
      method: method === "" ? undefined : method,
      path: path === "" ? undefined : excerpt(path, pathLength)
    })
  }
}
