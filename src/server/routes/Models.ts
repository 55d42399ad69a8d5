/**
 * What can be asked for.
 */
import { Clock, Effect } from "effect"
import { type Caller, groupOf, mayUse } from "../../account/index.ts"
import { Selection } from "../../channel/index.ts"
import { type ClientDialect, clientDialects } from "../../dialect/index.ts"
import { Settings } from "../../settings/index.ts"
import { makeAdmission } from "../Admission.ts"
import { type Exchange, respondJson } from "../Exchange.ts"
import type { Route } from "../Route.ts"
import { ServerSection } from "../ServerSection.ts"

/** What tells whose client asks, on a path of several dialects. */
type Asker = Pick<Exchange, "header" | "query">

/** The lists of models. Patterns are no models: the exact names that channels list are. */
export const modelRoutes: Effect.Effect<ReadonlyArray<Route>, never, Selection | Settings> = Effect.gen(function* () {
  const settings = yield* Settings
  const { name } = settings.of(ServerSection).current
  const selection = yield* Selection
  const admission = makeAdmission(selection, settings)
  const about = { createdAt: yield* Clock.currentTimeMillis, owner: name }
  const namesFor = (caller: Caller): ReadonlyArray<string> =>
    selection.models(groupOf(caller)).filter((model) => caller === undefined || mayUse(caller, model))
  const { anthropic, gemini, openai } = clientDialects
  // What the others do not send.
  const speaker = ({ header, query }: Asker): ClientDialect =>
    header("anthropic-version") !== undefined
      ? anthropic
      : header("x-goog-api-key") !== undefined || query.has("key")
        ? gemini
        : openai
  const shared = { by: (asker: Asker) => speaker(asker).failure }
  const rows = (prefix: string, envelope: Route["envelope"], of: (asker: Asker) => ClientDialect) =>
    [
      {
        method: "GET",
        path: `${prefix}/models`,
        access: "token",
        envelope,
        shows: "the models that can be asked for",
        credentialInQuery: "key",
        head: true,
        handle: (exchange, caller) =>
          Effect.sync(() => respondJson(exchange, 200, of(exchange).models(namesFor(caller), about)))
      },
      {
        method: "GET",
        path: `${prefix}/models/{id*}`,
        access: "token",
        envelope,
        shows: "one of them",
        credentialInQuery: "key",
        head: true,
        handle: (exchange, caller, model) =>
          Effect.map(admission.model(caller, model), () => respondJson(exchange, 200, of(exchange).model(model, about)))
      }
    ] satisfies ReadonlyArray<Route>
  return [...rows("/v1", shared, speaker), ...rows("/v1beta", gemini.failure, () => gemini)]
})
