/**
 * A process that opens a store and prints how that went: `open`, or the error's message. It closes nothing: with `hold`
 * it lives until it is killed, else it ends when it has nothing more to do. Used by `SqliteNode.test.ts`:
 * `node opener.ts PATH [hold]`.
 */
import { Effect, Scope } from "effect"
import { SqliteNode } from "#src/store/index"

const [path = "", hold] = process.argv.slice(2)

const said = await SqliteNode.open({ path, application: 7, migrations: [] }).pipe(
  Effect.map(() => "open"),
  Effect.catch((error) => Effect.succeed(error.message)),
  Scope.provide(Scope.makeUnsafe()),
  Effect.runPromise
)
console.log(said)
if (hold === "hold") setInterval(() => {}, 60_000)
