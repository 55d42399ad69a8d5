/**
 * One call, over several models: who is asked, who beside, and who then. What the answer is does not matter here: all of
 * it, or a stream whose first content has come.
 */
import * as Effect from "effect/Effect"
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import { lastOf } from "../errors/index.ts"
import { Failures, Hedge, PolicyTelemetry, Retry } from "../policy/index.ts"
import { afterFailure, type Turns } from "./Failover.ts"
import type { Made } from "./Policies.ts"

/** One of the models. */
export interface Member {
  /** What its breaker, its events and its seams are called by: unlike that of any other. */
  readonly name: string
  readonly model: LanguageModel.LanguageModel
}

const endsCall = (error: unknown): boolean => afterFailure(error) === "end"

/** Of what several models failed with: that one which says that asking again may help, else the newest. */
const telling = (before: AiError.AiError | undefined, error: AiError.AiError): AiError.AiError =>
  before !== undefined && Failures.isRetryable(before) && !Failures.isRetryable(error) ? before : error

/**
 * Asks the models until one answers. A failure that any of them would repeat ends the call; whoever fails otherwise is
 * left for the next one at once; with a `hedge` a second one begins beside a late one; once all have failed the `retry`
 * says whether and when they are asked anew. `before` is what the call has failed with already.
 */
export const ask = <A, R>(
  { hedge, retry }: Pick<Made, "hedge" | "retry">,
  turns: Turns<Member>,
  call: (member: Member) => Effect.Effect<A, AiError.AiError, R>,
  before?: AiError.AiError
): Effect.Effect<A, AiError.AiError, R> => {
  let failure: AiError.AiError | undefined
  /** What the call would fail with if nobody is left to be asked. */
  let last = before
  const next = (beside: boolean): Effect.Effect<A, AiError.AiError, R> => {
    const member = turns.take(beside)
    if (member === undefined) return last === undefined ? nobody : Effect.fail(last)
    return Effect.catch(call(member), (error) => {
      const after = afterFailure(error)
      turns.failed(member, after)
      if (after === "end") return Effect.fail(error)
      last = failure = telling(failure, error)
      return Effect.withFiber((fiber) => {
        PolicyTelemetry.emit(fiber, "OnFallback", () => ({
          policy: "ResilientLanguageModel",
          key: member.name,
          error
        }))
        return next(false)
      })
    })
  }
  const attempt = (number: number) => Effect.suspend(() => next(number > 0))
  const round = Effect.suspend(() => {
    turns.round()
    failure = undefined
    return hedge === undefined
      ? attempt(0)
      : Hedge.run(hedge, attempt, { isRetryable: (error: AiError.AiError) => !endsCall(error) })
  })
  return retry === undefined ? round : Effect.mapError(Retry.retry(round, retry), lastOf)
}

/** A call has at least one model, and one is left out only after it has failed. */
const nobody: Effect.Effect<never> = Effect.die(new Error("a call without a model"))
