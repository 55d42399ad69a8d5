/**
 * Somebody's own API, an `HttpApi` on SQLite, with one envelope for every failure.
 *
 *   node --conditions=effect-resilience-source examples/users-api.ts        port 8081, or PORT
 *
 *   curl -i localhost:8081/api/users -H 'content-type: application/json' -d '{"email":"nobody","age":7}'
 */
import { createServer } from "node:http"
import { DatabaseSync } from "node:sqlite"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Context, Effect, Layer, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { Conflict, NotFound } from "effect-resilience/errors"
import { ErrorEnvelope } from "effect-resilience/http"
import { ErrorTracker, EventLogNode } from "effect-resilience/telemetry"

// ------------------------------------------------------------------------------------------------ what users are

const User = Schema.Struct({ id: Schema.Int, email: Schema.String, firstName: Schema.String, age: Schema.Int })
type User = typeof User.Type

const NewUser = Schema.Struct({
  email: Schema.String.check(Schema.isPattern(/^[^@\s]+@[^@\s]+$/, { message: "must be an e-mail address" })).annotate(
    ErrorEnvelope.code("INVALID_EMAIL")
  ),
  firstName: Schema.NonEmptyString,
  age: Schema.Int.check(
    Schema.isGreaterThanOrEqualTo(18, { ...ErrorEnvelope.code("VALUE_OUT_OF_RANGE"), message: "must be at least 18" })
  )
})

class Users extends Context.Service<
  Users,
  {
    readonly create: (user: typeof NewUser.Type) => Effect.Effect<User, Conflict>
    readonly get: (id: number) => Effect.Effect<User, NotFound>
  }
>()("Users") {
  static readonly layer = Layer.effect(
    Users,
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(":memory:")),
        (database) => Effect.sync(() => database.close())
      )
      database.exec(
        "CREATE TABLE user (id INTEGER PRIMARY KEY, email TEXT UNIQUE, firstName TEXT NOT NULL, age INTEGER NOT NULL) STRICT"
      )
      const insert = database.prepare(
        "INSERT INTO user (email, firstName, age) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING *"
      )
      const select = database.prepare("SELECT * FROM user WHERE id = ?")
      const decode = Schema.decodeUnknownEffect(User)
      return {
        create: ({ age, email, firstName }) =>
          Effect.suspend(() => {
            const row = insert.get(email, firstName, age)
            return row === undefined
              ? Effect.fail(new Conflict({ message: "this address is taken", details: [taken] }))
              : Effect.orDie(decode(row))
          }),
        get: (id) =>
          Effect.suspend(() => {
            const row = select.get(id)
            return row === undefined
              ? Effect.fail(new NotFound({ message: `there is no user ${id}` }))
              : Effect.orDie(decode(row))
          })
      }
    })
  )
}

const taken = { field: "email", message: "is the address of somebody else", code: "EMAIL_TAKEN" }

// --------------------------------------------------------------------------------------------------------- the API

const UsersGroup = HttpApiGroup.make("users")
  .add(
    HttpApiEndpoint.post("create", "/", { payload: NewUser, success: User.pipe(HttpApiSchema.status(201)) }),
    HttpApiEndpoint.get("get", "/:id", { params: { id: Schema.NumberFromString.check(Schema.isInt()) }, success: User })
  )
  .prefix("/api/users")

// Handlers may fail with every error of the library; the envelope answers for them.
const Api = HttpApi.make("users-api").add(UsersGroup).middleware(ErrorEnvelope)

const UsersLive = HttpApiBuilder.group(
  Api,
  "users",
  Effect.fn(function* (handlers) {
    const users = yield* Users
    return handlers
      .handle("create", ({ payload }) => users.create(payload))
      .handle("get", ({ params }) => users.get(params.id))
  })
).pipe(Layer.provide(Users.layer))

const Routes = HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide(UsersLive),
  Layer.provide(ErrorEnvelope.layer),
  // Bugs go where somebody looks.
  Layer.provide(ErrorTracker.layerLog),
  Layer.provide(EventLogNode.layerStderr)
)

const port = Number(process.env["PORT"] ?? 8081)

HttpRouter.serve(Routes).pipe(
  Layer.provide(NodeHttpServer.layer(createServer, { port, host: "127.0.0.1" })),
  Layer.launch,
  NodeRuntime.runMain
)
