/**
 * The server's side of streams over `effect/rpc`: how a handler's end is told, and how a stream that its client no longer
 * wants is ended. It costs a stream one fiber, and an event nothing.
 *
 * | what happens | the client reads | the handler's `CurrentStream` says |
 * |---|---|---|
 * | the handler fails with an error of its `Rpc` | that error | 12012 |
 * | it dies of anything else | `ApplicationException`: type 6, and the message only | 12012 |
 * | it has said all | the end | 12012 |
 * | the client cancels | (it has left) | the client's code, path and message |
 * | the client is interrupted without a word | (it has left) | 12010 |
 * | the connection is closed, or the server is | 12013 | 12013 |
 */
import { Cause, Effect, Exit, Fiber, Layer } from "effect"
import { type Rpc, RpcMiddleware, RpcSchema } from "effect/rpc"
import {
  ApplicationException,
  excerpt,
  fewNames,
  isResilienceError,
  redactText,
  saidBy,
  stackless,
  StreamCancelled,
  streamFault,
  type StreamFaultData
} from "../errors/index.ts"
import { CurrentStream, isStreamId, makeStreamId, ServedStream, streamIdHeader } from "./CurrentStream.ts"
import { type CancelStream, StreamControl } from "./StreamControlHttp.ts"
import { isStreamError, StreamError } from "./StreamError.ts"

/** What a server of streams calls itself. */
export interface ServiceOptions {
  /** The service's name, as it stands in a cancel path. It has no commas. */
  readonly service: string
}

/** Thrift's `INTERNAL_ERROR`. */
const internalError = 6

/** The longest message that is told of what nobody knows, in UTF-16 units. */
const longestMessage = 2048

const returned = streamFault({ code: 12012, side: "server" })
const closed = streamFault({ code: 12013, side: "server" })
const upstream = streamFault({ code: 12010, side: "server" })
const internal = streamFault({ code: 12011, side: "server" })

const cancelled = (fault: StreamFaultData): StreamCancelled =>
  stackless(() => new StreamCancelled({ fault, message: fault.message }))

/** What is told of a defect: itself where it was meant to be told, else its message. */
const toldOf = (defect: unknown): StreamError =>
  isResilienceError(defect) && isStreamError(defect)
    ? defect
    : stackless(
        () =>
          new ApplicationException({
            typeId: internalError,
            message: excerpt(redactText(excerpt(saidBy(defect), 4 * longestMessage)), longestMessage)
          })
      )

/** A handler's failure, as its client reads it: an error that its `Rpc` has declared is told as it is. */
const failureOf = <E>(cause: Cause.Cause<E>): Cause.Cause<E | StreamError> => {
  if (Cause.hasFails(cause)) return cause
  const died = cause.reasons.find(Cause.isDieReason)
  return died === undefined ? Cause.fail(cancelled(internal)) : Cause.fail(toldOf(died.defect))
}

/** Why a handler was interrupted from outside: by its client, or because nobody can read it any more. */
const interruptedBy = (cause: Cause.Cause<unknown>, named: boolean): StreamFaultData => {
  const byClient = cause.reasons.some(({ annotations }) => annotations.has(RpcSchema.ClientAbort.key))
  // A client that gives its streams ids says so before it leaves: this one could not. Over HTTP that looks the same.
  return byClient && !named ? upstream : closed
}

/** How many cancellations are kept of streams that have not come yet: over HTTP two requests may overtake each other. */
const mostEarly = 1024

/** The streams that are served, by their ids. */
class Served {
  private readonly streams = new Map<string, { readonly stream: ServedStream; readonly stop: () => void }>()
  /** The oldest first. Most are of streams that have ended. */
  private readonly early = new Map<string, StreamFaultData>()

  /** Why a stream was cancelled before it came. */
  cancelledEarly({ id }: ServedStream): StreamFaultData | undefined {
    return this.early.get(id)
  }

  add(stream: ServedStream, fiber: Fiber.Fiber<unknown, unknown>): void {
    this.streams.set(stream.id, { stream, stop: () => fiber.interruptUnsafe() })
  }

  delete(stream: ServedStream): void {
    if (this.streams.get(stream.id)?.stream === stream) this.streams.delete(stream.id)
  }

  cancel(id: string, fault: StreamFaultData): Effect.Effect<void> {
    return Effect.suspend(() => {
      const found = this.streams.get(id)
      if (found === undefined) return Effect.sync(() => this.keep(id, fault))
      // Its end is the handler's affair: who cancels does not wait for it.
      return Effect.andThen(found.stream.end(fault), Effect.sync(found.stop))
    })
  }

  private keep(id: string, fault: StreamFaultData): void {
    this.early.set(id, fault)
    const [oldest] = this.early.keys()
    if (this.early.size > mostEarly && oldest !== undefined) this.early.delete(oldest)
  }
}

/**
 * The middleware of streams: on an `Rpc`, or on a whole group. It adds `StreamError` to what its client may read, and gives
 * its handler the `CurrentStream`.
 *
 * ```ts import.meta.vitest
 * import { Schema } from "effect"
 * import { Rpc, RpcGroup } from "effect/rpc"
 * import { StreamControl, StreamError, StreamFaults } from "effect-resilience/rpc"
 *
 * const Tell = Rpc.make("Tell", {
 *   payload: { prompt: Schema.String },
 *   success: Schema.String,
 *   error: StreamError,
 *   stream: true
 * })
 * class Tales extends RpcGroup.make(Tell).middleware(StreamFaults) {}
 *
 * // What is served.
 * const Served = Tales.merge(StreamControl)
 *
 * Served.requests.size // => 2
 * ```
 */
export class StreamFaults extends RpcMiddleware.Service<StreamFaults, { provides: CurrentStream }>()(
  "effect-resilience/rpc/StreamFaults",
  { error: StreamError }
) {
  /** The middleware, and the handler of `StreamControl`. */
  static readonly layer = ({
    service
  }: ServiceOptions): Layer.Layer<StreamFaults | Rpc.ToHandler<typeof CancelStream>> =>
    Layer.unwrap(
      Effect.sync(() => {
        const served = new Served()
        const control = StreamControl.toLayer({
          "effect-resilience/CancelStream": ({ code, message, path, stream }) =>
            served.cancel(
              stream,
              streamFault({ code, side: "server", path: fewNames(path), message: excerpt(message, longestMessage) })
            )
        })
        const middleware = Layer.succeed(StreamFaults, (handler, { headers }) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.gen(function* () {
              const named = isStreamId(headers[streamIdHeader])
              const stream = new ServedStream(named ? headers[streamIdHeader]! : makeStreamId(), service)
              const early = served.cancelledEarly(stream)
              if (early !== undefined) return yield* Effect.fail(cancelled(early))
              const running = Effect.provideService(handler, CurrentStream, stream)
              const fiber = yield* Effect.forkDetach(running, { startImmediately: true })
              served.add(stream, fiber)
              const waited = yield* Effect.exit(restore(Fiber.await(fiber)))
              served.delete(stream)
              if (Exit.isFailure(waited)) {
                // Why is known before the handler releases what it has.
                yield* stream.end(interruptedBy(waited.cause, named))
                yield* Fiber.interrupt(fiber)
                return yield* Effect.failCause(waited.cause)
              }
              const { fault } = stream
              yield* stream.end(returned)
              if (fault !== undefined) return yield* Effect.fail(cancelled(fault))
              const exit = waited.value
              return Exit.isSuccess(exit) ? exit.value : yield* Effect.failCause(failureOf(exit.cause))
            })
          )
        )
        return Layer.merge(middleware, control)
      })
    )
}
