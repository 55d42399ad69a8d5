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
  const ok =
    (type === undefined || allowed.includes(type) || type.endsWith("+json")) &&
    (encoding === undefined || encoding === "" || encoding === "identity")
  return ok
    ? Effect.void
    : Effect.fail(stackless(() => new UnsupportedMediaType({ message: `send ${allowed.join(" or ")}, not encoded` })))
}
