/**
 * The token of an `Authorization` header.
 */
import * as Redacted from "effect/Redacted"

/**
 * The token of `Authorization: Bearer <token>`; the scheme's case does not matter (RFC 9110). `undefined` for another
 * scheme, no token, or more than one word. It stays `Redacted` from here on.
 *
 * ```ts import.meta.vitest
 * import { Redacted } from "effect"
 * import { bearerToken } from "effect-resilience/http"
 *
 * Redacted.value(bearerToken("Bearer sk-123")!) // => "sk-123"
 * bearerToken("Basic dXNlcg==") // => undefined
 * ```
 */
export const bearerToken = (authorization: string | undefined): Redacted.Redacted | undefined => {
  const found = authorization === undefined ? null : /^bearer[ \t]+([\x21-\x7e]+)[ \t]*$/i.exec(authorization)
  return found === null ? undefined : Redacted.make(found[1]!)
}
