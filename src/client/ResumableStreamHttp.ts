/**
 * A streamed answer as a `Stream` that comes back by itself, over Effect's `HttpClient`: `ResumableStream.make`. What it
 * does when is the reconnect machine's; here it is done with Effect's clock, randomness and scopes, so that tests turn
 * its time by hand. `RetryStreamingClient` is the same without Effect.
 *
 * It is built on `effect/http`, which Effect 4.1 marks unstable.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Headers, HttpClient, HttpClientRequest } from "effect/http"
import { makeSseParser } from "../sse/index.ts"
import { type Asked, askerOf, bodyCode, requestOf, wordsOf } from "./AskedHttp.ts"
import { type ChatEvent, chatEvent, type Reset } from "./ChatEvent.ts"
import { cancelAddress, headerOf, maxEventBytes, parseJson, patience } from "./ClientWire.ts"
import { isOnline, whenOnline } from "./Connectivity.ts"
import { type Action, type Given, giveUp, idle, type Input, type Step, step } from "./Reconnect.ts"
import type { LastFault } from "./ClientFault.ts"
import { hintMillis, type ReconnectOptions } from "./ReconnectRules.ts"
import { errorOf, type ResumableStreamError } from "./ResumableStreamErrors.ts"
import { closed, connecting, makeTold, type Status } from "./StreamStatus.ts"

export type { Asked } from "./AskedHttp.ts"
export type { ChatEvent, Other, Reset } from "./ChatEvent.ts"
export {
  BadContentType,
  HttpFaultError as HttpFault,
  type ResumableStreamError,
  RetriesExhausted,
  ServerFaultError as ServerFault,
  StreamExpired,
  StreamGap
} from "./ResumableStreamErrors.ts"
export type { Status } from "./StreamStatus.ts"

/** How a stream is asked for, and comes back. Times are milliseconds. */
export type Options = Asked &
  ReconnectOptions & {
    /** Waits of your own, in the place of the backoff. Hints of the server go before it; when it ends, so do the retries. */
    readonly schedule?: Schedule.Schedule<unknown> | undefined
    /** Where streams are cancelled: `DELETE {streamsUrl}/{id}`. Default `/streams` of the URL's origin. */
    readonly streamsUrl?: string | undefined
  }

/** An event of the wire, as an `eventSchema` gets it. `data` is parsed where it is JSON. */
export interface WireEvent {
  readonly event: string
  readonly id: string
  readonly data: unknown
}

/** An answer that is read until it is whole. */
export interface ResumableStream<out A = ChatEvent, out E = ResumableStreamError> {
  /** The answer's events, each once and in order. It asks when it is run; run it once at a time. */
  readonly events: Stream.Stream<A, E>
  /** Where it is now, and each change. It ends after the last. */
  readonly status: Stream.Stream<Status<E>>
  /** The content of its messages so far. */
  readonly text: Effect.Effect<string>
  /** Cancels the answer where it is made, and leaves. What reads `events` sees them end. */
  readonly cancel: Effect.Effect<void>
  /** Leaves; what becomes of the answer is the server's rule. What reads `events` sees them end. */
  readonly close: Effect.Effect<void>
}

/** What ends the reading of a connection, or a wait. */
type Turn = Extract<Action, { readonly _tag: "Request" | "Wait" | "AwaitOnline" | "End" | "Fail" }>

/** A schedule that runs: it is told the time and why, and gives the next wait. */
type ScheduleStep = (now: number, input: unknown) => Pull.Pull<[unknown, Duration.Duration], unknown, unknown>

const awaitOnline = Effect.callback<void>((resume) => {
  const forget = whenOnline(() => resume(Effect.void))
  return Effect.sync(forget)
})

const makeWith = <A, E>(
  options: Options,
  decode: (given: Given | Reset) => Effect.Effect<A, E>
): Effect.Effect<ResumableStream<A, ResumableStreamError | E>, never, HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function* () {
    const http = yield* HttpClient.HttpClient
    const random = yield* Random.Random
    const { begin, changes, over, tell } = yield* makeTold<ResumableStreamError | E>()
    const left = yield* Deferred.make<void>()
    const { schedule } = options
    const { maxRetries = schedule === undefined ? 5 : Number.POSITIVE_INFINITY } = options
    const rules = { ...options, maxRetries, random: () => random.nextDoubleUnsafe() }
    const asked = requestOf(options)
    const posts = asked.method !== "GET"
    const ask = askerOf(http, posts)
    const key = Array.from({ length: 3 }, () => Math.abs(random.nextIntUnsafe()).toString(36)).join("")
    let state = idle(rules)
    /** So many keys were used in runs before this one, each of an answer that has ended. */
    let spent = 0
    /** Whether the run before has read how its answer ended: another one is then another question. */
    let hasEnded = false

    const proceed = ({ actions, state: next }: Step): ReadonlyArray<Action> => {
      state = next
      return actions
    }

    const take = (input: Input): ReadonlyArray<Action> => proceed(step(rules, state, input))

    /** What comes next of a connection's actions, and what is given before that. */
    interface Read {
      given: Array<Given | Reset>
      turn: Turn | undefined
    }

    const read = (into: Read, input: Input): void => {
      for (const action of take(input)) {
        switch (action._tag) {
          case "Give":
            into.given.push(action.event)
            break
          case "Reset":
            into.given.push({ _tag: "Reset" })
            break
          case "Request":
          case "Wait":
          case "AwaitOnline":
          case "End":
          case "Fail":
            into.turn = action
            break
          case "Drop":
          case "CancelRemote":
        }
      }
    }

    /** Nothing more is asked. */
    const givenUp = (last: LastFault): Turn => {
      const [gaveUp] = proceed(giveUp(state, last))
      return gaveUp?._tag === "Fail" ? gaveUp : { _tag: "End" }
    }

    type Out = Queue.Queue<A, ResumableStreamError | E | Cause.Done>

    const give = (out: Out, into: Read): Effect.Effect<unknown, E> => {
      const { given } = into
      if (given.length === 0) return Effect.void
      into.given = []
      return Effect.flatMap(Effect.forEach(given, decode), (events) => Queue.offerAll(out, events))
    }

    /** Asks once, and reads until there is something else to do. */
    const connect = (out: Out, { asking, lastEventId }: Extract<Turn, { readonly _tag: "Request" }>) =>
      Effect.gen(function* () {
        const into: Read = { given: [], turn: undefined }
        const parser = makeSseParser({
          maxEventBytes,
          onEvent: ({ data, event, id }, hasId) =>
            read(into, { _tag: "Event", event, id: hasId ? id : undefined, data, json: parseJson(data) }),
          onRetry: (millis) => read(into, { _tag: "Delay", millis })
        })
        const cut = (reason: "network_error" | "stream_cut", message: string): void =>
          read(into, { _tag: "Cut", reason, message, lastEventId: parser.lastEventId, online: isOnline() })
        const request = HttpClientRequest.setHeaders(asked, {
          accept: "text/event-stream",
          ...(lastEventId !== "" && { "last-event-id": headerOf(lastEventId) }),
          ...(posts && { "idempotency-key": `${key}-${spent + asking}` })
        })
        const answered = yield* Effect.result(ask(request))
        if (Result.isFailure(answered)) {
          const { reason } = answered.failure
          const message = wordsOf(answered.failure)
          // An address that is none, or a body that cannot be written, is the same at the next try.
          if (reason._tag === "InvalidUrlError" || reason._tag === "EncodeError") {
            return givenUp({ _tag: "ConnectionFault", message })
          }
          cut("network_error", message)
        } else {
          const response = answered.success
          const now = yield* Clock.currentTimeMillis
          read(into, {
            _tag: "Head",
            status: response.status,
            contentType: response.headers["content-type"] ?? "",
            code: response.status === 200 || response.status === 204 ? "" : yield* bodyCode(response),
            hintMillis: hintMillis(
              (name) => response.headers[name],
              () => now
            ),
            streamId: response.headers["x-stream-id"]
          })
          if (state.phase === "open") {
            yield* tell({ _tag: "Open" })
            const pull = yield* Stream.toPull(response.stream)
            while (state.phase === "open") {
              const chunks = yield* Pull.matchEffect(pull, {
                onSuccess: Effect.succeed,
                onFailure: (cause) => {
                  cut("stream_cut", wordsOf(Cause.squash(cause)))
                  return Effect.succeed([])
                },
                onDone: () => {
                  cut("stream_cut", "stream cut")
                  return Effect.succeed([])
                }
              })
              for (const chunk of chunks) {
                if (parser.feed(chunk) !== undefined) cut("stream_cut", "event too large")
              }
              yield* give(out, into)
            }
          }
        }
        yield* give(out, into)
        // Who cancels keeps the connection until the server has heard of it: what waits for that ends this.
        return into.turn ?? (yield* Effect.never)
      }).pipe(Effect.scoped)

    let steps: ScheduleStep | undefined

    /** How long to wait: as the machine says, or, where it goes by the backoff, as the schedule does. */
    const waitOf = (wait: Extract<Turn, { readonly _tag: "Wait" }>): Effect.Effect<number | undefined> =>
      Effect.gen(function* () {
        // The waits begin anew with the first failure, also where that one says itself how long.
        if (wait.notice.attempt === 1) steps = undefined
        if (schedule === undefined || wait.hinted) return wait.notice.delay
        steps ??= yield* Schedule.toStep(schedule)
        const now = yield* Clock.currentTimeMillis
        return yield* Pull.matchEffect(steps(now, wait.last), {
          onSuccess: ([, delay]) => Effect.succeed(Duration.toMillis(delay)),
          onFailure: () => Effect.succeed(undefined),
          onDone: () => Effect.succeed(undefined)
        })
      })

    const follow = (input: Input): Turn | undefined => {
      const into: Read = { given: [], turn: undefined }
      read(into, input)
      return into.turn
    }

    const run = (out: Out): Effect.Effect<void, ResumableStreamError | E> =>
      Effect.gen(function* () {
        let turn = follow({ _tag: "Connect", online: isOnline() })
        // For who cancels nothing follows.
        while (turn !== undefined) {
          switch (turn._tag) {
            case "Request":
              yield* tell(connecting)
              turn = yield* connect(out, turn)
              break
            case "Wait": {
              const delayMillis = yield* waitOf(turn)
              if (delayMillis === undefined) {
                turn = givenUp(turn.last)
                break
              }
              const { attempt, maxRetries, reason } = turn.notice
              const until = (yield* Clock.currentTimeMillis) + delayMillis
              yield* tell({ _tag: "Waiting", attempt, maxRetries, delayMillis, until, reason })
              yield* Effect.sleep(delayMillis)
              turn = follow({ _tag: "Due", online: isOnline() })
              break
            }
            case "AwaitOnline": {
              const forever = Number.POSITIVE_INFINITY
              const waiting = { attempt: state.tries, maxRetries, delayMillis: forever, until: forever }
              yield* tell({ _tag: "Waiting", ...waiting, reason: "offline" })
              yield* awaitOnline
              turn = follow({ _tag: "Due", online: true })
              break
            }
            case "End":
              hasEnded = true
              return yield* tell({ _tag: "Ended" })
            case "Fail": {
              // One that could be asked anew has had its key counted.
              hasEnded = turn.error._tag === "ServerFault" && !turn.error.error.recoverable
              return yield* Effect.fail(errorOf(turn.error))
            }
          }
        }
        return yield* Effect.never
      })

    const events = Stream.callback<A, ResumableStreamError | E>(
      (out) =>
        Effect.gen(function* () {
          if (!(yield* Deferred.isDone(left))) {
            spent += state.askings + (hasEnded ? 1 : 0)
            hasEnded = false
            state = idle(rules)
            yield* begin
            yield* Effect.raceFirst(run(out), Deferred.await(left))
          }
          yield* Queue.end(out)
        }).pipe(Effect.onExit(over)),
      { bufferSize: 64, strategy: "suspend" }
    )

    const leave = Effect.andThen(tell(closed), Deferred.succeed(left, undefined))

    const close = Effect.suspend(() => {
      take({ _tag: "Close" })
      return Effect.asVoid(leave)
    })

    const cancel = Effect.suspend(() => {
      const remote = take({ _tag: "Cancel" }).find(({ _tag }) => _tag === "CancelRemote")
      const url = HttpClientRequest.toUrl(asked)
      if (remote?._tag !== "CancelRemote" || Option.isNone(url)) return leave
      const request = HttpClientRequest.delete(cancelAddress(url.value, remote.id, options.streamsUrl), {
        // It has no body.
        headers: Headers.removeMany(asked.headers, ["content-type", "content-length"])
      })
      return http.execute(request).pipe(Effect.timeoutOption(patience), Effect.ignore, Effect.ensuring(leave))
    }).pipe(Effect.asVoid)

    yield* Effect.addFinalizer(() => close)

    return {
      events,
      status: changes,
      text: Effect.sync(() => state.text),
      cancel,
      close
    }
  })

/**
 * Makes a stream of an answer. It asks when `events` is run, and comes back until the answer is whole: with
 * `Last-Event-ID`, each event once and in order, after 1, 2, 4, … up to 30 seconds, half of each at random, or as long as
 * the server asks; it gives up after 5 retries in a row without a new event, and at once on an address that is none. A POST
 * carries an `Idempotency-Key`, the same one until its answer has ended, so that it is made and paid once.
 *
 * With `eventSchema` each event is decoded by it, from `WireEvent`, and what it refuses fails the stream; `Reset` is given
 * beside its events.
 *
 * Gotchas: running `events` again asks again; two runs at a time would share one status. A stream without ids cannot be
 * resumed: what comes after a break is then a new answer, and begins with `Reset`. An `Idempotency-Key` among the headers
 * is replaced. With the scope it is closed.
 */
export function make<A>(
  options: Options & { readonly eventSchema: Schema.Decoder<A> }
): Effect.Effect<
  ResumableStream<A | Reset, ResumableStreamError | Schema.SchemaError>,
  never,
  HttpClient.HttpClient | Scope.Scope
>
/**
 * Makes a stream of an answer. It asks when `events` is run, and comes back until the answer is whole: with
 * `Last-Event-ID`, each event once and in order, after 1, 2, 4, … up to 30 seconds, half of each at random, or as long as
 * the server asks; it gives up after 5 retries in a row without a new event, and at once on an address that is none. A POST
 * carries an `Idempotency-Key`, the same one until its answer has ended, so that it is made and paid once.
 *
 * Its events are the relay's: `ChatEvent`.
 */
export function make(
  options: Options & { readonly eventSchema?: undefined }
): Effect.Effect<ResumableStream, never, HttpClient.HttpClient | Scope.Scope>
export function make<A>(
  options: Options & { readonly eventSchema?: Schema.Decoder<A> | undefined }
): Effect.Effect<
  ResumableStream<A | ChatEvent, ResumableStreamError | Schema.SchemaError>,
  never,
  HttpClient.HttpClient | Scope.Scope
> {
  const { eventSchema } = options
  if (eventSchema === undefined) {
    return makeWith(options, (given) => Effect.succeed(given._tag === "Reset" ? given : chatEvent(given)))
  }
  const decode = Schema.decodeUnknownEffect(eventSchema)
  return makeWith(options, (given) => {
    if (given._tag === "Reset") return Effect.succeed<A | Reset>(given)
    const { data, event, id = "", json = data } = given
    return decode({ event, id, data: json })
  })
}
