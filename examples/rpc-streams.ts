/**
 * Three services that pass a stream on to each other over `effect/rpc`: how each way to end it reaches the others.
 *
 *   node --conditions=effect-resilience-source examples/rpc-streams.ts
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { NodeHttpServer, NodeSocket } from "@effect/platform-node"
import { Console, Effect, Layer, Schema, type Scope, Stream } from "effect"
import { HttpRouter } from "effect/http"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { BizError, printStreamFault } from "effect-resilience/errors"
import { CurrentStream, openStream, StreamCalls, StreamControl, StreamError, StreamFaults } from "effect-resilience/rpc"

const Tell = Rpc.make("Tell", {
  payload: { prompt: Schema.String },
  success: Schema.String,
  error: StreamError,
  stream: true
})

class Tales extends RpcGroup.make(Tell).middleware(StreamFaults) {}

/** Listens on a free port, and gives it. */
const serve = (
  service: string,
  tell: (prompt: string) => Stream.Stream<string, StreamError, CurrentStream>
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function* () {
    const http = createServer()
    const group = Tales.merge(StreamControl)
    const layer = HttpRouter.serve(RpcServer.layerHttp({ group, path: "/rpc" }), {
      disableLogger: true,
      disableListenLog: true
    }).pipe(
      Layer.provide(Tales.toLayer({ Tell: ({ prompt }) => tell(prompt) })),
      Layer.provide(StreamFaults.layer({ service })),
      Layer.provide(RpcSerialization.layerNdjson),
      Layer.provide(NodeHttpServer.layer(() => http, { port: 0, host: "127.0.0.1" }))
    )
    yield* Effect.orDie(Layer.build(layer))
    return (http.address() as AddressInfo).port
  })

/** A client of one: a function that begins a call. */
const connect = (service: string, port: number) =>
  Effect.gen(function* () {
    const services = yield* StreamCalls.layer({ service }).pipe(
      Layer.provideMerge(RpcClient.layerProtocolSocket()),
      Layer.provide(NodeSocket.layerWebSocket(`ws://127.0.0.1:${port}/rpc`)),
      Layer.provide(RpcSerialization.layerNdjson),
      Layer.build,
      Effect.orDie
    )
    const client = yield* Effect.provideContext(RpcClient.make(Tales), services)
    return (prompt: string) =>
      Effect.provideContext(
        openStream((headers) => client.Tell({ prompt }, { headers })),
        services
      )
  })

const words = Stream.fromIterable("Once upon a time there was a word and then there was another".split(" ")).pipe(
  Stream.forever,
  Stream.tap(() => Effect.sleep("5 millis"))
)

/** Tells words for as long as somebody listens, or until the balance is spent; says why it has ended. */
const teller = (prompt: string) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const current = yield* CurrentStream
      const told =
        prompt === "poor"
          ? Stream.concat(
              Stream.take(words, 4),
              Stream.fail(new BizError({ status: 10001, message: "insufficient user balance", extra: { user: "42" } }))
            )
          : words
      return told.pipe(
        Stream.ensuring(
          Effect.suspend(() =>
            current.fault === undefined ? Effect.void : Console.log(`  C: ${printStreamFault(current.fault)}`)
          )
        )
      )
    })
  )

const program = Effect.gen(function* () {
  const last = yield* connect("B", yield* serve("C", teller))
  const middle = yield* serve("B", (prompt) => Stream.unwrap(Effect.map(last(prompt), ({ stream }) => stream)))
  const tell = yield* connect("A", middle)

  yield* Console.log("a business error after several messages")
  const poor = yield* tell("poor")
  const refused = yield* Stream.runDrain(poor.stream).pipe(Effect.flip)
  if (refused._tag === "BizError") yield* Console.log(`  A: ${refused.status} ${refused.message}`)

  yield* Console.log("a cancel with a cause")
  const cancelled = yield* tell("")
  yield* Stream.runDrain(Stream.take(cancelled.stream, 1)).pipe(
    Effect.andThen(cancelled.cancel({ code: 4711, message: "the user closed the tab" }))
  )
  yield* Effect.sleep("50 millis")

  yield* Console.log("who stops reading")
  yield* tell("").pipe(
    Effect.flatMap(({ stream }) => Stream.runDrain(Stream.take(stream, 3))),
    Effect.scoped
  )
  yield* Effect.sleep("50 millis")
}).pipe(Effect.scoped)

await Effect.runPromise(program)
