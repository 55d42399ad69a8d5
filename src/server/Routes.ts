/**
 * All routes of a relay.
 */
import { Effect, type Scope } from "effect"
import type { Served } from "./Dispatch.ts"
import { ownRoutes } from "./OwnRoutes.ts"
import type { RateGate } from "./RateGate.ts"
import type { Readers } from "./Readers.ts"
import type { Route } from "./Route.ts"
import { adminRoutes } from "./routes/Admin.ts"
import { generateRoutes } from "./routes/Generate.ts"
import { modelRoutes } from "./routes/Models.ts"
import { operationRoutes } from "./routes/Operations.ts"
import { pageRoutes } from "./routes/Page.ts"
import { quotaRoutes } from "./routes/Quota.ts"
import { responseRoutes } from "./routes/Responses.ts"
import { streamRoutes, type Streams } from "./routes/Streams.ts"

/** The rows, in the order in which they are shown. */
export const allRoutes: Effect.Effect<
  ReadonlyArray<Route>,
  never,
  RateGate | Readers | Scope.Scope | Served | Streams
> = Effect.map(
  // A path that is the relay's stays the relay's: of two rows the first counts.
  Effect.all([
    pageRoutes,
    generateRoutes,
    responseRoutes,
    modelRoutes,
    streamRoutes,
    quotaRoutes,
    operationRoutes,
    adminRoutes,
    ownRoutes
  ]),
  (groups) => groups.flat()
)
