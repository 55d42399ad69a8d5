/**
 * Retry budgets as plain data: who may retry, decided from what was asked and what failed so far. No clock, no waiting.
 *
 * Four published rules behind one interface. Amounts are plain numbers; a state is changed in place, because a budget
 * sits in the path of every request (a copy on each change costs 40 ns and garbage).
 */

/** The kinds of budgets. */
export type Kind = "tokenRatio" | "window" | "quota" | "share"

/**
 * The rule of a budget. Its caller tells it of each request and attempt:
 * `request` when one begins, `retry` to ask for a further attempt, `success` or `failure` when an attempt ends, and, for
 * a rule that counts what is under way, `retryEnded` and `requestEnded`.
 */
export interface Rule {
  readonly kind: Kind
  /** Whether `retryEnded` and `requestEnded` must be called, even when interrupted. */
  readonly tracksFlight: boolean
  /** A request begins: its first attempt, which no budget ever refuses. */
  readonly request: (now: number) => void
  /** May one more attempt begin, after this error? What it was paid with, at once and in the rule's own unit; `refused` if not. */
  readonly retry: (now: number, error: unknown) => number
  /** An attempt that was let through is not made after all; `paid` is what `retry` gave for it. */
  readonly refund: (now: number, paid: number) => void
  /** An attempt succeeded; `paid` is what `retry` gave for it, 0 for a first attempt. */
  readonly success: (now: number, paid: number) => void
  /** An attempt failed in a way that says something of the dependency. */
  readonly failure: (now: number) => void
  /**
   * What the rule needs to know of a success: nothing at all, and it need not be told; what was paid, and not when; or
   * both, which is the default. A handler for success and a reading of the clock are most of what a budget costs.
   */
  readonly needs?: "nothing" | "paid" | undefined
  /** A retry that was let through has ended. */
  readonly retryEnded: () => void
  /** A request has ended, whatever became of it. */
  readonly requestEnded: () => void
  /** What is left, in the rule's own unit: tokens, retries, units of quota; for a share 1 if a retry may begin, else 0. */
  readonly balance: (now: number) => number
}

/** What `retry` gives when no further attempt may begin. */
export const refused = -1

const nothing = (): void => {}

/**
 * gRPC's retry throttling (proposal A6). A bucket of `maxTokens`, full at first: each failed attempt takes 1, each
 * succeeded one gives `tokenRatio`. A retry may begin while more than half of the bucket is left; it takes nothing.
 * A6 keeps three decimals of the ratio; so do we, by counting in thousandths.
 */
export const tokenRatio = (options: { readonly maxTokens: number; readonly tokenRatio: number }): Rule => {
  const max = Math.round(options.maxTokens * 1000)
  const gain = Math.round(options.tokenRatio * 1000)
  let tokens = max
  return {
    kind: "tokenRatio",
    tracksFlight: false,
    request: nothing,
    retry: () => (tokens * 2 > max ? 0 : refused),
    refund: nothing,
    needs: "paid",
    success: () => {
      tokens = Math.min(max, tokens + gain)
    },
    failure: () => {
      tokens = Math.max(0, tokens - 1000)
    },
    retryEnded: nothing,
    requestEnded: nothing,
    balance: () => tokens / 1000
  }
}

const slots = 10

/**
 * Finagle's RetryBudget, with tower's ten slots: each request deposits 1, each retry takes `1 / ratio`; a deposit lives
 * for `ttlMillis`. A reserve of `minPerSecond` retries per second of the ttl is there from the first. Whether a request
 * succeeded is no matter.
 *
 * Tower rotates slots one at a time; here a long silence empties all of them at once.
 */
export const window = (options: {
  readonly ratio: number
  readonly minPerSecond: number
  readonly ttlMillis: number
}): Rule => {
  // In Finagle's unit: a deposit is 1000, a withdrawal is rounded down, so that ratios such as 0.3 are exact.
  const deposit = options.ratio === 0 ? 0 : 1000
  const withdrawal = options.ratio === 0 ? 1 : Math.floor(1000 / options.ratio)
  const reserve = Math.floor(options.minPerSecond * (options.ttlMillis / 1000) * withdrawal)
  const slotMillis = options.ttlMillis / slots
  const ring = new Float64Array(slots)
  let slot = Number.NaN
  let sum = 0

  const rotate = (now: number): void => {
    const current = Math.floor(now / slotMillis)
    if (current === slot) return
    // A clock that went back, or the first call: nothing is forgotten, and time goes on from here.
    const passed = current > slot ? Math.min(current - slot, slots) : 0
    for (let i = 1; i <= passed; i++) {
      const index = (current - passed + i) % slots
      sum -= ring[index]!
      ring[index] = 0
    }
    slot = current
  }
  const add = (now: number, amount: number): void => {
    rotate(now)
    const index = ((slot % slots) + slots) % slots
    ring[index] = ring[index]! + amount
    sum += amount
  }
  return {
    kind: "window",
    tracksFlight: false,
    request: (now) => add(now, deposit),
    retry: (now) => {
      rotate(now)
      if (reserve + sum < withdrawal) return refused
      add(now, -withdrawal)
      return withdrawal
    },
    refund: add,
    needs: "nothing",
    success: nothing,
    failure: nothing,
    retryEnded: nothing,
    requestEnded: nothing,
    balance: (now) => {
      rotate(now)
      return Math.max(0, Math.floor((reserve + sum) / withdrawal))
    }
  }
}

// Sums of fractions miss by less: ten times 0.7 are 7.
const drift = 1e-9

/**
 * The AWS SDKs' retry quota (standard mode). A bucket of `capacity`, full at first: a retry takes its cost; a success
 * gives back what its own retry had cost, or `refill` if it had none.
 */
export const quota = (options: {
  readonly capacity: number
  readonly costOf: (error: unknown) => number
  readonly refill: number
}): Rule => {
  let left = options.capacity
  return {
    kind: "quota",
    tracksFlight: false,
    request: nothing,
    retry: (_, error) => {
      const cost = options.costOf(error)
      // A cost that is no number, or negative, would fill the bucket for ever.
      if (!(cost >= 0) || left + drift < cost) return refused
      left = Math.max(0, left - cost)
      return cost
    },
    refund: (_, paid) => {
      left = Math.min(options.capacity, left + paid)
    },
    needs: "paid",
    success: (_, paid) => {
      left = Math.min(options.capacity, left + (paid > 0 ? paid : options.refill))
    },
    failure: nothing,
    retryEnded: nothing,
    requestEnded: nothing,
    balance: () => left
  }
}

/**
 * failsafe-go's budget (Envoy's is alike): a retry is refused when at least `minConcurrency` retries are under way and
 * they are more than `maxShare` of everything under way, retries included.
 */
export const share = (options: { readonly maxShare: number; readonly minConcurrency: number }): Rule => {
  let running = 0
  let retries = 0
  const mayRetry = () => retries < options.minConcurrency || retries <= options.maxShare * running
  return {
    kind: "share",
    tracksFlight: true,
    request: () => {
      running++
    },
    retry: () => {
      if (!mayRetry()) return refused
      retries++
      running++
      return 0
    },
    refund: () => {
      retries--
      running--
    },
    needs: "nothing",
    success: nothing,
    failure: nothing,
    retryEnded: () => {
      retries--
      running--
    },
    requestEnded: () => {
      running--
    },
    balance: () => (mayRetry() ? 1 : 0)
  }
}
