/**
 * What can be asked for.
 */
import { Clock, Effect } from "effect"
import { type Caller, mayUse } from "../../account/index.ts"
import { Selection } from "../../channel/index.ts"
import { clientDialects } from "../../dialect/index.ts"
import { Settings } from "../../settings/index.ts"
import { makeAdmission } from "../Admission.ts"
import { respondJson } from "../Exchange.ts"
import type { Route } from "../Route.ts"
import { ServerSection } from "../ServerSection.ts"

/** The lists of models. Patterns are no models: the exact names that channels list are. */
export const modelRoutes: Effect.Effect<ReadonlyArray<Route>, never, Selection | Settings> = Effect.gen(function* () {
  const { name } = (yield* Settings).of(ServerSection).current
  const selection = yield* Selection
  const admission = makeAdmission(selection)
  const about = { createdAt: yield* Clock.currentTimeMillis, owner: name }
  const namesFor = (caller: Caller): ReadonlyArray<string> =>
    selection.models().filter((model) => caller === undefined || mayUse(caller, model))
  const { openai } = clientDialects
  return [
    {
      method: "GET",
      path: "/v1/models",
      access: "token",
      envelope: openai.failure,
      shows: "the models that can be asked for",
      head: true,
      handle: (exchange, caller) =>
        Effect.sync(() => respondJson(exchange, 200, openai.models(namesFor(caller), about)))
    },
    {
      method: "GET",
      path: "/v1/models/{id*}",
      access: "token",
      envelope: openai.failure,
      shows: "one of them",
      head: true,
      handle: (exchange, caller, name) =>
        Effect.map(admission.model(caller, name), () => respondJson(exchange, 200, openai.model(name, about)))
    }
  ]
})
