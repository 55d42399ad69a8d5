/**
 * What happens to one answer, as the page sees it: who was asked, when, how it was broken, and where it was joined. A fold
 * over what the client tells; pure, so that what is drawn can be tested without a browser.
 */

/** A moment, in milliseconds of one clock. */
export type Moment = number

/** Where an answer was joined. */
export interface Seam {
  /** In code points, of the text that is shown. */
  readonly offset: number
  readonly from: string
  readonly to: string
  /** An error code, or `writer_lost`. */
  readonly reason: string
  /** How much of what came was left out because it was there already, in code points. */
  readonly dropped: number
  readonly kind: string
  /** From the last words before it to the first words after it. */
  readonly gap: number | undefined
}

/** A time in which one channel was asked. */
export interface Span {
  /** `undefined` until something names it. */
  readonly channel: string | undefined
  readonly from: Moment
  readonly firstWords: Moment | undefined
  readonly to: Moment | undefined
  /** Why it ended: `whole`, `stopped`, or an error code. */
  readonly ended: string | undefined
}

/** A time in which this page had no connection. */
export interface Gap {
  readonly from: Moment
  readonly to: Moment | undefined
  readonly why: string
}

/** How an answer is. */
export type Outcome = "waiting" | "writing" | "whole" | "stopped" | "failed"

/** One answer. */
export interface Run {
  readonly question: string
  readonly startedAt: Moment
  readonly endedAt: Moment | undefined
  readonly outcome: Outcome
  readonly streamId: string | undefined
  readonly requestId: string | undefined
  readonly model: string | undefined
  readonly spans: ReadonlyArray<Span>
  readonly seams: ReadonlyArray<Seam>
  readonly gaps: ReadonlyArray<Gap>
  /** Attempts that were replaced before anything was shown. */
  readonly replaced: number
  /** Content events. */
  readonly events: number
  /** Code points that are kept from an answer before it: `try again from here`. */
  readonly base: number
  readonly firstWords: Moment | undefined
  readonly lastWords: Moment | undefined
  /** What the relay says the whole answer is, without the base. */
  readonly fullContent: string | undefined
}

/** What is told of an answer. */
export type Told =
  | { readonly _tag: "Init"; readonly streamId: string; readonly requestId: string; readonly model: string }
  | { readonly _tag: "Words" }
  | { readonly _tag: "Attempt"; readonly from: string; readonly to: string; readonly reason: string }
  | {
      readonly _tag: "Failover"
      readonly offset: number
      readonly from: string
      readonly to: string
      readonly reason: string
      readonly dropped: number
      readonly kind: string
    }
  /** Who was asked first, which no event of the stream says. */
  | { readonly _tag: "Named"; readonly channel: string }
  | { readonly _tag: "Lost"; readonly why: string }
  | { readonly _tag: "Open" }
  | { readonly _tag: "Reset" }
  | { readonly _tag: "Done"; readonly fullContent: string }
  | { readonly _tag: "Failed"; readonly code: string }
  | { readonly _tag: "Stopped" }

/** Whether this page has lost its connection, and is not back yet. */
export const isAway = ({ endedAt, gaps }: Run): boolean =>
  endedAt === undefined && gaps.length > 0 && gaps.at(-1)?.to === undefined

/** An answer that was asked for just now. */
export const begin = (question: string, at: Moment, base = 0): Run => ({
  question,
  startedAt: at,
  endedAt: undefined,
  outcome: "waiting",
  streamId: undefined,
  requestId: undefined,
  model: undefined,
  spans: [{ channel: undefined, from: at, firstWords: undefined, to: undefined, ended: undefined }],
  seams: [],
  gaps: [],
  replaced: 0,
  events: 0,
  base,
  firstWords: undefined,
  lastWords: undefined,
  fullContent: undefined
})

const withLast = <A>(list: ReadonlyArray<A>, change: (last: A) => A): ReadonlyArray<A> => {
  const last = list.at(-1)
  return last === undefined ? list : [...list.slice(0, -1), change(last)]
}

/**
 * The last span ends, and another begins. A relay that was killed has told nobody when: its channel spoke until this page
 * heard nothing more, and the next one was asked before this page was back.
 */
const moved = ({ gaps, spans }: Run, at: Moment, from: string, to: string, reason: string): ReadonlyArray<Span> => {
  const gap = reason === "writer_lost" ? gaps.at(-1) : undefined
  return [
    ...withLast(spans, (last) => ({ ...last, channel: from, to: Math.max(last.from, gap?.from ?? at), ended: reason })),
    { channel: to, from: gap?.to ?? at, firstWords: undefined, to: undefined, ended: undefined }
  ]
}

const closed = (run: Run, at: Moment, outcome: Outcome, ended: string): Run => ({
  ...run,
  outcome,
  endedAt: at,
  spans: withLast(run.spans, (last) => ({ ...last, to: at, ended })),
  gaps: withLast(run.gaps, (gap) => ({ ...gap, to: gap.to ?? at }))
})

/** What an answer has become. */
export const told = (run: Run, event: Told, at: Moment): Run => {
  if (event._tag === "Named") {
    const [first, ...rest] = run.spans
    return first === undefined || first.channel !== undefined
      ? run
      : { ...run, spans: [{ ...first, channel: event.channel }, ...rest] }
  }
  if (run.endedAt !== undefined) return run
  switch (event._tag) {
    case "Init":
      return { ...run, streamId: event.streamId, requestId: event.requestId, model: event.model }
    case "Words":
      return {
        ...run,
        outcome: "writing",
        events: run.events + 1,
        firstWords: run.firstWords ?? at,
        lastWords: at,
        spans: withLast(run.spans, (last) => (last.firstWords === undefined ? { ...last, firstWords: at } : last)),
        seams: withLast(run.seams, (seam) =>
          seam.gap === undefined && run.lastWords !== undefined ? { ...seam, gap: at - run.lastWords } : seam
        )
      }
    case "Attempt":
      return {
        ...run,
        replaced: run.replaced + 1,
        spans: moved(run, at, event.from, event.to, event.reason)
      }
    case "Failover": {
      const { dropped, from, kind, offset, reason, to } = event
      return {
        ...run,
        spans: moved(run, at, from, to, reason),
        seams: [...run.seams, { offset: run.base + offset, from, to, reason, dropped, kind, gap: undefined }]
      }
    }
    case "Lost":
      return isAway(run)
        ? { ...run, gaps: withLast(run.gaps, (gap) => ({ ...gap, why: event.why })) }
        : { ...run, gaps: [...run.gaps, { from: at, to: undefined, why: event.why }] }
    case "Open":
      return { ...run, gaps: withLast(run.gaps, (gap) => ({ ...gap, to: gap.to ?? at })) }
    case "Reset":
      return { ...run, seams: [], events: 0, firstWords: undefined, lastWords: undefined, fullContent: undefined }
    case "Done":
      return { ...closed(run, at, "whole", "whole"), fullContent: event.fullContent }
    case "Failed":
      return closed(run, at, "failed", event.code)
    case "Stopped":
      return closed(run, at, "stopped", "stopped")
  }
}
