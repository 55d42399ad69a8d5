/**
 * What tokens and groups may spend: credits are reserved before anybody is asked, and at the end settled or refunded, one
 * of the two and once, whatever is interrupted, killed or taken over on the way.
 *
 * A reservation is a row of the books that names its stream. Its final row is written by the transaction that takes the
 * reservation away, and a unique index on the stream makes a second one impossible: so whoever is not sure whether it was
 * done does it again. `operate/Settling.ts` does that from the journal's outbox; here nothing is known of journals but
 * their identity.
 */
import { Context, Data, type Effect, type Scope } from "effect"
import type { BooksError } from "../books/index.ts"
import {
  Blame,
  type InsufficientUserQuota,
  type PreConsumeTokenQuotaFailed,
  type QueryDataError
} from "../errors/index.ts"
import { type Budget, mostCredits } from "./Allowance.ts"
import type { TokenQuota } from "./Token.ts"

/** What is to be reserved, and for whom. */
export interface Wanted {
  /** What it is for: a stream, or something whole that has an id like one. */
  readonly streamId: string
  /** The token that asks; `""` for nobody's. */
  readonly token: string
  readonly group: string
  /** What the token is set to. */
  readonly quota: typeof TokenQuota.Type | undefined
  readonly credits: number
}

/** How something ended for which credits may have been reserved. */
export interface Final {
  readonly streamId: string
  readonly token: string
  readonly group: string
  /** What is paid, or nothing. */
  readonly credits: number | "refund"
  readonly reason: string | null
  readonly model: string
  readonly channel: string | null
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
}

/** The refund of what was reserved. */
export const refundOf = (
  { group, streamId, token }: { readonly streamId: string; readonly token: string; readonly group: string },
  reason: string
): Final => ({
  streamId,
  token,
  group,
  credits: "refund",
  reason,
  model: "",
  channel: null,
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0
})

/** What a token has, and what it has spent. */
export interface QuotaState {
  /** What was granted and is not settled: what is reserved is not taken off. `null` is unlimited. */
  readonly balance: number | null
  readonly budget: Budget | null
  readonly reserved: number
  /** Since midnight, and since the first of the month, by UTC. */
  readonly settledToday: number
  readonly settledMonth: number
}

/** Whose balance it is. */
export type Whose =
  /** `quota`: what the token is set to. */
  | { readonly _tag: "Token"; readonly name: string; readonly quota: typeof TokenQuota.Type | undefined }
  | { readonly _tag: "Group"; readonly name: string }

/** A change of a balance. */
export type BalanceChange = { readonly add: number } | { readonly set: number | null }

/** A change would leave a balance of more than `mostCredits`, or of less than nothing by more than that. */
export class BalanceTooLarge extends Data.TaggedError("BalanceTooLarge") {
  readonly [Blame.of] = "caller"

  override get message(): string {
    return `it would leave a balance that is not from -${mostCredits} to ${mostCredits} credits`
  }
}

/** A token has little left. */
export interface QuotaLow {
  readonly token: string
  readonly balance: number
  /** The grant that it is little of. */
  readonly grant: number
}

/** Who is told of it, in the transaction that makes it so. Gives what is to be done once that is committed. */
export type LowListener = (low: QuotaLow) => Effect.Effect<() => void, BooksError>

/** What is reserved now. */
export interface Reserved {
  readonly streamId: string
  readonly token: string
  readonly group: string
  /** Epoch milliseconds. */
  readonly at: number
}

/** What tokens may spend. */
export class Quota extends Context.Service<
  Quota,
  {
    /**
     * Whether anything limits what a token spends: without that nothing is reserved, and no request waits for the books.
     * A limit that another process on the same books has set is known within a second.
     */
    readonly limits: (token: string, group: string, quota: typeof TokenQuota.Type | undefined) => boolean
    /**
     * Reserves credits of a token and of its group: of both or of none. `InsufficientUserQuota` where a balance is too
     * small, `PreConsumeTokenQuotaFailed` where a budget is, `QueryDataError` where the books cannot be asked. What was
     * reserved is this process's to tell about until `began` or `release`.
     */
    readonly reserve: (
      wanted: Wanted
    ) => Effect.Effect<void, InsufficientUserQuota | PreConsumeTokenQuotaFailed | QueryDataError>
    /** The stream that it was reserved for is in the journal: from now on the journal tells how it ends. */
    readonly began: (streamId: string) => void
    /** Nothing came of it: refunds it. Never fails: what cannot be written now is found later. */
    readonly release: (wanted: Wanted) => Effect.Effect<void>
    /**
     * Writes how things ended, each once, all of them in one transaction and `also` with them. One that has its final row
     * already is passed over; so is a refund of what was not reserved.
     */
    readonly settle: (
      finals: ReadonlyArray<Final>,
      also?: Effect.Effect<void, BooksError>
    ) => Effect.Effect<void, BooksError>
    /** The same of one that is in no journal: where it has reserved something before this is done, else soon. Never fails. */
    readonly settleSoon: (final: Final) => Effect.Effect<void>
    /** What was reserved by this journal's processes, and by others that are gone, and is no work in hand of this one. */
    readonly open: Effect.Effect<ReadonlyArray<Reserved & { readonly gone: boolean }>, BooksError>
    /** Up to where the ends of a journal's streams are in the ledger; `""` is before all. */
    readonly position: Effect.Effect<string, BooksError>
    /** Says that they are, up to there. Told in the `also` of `settle`. */
    readonly keepPosition: (position: string) => Effect.Effect<void, BooksError>
    /** Enters what is granted by the file, or by a token's settings, to names that the books have not seen. */
    readonly enter: Effect.Effect<void, BooksError>
    /** What a token or a group has. */
    readonly of: (whose: Whose) => Effect.Effect<QuotaState, BooksError>
    /**
     * Changes a balance; gives what is there then. `undefined`: to what is unlimited nothing can be added. What is set to
     * `null` is unlimited from then on; of a group the file says that. More than there was is a new grant, of which
     * little may be left; a change that takes credits away leaves that as it is.
     */
    readonly grant: (
      whose: Whose,
      change: BalanceChange,
      reason: string
    ) => Effect.Effect<QuotaState | undefined, BalanceTooLarge | BooksError>
    /**
     * Is told when a settlement leaves a token with little of its last grant, once until it is granted more; until the
     * scope closes. It is told within the transaction of the settlement, so that what it writes of it is kept with that or
     * not at all; what it gives is called once that is committed, and must not throw.
     */
    readonly onLow: (listener: LowListener) => Effect.Effect<void, never, Scope.Scope>
  }
>()("effect-resilience/account/Quota") {}
