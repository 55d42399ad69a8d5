/**
 * The section `tokens`: who may use the relay, as it is written.
 */
import { Schema } from "effect"
import { declare, Fields, unique } from "../settings/index.ts"
import type { FileToken } from "./Token.ts"

const { flag, list, modelPattern, required, secret, Secret, section, someName, withDefault } = Fields

/** One of `tokens` */
export const TokenEntry = secret(
  section({
    name: required(someName, "Who it is."),
    key: required(Secret, "What the client sends as its bearer token."),
    models: withDefault(list(modelPattern), ["*"], "The models that it may ask for."),
    admin: withDefault(flag, false, "Whether it may read /metrics and administer.")
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
  finish: (tokens): ReadonlyArray<FileToken> => tokens
})
