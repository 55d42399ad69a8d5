/**
 * What a token may still spend, for whoever has it.
 */
import { Effect } from "effect"
import { type Caller, Quota, type QuotaState, type Whose } from "../../account/index.ts"
import { clientDialects } from "../../dialect/index.ts"
import { QueryDataError, stackless } from "../../errors/index.ts"
import { Settling } from "../../operate/index.ts"
import { respondJson } from "../Exchange.ts"
import type { Route } from "../Route.ts"

/** Whose requests are nobody's, on a relay without tokens: nothing limits them, and what they cost is kept all the same. */
const nobody: Whose = { _tag: "Token", name: "", quota: undefined }

/** Its row. */
export const quotaRoutes: Effect.Effect<ReadonlyArray<Route>, never, Quota | Settling> = Effect.gen(function* () {
  const quota = yield* Quota
  const settling = yield* Settling

  const stateOf = (caller: Caller): Effect.Effect<QuotaState, QueryDataError> =>
    Effect.andThen(
      settling.flush,
      quota.of(caller === undefined ? nobody : { _tag: "Token", name: caller.name, quota: caller.quota })
    ).pipe(Effect.mapError(({ message }) => stackless(() => new QueryDataError({ message }))))

  return [
    {
      method: "GET",
      path: "/quota",
      access: "token",
      envelope: clientDialects.chat.failure,
      shows: "what the token that asks may still spend",
      head: true,
      handle: (exchange, caller) => Effect.map(stateOf(caller), (state) => respondJson(exchange, 200, state))
    }
  ]
})
