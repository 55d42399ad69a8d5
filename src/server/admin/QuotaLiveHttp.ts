/**
 * What tokens may spend, and the ledger of what they have: the handlers. What has ended by now is settled before anything
 * is shown.
 */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import {
  type BalanceChange,
  GroupsSection,
  Ledger,
  type LedgerRow,
  Quota,
  type QuotaState,
  Tokens,
  type UsageOf,
  type Whose
} from "../../account/index.ts"
import { Conflict, NotFound, QueryDataError, stackless, ValidationFailed } from "../../errors/index.ts"
import { Audit, Settling } from "../../operate/index.ts"
import { Settings } from "../../settings/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { audited } from "./Audited.ts"
import { booksAway } from "./BooksAway.ts"
import { csvOf } from "./Csv.ts"
import { defaultLimit, pageBehind, pageIn } from "./ListsHttp.ts"

const ledgerColumns = [
  "id",
  "at",
  "token",
  "group",
  "kind",
  "amount",
  "balance",
  "stream_id",
  "reason",
  "model",
  "channel",
  "input_tokens",
  "cached_tokens",
  "output_tokens"
] as const

const usageColumns = ["key", "requests", "input_tokens", "cached_tokens", "output_tokens", "credits"] as const

const ledgerRow = (row: LedgerRow) => ({
  id: row.id,
  at: row.at,
  token: row.kind === "grant" && row.groupCharged ? null : row.token,
  group: row.group,
  kind: row.kind,
  amount: row.amount,
  balance: row.balance,
  stream_id: row.streamId,
  reason: row.reason,
  model: row.model === "" ? null : row.model,
  channel: row.channel,
  input_tokens: row.inputTokens,
  cached_tokens: row.cachedTokens,
  output_tokens: row.outputTokens
})

/** What there is nothing to say of is left out. */
const shown = ({
  cached_tokens,
  channel,
  input_tokens,
  model,
  output_tokens,
  reason,
  stream_id,
  ...row
}: ReturnType<typeof ledgerRow>) => ({
  ...row,
  ...(stream_id === null ? {} : { stream_id }),
  ...(reason === null ? {} : { reason }),
  ...(model === null ? {} : { model }),
  ...(channel === null ? {} : { channel }),
  ...(input_tokens === null ? {} : { input_tokens }),
  ...(cached_tokens === null ? {} : { cached_tokens }),
  ...(output_tokens === null ? {} : { output_tokens })
})

const usageRow = ({ cachedTokens, credits, inputTokens, key, outputTokens, requests }: UsageOf) => ({
  key,
  requests,
  input_tokens: inputTokens,
  cached_tokens: cachedTokens,
  output_tokens: outputTokens,
  credits
})

const csv = (text: string, next: string | undefined) =>
  HttpServerResponse.text(text, {
    contentType: "text/csv; charset=utf-8",
    headers: next === undefined ? {} : { "x-next-cursor": next }
  })

const changeOf = (body: {
  readonly add?: number
  readonly set?: number | null
}): Effect.Effect<BalanceChange, ValidationFailed> => {
  const { add, set } = body
  if (add !== undefined && set === undefined) return Effect.succeed({ add })
  if (set !== undefined && add === undefined) return Effect.succeed({ set })
  const message = "expected one of add and set"
  return Effect.fail(
    stackless(() => new ValidationFailed({ message, details: [{ field: "add", message, code: "invalid" }] }))
  )
}

const stateOnly = ({ balance, budget, reserved, settledMonth, settledToday }: QuotaState): QuotaState => ({
  balance,
  budget,
  reserved,
  settledToday,
  settledMonth
})

/** Its handlers. */
export const QuotaLive = HttpApiBuilder.group(
  AdminApi,
  "quota",
  Effect.fnUntraced(function* (handlers) {
    const quota = yield* Quota
    const ledger = yield* Ledger
    const tokens = yield* Tokens
    const audit = yield* Audit
    const groups = (yield* Settings).of(GroupsSection)
    const settled = booksAway((yield* Settling).flush)
    const current = Effect.andThen(settled, booksAway(quota.enter))

    const ofToken = (name: string): Effect.Effect<Whose, NotFound | QueryDataError> =>
      tokens.get(name).pipe(
        Effect.map((token): Whose => ({ _tag: "Token", name, quota: token.quota })),
        Effect.mapError(({ _tag, message }) =>
          stackless(() => (_tag === "TokenNotFound" ? new NotFound({ message }) : new QueryDataError({ message })))
        )
      )
    const ofGroup = (name: string): Effect.Effect<Whose, NotFound> =>
      groups.current.some((group) => group.name === name && group.quota !== undefined)
        ? Effect.succeed({ _tag: "Group", name })
        : Effect.fail(
            stackless(
              () => new NotFound({ message: `no group ${JSON.stringify(name)} has a quota in the configuration` })
            )
          )

    const stateOf = (whose: Whose) => Effect.andThen(settled, Effect.map(booksAway(quota.of(whose)), stateOnly))

    const grant = Effect.fnUntraced(function* (
      whose: Whose,
      body: { readonly add?: number; readonly set?: number | null; readonly reason?: string }
    ) {
      const change = yield* changeOf(body)
      const before = yield* stateOf(whose)
      const after = yield* booksAway(quota.grant(whose, change, body.reason ?? "")).pipe(
        Effect.catchTag("BalanceTooLarge", ({ message }) => Effect.fail(stackless(() => new Conflict({ message }))))
      )
      if (after === undefined) {
        const message = "it is unlimited: nothing can be added to it; set it first"
        return yield* Effect.fail(stackless(() => new Conflict({ message })))
      }
      yield* audited({
        what: "quota.grant",
        path: `${whose._tag === "Token" ? "tokens" : "groups"}/${whose.name}`,
        before: { balance: before.balance },
        after: { balance: after.balance, ...(body.reason === undefined ? {} : { reason: body.reason }) }
      }).pipe(Effect.provideService(Audit, audit))
      return stateOnly(after)
    })

    return handlers
      .handle("token", ({ params }) => Effect.flatMap(ofToken(params.token), stateOf))
      .handle("grantToken", ({ params, payload }) =>
        Effect.flatMap(ofToken(params.token), (whose) => grant(whose, payload))
      )
      .handle("groups", ({ query: { cursor, limit = defaultLimit } }) =>
        Effect.gen(function* () {
          yield* settled
          const limited = groups.current.filter((group) => group.quota !== undefined)
          const { data, next } = pageBehind(limited, ({ name }) => name, { cursor, limit })
          const shown = yield* Effect.forEach(data, ({ name }) =>
            Effect.map(booksAway(quota.of({ _tag: "Group", name })), (state) => ({ group: name, ...stateOnly(state) }))
          )
          return { data: shown, next }
        })
      )
      .handle("group", ({ params }) => Effect.flatMap(ofGroup(params.group), stateOf))
      .handle("grantGroup", ({ params, payload }) =>
        Effect.flatMap(ofGroup(params.group), (whose) => grant(whose, payload))
      )
      .handle("ledger", ({ query: { format, limit = defaultLimit, ...query } }) =>
        Effect.map(Effect.andThen(current, booksAway(ledger.list({ ...query, limit }))), ({ next, rows }) =>
          format === "csv"
            ? csv(csvOf(ledgerColumns, rows.map(ledgerRow)), next)
            : { data: rows.map((row) => shown(ledgerRow(row))), next: next ?? null }
        )
      )
      .handle("sum", () => Effect.andThen(current, booksAway(ledger.sum)))
      .handle("usage", ({ query: { by, format, from, to, ...wanted } }) =>
        Effect.map(Effect.andThen(current, booksAway(ledger.usage(by, from, to))), (found) => {
          const { data, next } = pageIn(found.map(usageRow), wanted)
          return format === "csv" ? csv(csvOf(usageColumns, data), next ?? undefined) : { data, next }
        })
      )
  })
)
