/**
 * Tokens: the handlers.
 */
import { Effect, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import {
  type LastAdmin,
  Quota,
  type Token,
  type TokenChangeError,
  type TokenNameTaken,
  type TokenNotFound,
  Tokens,
  type TokenWithKey
} from "../../account/index.ts"
import { isBooksError } from "../../books/index.ts"
import {
  Conflict,
  NotFound,
  QueryDataError,
  Secrets,
  stackless,
  UpdateDataError,
  ValidationFailed
} from "../../errors/index.ts"
import { Settling } from "../../operate/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { audited } from "./Audited.ts"
import { defaultLimit } from "./ListsHttp.ts"
import { changeOf, newTokenOf, shownToken, wholeFaults } from "./TokenBodies.ts"

/** What an admin is told of a read, or of a change, that failed. */
const told = (
  error: LastAdmin | TokenChangeError | TokenNameTaken | TokenNotFound,
  doing: "read" | "change"
): Conflict | NotFound | QueryDataError | UpdateDataError => {
  const { message } = error
  switch (error._tag) {
    case "TokenNotFound":
      return stackless(() => new NotFound({ message }))
    case "TokensUnavailable":
      return stackless(() => (doing === "read" ? new QueryDataError({ message }) : new UpdateDataError({ message })))
    default:
      return stackless(() => new Conflict({ message }))
  }
}

const orTold =
  (doing: "read" | "change") =>
  <A, R>(effect: Effect.Effect<A, LastAdmin | TokenChangeError | TokenNameTaken | TokenNotFound, R>) =>
    Effect.mapError(effect, (error) => told(error, doing))

const checked = (token: Parameters<typeof wholeFaults>[0]): Effect.Effect<void, ValidationFailed> =>
  Effect.suspend(() => {
    const details = wholeFaults(token)
    return details.length === 0
      ? Effect.void
      : Effect.fail(stackless(() => new ValidationFailed({ message: "1 field is not valid.", details })))
  })

const pathOf = (name: string): string => `tokens/${name}`

/** Their handlers. */
export const TokensLive = HttpApiBuilder.group(
  AdminApi,
  "tokens",
  Effect.fnUntraced(function* (handlers) {
    const tokens = yield* Tokens
    const secrets = yield* Secrets
    const quota = yield* Quota
    const settled = (yield* Settling).flush
    const get = (name: string) => orTold("read")(tokens.get(name))

    /** From here on nothing that leaves the process shows the key, but this one answer. */
    const withKey = ({ key, token }: TokenWithKey) => {
      secrets.know([Redacted.value(key)])
      return { ...shownToken(token), key: Redacted.value(key) }
    }

    /**
     * From now on a token has what its quota says. The books may know its name: one that was removed had it, or an admin has
     * set it. It is compared with what is left, so that a change that was half done is done when it is asked for again.
     */
    const setBalance = ({ name, quota: own }: Token, reason: string): Effect.Effect<void, Conflict | UpdateDataError> =>
      Effect.gen(function* () {
        yield* settled
        const whose = { _tag: "Token", name, quota: undefined } as const
        const balance = own?.balance ?? null
        const left = yield* quota.of(whose)
        if (left.balance !== balance) yield* quota.grant(whose, { set: balance }, reason)
      }).pipe(
        Effect.mapError((error) => {
          const { message } = error
          return stackless(() => (isBooksError(error) ? new UpdateDataError({ message }) : new Conflict({ message })))
        })
      )

    return handlers
      .handle("list", ({ query: { cursor, limit = defaultLimit } }) =>
        Effect.map(orTold("read")(tokens.page({ limit, cursor })), (page) => ({
          data: page.tokens.map(shownToken),
          next: page.next ?? null
        }))
      )
      .handle("get", ({ params }) => Effect.map(get(params.name), shownToken))
      .handle("create", ({ payload }) =>
        Effect.gen(function* () {
          const asked = newTokenOf(payload)
          yield* checked(asked)
          const made = yield* orTold("change")(tokens.create(asked))
          const { name } = made.token
          yield* setBalance(made.token, "token.create")
          yield* audited({ what: "token.create", path: pathOf(name), before: null, after: shownToken(made.token) })
          return withKey(made)
        })
      )
      .handle("update", ({ params: { name }, payload }) =>
        Effect.gen(function* () {
          const change = changeOf(payload)
          const before = yield* get(name)
          const { admin = before.admin, models = before.models, viewer = before.viewer } = change
          yield* checked({ admin, models, viewer })
          const after = yield* orTold("change")(tokens.update(name, change))
          if (change.quota !== undefined) yield* setBalance(after, "token.update")
          yield* audited({
            what: "token.update",
            path: pathOf(name),
            before: shownToken(before),
            after: shownToken(after)
          })
          return shownToken(after)
        })
      )
      .handle("remove", ({ params: { name } }) =>
        Effect.gen(function* () {
          const before = yield* get(name)
          yield* orTold("change")(tokens.remove(name))
          yield* audited({ what: "token.delete", path: pathOf(name), before: shownToken(before), after: null })
        })
      )
      .handle("rotate", ({ params: { name }, payload }) =>
        Effect.gen(function* () {
          const before = yield* get(name)
          const made = yield* orTold("change")(tokens.rotate(name, { grace: payload?.grace ?? 0 }))
          yield* audited({
            what: "token.rotate",
            path: pathOf(name),
            before: shownToken(before),
            after: shownToken(made.token)
          })
          return withKey(made)
        })
      )
  })
)
