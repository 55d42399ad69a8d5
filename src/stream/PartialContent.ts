/**
 * An answer that breaks off is not lost: what was delivered of it is kept, travels in the error, and a continuation can
 * go on from there. What was delivered is never delivered again.
 */
import { Array as Arr, Effect, type Pull, Schema, Stream } from "effect"
import { dual } from "effect/Function"
import { BadResponse, ResilienceError } from "../errors/index.ts"
import { InvalidPolicyOption } from "../policy/index.ts"
import { makeStitcher, type StitchDecision, type StitcherOptions } from "./Stitcher.ts"

/** Amounts by name, such as tokens by their kind. */
export type Usage = { readonly [name: string]: number }

/**
 * An answer broke off. The leaf is in `reason`, so that `Effect.catchReason` and `Effect.unwrapReason` open it; the rest
 * is what was delivered before.
 */
export class AnswerInterrupted extends Schema.TaggedError<AnswerInterrupted>()("AnswerInterrupted", {
  /** The failure that broke the answer first. */
  reason: ResilienceError,
  /** What the continuations failed with, oldest first. */
  later: Schema.Array(ResilienceError),
  /** All the text that was delivered, that of the continuations too. */
  partial: Schema.String,
  /** Its length in code points. */
  length: Schema.Int,
  /** How many elements it came in. */
  count: Schema.Int,
  /** The id of the last element that had one. */
  cursor: Schema.optionalKey(Schema.String),
  /** What was used, as far as it was reported, over all attempts. */
  usage: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite)),
  /** How many continuations were made. */
  continuations: Schema.Int
}) {
  override get message() {
    return `the answer broke off after ${this.length} characters: ${this.reason.message}`
  }
}

/** An interruption whose reason is one of `E`. */
export type Interrupted<E> = AnswerInterrupted & { readonly reason: E }

/** How an element is read. */
export interface Options<in A> {
  /** The text in an element; `""` when there is none. */
  readonly text: (element: A) => string
  /** The element's id, if it has one. */
  readonly cursor?: ((element: A) => string | undefined) | undefined
  /** What the attempt has used until this element, if the element says so. */
  readonly usage?: ((element: A) => Usage | undefined) | undefined
}

/** What `recover` needs beside. */
export interface RecoverOptions<A, B, E2, R2> extends Options<A | B> {
  /**
   * Goes on: gives a stream of what is still to come, or `undefined` to give up. It is asked with all that was delivered
   * so far, and with the newest failure as `reason`.
   */
  readonly continueWith: (interrupted: AnswerInterrupted) => Stream.Stream<B, E2, R2> | undefined
  /** The most continuations of one answer. Default 2. */
  readonly maxContinuations?: number | undefined
}

/** What was delivered of one answer, over its attempts. */
const makeKeeper = <A>({ text, cursor, usage }: Options<A>) => {
  let partial = ""
  let count = 0
  let last: string | undefined
  let usedBefore: Usage | undefined
  let used: Usage | undefined
  const failures: Array<ResilienceError> = []
  const total = () => (used === undefined ? usedBefore : addUsage(usedBefore, used))
  return {
    keep: (element: A) => {
      const piece = text(element)
      if (piece !== "") {
        partial += piece
        count++
      }
      last = cursor?.(element) ?? last
      used = usage?.(element) ?? used
    },
    /** An attempt has failed. Gives how many continuations there were so far. */
    failed: (error: ResilienceError) => failures.push(error) - 1,
    /** A new attempt begins: what it reports as used is its own. */
    continued: () => {
      usedBefore = total()
      used = undefined
    },
    /** What was delivered, with the failure that is at `reason` among those so far. */
    interrupted: (reason: number) => {
      const soFar = total()
      return new AnswerInterrupted({
        reason: failures[reason]!,
        later: failures.filter((_, at) => at !== reason),
        partial,
        length: codePointLength(partial),
        count,
        continuations: failures.length - 1,
        ...(last === undefined ? {} : { cursor: last }),
        ...(soFar === undefined ? {} : { usage: soFar })
      })
    }
  }
}

const addUsage = (a: Usage | undefined, b: Usage): Usage => {
  const sum: Record<string, number> = { ...a }
  for (const [name, amount] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + amount
  return sum
}

const codePointLength = (text: string): number => {
  let length = 0
  for (const _ of text) length++
  return length
}

/**
 * Keeps what a stream delivers. Its failure becomes `AnswerInterrupted`, with the failure as `reason`.
 *
 * ```ts import.meta.vitest
 * import { Effect, Stream } from "effect"
 * import { StreamTruncated } from "effect-resilience/errors"
 * import { PartialContent } from "effect-resilience/stream"
 *
 * const answer = Stream.concat(Stream.make("Hel", "lo"), Stream.fail(new StreamTruncated({})))
 * const kept = answer.pipe(PartialContent.keep({ text: (piece: string) => piece }), Stream.runDrain)
 *
 * const interrupted = Effect.runSync(Effect.flip(kept))
 * interrupted.partial // => "Hello"
 * interrupted.reason._tag // => "StreamTruncated"
 * ```
 */
export const keep: {
  <A>(
    options: Options<A>
  ): <B extends A, E extends ResilienceError, R>(self: Stream.Stream<B, E, R>) => Stream.Stream<B, Interrupted<E>, R>
  <A, E extends ResilienceError, R>(
    self: Stream.Stream<A, E, R>,
    options: Options<A>
  ): Stream.Stream<A, Interrupted<E>, R>
} = dual(
  2,
  <A, E extends ResilienceError, R>(
    self: Stream.Stream<A, E, R>,
    options: Options<A>
  ): Stream.Stream<A, Interrupted<E>, R> => recover(self, { ...options, continueWith: () => undefined })
)

/**
 * Goes on with an answer that broke off: at each failure `continueWith` is asked for a stream of what is still to come,
 * until one ends, none is given, or `maxContinuations` have failed. Then it fails with `AnswerInterrupted`: the first
 * failure as `reason`, the others in `later`. Nothing that was delivered is delivered again; where a continuation may
 * repeat itself, `stitch` it. Defects and interruption pass.
 *
 * ```ts import.meta.vitest
 * import { Effect, Stream } from "effect"
 * import { StreamTruncated } from "effect-resilience/errors"
 * import { PartialContent } from "effect-resilience/stream"
 *
 * const primary = Stream.concat(Stream.make("It was a bright ", "cold day"), Stream.fail(new StreamTruncated({})))
 * const backup = (partial: string) => Stream.make(" in April.").pipe(PartialContent.stitch({ committed: partial, mode: "message" }))
 * const whole = primary.pipe(
 *   PartialContent.recover({ text: (piece: string) => piece, continueWith: ({ partial }) => backup(partial) }),
 *   Stream.mkString
 * )
 *
 * Effect.runSync(whole) // => "It was a bright cold day in April."
 * ```
 */
export const recover: {
  <A, E extends ResilienceError, B = never, E2 extends ResilienceError = never, R2 = never>(
    options: RecoverOptions<A, B, E2, R2>
  ): <R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A | B, Interrupted<E>, R | R2>
  <A, E extends ResilienceError, R, B = never, E2 extends ResilienceError = never, R2 = never>(
    self: Stream.Stream<A, E, R>,
    options: RecoverOptions<A, B, E2, R2>
  ): Stream.Stream<A | B, Interrupted<E>, R | R2>
} = dual(
  2,
  <A, E extends ResilienceError, R, B = never, E2 extends ResilienceError = never, R2 = never>(
    self: Stream.Stream<A, E, R>,
    options: RecoverOptions<A, B, E2, R2>
  ): Stream.Stream<A | B, Interrupted<E>, R | R2> => {
    const max = InvalidPolicyOption.nonNegativeInt(
      "PartialContent.recover",
      "maxContinuations",
      options.maxContinuations ?? 2
    )
    return Stream.suspend(() => {
      const keeper = makeKeeper<A | B>(options)
      const attempt = <C extends A | B, E3 extends E | E2, R3>(
        source: Stream.Stream<C, E3, R3>
      ): Stream.Stream<C | B, Interrupted<E>, R3 | R2> =>
        source.pipe(
          Stream.mapArray((elements) => {
            for (const element of elements) keeper.keep(element)
            return elements
          }),
          Stream.catch((error): Stream.Stream<B, Interrupted<E>, R2> => {
            const made = keeper.failed(error)
            const next = made < max ? options.continueWith(keeper.interrupted(made)) : undefined
            if (next === undefined) return Stream.fail(keeper.interrupted(0) as Interrupted<E>)
            keeper.continued()
            return attempt(next)
          })
        )
      return attempt(self)
    })
  }
)

/** What `stitch` needs beside. */
export interface StitchOptions extends StitcherOptions {
  /** Called once, when the seam is decided. */
  readonly onSeam?: ((decision: StitchDecision) => void) | undefined
}

/**
 * Joins a continuation to the text before it: what it repeats is dropped where that is sure. Text that is held for the
 * decision is given before a failure too. Fails with `BadResponse` when a prefilled target begins anew.
 *
 * ```ts import.meta.vitest
 * import { Effect, Stream } from "effect"
 * import { PartialContent } from "effect-resilience/stream"
 *
 * const committed = "The quick brown fox jumps over the lazy"
 * const rest = Stream.make("The quick brown fox ", "jumps over the lazy dog.").pipe(
 *   PartialContent.stitch({ committed, mode: "message" }),
 *   Stream.mkString
 * )
 *
 * Effect.runSync(rest) // => " dog."
 * ```
 */
export const stitch =
  (options: StitchOptions) =>
  <E, R>(self: Stream.Stream<string, E, R>): Stream.Stream<string, E | BadResponse, R> =>
    Stream.transformPull(self, (pull) =>
      Effect.sync(() => {
        const stitcher = makeStitcher(options)
        let told = false
        const tell = () => {
          if (told || stitcher.decision === undefined) return
          told = true
          options.onSeam?.(stitcher.decision)
        }
        type Step = Pull.Pull<Arr.NonEmptyReadonlyArray<string>, E | BadResponse, void, R>
        let ended: Step | undefined
        const step: Step = Effect.matchCauseEffect(pull, {
          onSuccess: (texts): Step => {
            const shown = texts.map(stitcher.push).filter((text) => text !== "")
            tell()
            if (stitcher.decision?.refused === true) {
              return Effect.fail(new BadResponse({ message: "the continuation began the answer anew" }))
            }
            return Arr.isArrayNonEmpty(shown) ? Effect.succeed(shown) : step
          },
          onFailure: (cause): Step => {
            const rest = stitcher.end()
            tell()
            ended = Effect.failCause(cause)
            return rest === "" ? ended : Effect.succeed([rest])
          }
        })
        return Effect.suspend(() => ended ?? step)
      })
    )
