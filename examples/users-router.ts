/**
 * The same on a plain router: twenty lines.
 *
 *   node --conditions=effect-resilience-source examples/users-router.ts     port 8082, or PORT
 */
import { createServer } from "node:http"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ApiError, ErrorEnvelope } from "effect-resilience/http"

const users = new Map<string, unknown>()
const Email = Schema.String.check(Schema.isPattern(/^[^@\s]+@[^@\s]+$/)).annotate(ErrorEnvelope.code("INVALID_EMAIL"))
const NewUser = HttpServerRequest.schemaBodyJson(Schema.Struct({ email: Email, firstName: Schema.NonEmptyString }))
const create = Effect.gen(function* () {
  const user = yield* NewUser
  if (users.has(user.email)) return yield* ApiError.make({ code: "CONFLICT", message: "This address is taken." })
  users.set(user.email, user)
  return HttpServerResponse.jsonUnsafe({ data: user }, { status: 201 })
})
const get = HttpRouter.schemaPathParams(Schema.Struct({ email: Schema.String })).pipe(
  Effect.flatMap(({ email }) => Effect.fromNullishOr(users.get(email))),
  Effect.map((user) => HttpServerResponse.jsonUnsafe({ data: user }))
)
const Routes = Layer.mergeAll(
  HttpRouter.add("POST", "/api/users", create),
  HttpRouter.add("GET", "/api/users/:email", get)
).pipe(Layer.provide(ErrorEnvelope.layer))

HttpRouter.serve(Routes).pipe(
  Layer.provide(NodeHttpServer.layer(createServer, { port: Number(process.env["PORT"] ?? 8082), host: "127.0.0.1" })),
  Layer.launch,
  NodeRuntime.runMain
)
