/**
 * A server on a free port of loopback, for as long as a scope lasts.
 */
import { Effect, type Scope } from "effect"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"

/** Listens, and gives the address. Its connections are closed with the scope. */
export const listening = (server: Server): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<string>(
      (resume) =>
        void server.listen(0, "127.0.0.1", () =>
          resume(Effect.succeed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
        )
    ),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
