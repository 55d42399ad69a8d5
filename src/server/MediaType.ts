/**
 * What a request's body may be.
 */
import { Effect } from "effect"
import { stackless, UnsupportedMediaType } from "../errors/index.ts"
import type { Exchange } from "./Exchange.ts"

/** A body that is not JSON, or that is encoded, is refused. */
export const checkMediaType = (
  exchange: Exchange,
  allowed: ReadonlyArray<string>
): Effect.Effect<void, UnsupportedMediaType> => {
  const type = exchange.header("content-type")?.split(";")[0]?.trim().toLowerCase()
  const encoding = exchange.header("content-encoding")?.trim().toLowerCase()
  const refused = (message: string) => Effect.fail(stackless(() => new UnsupportedMediaType({ message })))
  if (type !== undefined && !allowed.includes(type) && !type.endsWith("+json")) {
    return refused(`the body must be ${allowed.join(" or ")}, and content-type says ${shown(type)}`)
  }
  return encoding === undefined || encoding === "" || encoding === "identity"
    ? Effect.void
    : refused(`the body must not be encoded, and content-encoding says ${shown(encoding)}`)
}

const shown = (value: string): string => (value.length > 80 ? `${value.slice(0, 80)}...` : value)
