/**
 * What a request's body may be.
 */
import { Effect } from "effect"
import { excerpt, stackless, UnsupportedMediaType } from "../errors/index.ts"
import { isKnownCoding } from "../http/InflateNode.ts"
import type { Exchange } from "./Exchange.ts"

/** How a body may be packed, as the header says it. */
const codings = "gzip, deflate, br or zstd"

/** A body that is not JSON, or that is packed in a way that nobody knows, is refused. */
export const checkMediaType = (
  exchange: Exchange,
  allowed: ReadonlyArray<string>
): Effect.Effect<void, UnsupportedMediaType> => {
  const written = exchange.header("content-type")
  // HOT: nearly all say it in the same words.
  const type =
    written === undefined || allowed.includes(written) ? written : written.split(";")[0]?.trim().toLowerCase()
  const encoding = exchange.header("content-encoding")?.trim().toLowerCase()
  const refused = (message: string) => Effect.fail(stackless(() => new UnsupportedMediaType({ message })))
  if (type !== undefined && !allowed.includes(type) && !type.endsWith("+json")) {
    return refused(`the body must be ${allowed.join(" or ")}, and content-type says ${excerpt(type, 80)}`)
  }
  if (encoding === undefined || isKnownCoding(encoding)) return Effect.void
  // RFC 7694: which ones are known, so that the client may choose.
  exchange.setHeader("accept-encoding", "gzip, deflate, br, zstd, identity")
  return refused(`content-encoding must be ${codings}, and says ${excerpt(encoding, 80)}`)
}
