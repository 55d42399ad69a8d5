/**
 * A streamed answer that breaks off in the middle goes on from another source: nothing lost, nothing twice.
 *
 *   node --conditions=effect-resilience-source examples/stream-recovery.ts
 */
import { Effect, Stream } from "effect"
import { StreamTruncated } from "effect-resilience/errors"
import { PartialContent, StreamClocks, type StitchDecision } from "effect-resilience/stream"
import { answerTo, inWords } from "./simulated/Answer.ts"

const whole = answerTo("how are you?")
const words = inWords(whole)
const half = words.slice(0, 30)

/** Breaks off after half of the answer. */
const broken = Stream.concat(Stream.fromIterable(half), Stream.fail(new StreamTruncated({})))
/** Falls silent after half of the answer: the idle clock notices. */
const silent = Stream.concat(Stream.fromIterable(half), Stream.never).pipe(
  StreamClocks.watch({ idle: "50 millis", total: "10 seconds" })
)

/** Goes on where the first one stopped. */
const exact = (partial: string) => Stream.fromIterable(inWords(whole.slice(partial.length)))
/** Repeats so many letters before it goes on, as models do that are asked to by a message. */
const repeating = (letters: number) => (partial: string) =>
  Stream.fromIterable(inWords(whole.slice(partial.length - letters)))
/** Begins anew. */
const anew = () => Stream.fromIterable(words)

const recovered = (
  name: string,
  first: Stream.Stream<string, StreamTruncated | StreamClocks.ClockError>,
  rest: (partial: string) => Stream.Stream<string>
) =>
  Effect.gen(function* () {
    let joined: (StitchDecision & { readonly offset: number; readonly reason: string }) | undefined
    const text = yield* first.pipe(
      PartialContent.recover({
        text: (piece: string) => piece,
        continueWith: ({ length: offset, partial, reason }) =>
          rest(partial).pipe(
            PartialContent.stitch({
              committed: partial,
              mode: "message",
              onSeam: (seam) => {
                joined = { ...seam, offset, reason: reason._tag }
              }
            })
          )
      }),
      Stream.mkString
    )
    console.log(
      `  ${name.padEnd(28)} ${joined?.reason} at ${joined?.offset}, seam ${joined?.seam}, ` +
        `dropped ${joined?.dropped}, whole: ${text === whole}`
    )
  })

const program = Effect.gen(function* () {
  console.log(`an answer of ${words.length} words and ${[...whole].length} characters, broken after 30 words`)
  yield* recovered("goes on exactly", broken, exact)
  yield* recovered("repeats 40 letters", broken, repeating(40))
  yield* recovered("begins anew", broken, anew)
  yield* recovered("was silent, goes on", silent, exact)
  // Too short to be sure: nothing is dropped, and the seam says so. A word twice is a blemish, a word lost is a fault.
  yield* recovered("repeats 5 letters", broken, repeating(5))

  console.log("\nwhere nothing goes on, the error holds what was delivered")
  const { _tag, length, partial, reason } = yield* Effect.flip(
    broken.pipe(PartialContent.keep({ text: (piece: string) => piece }), Stream.runDrain)
  )
  console.log(`  ${_tag} (${reason._tag}): ${length} characters, ending in “${partial.slice(-24)}”`)
})

await Effect.runPromise(program)
