/**
 * What of the relay's events is for the tracker: errors that somebody has to look at, each told once, without what an
 * upstream has said, which may quote a prompt.
 */
import { maskError, type ResilienceError } from "../errors/index.ts"
import { type AnswerOver, type Sink, sinkOf } from "../relay/index.ts"
import { type ErrorTags, type ErrorTracker, isTracked } from "../telemetry/index.ts"

const withoutWords = (error: ResilienceError): ResilienceError => {
  const words = error.upstream?.message
  return words === undefined || words === "" ? error : maskError(error, (text) => text.replaceAll(words, "***"))
}

/** Tells a tracker. */
export const trackerSink = (tracker: ErrorTracker["Service"]): Sink => {
  // The failure of an attempt may be how its answer ends too.
  const told = new WeakSet<ResilienceError>()
  const tell = (error: ResilienceError | undefined, tags: ErrorTags): void => {
    if (error === undefined || !isTracked(error) || told.has(error)) return
    told.add(error)
    tracker.track(withoutWords(error), tags)
  }
  const over = ({ answer: { model, requestId }, error, trail }: AnswerOver): void =>
    tell(error, { requestId, channel: trail.at(-1)?.channel, model })
  return {
    ...sinkOf(() => {}),
    AttemptEnded: ({ answer: { model, requestId }, entry: { channel }, error }) =>
      tell(error, { requestId, channel, model }),
    StreamEnded: over,
    StreamAbandoned: over,
    RequestRefused: ({ asked, error, requestId }) => tell(error, { requestId, model: asked?.model }),
    RelayErred: ({ error, requestId }) => tell(error, { requestId })
  }
}
