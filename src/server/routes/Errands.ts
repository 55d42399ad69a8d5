/**
 * The routes that ask upstreams and begin no answer: counts of tokens, and embeddings. Nothing of them is in the journal;
 * events tell of their attempts, and how they fail is told like a refusal.
 */
import { Clock, Effect } from "effect"
import { costOf, groupOf, plainPrice, Quota } from "../../account/index.ts"
import { Selection, TimeoutsSection } from "../../channel/index.ts"
import { type ClientDialect, clientDialects, embeddings, embeddingTokens } from "../../dialect/index.ts"
import { makeStreamId } from "../../journal/index.ts"
import { ErrorLogSection } from "../../operate/ErrorLogSection.ts"
import type { Settling } from "../../operate/index.ts"
import { attemptsHeader, type Errand, LastAsked, Relay, RelayEvents } from "../../relay/index.ts"
import { Settings } from "../../settings/index.ts"
import { makeAdmission } from "../Admission.ts"
import { type Exchange, respond } from "../Exchange.ts"
import { parseRules } from "../ParseRules.ts"
import { pinned } from "../PinGate.ts"
import { makeQuotaGate } from "../QuotaGate.ts"
import { RateGate } from "../RateGate.ts"
import { readRequest, tellId } from "../ReadRequest.ts"
import { originOf } from "../RequestOrigin.ts"
import type { Route } from "../Route.ts"
import { ServerSection } from "../ServerSection.ts"
import { trustedProxies } from "../TrustedProxies.ts"
import { ownerOf } from "./Streams.ts"

/** Handlers of errands. */
export interface Errands {
  /** How many tokens a request of a dialect is; `parameter` says what is asked of it. */
  readonly counting: (dialect: ClientDialect, parameter: string) => Route["handle"]
  /** An embedding, of a channel that makes them. */
  readonly embedding: Route["handle"]
}

/** Makes them over the services that they need. */
export const makeErrands: Effect.Effect<
  Errands,
  never,
  Quota | RateGate | Relay | RelayEvents | Selection | Settings | Settling
> = Effect.gen(function* () {
  const settings = yield* Settings
  const { maxBodyBytes } = settings.of(ServerSection).current
  const timeouts = settings.of(TimeoutsSection)
  const relay = yield* Relay
  const selection = yield* Selection
  const admission = makeAdmission(selection, settings)
  const events = yield* RelayEvents
  const trusted = trustedProxies(settings)
  const errorLog = settings.of(ErrorLogSection)
  const gate = yield* RateGate
  const quota = yield* Quota
  const quotaGate = yield* makeQuotaGate
  const rules = parseRules(settings, selection)

  const gone = (exchange: Exchange): Effect.Effect<never> =>
    Effect.callback((resume) => exchange.onClose(() => resume(Effect.interrupt)))

  const counting =
    (dialect: ClientDialect, parameter: string): Route["handle"] =>
    (exchange, caller) =>
      Effect.gen(function* () {
        tellId(exchange, dialect)
        const pin = yield* pinned(exchange, caller, selection)
        const request = yield* readRequest(exchange, {
          dialect,
          rules: rules(groupOf(caller)),
          parameter,
          pin,
          maxBodyBytes
        })
        exchange.model = request.model
        yield* admission.admit(caller, request, pin?.group)
        const asker = { requestId: exchange.requestId, owner: ownerOf(caller), group: groupOf(caller) }
        exchange.atWork = true
        const counted = yield* Effect.raceFirst(relay.count(request, timeouts.current.total, asker), gone(exchange))
        exchange.trail = counted.trail
        const attempts = attemptsHeader(counted.trail)
        if (attempts !== "") exchange.setHeader("x-attempts", attempts)
        // Events tell of its attempts, and none of how a count ends: its failure is told like a refusal.
        if (counted._tag === "Failed") return yield* Effect.fail(counted.error)
        const headers = { "content-type": "application/json" }
        if (counted._tag === "Counted") return respond(exchange, 200, headers, counted.body)
        const body = JSON.stringify(dialect.count?.(counted.inputTokens))
        respond(exchange, 200, { ...headers, "x-estimated": "true" }, body)
      })

  const embedding: Route["handle"] = (exchange, caller) =>
    Effect.gen(function* () {
      const entered = gate.enter(exchange, caller)
      entered.tell()
      if (entered.refusal !== undefined) return yield* Effect.fail(entered.refusal)
      const pin = yield* pinned(exchange, caller, selection)
      const priceOf = quotaGate.prices()
      const request = yield* readRequest(exchange, {
        dialect: clientDialects.openai,
        rules: rules(groupOf(caller)),
        parameter: embeddings,
        pin,
        maxBodyBytes
      })
      exchange.model = request.model
      yield* admission.admit(caller, request, pin?.group)
      const asker = { requestId: exchange.requestId, owner: ownerOf(caller), group: groupOf(caller) }
      const price = priceOf(request.model) ?? plainPrice
      const wanted = quotaGate.wanted(caller, request, price)
      const clock = yield* Clock.Clock
      const startedAt = clock.currentTimeMillisUnsafe()
      const tell = ({ trail, ...errand }: Errand, inputTokens: number, credits: number): void =>
        events.tell({
          _tag: "EmbeddingEnded",
          answer: {
            ...asker,
            streamId: "",
            model: request.model,
            listed: selection.models(asker.group).includes(request.model),
            dialect: "openai",
            delivery: "whole",
            asked: new LastAsked(),
            ...originOf(exchange, errorLog.current.ip ? trusted() : undefined)
          },
          error: errand._tag === "Got" ? undefined : errand.error,
          inputTokens,
          credits,
          trail,
          durationMillis: clock.currentTimeMillisUnsafe() - startedAt
        })
      const settle = (errand: Errand): Effect.Effect<void> => {
        if (errand._tag !== "Got") {
          tell(errand, 0, 0)
          return wanted === undefined ? Effect.void : quota.release(wanted)
        }
        const inputTokens = embeddingTokens(errand.body) ?? request.inputEstimate()
        const credits = costOf(price, { inputTokens, outputTokens: 0 })
        entered.charge(inputTokens)
        tell(errand, inputTokens, credits)
        return quota.settleSoon({
          streamId: wanted?.streamId ?? makeStreamId(),
          token: asker.owner,
          group: asker.group,
          credits,
          reason: null,
          model: request.model,
          channel: errand.trail.at(-1)?.channel ?? null,
          inputTokens,
          outputTokens: 0,
          cachedTokens: 0
        })
      }
      const asking = Effect.raceFirst(relay.embed(request, timeouts.current.total, asker), gone(exchange))
      const full = gate.full(caller)
      if (full !== undefined) {
        entered.giveBack()
        return yield* Effect.fail(full)
      }
      const paid = Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          if (wanted !== undefined) yield* quotaGate.reserve(wanted)
          const done = yield* Effect.tapCause(restore(asking), () =>
            wanted === undefined ? Effect.void : quota.release(wanted)
          )
          yield* settle(done)
          return done
        })
      )
      exchange.atWork = true
      const errand = yield* gate.counting(caller, paid)
      exchange.trail = errand.trail
      const attempts = attemptsHeader(errand.trail)
      if (attempts !== "") exchange.setHeader("x-attempts", attempts)
      if (errand._tag !== "Got") return yield* Effect.fail(errand.error)
      respond(exchange, 200, { "content-type": "application/json" }, errand.body)
    })

  return { counting, embedding }
})
