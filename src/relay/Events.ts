/**
 * What happens to the relay and its answers, as one union, and who is told. It is declared here, beside what tells it;
 * log, metrics, error log, tracing and the rest are sinks of it and know nothing of each other.
 *
 * An event is told for a request, an attempt or a change: never for an event of a stream. It costs one object, and a
 * call for each sink; sinks run at once, in whatever callback or fiber tells it, so they must not block.
 */
import type { ChannelEvent, DisabledReason } from "../channel/index.ts"
import type { Ended, Seam, Usage } from "../dialect/index.ts"
import { InternalError, type ResilienceError } from "../errors/index.ts"
import type { LastAsked } from "./LastAsked.ts"
import type { AffinityResult } from "./SessionHome.ts"
import type { TrailEntry } from "./Trail.ts"

/** Which answer an event is about: one object for all the events of an answer. */
export interface AnswerRef {
  readonly requestId: string
  /** `""` of a count of tokens and of embeddings, which ask upstreams and are no stream. */
  readonly streamId: string
  /** The name of the token that asked, or `""`. */
  readonly owner: string
  /** The group whose channels serve it. */
  readonly group: string
  /** The model that the client named. */
  readonly model: string
  /** Whether a channel lists exactly that name. Else it is of the client's making, and no label of a metric. */
  readonly listed: boolean
  /** The client's dialect. */
  readonly dialect: string
  /** Whether the client gets events, or one body in the end. */
  readonly delivery: "stream" | "whole" | "list"
  /** Whom it has asked: the answer's own, so that it may be ahead of what was told. */
  readonly asked: Pick<LastAsked, "attempts" | "last">
  /** The trace that the request belongs to, and where it came from, where that is known here. */
  readonly traceId?: string | undefined
  readonly address?: string | undefined
}

/** Who asked for what, as far as that was known when a request was refused. */
export type RefusedAsker = {
  readonly [Field in "address" | "group" | "model" | "owner" | "traceId"]?: AnswerRef[Field] | undefined
} & {
  /** It was not let in: nobody is known to have asked. */
  readonly isStranger?: boolean | undefined
  /** What was tried for it all the same: of embeddings and counts, of whose end no other event tells. */
  readonly trail?: ReadonlyArray<TrailEntry> | undefined
}

/** How an answer stands when it is over, in this process at least. Durations are milliseconds. */
export interface AnswerOver {
  readonly answer: AnswerRef
  readonly error: ResilienceError | undefined
  /** How it ended, where it ended well. */
  readonly ended: Ended | undefined
  readonly tokenCount: number
  /** Over all attempts that showed something of the answer; estimated where no upstream said it. */
  readonly usage: Usage
  /** What its caller pays for it; 0 of an answer that has no end yet. */
  readonly credits: number
  readonly attempts: number
  /** How often it went on, or was to go on, from what was shown. */
  readonly continuations: number
  /** The fields of the request that the channel whose content was shown first was not told. */
  readonly dropped: ReadonlyArray<string>
  /** The answer's own list: an attempt that is under way when the answer is cut off may be told, and be in it, a moment later. */
  readonly trail: ReadonlyArray<TrailEntry>
  /** From the request to what was shown first. */
  readonly firstContentMillis: number | undefined
  readonly durationMillis: number
}

/** Everything that is told. Durations are milliseconds. */
export type RelayEvent =
  /** A request was accepted, and nobody was asked yet. `messageLength`: characters of its messages. */
  | { readonly _tag: "StreamStarted"; readonly answer: AnswerRef; readonly messageLength: number }
  /** An answer whose process is gone goes on here, or is ended here, so long after it was asked for. */
  | { readonly _tag: "StreamTakenOver"; readonly answer: AnswerRef; readonly afterMillis: number }
  /**
   * An upstream is about to be asked. `key` is an index, -1 where the channel has none; `model` is its name there.
   * `affinity`: what became of the preference of its session; with the first attempt alone, and where it has one.
   */
  | {
      readonly _tag: "AttemptBegan"
      readonly answer: AnswerRef
      readonly attempt: number
      readonly channel: string
      readonly key: number
      readonly model: string
      readonly mode: TrailEntry["mode"]
      readonly affinity?: AffinityResult | undefined
    }
  /**
   * An attempt is over. `entry` says where and how; `error` is why, and has what the upstream said (`error.upstream`).
   * `said` is its message without what the request or the answer holds too, so that a log may have it. Neither holds a known
   * secret.
   * `firstContentMillis`: from the attempt's begin to the first content of it that was shown.
   */
  | {
      readonly _tag: "AttemptEnded"
      readonly answer: AnswerRef
      readonly entry: TrailEntry
      readonly error: ResilienceError | undefined
      readonly said?: string | undefined
      readonly firstContentMillis: number | undefined
    }
  /** A request moved from one channel to another. */
  | { readonly _tag: "FailedOver"; readonly answer: AnswerRef; readonly from: string; readonly to: string }
  /** A broken answer goes on, joined at a seam. */
  | {
      readonly _tag: "Continued"
      readonly answer: AnswerRef
      readonly seam: Seam
      readonly mode: NonNullable<TrailEntry["mode"]>
    }
  /** The first content is about to be shown, so long after the request. */
  | { readonly _tag: "Committed"; readonly answer: AnswerRef; readonly afterMillis: number }
  /**
   * An answer has ended: well, or with `error`. Told once of an answer, whatever became of the processes that wrote it:
   * when its end is committed, in the turn in which its readers are given it.
   */
  | ({ readonly _tag: "StreamEnded" } & AnswerOver)
  /**
   * Embeddings were asked for, and came, or did not: then `error` is why, and `RequestRefused` tells of it too. They are no
   * stream: nothing told of their begin.
   */
  | {
      readonly _tag: "EmbeddingEnded"
      readonly answer: AnswerRef
      readonly error: ResilienceError | undefined
      readonly inputTokens: number
      readonly credits: number
      readonly trail: ReadonlyArray<TrailEntry>
      readonly durationMillis: number
    }
  /**
   * An answer is given up here, and has no end yet. With an `error` its store failed, which has cut its readers off: it goes
   * on, here or elsewhere, or another process has it already (`LeaseLost`). Without one this relay stops.
   */
  | ({ readonly _tag: "StreamAbandoned" } & AnswerOver)
  /**
   * A request was answered with an error, and nothing was begun for it: no other event tells of it. `generates`: it was
   * for an answer. `path` has no query, and is as long as its client liked.
   */
  | {
      readonly _tag: "RequestRefused"
      readonly requestId: string
      readonly method: string
      readonly path: string
      readonly error: ResilienceError
      readonly generates: boolean
      readonly asked?: RefusedAsker | undefined
    }
  /** A reader left, or was let go. The request is the reader's, not the answer's. */
  | { readonly _tag: "ReaderClosed"; readonly requestId: string; readonly streamId: string }
  /** What happens to channels is declared beside what picks them. */
  | ChannelEvent
  /**
   * A key was switched off or on, and that stands in the books, as far as these can be written. `reason` and `evidence` are
   * why it is off, `until` when a trial of it is due (epoch milliseconds; absent by hand).
   */
  | {
      readonly _tag: "KeyChanged"
      readonly channel: string
      readonly key: number
      readonly to: "disabled" | "enabled"
      readonly reason?: DisabledReason | undefined
      readonly evidence?: string | undefined
      readonly until?: number | undefined
    }
  | { readonly _tag: "RelayStarted"; readonly port: number; readonly channels: number }
  /** It takes nothing new; so many answers are under way. */
  | { readonly _tag: "RelayStopping"; readonly active: number }
  /** `clean`: nothing had to be cut off. */
  | { readonly _tag: "RelayStopped"; readonly clean: boolean }
  /** The relay itself failed: a bug, of a request if there is a `requestId`. */
  | { readonly _tag: "RelayErred"; readonly requestId: string | undefined; readonly error: ResilienceError }

/** Somebody who listens: a handler for each event, so that a new event does not compile until every sink has its answer. */
export type Sink = {
  readonly [Tag in RelayEvent["_tag"]]: (event: Extract<RelayEvent, { readonly _tag: Tag }>) => void
}

/**
 * One function as a sink, for who treats all events alike, or matches them itself.
 *
 * ```ts import.meta.vitest
 * import { makeListeners, sinkOf } from "effect-resilience/relay"
 *
 * const told: Array<string> = []
 * const { add, tell } = makeListeners()
 * const remove = add("tags", sinkOf(({ _tag }) => void told.push(_tag)))
 * tell({ _tag: "RelayStopping", active: 0 })
 * remove()
 * tell({ _tag: "RelayStopped", clean: true })
 * told // => ["RelayStopping"]
 * ```
 */
export const sinkOf = (handler: (event: RelayEvent) => void): Sink => ({
  StreamStarted: handler,
  StreamTakenOver: handler,
  AttemptBegan: handler,
  AttemptEnded: handler,
  FailedOver: handler,
  Continued: handler,
  Committed: handler,
  StreamEnded: handler,
  EmbeddingEnded: handler,
  StreamAbandoned: handler,
  RequestRefused: handler,
  ReaderClosed: handler,
  ChannelAdded: handler,
  ChannelRemoved: handler,
  ChannelChanged: handler,
  FactFound: handler,
  CircuitChanged: handler,
  KeyChanged: handler,
  RelayStarted: handler,
  RelayStopping: handler,
  RelayStopped: handler,
  RelayErred: handler
})

/** Sinks that can come and go, and how they are all told. */
export interface Listeners {
  /** Never throws. */
  readonly tell: (event: RelayEvent) => void
  /** Adds a sink under a name that is told when it fails, and gives what takes it away again. */
  readonly add: (name: string, sink: Sink) => () => void
}

interface Listener {
  readonly name: string
  readonly sink: Sink
  threw: boolean
}

/**
 * Listeners, none at first. A sink that throws harms nobody: the others are told all the same, and that it threw is told
 * to them once, as `RelayErred`.
 */
export const makeListeners = (): Listeners => {
  let listeners: ReadonlyArray<Listener> = []
  const tell = (event: RelayEvent): void => {
    for (const listener of listeners) {
      // The edge to code that is not ours: what it throws must not end an answer.
      try {
        // The handler of an event's own tag takes that event; the compiler cannot see that the two are one.
        ;(listener.sink[event._tag] as (event: RelayEvent) => void)(event)
      } catch (thrown) {
        if (listener.threw) continue
        listener.threw = true
        const message = `the sink ${listener.name} failed on ${event._tag}: ${String(thrown)}`
        tell({ _tag: "RelayErred", requestId: undefined, error: new InternalError({ message }) })
      }
    }
  }
  return {
    tell,
    add: (name, sink) => {
      const listener: Listener = { name, sink, threw: false }
      listeners = [...listeners, listener]
      return () => {
        listeners = listeners.filter((one) => one !== listener)
      }
    }
  }
}
