/**
 * How often and how many at once: what a generating route asks before it begins anything, and learns of when it ends.
 */
import { Context, Effect, Layer } from "effect"
import {
  type Caller,
  type RateLimit,
  RateLimits,
  RateLimitSection,
  limitHeaders,
  type Taken
} from "../account/index.ts"
import { RateLimited, stackless } from "../errors/index.ts"
import { HeldMap } from "../memory/index.ts"
import { RelayEvents, sinkOf } from "../relay/index.ts"
import { Settings } from "../settings/index.ts"
import { clientAddress, countedAs, type Networks } from "./ClientAddressNode.ts"
import type { Exchange } from "./Exchange.ts"
import { trustedProxies } from "./TrustedProxies.ts"

/** A request, and whether it was let in. */
export interface Entered {
  /** Why it may begin nothing. */
  readonly refusal: RateLimited | undefined
  /** Says in the answer's headers how many are left: it is no replay. */
  readonly tell: () => void
  /** It was none after all: a replay of what was asked before. */
  readonly giveBack: () => void
  /** An answer was begun for it. */
  readonly began: (streamId: string) => void
  /** It was no answer, and has cost so many tokens. */
  readonly charge: (tokens: number) => void
}

/** Lets generating requests in. */
interface Gate {
  /** Takes one request, if there is one. */
  readonly enter: (exchange: Exchange, caller: Caller) => Entered
  /** Why a token may have no further answer at once. */
  readonly full: (caller: Caller) => RateLimited | undefined
  /** Begins an answer, which counts from now on, so that of many that come in one turn no more are begun. */
  readonly counting: <A, E, R>(caller: Caller, begin: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

const ignore = (): void => {}
const nothing: Entered = { refusal: undefined, tell: ignore, giveBack: ignore, began: ignore, charge: ignore }

const refusedBy = (retryAfterMillis: number, message: string): RateLimited =>
  stackless(() => new RateLimited({ retryAfterMillis, message }))

/** How long who has too many answers at once is told to wait, in milliseconds: one of them may end at any time. */
const whenOneEnds = 1_000

/** The bucket of a token. */
const tokenName = (name: string): string => `token ${name}`
const ofToken = (caller: Caller): string | undefined => (caller === undefined ? undefined : tokenName(caller.name))

/** Who is counted, and by which limit. */
const countedFor = (
  exchange: Exchange,
  caller: Caller,
  general: (RateLimit & { readonly by: "token" | "address" | undefined }) | undefined,
  trusted: Networks
): { readonly name: string; readonly limit: RateLimit } | undefined => {
  if (caller?.rateLimit !== undefined) return { name: tokenName(caller.name), limit: caller.rateLimit }
  if (general === undefined) return undefined
  if (caller !== undefined && general.by !== "address") return { name: tokenName(caller.name), limit: general }
  const address = clientAddress(exchange.peer, exchange.header("x-forwarded-for"), trusted)
  return { name: `address ${address === undefined ? "" : countedAs(address)}`, limit: general }
}

const make = Effect.gen(function* () {
  const settings = yield* Settings
  const general = settings.of(RateLimitSection)
  const trusted = trustedProxies(settings)
  const limits = new RateLimits()
  const now = (): number => performance.now()
  /** By stream: who is charged for it, where that is not the token that asked. */
  const charged = new HeldMap<string, string>()
  /** By token: how many of its answers are under way, and how many are about to be. */
  const active = new Map<string, number>()
  const count = (owner: string, by: 1 | -1): void => {
    const many = (active.get(owner) ?? 0) + by
    if (many > 0) active.set(owner, many)
    else active.delete(owner)
  }

  const { add } = yield* RelayEvents
  const begun = ({ answer }: { readonly answer: { readonly owner: string } }): void => {
    if (answer.owner !== "") count(answer.owner, 1)
  }
  const over = ({ answer }: { readonly answer: { readonly owner: string; readonly streamId: string } }): void => {
    if (answer.owner !== "") count(answer.owner, -1)
    charged.delete(answer.streamId)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      add("limits", {
        ...sinkOf(() => {}),
        StreamStarted: begun,
        StreamTakenOver: begun,
        StreamAbandoned: over,
        StreamEnded: (event) => {
          const { answer, error, usage } = event
          // Of a failed answer that showed nothing nobody has had anything.
          const isFree = error !== undefined && usage.outputTokens === 0
          const name = charged.get(answer.streamId) ?? (answer.owner === "" ? undefined : tokenName(answer.owner))
          if (name !== undefined && !isFree) limits.charge(name, usage.inputTokens + usage.outputTokens, now())
          over(event)
        }
      })
    ),
    (remove) => Effect.sync(remove)
  )

  const told = (exchange: Exchange, taken: Taken): void => {
    const headers = limitHeaders(taken)
    for (const name in headers) exchange.setHeader(name, headers[name]!)
  }

  return RateGate.of({
    enter: (exchange, caller) => {
      // HOT: without a limit nothing is made.
      if (general.current === undefined && caller?.rateLimit === undefined) return nothing
      const counted = countedFor(exchange, caller, general.current, trusted())
      if (counted === undefined) return nothing
      const { limit, name } = counted
      const taken = limits.take(name, limit, now())
      const { retryAfterMillis } = taken
      return {
        refusal:
          retryAfterMillis === undefined
            ? undefined
            : refusedBy(retryAfterMillis, "too many requests: wait before the next one"),
        tell: () => told(exchange, taken),
        giveBack: () => {
          if (retryAfterMillis === undefined) limits.giveBack(name, limit, now())
        },
        began: (streamId) => {
          // What a token has begun is charged to it when it ends; an address is not known by then.
          if (limit.tokens !== null && name !== ofToken(caller)) charged.set(streamId, name)
        },
        charge: (tokens) => limits.charge(name, tokens, now())
      }
    },
    full: (caller) => {
      const most = caller?.concurrency
      if (caller === undefined || most === undefined || (active.get(caller.name) ?? 0) < most) return undefined
      return refusedBy(whenOneEnds, `this token may have ${most} ${most === 1 ? "answer" : "answers"} at once`)
    },
    counting: (caller, begin) => {
      if (caller?.concurrency === undefined) return begin
      const { name } = caller
      return Effect.suspend(() => {
        count(name, 1)
        // Once it has begun it counts itself.
        return Effect.ensuring(
          begin,
          Effect.sync(() => count(name, -1))
        )
      })
    }
  })
})

/** The gate of a server. Answers that other processes on its store write are theirs to count. */
export class RateGate extends Context.Service<RateGate, Gate>()("effect-resilience/server/RateGate") {
  /** Over the settings, and told by the relay's events. */
  static readonly layer: Layer.Layer<RateGate, never, RelayEvents | Settings> = Layer.effect(RateGate, make)
}
