/**
 * An answer that breaks off is not lost: what was delivered of it is kept, travels in the error, and a continuation can
 * go on from there. What was delivered is never delivered again.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { dual } from "effect/Function"
import { BadResponse, type ResilienceError, stackless, StreamTruncated } from "../errors/index.ts"
import { InvalidPolicyOption } from "../policy/index.ts"
import { AnswerInterrupted, type Interrupted, type Usage } from "./AnswerInterrupted.ts"
import type { StitchDecision, StitcherOptions } from "./Seam.ts"
import { checkStitcher, makeStitcher } from "./Stitcher.ts"

export type { Interrupted, Usage } from "./AnswerInterrupted.ts"

/**
 * What the last element of a whole answer is: an event with this data (OpenAI's `[DONE]`) or of this name (Anthropic's
 * `message_stop`), or whatever a function says.
 */
export type Terminator<A> =
  | { readonly data: string; readonly event?: undefined }
  | { readonly event: string; readonly data?: undefined }
  | ((element: A) => boolean)

/** How an element is read. */
export interface Options<in A> {
  /** The text in an element; `""` when there is none. */
  readonly text: (element: A) => string
  /** The element's id, if it has one. */
  readonly cursor?: ((element: A) => string | undefined) | undefined
  /** What the attempt has used until this element, if the element says so. */
  readonly usage?: ((element: A) => Usage | undefined) | undefined
  /**
   * Which element ends the answer. It is delivered and not read, and what comes after it is dropped, a failure too. A
   * stream that ends without it was cut: that counts as a failure with `StreamTruncated`. Default: the end is the end.
   */
  readonly terminator?: Terminator<A> | undefined
}

/** Options of a stream whose end is told. */
export interface Terminated<in A> extends Options<A> {
  readonly terminator: Terminator<A>
}

/** What `recover` needs beside. */
export interface Recovery<B, E, E2 extends E | ResilienceError, R2> {
  /**
   * Goes on: gives a stream of what is still to come, or `undefined` to give up. It is asked with all that was delivered
   * so far, and with the newest failure as `reason`: the stream's own, or a continuation's. A continuation fails as the
   * stream does, or with ours (`Failures.toResilienceError`).
   */
  readonly continueWith: (
    interrupted: AnswerInterrupted<E | ResilienceError, E | ResilienceError>
  ) => Stream.Stream<B, E2, R2> | undefined
  /** The most continuations of one answer. Default 2. */
  readonly maxContinuations?: number | undefined
}

/** Options of `recover`. */
export interface RecoverOptions<A, B, E, E2 extends E | ResilienceError, R2>
  extends Options<A | B>,
    Recovery<B, E, E2, R2> {}

/** Options of `recover`, for streams whose end is told. */
export interface TerminatedRecoverOptions<A, B, E, E2 extends E | ResilienceError, R2>
  extends Terminated<A | B>,
    Recovery<B, E, E2, R2> {}

/** Whether an element is the last of its answer. */
const endsAt = <A>(terminator: Terminator<A> | undefined): ((element: A) => boolean) | undefined => {
  if (terminator === undefined || typeof terminator === "function") return terminator
  const field = terminator.data === undefined ? "event" : "data"
  const expected = terminator.data ?? terminator.event
  return (element) =>
    typeof element === "object" &&
    element !== null &&
    (element as { readonly [name: string]: unknown })[field] === expected
}

/** What was delivered of one answer, over its attempts. */
const makeKeeper = <A, E>({ text, cursor, usage }: Options<A>) => {
  let partial = ""
  let count = 0
  let last: string | undefined
  let usedBefore: Usage | undefined
  let used: Usage | undefined
  const failures: Array<E> = []
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
    failed: (error: E) => failures.push(error) - 1,
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
 * Keeps what a stream delivers. Its failure, whatever class it has, becomes `AnswerInterrupted`, with the failure as
 * `reason`. With a `terminator` a stream that ends too early fails too.
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
 *
 * const events = Stream.make({ event: "message", data: "Hi" }, { event: "message", data: "[DONE]" })
 * const options = { text: (event: { readonly data: string }) => event.data, terminator: { data: "[DONE]" } }
 *
 * Effect.runSync(events.pipe(PartialContent.keep(options), Stream.runCount)) // => 2
 * Effect.runSync(events.pipe(Stream.take(1), PartialContent.keep(options), Stream.runDrain, Effect.flip)).partial // => "Hi"
 * ```
 */
export const keep: {
  /**
   * Keeps what a stream delivers. Its failure, whatever class it has, becomes `AnswerInterrupted`, with the failure
   * as `reason`. With a `terminator` a stream that ends too early fails too.
   *
   * In a pipe, of a stream whose end is told, with functions that know its elements.
   */
  <A>(
    options: Terminated<NoInfer<A>>
  ): <E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, AnswerInterrupted<E | StreamTruncated, never>, R>
  /**
   * Keeps what a stream delivers. Its failure, whatever class it has, becomes `AnswerInterrupted`, with the failure
   * as `reason`. With a `terminator` a stream that ends too early fails too.
   *
   * In a pipe, with functions that know its elements.
   */
  <A>(
    options: Options<NoInfer<A>> & { readonly terminator?: undefined }
  ): <E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, AnswerInterrupted<E, never>, R>
  /**
   * Keeps what a stream delivers. Its failure, whatever class it has, becomes `AnswerInterrupted`, with the failure
   * as `reason`. With a `terminator` a stream that ends too early fails too.
   *
   * In a pipe, of a stream whose end is told, with functions that say which elements they take.
   */
  <A>(
    options: Terminated<A>
  ): <B extends A, E, R>(
    self: Stream.Stream<B, E, R>
  ) => Stream.Stream<B, AnswerInterrupted<E | StreamTruncated, never>, R>
  /**
   * Keeps what a stream delivers. Its failure, whatever class it has, becomes `AnswerInterrupted`, with the failure
   * as `reason`. With a `terminator` a stream that ends too early fails too.
   *
   * In a pipe, with functions that say which elements they take.
   */
  <A>(
    options: Options<A>
  ): <B extends A, E, R>(self: Stream.Stream<B, E, R>) => Stream.Stream<B, AnswerInterrupted<E, never>, R>
  /**
   * Keeps what a stream delivers. Its failure, whatever class it has, becomes `AnswerInterrupted`, with the failure
   * as `reason`. With a `terminator` a stream that ends too early fails too.
   *
   * As a call, of a stream whose end is told.
   */
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    options: Terminated<A>
  ): Stream.Stream<A, AnswerInterrupted<E | StreamTruncated, never>, R>
  /**
   * Keeps what a stream delivers. Its failure, whatever class it has, becomes `AnswerInterrupted`, with the failure
   * as `reason`. With a `terminator` a stream that ends too early fails too.
   *
   * As a call.
   */
  <A, E, R>(self: Stream.Stream<A, E, R>, options: Options<A>): Stream.Stream<A, AnswerInterrupted<E, never>, R>
} = dual(
  2,
  <A, E, R>(self: Stream.Stream<A, E, R>, options: Options<A>): Stream.Stream<A, Interrupted<E>, R> =>
    recover(self, { ...options, continueWith: () => undefined })
)

/**
 * Goes on with an answer that broke off: at each failure `continueWith` is asked for a stream of what is still to come,
 * until one ends, none is given, or `maxContinuations` have failed. Then it fails with `AnswerInterrupted`: the first
 * failure as `reason`, the others in `later`. Nothing that was delivered is delivered again; where a continuation may
 * repeat itself, `stitch` it. Failures may be of any class. Defects and interruption pass.
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
  /**
   * Goes on with an answer that broke off: at each failure `continueWith` is asked for a stream of what is still to
   * come, until one ends, none is given, or `maxContinuations` have failed. Then it fails with `AnswerInterrupted`:
   * the first failure as `reason`, the others in `later`. Nothing that was delivered is delivered again; where a
   * continuation may repeat itself, `stitch` it. Failures may be of any class. Defects and interruption pass.
   *
   * In a pipe, of a stream whose end is told.
   */
  <A, E, B = never, E2 extends E | ResilienceError = never, R2 = never>(
    options: TerminatedRecoverOptions<A, B, E, E2, R2>
  ): <R>(
    self: Stream.Stream<A, E, R>
  ) => Stream.Stream<A | B, AnswerInterrupted<E | StreamTruncated, E2 | StreamTruncated>, R | R2>
  /**
   * Goes on with an answer that broke off: at each failure `continueWith` is asked for a stream of what is still to
   * come, until one ends, none is given, or `maxContinuations` have failed. Then it fails with `AnswerInterrupted`:
   * the first failure as `reason`, the others in `later`. Nothing that was delivered is delivered again; where a
   * continuation may repeat itself, `stitch` it. Failures may be of any class. Defects and interruption pass.
   *
   * In a pipe.
   */
  <A, E, B = never, E2 extends E | ResilienceError = never, R2 = never>(
    options: RecoverOptions<A, B, E, E2, R2>
  ): <R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A | B, AnswerInterrupted<E, E2>, R | R2>
  /**
   * Goes on with an answer that broke off: at each failure `continueWith` is asked for a stream of what is still to
   * come, until one ends, none is given, or `maxContinuations` have failed. Then it fails with `AnswerInterrupted`:
   * the first failure as `reason`, the others in `later`. Nothing that was delivered is delivered again; where a
   * continuation may repeat itself, `stitch` it. Failures may be of any class. Defects and interruption pass.
   *
   * As a call, of a stream whose end is told.
   */
  <A, E, R, B = never, E2 extends E | ResilienceError = never, R2 = never>(
    self: Stream.Stream<A, E, R>,
    options: TerminatedRecoverOptions<A, B, E, E2, R2>
  ): Stream.Stream<A | B, AnswerInterrupted<E | StreamTruncated, E2 | StreamTruncated>, R | R2>
  /**
   * Goes on with an answer that broke off: at each failure `continueWith` is asked for a stream of what is still to
   * come, until one ends, none is given, or `maxContinuations` have failed. Then it fails with `AnswerInterrupted`:
   * the first failure as `reason`, the others in `later`. Nothing that was delivered is delivered again; where a
   * continuation may repeat itself, `stitch` it. Failures may be of any class. Defects and interruption pass.
   *
   * As a call.
   */
  <A, E, R, B = never, E2 extends E | ResilienceError = never, R2 = never>(
    self: Stream.Stream<A, E, R>,
    options: RecoverOptions<A, B, E, E2, R2>
  ): Stream.Stream<A | B, AnswerInterrupted<E, E2>, R | R2>
} = dual(
  2,
  <A, E, R, B, E2 extends E | ResilienceError, R2>(
    self: Stream.Stream<A, E, R>,
    options: RecoverOptions<A, B, E, E2, R2>
  ): Stream.Stream<A | B, Interrupted<E, E2>, R | R2> => {
    const max = InvalidPolicyOption.nonNegativeInt(
      "PartialContent.recover",
      "maxContinuations",
      options.maxContinuations ?? 2
    )
    const isEnd = endsAt(options.terminator)
    return Stream.suspend(() => {
      const keeper = makeKeeper<A | B, E | ResilienceError>(options)
      const attempt = <C extends A | B, E3 extends E | ResilienceError, R3>(
        source: Stream.Stream<C, E3, R3>
      ): Stream.Stream<C | B, Interrupted<E, E2>, R3 | R2> =>
        (isEnd === undefined ? noted(source, keeper.keep) : notedUntil(source, isEnd, keeper.keep)).pipe(
          Stream.catch((error): Stream.Stream<B, Interrupted<E, E2>, R2> => {
            const made = keeper.failed(error)
            const next = made < max ? options.continueWith(keeper.interrupted(made)) : undefined
            if (next === undefined) return Stream.fail(keeper.interrupted(0) as Interrupted<E, E2>)
            keeper.continued()
            return attempt(next)
          })
        )
      return attempt(self)
    })
  }
)

/** A stream that tells its elements on their way. */
const noted = <A, E, R>(source: Stream.Stream<A, E, R>, keep: (element: A) => void): Stream.Stream<A, E, R> =>
  Stream.mapArray(source, (elements) => {
    for (const element of elements) keep(element)
    return elements
  })

/** The same up to the last element, which has to come. */
const notedUntil = <A, E, R>(
  source: Stream.Stream<A, E, R>,
  isEnd: (element: A) => boolean,
  keep: (element: A) => void
): Stream.Stream<A, E | StreamTruncated, R> => {
  let ended = false
  const until = Stream.takeUntil(source, (element) => {
    ended = isEnd(element)
    if (!ended) keep(element)
    return ended
  })
  const cut = Stream.suspend(() =>
    ended
      ? Stream.empty
      : Stream.fail(stackless(() => new StreamTruncated({ message: "the stream ended before its last event" })))
  )
  return Stream.concat(until, cut)
}

/** What `stitch` needs beside. */
export interface StitchOptions extends StitcherOptions {
  /** Called once, when the seam is decided. */
  readonly onSeam?: ((decision: StitchDecision) => void) | undefined
}

/**
 * Joins a continuation to the text before it: what it repeats is dropped where that is sure. Text that is held for the
 * decision is given before a failure too. Fails with `BadResponse` when a prefilled target begins anew. Throws
 * `InvalidPolicyOption` for a number of code points that is no positive integer.
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
export const stitch = (
  options: StitchOptions
): (<E, R>(self: Stream.Stream<string, E, R>) => Stream.Stream<string, E | BadResponse, R>) => {
  checkStitcher("PartialContent.stitch", options)
  return <E, R>(self: Stream.Stream<string, E, R>): Stream.Stream<string, E | BadResponse, R> =>
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
}
