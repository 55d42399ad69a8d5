/**
 * Paths of vendors' APIs that have nothing to do with answers. No row of the table has them; who asks for one is told that
 * it is not relayed, and does not look for a mistake of its own. A program that serves more beside the relay has them for
 * itself: only its own server's table knows of them.
 */
import { InvalidRequest, stackless } from "../errors/index.ts"

const notRelayed = /^\/v1\/(completions|rerank|(audio|images)\/.+|(realtime|files|batches)(\/.+)?)$/

/** What is told of such a path; `undefined` for all others. */
export const notRelayedAt = (path: string): InvalidRequest | undefined =>
  notRelayed.test(path)
    ? stackless(
        () => new InvalidRequest({ message: `${path} is not relayed: a relay passes on answers and embeddings` })
      )
    : undefined
