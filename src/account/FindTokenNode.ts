/**
 * Finding the token that a client shows, without telling by the time it takes how near a guess came.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import { Redacted } from "effect"
import type { FileToken } from "./Token.ts"

const digests = new WeakMap<FileToken, Buffer>()

const digest = (secret: string): Buffer => createHash("sha256").update(secret, "utf8").digest()

const digestOf = (token: FileToken): Buffer => {
  let found = digests.get(token)
  if (found === undefined) digests.set(token, (found = digest(Redacted.value(token.key))))
  return found
}

/**
 * The token whose key is `presented`, the first if two have the same. Every token is compared, by digests of one length
 * and `timingSafeEqual`, so the time does not depend on which one matches, how much of it, or how long it is.
 */
export const findToken = (tokens: ReadonlyArray<FileToken>, presented: Redacted.Redacted): FileToken | undefined => {
  const shown = digest(Redacted.value(presented))
  let found: FileToken | undefined
  for (const token of tokens) {
    const same = timingSafeEqual(digestOf(token), shown)
    found = same && found === undefined ? token : found
  }
  return found
}
