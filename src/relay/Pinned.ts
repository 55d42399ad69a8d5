/**
 * Where a request is pinned to: it stands among the headers that were kept of it, so that who takes its answer up in
 * another process asks nobody else either. Whether its token might pin was checked when it came.
 */
import { parsePin, type Pin, pinHeader } from "../channel/index.ts"
import type { AnswerRequest } from "../dialect/index.ts"

/** The pin of a request; `undefined` where it may go anywhere. */
export const pinOf = ({ asking }: Pick<AnswerRequest, "asking">): Pin | undefined => {
  const written = asking.headers[pinHeader]
  return written === undefined ? undefined : parsePin(written)
}
