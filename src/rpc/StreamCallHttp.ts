/**
 * The client's side of streams over `effect/rpc`: a call that can be cancelled with a cause, and whose end is always told
 * as what it is. It costs a stream one object, and an event nothing.
 *
 * Where a call is made for a stream that is being served itself (`CurrentStream`), it ends with that: with the same code,
 * and the service's name at the end of the path. So a cancellation goes through any number of services.
 */
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Option, Pull, Scope, Stream } from "effect"
import { RpcClient, type RpcClientError } from "effect/rpc"
import {
  isResilienceError,
  stackless,
  StreamCancelled,
  StreamFault,
  streamFault,
  type StreamFaultData
} from "../errors/index.ts"
import { cancelledDownstream } from "../http/index.ts"
import { CurrentStream, makeStreamId, streamIdHeader } from "./CurrentStream.ts"
import { type CancelStream, StreamControl } from "./StreamControlHttp.ts"
import type { ServiceOptions } from "./StreamFaultsHttp.ts"

/** How long a server may take to hear of a cancellation before its call is closed all the same. */
const patience = "1 second"

/** Cancels streams of one server. */
export class StreamCalls extends Context.Service<
  StreamCalls,
  {
    /** What this client calls itself in a cancel path. */
    readonly service: string
    /** Tells the server that a stream of its is cancelled. Succeeds when it has heard of it, or has not in a second. */
    readonly tell: (stream: string, fault: StreamFaultData) => Effect.Effect<void>
  }
>()("effect-resilience/rpc/StreamCalls") {
  /** Over a client of `StreamControl`, or of a group that was merged with it. */
  static readonly make = (
    { service }: ServiceOptions,
    control: RpcClient.RpcClient<typeof CancelStream, RpcClientError.RpcClientError>
  ): StreamCalls["Service"] => ({
    service,
    tell: (stream, { code, message, path }) => {
      const told = control["effect-resilience/CancelStream"]({ stream, code, path, message })
      // In a fiber of its own: whoever leaves may not be interrupted any more.
      return Effect.flatMap(Effect.forkDetach(Effect.ignore(Effect.timeout(told, patience))), Fiber.await)
    }
  })

  /** Over the protocol that the streams go over too. */
  static readonly layer = (options: ServiceOptions): Layer.Layer<StreamCalls, never, RpcClient.Protocol> =>
    Layer.effect(
      StreamCalls,
      Effect.map(RpcClient.make(StreamControl, { disableTracing: true }), (control) =>
        StreamCalls.make(options, control)
      )
    )
}

/** Why somebody cancels. */
export interface CancelCause {
  /** A code of the service's own, or one of the table's. Default: 12008. */
  readonly code?: number
  readonly message: string
}

/** What a call reads may end with: an error of the protocol is told as the fault that it is. */
export type CallError<E> = Exclude<E, RpcClientError.RpcClientError> | StreamCancelled | StreamFault

/** A call under way. */
export interface StreamCall<A, E, R> {
  /** To be read once. After an error, and after a cancellation, nothing comes. */
  readonly stream: Stream.Stream<A, CallError<E>, R>
  /**
   * Cancels it: 12007, or with a cause 12008 or the cause's own code. The server's handler is interrupted, and knows why; the
   * stream fails with `StreamCancelled`. Where it has ended nothing happens. Succeeds when the server has heard of it.
   */
  readonly cancel: (cause?: CancelCause) => Effect.Effect<void>
}

const faultOf = (cause: CancelCause | undefined): StreamFaultData =>
  cause === undefined
    ? streamFault({ code: 12007, side: "client" })
    : streamFault({ code: cause.code ?? 12008, side: "client", message: cause.message })

/** A fault as the call has it that is cancelled with it: our side of the line, and our name at the end of the path. */
const forwarded = (fault: StreamFaultData, service: string): StreamFaultData => ({
  ...fault,
  side: "client",
  path: [...fault.path, service]
})

const cancelled = (fault: StreamFaultData): StreamCancelled =>
  stackless(() => new StreamCancelled({ fault, message: fault.message }))

const broken = (code: 12004 | 12013, message?: string): StreamFault =>
  stackless(() => {
    const fault = streamFault({ code, side: "client" })
    return new StreamFault({ fault, message: message ?? fault.message })
  })

const isProtocolError = (error: unknown): error is RpcClientError.RpcClientError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "RpcClientError"

/** What the end of a call means to who reads it. */
const endOf = <E>(cause: Cause.Cause<E>): Cause.Cause<CallError<E>> => {
  const failed = Cause.findErrorOption(cause)
  if (Option.isSome(failed)) {
    const error = failed.value
    // What was said cannot be read: that is no connection that was closed.
    if (isProtocolError(error))
      return Cause.fail(broken(error.reason._tag === "RpcClientDefect" ? 12004 : 12013, error.message))
    if (isResilienceError(error) && error._tag === "StreamCancelled")
      return Cause.fail(cancelled(cancelledDownstream(error.fault)))
    return cause as Cause.Cause<CallError<E>>
  }
  // Nobody here has interrupted it: then the server did, which is going.
  return Cause.hasInterruptsOnly(cause) ? Cause.fail(broken(12013)) : (cause as Cause.Cause<never>)
}

/**
 * Begins a call of a stream, until the scope is closed: if it has not ended by then it is cancelled with 12007. `begin` asks
 * with the headers that it is given; without them the server does not know which stream is cancelled.
 *
 * ```ts import.meta.vitest
 * import { Effect, Layer, Schema, Stream } from "effect"
 * import { Rpc, RpcGroup, RpcTest } from "effect/rpc"
 * import { openStream, StreamCalls, StreamControl, StreamError, StreamFaults } from "effect-resilience/rpc"
 *
 * const Count = Rpc.make("Count", { success: Schema.Int, error: StreamError, stream: true })
 * class Counts extends RpcGroup.make(Count).middleware(StreamFaults) {}
 * const handlers = Counts.toLayer({ Count: () => Stream.range(1, 1000) })
 *
 * const program = Effect.gen(function* () {
 *   // In memory; `StreamCalls.layer` makes its own client over a protocol.
 *   const client = yield* RpcTest.makeClient(Counts.merge(StreamControl))
 *   const calls = StreamCalls.make({ service: "counter" }, client)
 *   const call = yield* Effect.provideService(
 *     openStream((headers) => client.Count(undefined, { headers })),
 *     StreamCalls,
 *     calls
 *   )
 *   yield* call.cancel({ code: 4711, message: "that is enough" })
 *   return yield* Effect.flip(Stream.runDrain(call.stream))
 * }).pipe(Effect.scoped, Effect.provide(Layer.merge(handlers, StreamFaults.layer({ service: "counts" }))))
 *
 * const error = await Effect.runPromise(program)
 * error._tag // => "StreamCancelled"
 * error.message // => "that is enough"
 * ```
 */
export const openStream = <A, E, R>(
  begin: (headers: { readonly [name: string]: string }) => Stream.Stream<A, E, R>
): Effect.Effect<StreamCall<A, E, never>, never, R | Scope.Scope | StreamCalls> =>
  Effect.gen(function* () {
    const { service, tell } = yield* StreamCalls
    const served = Option.getOrUndefined(yield* Effect.serviceOption(CurrentStream))
    if (served?.fault !== undefined) {
      // What it would be for is over: nobody is asked.
      const own = cancelled(forwarded(served.fault, service))
      return { stream: Stream.fail(own), cancel: () => Effect.void }
    }
    const id = makeStreamId()
    const scope = yield* Effect.scope
    // Its own end closes it; else the scope does, after the server was told.
    const inner = yield* Scope.fork(scope)
    const services = yield* Effect.context<R>()
    let over = false
    let ended: StreamCancelled | undefined
    const heard = Deferred.makeUnsafe<void>()

    const end = (fault: StreamFaultData): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (over) return ended === undefined ? Effect.void : Deferred.await(heard)
        over = true
        const own = forwarded(fault, service)
        ended = cancelled(own)
        const told = Effect.andThen(tell(id, own), Scope.close(inner, Exit.void))
        return Effect.ensuring(told, Deferred.succeed(heard, undefined))
      })
    const leave = served?.onEnd((fault) => end(fault))
    yield* Effect.addFinalizer(() => {
      leave?.()
      return end(served?.fault ?? streamFault({ code: 12007, side: "client" }))
    })

    const pull = yield* Stream.toPull(begin({ [streamIdHeader]: id })).pipe(Scope.provide(inner))
    const step = Effect.catchCause(
      Effect.provideContext(pull, services),
      (cause): Effect.Effect<never, CallError<E> | Cause.Done> => {
        if (ended !== undefined) return Effect.fail(ended)
        over = true
        leave?.()
        // What it holds is let go of now: the scope around it may be a program's own.
        return Effect.flatMap(
          Scope.close(inner, Exit.void),
          (): Effect.Effect<never, CallError<E> | Cause.Done> =>
            Pull.isDoneCause(cause) ? Cause.done() : Effect.failCause(endOf(cause as Cause.Cause<E>))
        )
      }
    )
    const stream: Stream.Stream<A, CallError<E>> = Stream.fromPull(Effect.succeed(step))
    return { stream, cancel: (cause) => end(faultOf(cause)) }
  })
