/**
 * Everybody's errors as ours: by their blame, with what they say kept. For what goes on with errors of the union only, such
 * as an answer that is encoded, or a body that a client reads.
 */
import { type Blame, type ByBlame } from "./Blame.ts"
import { blameOf } from "./BlameOf.ts"
import { InvalidRequest, PromptBlocked } from "./CallerErrors.ts"
import { ClientGone } from "./CancelErrors.ts"
import { caughtIn } from "./Caught.ts"
import {
  ChannelInvalidKey,
  ChannelParamOverrideInvalid,
  ChannelQuotaExhausted,
  ChannelRateLimited,
  ModelNotFound
} from "./ChannelErrors.ts"
import { InternalError } from "./DefectErrors.ts"
import { statusOf } from "./EffectBlame.ts"
import { type FaultFields, stackless } from "./Fault.ts"
import { saidBy } from "./Figures.ts"
import type { ResilienceError } from "./Members.ts"
import { DeadlineExceeded, Throttled } from "./PolicyErrors.ts"
import { isResilienceError } from "./ResilienceError.ts"
import { QueryDataError } from "./StorageErrors.ts"
import {
  BadResponse,
  BadResponseStatusCode,
  ChannelResponseTimeExceeded,
  DoRequestFailed,
  UpstreamOverloaded
} from "./UpstreamErrors.ts"

type Make = (fields: FaultFields) => ResilienceError

const answered: Make = (fields) => {
  const status = fields.upstream?.status
  if (status === undefined) return new BadResponse(fields)
  return status === 503 || status === 529 ? new UpstreamOverloaded(fields) : new BadResponseStatusCode(fields)
}

const makers: ByBlame<Make> = {
  caller: (fields) => new InvalidRequest(fields),
  content: (fields) => new PromptBlocked(fields),
  credential: (fields) => new ChannelInvalidKey(fields),
  quota: (fields) => new ChannelQuotaExhausted(fields),
  rate: (fields) => new ChannelRateLimited(fields),
  model: (fields) => new ModelNotFound(fields),
  channel: (fields) => new ChannelParamOverrideInvalid(fields),
  upstream: answered,
  timeout: (fields) =>
    new ChannelResponseTimeExceeded({ ...fields, phase: "upstream", limitMillis: 0, elapsedMillis: 0 }),
  transport: (fields) => new DoRequestFailed(fields),
  rejected: (fields) => new Throttled(fields),
  exhausted: (fields) => new DeadlineExceeded(fields),
  storage: (fields) => new QueryDataError(fields),
  cancelled: (fields) => new ClientGone(fields),
  defect: (fields) => new InternalError(fields)
}

/**
 * An error as one of ours: itself if it is one, else the class of its blame, with its message, and with the status if it
 * has one. An error of which nothing is known becomes a `BadResponse`: as everywhere, it counts against the dependency.
 *
 * ```ts import.meta.vitest
 * import { Cause } from "effect"
 * import { toResilienceError } from "effect-resilience/errors"
 *
 * toResilienceError(new Cause.TimeoutError())._tag // => "ChannelResponseTimeExceeded"
 * toResilienceError({ status: 503 })._tag // => "UpstreamOverloaded"
 * ```
 */
export const toResilienceError = (error: unknown, retryAfterMillis?: number): ResilienceError => {
  const caught = caughtIn(error)
  if (isResilienceError(caught)) return caught
  const blame: Blame = blameOf(error) ?? "upstream"
  const status = statusOf(caught)
  return stackless(() =>
    makers[blame]({
      message: saidBy(error),
      ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
      ...(status === undefined ? {} : { upstream: { status } })
    })
  )
}
