/**
 * The header `idempotency-key`: a client's own name for a request, so that sending it again gives the answer that it has
 * begun and never a second one. What may stand there, and what of a request must be the same for it to be the same one.
 */
import { createHash, createHmac } from "node:crypto"
import { Effect } from "effect"
import { InvalidRequest, stackless } from "../errors/index.ts"
import type { StreamKey } from "../journal/index.ts"
import type { Exchange } from "./Exchange.ts"

/** The header. */
export const idempotencyHeader = "idempotency-key"

/** Added to an answer that was begun by an earlier request with the same key. */
export const replayHeader = "x-idempotent-replay"

/** 1 to 255 printable ASCII characters. */
const grammar = /^[\x20-\x7e]{1,255}$/

/** A key that is none. */
export const checkKey = (key: string): Effect.Effect<void, InvalidRequest> => {
  if (grammar.test(key)) return Effect.void
  const message = `${idempotencyHeader}: must be 1 to 255 printable ASCII characters`
  const details = [{ field: idempotencyHeader, message, code: "invalid" }]
  return Effect.fail(stackless(() => new InvalidRequest({ message, details })))
}

/** What must be the same: the route, the query without a credential and a cursor, and the body as it was read. */
export interface Fingerprinted {
  readonly path: string
  readonly query: string
  readonly body: string | undefined
}

/**
 * A key as it is stored, and the digest of its request. Neither is in the clear, and the digest is keyed by what the client
 * has sent and nobody has kept: who has the store and guesses a prompt cannot see that it was asked.
 *
 * The body is taken as it was read: unpacked, for a client that sends it again may pack it otherwise, as gzip writes the
 * time into what it packs.
 */
export const streamKeyOf = (key: string, { body, path, query }: Fingerprinted): StreamKey => {
  const digest = createHmac("sha256", key).update(JSON.stringify([path, query, body !== undefined]))
  // Not put together: it may be long.
  if (body !== undefined) digest.update(body, "utf8")
  return {
    key: createHash("sha256").update(key).digest("base64url"),
    bodyHash: digest.digest("base64url")
  }
}

/** The key of a request that begins something; a GET has none. */
export const keyOf = (exchange: Exchange): string | undefined =>
  exchange.method === "POST" ? exchange.header(idempotencyHeader) : undefined
