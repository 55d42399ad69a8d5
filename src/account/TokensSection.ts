/**
 * The section `tokens`: who may use the relay, as it is written.
 */
import { Schema } from "effect"
import { declare, Fields, unique } from "../settings/index.ts"
import { quotaField } from "./GroupsSection.ts"
import { isNetwork } from "./Network.ts"
import type { RateLimit } from "./RateLimits.ts"
import { rateFields } from "./RateLimitSection.ts"
import { type FileToken, tokenDefaults } from "./Token.ts"

const { flag, integer, list, mapped, modelPattern, optional, required, secret, Secret, section, someName, text } =
  Fields
const { withDefault } = Fields

/** An address, or a network. */
export const Network = text('an address such as "10.0.0.1", or a network such as "10.0.0.0/8"', isNetwork)

/** A moment, as ISO 8601 writes it with its zone. */
const Moment = mapped(
  text(
    'a moment such as "2027-01-31T00:00:00Z"',
    (value) =>
      /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(value) && Date.parse(value) >= 0
  ),
  Schema.Finite,
  (value) => Date.parse(value)
)

/** What a token can be set to, beside its name: written alike in the file and in a body of the admin API. */
export const settable = {
  models: list(modelPattern),
  group: someName,
  admin: flag,
  viewer: flag,
  enabled: flag,
  expiresAt: Moment,
  rateLimit: section(rateFields),
  concurrency: integer(1),
  addresses: list(Network),
  quota: quotaField
}

/** What each of them is, in a few words. */
export const describedAs = {
  name: "Who it is.",
  models: "The models that it may ask for.",
  group: "Only channels of this group serve it.",
  admin: "Whether it may read /metrics and administer.",
  viewer: "Whether it may read all that an admin reads. It may change nothing and ask for no answer.",
  enabled: "Whether it counts; switched off it is as if it were unknown.",
  expiresAt: "From when on it is as if it were unknown.",
  rateLimit: "How often it may ask, in place of rateLimit.",
  concurrency: "How many answers it may have at once.",
  addresses: "Where it may come from: addresses and networks. By default anywhere.",
  quota: "What it may spend. By default any number of credits."
}

/** All of a new token but its key: in the file that stands beside them. */
export const tokenFields = {
  name: required(someName, describedAs.name),
  models: withDefault(settable.models, ["*"], describedAs.models),
  group: withDefault(settable.group, tokenDefaults.group, describedAs.group),
  admin: withDefault(settable.admin, false, describedAs.admin),
  viewer: withDefault(settable.viewer, false, describedAs.viewer),
  enabled: withDefault(settable.enabled, true, describedAs.enabled),
  expiresAt: optional(settable.expiresAt, describedAs.expiresAt),
  rateLimit: optional(settable.rateLimit, describedAs.rateLimit),
  concurrency: optional(settable.concurrency, describedAs.concurrency),
  addresses: optional(settable.addresses, describedAs.addresses),
  quota: optional(settable.quota, describedAs.quota)
}

/** A rate limit as it was decoded. */
export const rateOf = (rate: (typeof settable.rateLimit)["Type"]): RateLimit => ({
  requests: rate.requests,
  tokens: rate.tokens,
  perMillis: rate.per
})

/** One of `tokens` */
export const TokenEntry = secret(
  section({
    name: tokenFields.name,
    key: required(Secret, "What the client sends as its bearer token."),
    models: tokenFields.models,
    group: tokenFields.group,
    admin: tokenFields.admin,
    viewer: tokenFields.viewer,
    enabled: tokenFields.enabled,
    expiresAt: tokenFields.expiresAt,
    rateLimit: tokenFields.rateLimit,
    concurrency: tokenFields.concurrency,
    addresses: tokenFields.addresses,
    quota: tokenFields.quota
  })
)

const entry = TokenEntry.fields
// The text that stands in the file: a decoded key is hidden from comparison.
const KeyText = Schema.toEncoded(Schema.Struct({ key: entry.key }))

/** `tokens` */
export const TokensSection = declare({
  name: "tokens",
  description: "Who may use the relay. None: everybody on this machine.",
  schema: secret(list(TokenEntry)),
  absent: [],
  changes: { _tag: "Reload" },
  keyedBy: "name",
  rules: [unique("tokens", "name", section({ name: entry.name })), unique("tokens", "key", KeyText)],
  finish: (tokens): ReadonlyArray<FileToken> =>
    tokens.map(({ rateLimit, ...token }) =>
      rateLimit === undefined ? token : { ...token, rateLimit: rateOf(rateLimit) }
    )
})
