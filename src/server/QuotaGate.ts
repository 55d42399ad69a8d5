/**
 * What a request may cost: reserved before anything is begun for it, by what its token and its group may spend. A replay, a
 * resume and a count reserve nothing.
 */
import { Effect } from "effect"
import {
  type Caller,
  creditsToReserve,
  groupOf,
  plainPrice,
  type Price,
  priceOf,
  PricesSection,
  Quota,
  type Wanted
} from "../account/index.ts"
import type { AnswerRequest } from "../dialect/index.ts"
import type { InsufficientUserQuota, PreConsumeTokenQuotaFailed, QueryDataError } from "../errors/index.ts"
import { makeStreamId, type StreamId } from "../journal/index.ts"
import { Settling } from "../operate/index.ts"
import { Settings } from "../settings/index.ts"
import { ownerOf } from "./routes/Streams.ts"

/** Why nothing was reserved. */
export type QuotaRefusal = InsufficientUserQuota | PreConsumeTokenQuotaFailed | QueryDataError

/** What is reserved for a stream, by the id that it will have. */
export type WantedStream = Wanted & { readonly streamId: StreamId }

/** Reserves for requests. */
export interface QuotaGate {
  /** What models cost now: a request goes by the prices that there were when it came. `undefined` for a credit a token. */
  readonly prices: () => (model: string) => Price | undefined
  /** What is to be reserved for a request; `undefined` where nothing limits who asks. */
  readonly wanted: (caller: Caller, request: AnswerRequest, price: Price | undefined) => WantedStream | undefined
  /** Reserves it. Nobody is refused for what is reserved of an answer that has ended. */
  readonly reserve: (wanted: Wanted) => Effect.Effect<void, QuotaRefusal>
  /** The same, and begins what it is for. Where that does not come to begin it is refunded. */
  readonly reserving: <A, E>(
    wanted: Wanted | undefined,
    begin: Effect.Effect<A, E>,
    hasBegun?: (begun: A) => boolean
  ) => Effect.Effect<A, E | QuotaRefusal>
}

/** Makes it over the services that it needs. */
export const makeQuotaGate: Effect.Effect<QuotaGate, never, Quota | Settings | Settling> = Effect.gen(function* () {
  const quota = yield* Quota
  const { flush, owes } = yield* Settling
  // What ended last is settled some milliseconds later: until then it is reserved, and who asks next may be refused for it.
  // HOT: who has nothing to spend and asks all the same costs one look at the books, and not two.
  const again = (wanted: Wanted, refusal: QuotaRefusal): ReturnType<Quota["Service"]["reserve"]> => {
    const ofGroup = quota.limits("", wanted.group, undefined)
    return owes(({ group, owner }) => owner === wanted.token || (ofGroup && group === wanted.group))
      ? Effect.andThen(Effect.ignore(flush), quota.reserve(wanted))
      : Effect.fail(refusal)
  }
  const reserve: QuotaGate["reserve"] = (wanted) =>
    Effect.catchTags(quota.reserve(wanted), {
      InsufficientUserQuota: (refusal) => again(wanted, refusal),
      PreConsumeTokenQuotaFailed: (refusal) => again(wanted, refusal)
    })
  const prices = (yield* Settings).of(PricesSection)
  return {
    prices: () => {
      const now = prices.current
      return (model) => {
        const price = priceOf(now, model)
        return price === plainPrice ? undefined : price
      }
    },
    wanted: (caller, request, price = plainPrice) => {
      const token = ownerOf(caller)
      const group = groupOf(caller)
      // HOT: where nothing limits who asks, nothing of the request is looked at.
      if (!quota.limits(token, group, caller?.quota)) return undefined
      return {
        streamId: makeStreamId(),
        token,
        group,
        quota: caller?.quota,
        credits: creditsToReserve(price, request)
      }
    },
    reserve,
    reserving: (wanted, begin, hasBegun = () => true) =>
      wanted === undefined
        ? begin
        : // Not interruptible: whoever leaves between the two would leave it reserved.
          Effect.uninterruptible(
            Effect.andThen(
              reserve(wanted),
              begin.pipe(
                Effect.tapCause(() => quota.release(wanted)),
                Effect.tap((begun) =>
                  hasBegun(begun) ? Effect.sync(() => quota.began(wanted.streamId)) : quota.release(wanted)
                )
              )
            )
          )
  }
})
