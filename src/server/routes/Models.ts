/**
 * What can be asked for.
 */
import { Clock, Effect } from "effect"
import { type Caller, mayUse } from "../../account/index.ts"
import { Selection } from "../../channel/index.ts"
import { type ClientDialect, clientDialects } from "../../dialect/index.ts"
import { Settings } from "../../settings/index.ts"
import { makeAdmission } from "../Admission.ts"
import { respondJson } from "../Exchange.ts"
import type { Route } from "../Route.ts"
import { ServerSection } from "../ServerSection.ts"

type Header = (name: string) => string | undefined

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
  const speaker = (header: Header): ClientDialect => (header("anthropic-version") === undefined ? openai : anthropic)
  const envelope = { by: (header: Header) => speaker(header).failure }
  return [
    {
      method: "GET",
      path: "/v1/models",
      access: "token",
      envelope,
      shows: "the models that can be asked for",
      head: true,
      handle: (exchange, caller) =>
        Effect.sync(() => respondJson(exchange, 200, speaker(exchange.header).models(namesFor(caller), about)))
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
          respondJson(exchange, 200, speaker(exchange.header).model(name, about))
        )
    }
  ]
})
