/**
 * A token that clients show: what it is set to, as it stands in the file and in the books.
 */
import { type Redacted, Schema } from "effect"
import { matchesAnyModel } from "../dialect/index.ts"

const Positive = Schema.Int.check(Schema.isGreaterThan(0))

/** A rate limit of a token's own, in place of the general one. */
export const TokenRate = Schema.Struct({
  /** Requests in a time; `null` is any number. */
  requests: Schema.NullOr(Positive),
  /** Tokens of models in a time; `null` is any number. */
  tokens: Schema.NullOr(Positive),
  /** The time, in milliseconds. */
  perMillis: Positive
})

/** What a token may spend, in credits. */
export const TokenQuota = Schema.Struct({
  /** The first grant; `null` is unlimited. */
  balance: Schema.NullOr(Schema.Int),
  /** The most of a day or a month, by UTC. */
  budget: Schema.optionalKey(Schema.Struct({ amount: Schema.Natural, per: Schema.Literals(["day", "month"]) }))
})

/** What a token is set to. */
export const TokenSettings = Schema.Struct({
  /** Unique among the tokens of the file and of the books. */
  name: Schema.NonEmptyString,
  /** Patterns of the models that it may ask for; `*` is any run of characters. */
  models: Schema.Array(Schema.NonEmptyString),
  /** Only channels of this group serve it. */
  group: Schema.NonEmptyString,
  /** May read and change everything under `/admin`. */
  admin: Schema.Boolean,
  /** May read `/admin` and change nothing. */
  viewer: Schema.Boolean,
  /** Switched off, it is as if it were unknown. */
  enabled: Schema.Boolean,
  /** From then on it is as if it were unknown, in epoch milliseconds. */
  expiresAt: Schema.optionalKey(Schema.Natural),
  rateLimit: Schema.optionalKey(TokenRate),
  /** Answers at once. */
  concurrency: Schema.optionalKey(Positive),
  /** Networks that it may come from: addresses, or in the CIDR form. */
  addresses: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  quota: Schema.optionalKey(TokenQuota)
})

/** What a token is set to. */
export type TokenSettings = typeof TokenSettings.Type

/** What a setting is that nobody has made. */
export const tokenDefaults = {
  models: ["*"],
  group: "default",
  admin: false,
  viewer: false,
  enabled: true
} as const satisfies Partial<TokenSettings>

/** A token as it is known here: without its key, which cannot be read back from its digest. */
export interface Token extends TokenSettings {
  /** The first 8 hex digits of the SHA-256 of its newest key: tells keys apart, and may be shown. */
  readonly fingerprint: string
  /** Where it is kept. What is in the file is changed there. */
  readonly source: "file" | "books"
}

/** A token that is to be made: its name, and what is not as by default. */
export type NewToken = Pick<TokenSettings, "name"> & Partial<TokenSettings>

/** A change of a token: what is absent stays, `null` takes a setting away. A token keeps its name. */
export type TokenChange = {
  readonly [K in Exclude<keyof TokenSettings, "name">]?:
    | TokenSettings[K]
    | (K extends keyof typeof tokenDefaults ? never : null)
}

/**
 * Who has to show a token.
 *
 * | | |
 * |---|---|
 * | `never` | there are none: everybody on this machine may do everything |
 * | `toAsk` | there are, and none of them may administer: who asks for answers shows one; who administers needs none, but has to be on this machine, as before |
 * | `always` | somebody may administer, or the configuration file names tokens |
 *
 * A token counts here whether it is switched on or not, and when it has expired, too: time alone opens nothing.
 */
export type TokensNeeded = "never" | "toAsk" | "always"

/** Who has to show a token, by how many tokens there are, and how many of those of the books are an admin's. */
export const tokensNeeded = (
  ofFile: number,
  ofBooks: { readonly tokens: number; readonly admins: number }
): TokensNeeded => (ofFile > 0 || ofBooks.admins > 0 ? "always" : ofBooks.tokens > 0 ? "toAsk" : "never")

/** Whether somebody can administer with a token, at a time (epoch milliseconds). */
export const administersAt = (token: Pick<Token, "admin" | "enabled" | "expiresAt">, now: number): boolean =>
  token.admin && countsAt(token, now)

/** What of a digest may be shown. */
export const fingerprintOf = (digest: string): string => digest.slice(0, 8)

/** A token as it stands in a configuration file. */
export type FileToken = Pick<TokenSettings, "name" | "models" | "admin"> &
  Partial<TokenSettings> & { readonly key: Redacted.Redacted }

/** Who asks: a token, or anybody where there are none. */
export type Caller =
  | Pick<Token, "name" | "group" | "models" | "admin" | "viewer" | "rateLimit" | "concurrency" | "addresses" | "quota">
  | undefined

/** The group whose channels serve a caller. */
export const groupOf = (caller: Caller): string => caller?.group ?? tokenDefaults.group

/** Whether a token may ask for a model: one of its patterns matches the name that the client gave. */
export const mayUse = (token: Pick<Token, "models">, model: string): boolean => matchesAnyModel(token.models, model)

/** Whether a token counts at a time (epoch milliseconds): it is switched on and has not expired. */
export const countsAt = (token: Pick<Token, "enabled" | "expiresAt">, now: number): boolean =>
  token.enabled && (token.expiresAt === undefined || now < token.expiresAt)
