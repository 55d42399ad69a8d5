/**
 * What can be asked for.
 */
import { Clock, Effect } from "effect"
import { type Caller, mayUse } from "../../account/index.ts"
import { Selection } from "../../channel/index.ts"
import { type ClientDialect, clientDialects } from "../../dialect/index.ts"
import { Settings } from "../../settings/index.ts"
import { makeAdmission } from "../Admission.ts"
import { type Exchange, respondJson } from "../Exchange.ts"
import type { Route } from "../Route.ts"
import { ServerSection } from "../ServerSection.ts"

type Asker = Pick<Exchange, "header">

/** The lists of models. Patterns are no models: the exact names that channels list are. */
export const modelRoutes: Effect.Effect<ReadonlyArray<Route>, never, Selection | Settings> = Effect.gen(function* () {
  const { name } = (yield* Settings).of(ServerSection).current
  const selection = yield* Selection
  const admission = makeAdmission(selection)
  const about = { createdAt: yield* Clock.currentTimeMillis, owner: name }
  const namesFor = (caller: Caller): ReadonlyArray<string> =>
    selection.models().filter((model) => caller === undefined || mayUse(caller, model))
  const { anthropic, openai } = clientDialects
  // One path for several dialects: whose client asks is told by a header that the others do not send.
  const speaker = (asker: Asker): ClientDialect =>
    asker.header("anthropic-version") === undefined ? openai : anthropic
  const envelope = { by: (asker: Asker) => speaker(asker).failure }
  return [
    {
      method: "GET",
      path: "/v1/models",
      access: "token",
      envelope,
      shows: "the models that can be asked for",
      head: true,
      handle: (exchange, caller) =>
        Effect.sync(() => respondJson(exchange, 200, speaker(exchange).models(namesFor(caller), about)))
    },
    {
      method: "GET",
      path: "/v1/models/{id*}",
      access: "token",
      envelope,
      shows: "one of them",
      head: true,
      handle: (exchange, caller, name) =>
        Effect.map(admission.model(caller, name), () =>
          respondJson(exchange, 200, speaker(exchange).model(name, about))
        )
    }
  ]
})
