/**
 * A stream of the journal as a `Stream`: for programs that read answers in process. Whoever does not pull is not given
 * anything, and nothing is queued: what was not taken is read from the store again.
 */
import { Cause, Effect, Stream } from "effect"
import type { Journal, JournalFault, Printable } from "../journal/index.ts"

/** Committed frames, whole ones. */
export interface Frames {
  readonly text: string
  /** The stream's newest note, as committed as these frames. */
  readonly note: Printable | undefined
}

type Given = Effect.Effect<readonly [Frames], JournalFault | Cause.Done>

/**
 * The frames of a stream after a seq, to its terminal event. It is followed from the moment that this is called, so that
 * the stream has a reader before anything else happens to it, until the `Stream` is closed, which must be once.
 */
export const frameStream = (
  journal: Journal["Service"],
  id: string,
  after: number
): Stream.Stream<Frames, JournalFault> => {
  let ready: Given | undefined
  let waiting: ((given: Given) => void) | undefined
  let ended = false
  const give = (given: Given): void => {
    if (waiting === undefined) {
      ready = given
      return
    }
    const resume = waiting
    waiting = undefined
    // What is resumed runs at once, in the middle of the commit. Others are told of an end behind its readers: whoever has
    // asked goes on after that.
    if (ended) queueMicrotask(() => resume(given))
    else resume(given)
  }
  const reader = journal.follow(id, after, {
    onFrames: (text, _last, terminal) => {
      ended ||= terminal
      if (text !== "") give(Effect.succeed([{ text, note: reader.note() }]))
      else if (terminal) give(Cause.done())
      return false
    },
    onFault: (fault) => {
      ended = true
      give(Effect.fail(fault))
    }
  })
  const pull: Given = Effect.suspend(() => {
    const given = ready
    ready = undefined
    if (given !== undefined) return given
    if (ended) return Cause.done()
    return Effect.callback((resume) => {
      waiting = resume
      reader.resume()
      return Effect.sync(() => {
        waiting = undefined
      })
    })
  })
  return Stream.ensuring(
    Stream.fromPull(Effect.succeed(pull)),
    Effect.sync(() => reader.close())
  )
}
