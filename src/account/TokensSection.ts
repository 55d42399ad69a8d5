/**
 * The section `tokens`: who may use the relay, as it is written.
 */
import { Schema } from "effect"
import { declare, Fields, unique } from "../settings/index.ts"
import { isNetwork } from "./Network.ts"
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

/** One of `tokens` */
export const TokenEntry = secret(
  section({
    name: required(someName, "Who it is."),
    key: required(Secret, "What the client sends as its bearer token."),
    models: withDefault(list(modelPattern), ["*"], "The models that it may ask for."),
    group: withDefault(someName, tokenDefaults.group, "Only channels of this group serve it."),
    admin: withDefault(flag, false, "Whether it may read /metrics and administer."),
    viewer: withDefault(
      flag,
      false,
      "Whether it may read all that an admin reads. It may change nothing and ask for no answer."
    ),
    enabled: withDefault(flag, true, "Whether it counts; switched off it is as if it were unknown."),
    expiresAt: optional(Moment, "From when on it is as if it were unknown."),
    rateLimit: optional(section(rateFields), "How often it may ask, in place of rateLimit."),
    concurrency: optional(integer(1), "How many answers it may have at once."),
    addresses: optional(list(Network), "Where it may come from: addresses and networks. By default anywhere.")
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
      rateLimit === undefined
        ? token
        : { ...token, rateLimit: { requests: rateLimit.requests, tokens: rateLimit.tokens, perMillis: rateLimit.per } }
    )
})
