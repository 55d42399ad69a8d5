/**
 * Where a `ResumableStream` is: what it tells, to whom looks, of each change and of what it came to.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ResumableStreamError } from "./ResumableStreamErrors.ts"

/** Where a stream is. `Ended`, `Failed` and `Closed` are the last, until `events` is run again. */
export type Status<E = ResumableStreamError> =
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Open" }
  /**
   * The connection is gone. `until` is in milliseconds since 1970. `reason` is `network_error`, `stream_cut`, `http_503`
   * (any status), or the code of the stream's own error; `offline`, which has no end that is known, waits for a network.
   */
  | {
      readonly _tag: "Waiting"
      readonly attempt: number
      readonly maxRetries: number
      readonly delayMillis: number
      readonly until: number
      readonly reason: string
    }
  | { readonly _tag: "Ended" }
  /** `events` failed so. */
  | { readonly _tag: "Failed"; readonly error: E }
  /** It was left: closed or cancelled, or nobody reads `events` any more. */
  | { readonly _tag: "Closed" }

/** What is told of a stream. */
export interface Told<E> {
  /** It is here now. The last status stays: what comes late changes nothing. */
  readonly tell: (now: Status<E>) => Effect.Effect<void>
  /** It is run: after a last status it connects anew. */
  readonly begin: Effect.Effect<void>
  /** Nothing is read any more, whyever: what has not been told is that it failed, or that who read it has left. */
  readonly over: (exit: Exit.Exit<unknown, E>) => Effect.Effect<void>
  /** Where it is now, and each change. It ends after the last. */
  readonly changes: Stream.Stream<Status<E>>
}

/** It asks, or nobody has run it yet. */
export const connecting: Status<never> = { _tag: "Connecting" }

/** It was left. */
export const closed: Status<never> = { _tag: "Closed" }

const isFinal = ({ _tag }: Status<unknown>): boolean => _tag === "Ended" || _tag === "Failed" || _tag === "Closed"

/** Tells of a stream, which nobody runs yet. */
export const makeTold = <E>(): Effect.Effect<Told<E>> =>
  Effect.map(SubscriptionRef.make<Status<E>>(connecting), (status) => {
    const tell = (now: Status<E>): Effect.Effect<void> =>
      SubscriptionRef.updateSome(status, (before) =>
        isFinal(before) || (before._tag === "Connecting" && now._tag === "Connecting")
          ? Option.none()
          : Option.some(now)
      )
    return {
      tell,
      begin: SubscriptionRef.updateSome(status, (before) =>
        isFinal(before) ? Option.some(connecting) : Option.none()
      ),
      over: (exit) =>
        tell(
          Option.match(Exit.findErrorOption(exit), {
            onNone: () => closed,
            onSome: (error) => ({ _tag: "Failed", error })
          })
        ),
      changes: SubscriptionRef.changes(status).pipe(Stream.takeUntil(isFinal))
    }
  })
