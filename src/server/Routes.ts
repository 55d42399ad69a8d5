/**
 * All routes of a relay.
 */
import { Effect } from "effect"
import type { Selection } from "../channel/index.ts"
import type { Journal } from "../journal/index.ts"
import type { Relay } from "../relay/index.ts"
import type { Settings } from "../settings/index.ts"
import type { Metrics } from "../telemetry/index.ts"
import { ownRoutes } from "./OwnRoutes.ts"
import type { RateGate } from "./RateGate.ts"
import type { Readers } from "./Readers.ts"
import type { Route } from "./Route.ts"
import { generateRoutes } from "./routes/Generate.ts"
import { modelRoutes } from "./routes/Models.ts"
import { operationRoutes } from "./routes/Operations.ts"
import { pageRoutes } from "./routes/Page.ts"
import { responseRoutes } from "./routes/Responses.ts"
import { streamRoutes, type Streams } from "./routes/Streams.ts"

/** The rows, in the order in which they are shown. */
export const allRoutes: Effect.Effect<
  ReadonlyArray<Route>,
  never,
  Journal | Metrics | RateGate | Readers | Relay | Selection | Settings | Streams
> = Effect.map(
  // A path that is the relay's stays the relay's: of two rows the first counts.
  Effect.all([pageRoutes, generateRoutes, responseRoutes, modelRoutes, streamRoutes, operationRoutes, ownRoutes]),
  (groups) => groups.flat()
)
