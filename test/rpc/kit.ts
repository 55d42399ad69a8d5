/**
 * Services over real sockets that tell tales to each other, as streams over `effect/rpc`.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { NodeHttpClient, NodeHttpServer, NodeSocket } from "@effect/platform-node"
import { Effect, Layer, Schema, type Scope, type Stream } from "effect"
import { HttpRouter } from "effect/http"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { type CurrentStream, StreamCalls, StreamControl, StreamError, StreamFaults } from "effect-resilience/rpc"

/** How two services are connected. */
export type Protocol = "http" | "websocket"

/** Tells a tale, word by word. */
export class Tales extends RpcGroup.make(
  Rpc.make("Tell", { payload: { prompt: Schema.String }, success: Schema.String, error: StreamError, stream: true })
).middleware(StreamFaults) {}

/** How a service tells. */
export type Teller<R = never> = (prompt: string) => Stream.Stream<string, StreamError, R>

/** A service that listens until the scope is closed: its port, and how all of its connections are cut. */
export const serve = (
  service: string,
  protocol: Protocol,
  tell: Teller<CurrentStream>
): Effect.Effect<{ readonly port: number; readonly cut: () => void }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const http = createServer()
    const group = Tales.merge(StreamControl)
    const layer = HttpRouter.serve(RpcServer.layerHttp({ group, path: "/rpc", protocol }), {
      disableLogger: true,
      disableListenLog: true
    }).pipe(
      Layer.provide(Tales.toLayer({ Tell: ({ prompt }) => tell(prompt) })),
      Layer.provide(StreamFaults.layer({ service })),
      Layer.provide(RpcSerialization.layerNdjson),
      Layer.provide(NodeHttpServer.layer(() => http, { port: 0, host: "127.0.0.1" }))
    )
    const sockets = new Set<{ readonly destroy: () => void }>()
    http.on("connection", (socket) => void sockets.add(socket))
    yield* Effect.orDie(Layer.build(layer))
    const { port } = http.address() as AddressInfo
    return { port, cut: () => sockets.forEach((socket) => socket.destroy()) }
  })

/** A client of a service, by a name of its own. */
export const clientOf = (service: string, protocol: Protocol, port: number) => {
  const transport =
    protocol === "http"
      ? RpcClient.layerProtocolHttp({ url: `http://127.0.0.1:${port}/rpc` }).pipe(
          Layer.provide(NodeHttpClient.layerNodeHttp)
        )
      : RpcClient.layerProtocolSocket().pipe(Layer.provide(NodeSocket.layerWebSocket(`ws://127.0.0.1:${port}/rpc`)))
  const layer = StreamCalls.layer({ service }).pipe(
    Layer.provideMerge(transport),
    Layer.provide(RpcSerialization.layerNdjson)
  )
  return Effect.gen(function* () {
    const services = yield* Effect.orDie(Layer.build(layer))
    const client = yield* Effect.provideContext(RpcClient.make(Tales), services)
    return { client, services }
  })
}
