/**
 * What the relay is told: once, when it is made, and for each answer, when it starts. An answer keeps what it began with
 * to its end, whatever is changed meanwhile.
 */
import { Effect, type Scope } from "effect"
import type { QueryDataError } from "../errors/index.ts"
import type { Price } from "../account/index.ts"
import { type Timeouts, TimeoutsSection } from "../channel/index.ts"
import type { ParseRules } from "../dialect/index.ts"
import type { JournalOptions } from "../journal/JournalSection.ts"
import { Backoff, RetryBudgetState } from "../policy/index.ts"
import { Settings } from "../settings/index.ts"
import { type RecoveryOptions, RecoverySection } from "./RecoverySection.ts"
import { type RetryOptions, RetrySection } from "./RetrySection.ts"

/** What a relay is made with. */
export interface RelayOptions {
  readonly journal: Pick<
    JournalOptions,
    "detachGrace" | "onRestart" | "resumeGrace" | "storeRequests" | "takeOverAtOnce"
  >
  /** How a request of a group is read: one that was stored, or that of this program. */
  readonly rules: (group: string) => ParseRules
  /** How long an answer to a question of this program may take that does not say it, in milliseconds. */
  readonly chatTimeout: () => number
  /**
   * Whether the token of this name may ask for a model now: an answer that goes on in another process is held to what
   * tokens may there. `""` is nobody's.
   */
  readonly mayUse: (owner: string, model: string) => Effect.Effect<boolean, QueryDataError>
  /** What a model costs now: for the questions of this program. Default: a credit a token. */
  readonly priceOf?: ((model: string) => Price | undefined) | undefined
  /** Shows clients the details of errors. */
  readonly debug: boolean
  /**
   * What the relay calls itself, to relays that it cancels: a name of the cancel path. A comma in it becomes a space.
   * Default: `effect-resilience`.
   */
  readonly name?: string | undefined
}

/** What one answer goes by, from its start to its end. */
export interface AnswerSettings {
  readonly timeouts: Timeouts
  readonly retry: RetryOptions
  readonly recovery: RecoveryOptions
  readonly backoff: Backoff.Backoff
  /** Shared by all answers that began under the same `retry.budget`. */
  readonly budget: RetryBudgetState.Rule
}

/** How long a retry budget's deposits live: Finagle's default, in milliseconds. */
const budgetTtl = 10_000

/** Gives what an answer that starts now goes by. It is made when a setting changes, so asking costs nothing. */
export const makeSnapshot: Effect.Effect<() => AnswerSettings, never, Settings | Scope.Scope> = Effect.gen(
  function* () {
    const settings = yield* Settings
    const timeouts = settings.of(TimeoutsSection)
    const retry = settings.of(RetrySection)
    const recovery = settings.of(RecoverySection)
    const budgetOf = ({ budget }: RetryOptions) => RetryBudgetState.window({ ...budget, ttlMillis: budgetTtl })
    const take = (budget: RetryBudgetState.Rule): AnswerSettings => {
      const { base, cap, factor, jitter } = retry.current
      return {
        timeouts: timeouts.current,
        retry: retry.current,
        recovery: recovery.current,
        backoff: Backoff.exponential({ base, factor, cap, jitter }),
        budget
      }
    }
    let current = take(budgetOf(retry.current))
    // What was saved up is kept unless the budget itself is another.
    const renewed = (): void => {
      const { ratio, minPerSecond } = current.retry.budget
      const { budget } = retry.current
      const same = budget.ratio === ratio && budget.minPerSecond === minPerSecond
      current = take(same ? current.budget : budgetOf(retry.current))
    }
    for (const cell of [timeouts, retry, recovery]) {
      yield* Effect.acquireRelease(
        Effect.sync(() => cell.subscribe(renewed)),
        (unsubscribe) => Effect.sync(unsubscribe)
      )
    }
    return () => current
  }
)
