/**
 * What an answer begins with: what all of a relay share, what was asked, and what another process has left of it.
 */
import type { Price } from "../account/index.ts"
import type { Affinity, Selection } from "../channel/index.ts"
import type { AnswerEncoder, AnswerRequest, ClientDialect, DialectsService, Replayed } from "../dialect/index.ts"
import type { StreamId } from "../journal/index.ts"
import type { Kept } from "./AnswerLength.ts"
import type { Leave, Note } from "./Note.ts"
import type { Pursuit } from "./Pursuit.ts"
import type { RelayEvents } from "./RelayEvents.ts"
import type { AnswerSettings } from "./RelayOptions.ts"
import type { Watchdog } from "./Watchdog.ts"

/** What every answer of a relay shares. */
export interface AnswerContext {
  /** Shows clients the details of errors. */
  readonly debug: boolean
  /** What this relay calls itself. */
  readonly name: string
  /** What an answer that starts now goes by. */
  readonly snapshot: () => AnswerSettings
  /** Whoever takes an answer up can read its request. */
  readonly storesRequests: boolean
  readonly events: RelayEvents["Service"]
  readonly selection: Selection["Service"]
  /** Where sessions are at home; `undefined` where that is no matter. */
  readonly affinity: () => Affinity | undefined
  /** What channels speak. */
  readonly dialects: DialectsService
  readonly watchdog: Watchdog
  /** Time that passes, in whole milliseconds: what durations, limits and waits are reckoned by. No step of the clock moves it. */
  readonly now: () => number
  /** The time of day, epoch milliseconds: for what is shown, and for what another process reads. */
  readonly wall: () => number
  /** Takes the secrets that are known out of a text. */
  readonly mask: (text: string) => string
}

/** What a request is to the relay, once it has been checked. */
export interface AnswerStart {
  readonly request: AnswerRequest
  readonly dialect: ClientDialect
  readonly requestId: string
  /** The name of the token that asks, or `""`. */
  readonly owner: string
  /** The group whose channels may serve it, to its end, whatever becomes of the token meanwhile. */
  readonly group: string
  /** How long the whole answer may take, in milliseconds. */
  readonly timeoutMillis: number
  /** What it goes by to its end. Default: what there is when it is begun, or goes on in another process. */
  readonly settings?: AnswerSettings | undefined
  /** What happens when nobody reads any more. */
  readonly leave: Leave
  /** The session that it is of, in no words of its client's. Default: none. */
  readonly session?: string | undefined
  /** The id that its stream is to have: what was reserved for it is reserved by that. Default: a fresh one. */
  readonly id?: StreamId | undefined
  /** What its model costs now. Default: a credit a token. */
  readonly price?: Price | undefined
  /** It is begun under an idempotency key: its client can come again without knowing its id. */
  readonly keyed?: true | undefined
  /** The trace that the request belongs to, and where it came from: for who tells of it. */
  readonly traceId?: string | undefined
  readonly address?: string | undefined
}

/** The life of an answer that another process has begun. */
export interface Restored {
  readonly note: Note
  /** What was tried, the take-over included. */
  readonly pursuit: Pursuit
  /** What writes it, where its committed events left it; and what they show and take. */
  readonly encoder: AnswerEncoder
  readonly replayed: Replayed
  readonly kept: Kept
  /** Since when its process has been gone, as far as that is known: epoch milliseconds. */
  readonly goneSince: number
  /** How long it may go on at least, whatever its own time says, in milliseconds. */
  readonly grace: number
}
