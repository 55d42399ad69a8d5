/**
 * How tokens stand in the books. Keys have a table of their own: of one token several may be good at once, while a
 * newer one is being handed out.
 */
import { Effect, Schema } from "effect"
import {
  BooksBroken,
  type BooksModule,
  join,
  literally,
  type Row,
  type Sql,
  sql,
  type SqlValue
} from "../books/index.ts"
import { fingerprintOf, type Token, type TokenChange, TokenQuota, TokenRate, type TokenSettings } from "./Token.ts"

/** The tables. `good_until` is nothing for the newest key, of which there is one. */
export const tokensModule: BooksModule = {
  name: "tokens",
  scripts: [
    [
      `CREATE TABLE relay_tokens (
         name TEXT PRIMARY KEY,
         models TEXT NOT NULL,
         token_group TEXT NOT NULL,
         admin BIGINT NOT NULL,
         viewer BIGINT NOT NULL,
         enabled BIGINT NOT NULL,
         expires_at BIGINT,
         rate_limit TEXT,
         concurrency BIGINT,
         addresses TEXT,
         quota TEXT,
         created_at BIGINT NOT NULL
       )`,
      `CREATE TABLE relay_token_keys (
         digest TEXT PRIMARY KEY,
         token TEXT NOT NULL REFERENCES relay_tokens (name) ON DELETE CASCADE,
         good_until BIGINT,
         created_at BIGINT NOT NULL
       )`,
      "CREATE UNIQUE INDEX relay_token_newest ON relay_token_keys (token) WHERE good_until IS NULL",
      "CREATE INDEX relay_token_keys_of ON relay_token_keys (token)"
    ]
  ]
}

/** What tells the other relays that a token has changed. */
export const tokensTopic = "tokens"

const text = (value: string): SqlValue => value
const flag = (value: boolean): SqlValue => (value ? 1 : 0)
const json = (value: unknown): SqlValue => JSON.stringify(value)
const integer = (value: number): SqlValue => value

type Column<A> = readonly [name: string, write: (value: Exclude<A, undefined>) => SqlValue]

/** The column of each setting, and what is written there; of none, nothing. */
const columns: { readonly [K in keyof Required<TokenSettings>]: Column<TokenSettings[K]> } = {
  name: ["name", text],
  models: ["models", json],
  group: ["token_group", text],
  admin: ["admin", flag],
  viewer: ["viewer", flag],
  enabled: ["enabled", flag],
  expiresAt: ["expires_at", integer],
  rateLimit: ["rate_limit", json],
  concurrency: ["concurrency", integer],
  addresses: ["addresses", json],
  quota: ["quota", json]
}
const settings = Object.keys(columns) as ReadonlyArray<keyof TokenSettings>

/** What is written for one setting, or `undefined` where nothing is said of it. */
const written = <K extends keyof TokenSettings>(
  setting: K,
  values: { readonly [S in K]?: TokenSettings[S] | null | undefined }
): SqlValue | undefined => {
  const value = values[setting]
  if (value === undefined || value === null) return value
  const write: Column<TokenSettings[K]>[1] = columns[setting][1]
  return write(value as Exclude<TokenSettings[K], undefined>)
}

/** Adds a token; gives no row where the name is taken. */
export const insertToken = (token: TokenSettings, now: number): Sql => {
  const names = literally(settings.map((setting) => columns[setting][0]).join(", "))
  const values = join(
    settings.map((setting) => sql`${written(setting, token) ?? null}`),
    ", "
  )
  return sql`INSERT INTO relay_tokens (${names}, created_at) VALUES (${values}, ${now})
             ON CONFLICT (name) DO NOTHING RETURNING name`
}

/** Writes a change of a token, if there is anything in it. Gives no row where there is no such token. */
export const updateToken = (name: string, change: TokenChange): Sql | undefined => {
  const sets = settings.flatMap((setting) => {
    const value = setting === "name" ? undefined : written(setting, change)
    return value === undefined ? [] : [sql`${literally(columns[setting][0])} = ${value}`]
  })
  return sets.length === 0
    ? undefined
    : sql`UPDATE relay_tokens SET ${join(sets, ", ")} WHERE name = ${name} RETURNING name`
}

/** Tokens with the digest of their newest key. */
const selected = literally(
  `SELECT t.*, newest.digest AS newest FROM relay_tokens t
   JOIN relay_token_keys newest ON newest.token = t.name AND newest.good_until IS NULL`
)

/** All tokens, by name. */
export const selectTokens: Sql = sql`${selected} ORDER BY t.name`

/** So many tokens, by name, after one of them or from the first on. */
export const selectTokensAfter = (name: string | undefined, limit: number): Sql =>
  sql`${selected}${name === undefined ? sql`` : sql` WHERE t.name > ${name}`} ORDER BY t.name LIMIT ${limit}`

/** The tokens that may administer, once they count. */
export const selectAdmins: Sql = sql`${selected} WHERE t.admin = 1`

/** How many tokens there are, and how many of them are an admin's. */
export const countTokens: Sql = sql`SELECT count(*) AS tokens, CAST(coalesce(sum(admin), 0) AS BIGINT) AS admins
                                    FROM relay_tokens`

/** One token. */
export const selectToken = (name: string): Sql => sql`${selected} WHERE t.name = ${name}`

/** The token of a key, and until when the key is good. */
export const selectByKey = (digest: string): Sql =>
  sql`SELECT t.*, newest.digest AS newest, shown.good_until AS good_until FROM relay_token_keys shown
      JOIN relay_tokens t ON t.name = shown.token
      JOIN relay_token_keys newest ON newest.token = t.name AND newest.good_until IS NULL
      WHERE shown.digest = ${digest}`

/** Adds the newest key of a token. The one before must have its end. */
export const insertKey = (digest: string, name: string, now: number): Sql =>
  sql`INSERT INTO relay_token_keys (digest, token, created_at) VALUES (${digest}, ${name}, ${now})`

/** No key of a token that is good now is good beyond `until`. */
export const endKeys = (name: string, until: number): Sql =>
  sql`UPDATE relay_token_keys SET good_until = ${until}
      WHERE token = ${name} AND (good_until IS NULL OR good_until > ${until})`

/** Forgets the keys of a token that are no longer good. */
export const forgetKeys = (name: string, now: number): Sql =>
  sql`DELETE FROM relay_token_keys WHERE token = ${name} AND good_until <= ${now}`

const Flag = Schema.Literals([0, 1])
const Columns = Schema.Struct({
  name: Schema.String,
  models: Schema.fromJsonString(Schema.Array(Schema.String)),
  token_group: Schema.String,
  admin: Flag,
  viewer: Flag,
  enabled: Flag,
  expires_at: Schema.NullOr(Schema.Natural),
  rate_limit: Schema.NullOr(Schema.fromJsonString(TokenRate)),
  concurrency: Schema.NullOr(Schema.Int),
  addresses: Schema.NullOr(Schema.fromJsonString(Schema.Array(Schema.String))),
  quota: Schema.NullOr(Schema.fromJsonString(TokenQuota)),
  newest: Schema.String
})
const decode = Schema.decodeUnknownEffect(Columns)

/** Reads a token; of a row that is not as it was written it says so, and shows nothing of it. */
export const readToken = (row: Row): Effect.Effect<Token, BooksBroken> =>
  decode(row).pipe(
    Effect.mapError(
      () => new BooksBroken({ message: `the token ${JSON.stringify(row["name"])} in the books cannot be read` })
    ),
    Effect.map(
      (found): Token => ({
        name: found.name,
        models: found.models,
        group: found.token_group,
        admin: found.admin === 1,
        viewer: found.viewer === 1,
        enabled: found.enabled === 1,
        ...(found.expires_at === null ? {} : { expiresAt: found.expires_at }),
        ...(found.rate_limit === null ? {} : { rateLimit: found.rate_limit }),
        ...(found.concurrency === null ? {} : { concurrency: found.concurrency }),
        ...(found.addresses === null ? {} : { addresses: found.addresses }),
        ...(found.quota === null ? {} : { quota: found.quota }),
        fingerprint: fingerprintOf(found.newest),
        source: "books"
      })
    )
  )
