/**
 * Tokens as the admin API takes and shows them: durations and moments in the words of the configuration file.
 */
import { Schema } from "effect"
import {
  isNetwork,
  type NewToken,
  type Token,
  type TokenChange,
  tokenDefaults,
  TokenQuota
} from "../../account/index.ts"
import { describedAs, rateOf, settable, tokenFields } from "../../account/TokensSection.ts"
import type { Detail } from "../../errors/index.ts"
import { durationText, Fields, LongMillisOrNone } from "../../settings/index.ts"

const { optional, section, withDefault } = Fields

// Such a step of a path is none: a token of this name could be asked for by no URL.
const inPaths = Schema.makeFilter((name: string) => name !== "." && name !== "..", {
  expected: 'another name than "." and ".."',
  toJsonSchema: () => ({})
})

// An example of an address would be taken for one, and masked.
const addresses = Fields.list(Fields.text("an address, or a network in the CIDR form", isNetwork))

/** What a setting may be, or nothing, which takes it away. */
const orNull = <S extends Schema.Top>(schema: S) => {
  const expected = Schema.toEncoded(schema).ast.annotations?.["expected"]
  return Schema.NullOr(schema).annotate({ expected: `${typeof expected === "string" ? expected : "a value"}, or null` })
}

/** A token that is to be made; `null` is as if it were absent. Its key is made by the relay. */
export const NewTokenBody = section({
  ...tokenFields,
  name: Fields.required(Fields.someName.check(inPaths), describedAs.name),
  expiresAt: optional(orNull(settable.expiresAt), describedAs.expiresAt),
  rateLimit: optional(orNull(settable.rateLimit), describedAs.rateLimit),
  concurrency: optional(orNull(settable.concurrency), describedAs.concurrency),
  addresses: optional(orNull(addresses), describedAs.addresses),
  quota: optional(orNull(settable.quota), describedAs.quota)
})

/** A change of a token: what is absent stays, `null` takes a setting away. */
export const TokenChangeBody = section({
  models: optional(settable.models, describedAs.models),
  group: optional(settable.group, describedAs.group),
  admin: optional(settable.admin, describedAs.admin),
  viewer: optional(settable.viewer, describedAs.viewer),
  enabled: optional(settable.enabled, describedAs.enabled),
  expiresAt: optional(orNull(settable.expiresAt), describedAs.expiresAt),
  rateLimit: optional(orNull(settable.rateLimit), describedAs.rateLimit),
  concurrency: optional(orNull(settable.concurrency), describedAs.concurrency),
  addresses: optional(orNull(addresses), describedAs.addresses),
  quota: optional(orNull(settable.quota), describedAs.quota)
})

/** How a token is to get a new key. */
export const RotateBody = section({
  grace: withDefault(LongMillisOrNone, "0 seconds", "How long the key that it has stays good.")
})

const shownFields = {
  name: Schema.String,
  models: Schema.Array(Schema.String),
  group: Schema.String,
  admin: Schema.Boolean,
  viewer: Schema.Boolean,
  enabled: Schema.Boolean,
  /** ISO 8601. */
  expiresAt: Schema.optionalKey(Schema.String),
  rateLimit: Schema.optionalKey(
    Schema.Struct({
      requests: Schema.NullOr(Schema.Int),
      tokens: Schema.NullOr(Schema.Int),
      /** A duration, as in the configuration file. */
      per: Schema.String
    })
  ),
  concurrency: Schema.optionalKey(Schema.Int),
  addresses: Schema.optionalKey(Schema.Array(Schema.String)),
  quota: Schema.optionalKey(TokenQuota),
  /** The first 8 hex digits of the SHA-256 of its newest key. */
  fingerprint: Schema.String,
  /** Where it is kept: what is in the file is changed there. */
  source: Schema.Literals(["file", "books"])
}

/** A token as it is shown. */
export const TokenShown = Schema.Struct(shownFields).annotate({ identifier: "Token" })

/** A token and its key: the only answer that has it. */
export const TokenWithKeyShown = Schema.Struct({ ...shownFields, key: Schema.String }).annotate({
  identifier: "TokenWithKey"
})

/** What is set: `null` sets nothing. */
const set = <K extends string, A>(name: K, value: A | null | undefined): { readonly [N in K]?: A } =>
  // One key, of the name's own type: the compiler sees an index signature.
  value === undefined || value === null ? {} : ({ [name]: value } as { readonly [N in K]?: A })

/** The token that a body asks for. */
export const newTokenOf = (body: typeof NewTokenBody.Type): NewToken => {
  const { addresses, concurrency, expiresAt, quota, rateLimit, ...token } = body
  return {
    ...token,
    ...set("addresses", addresses),
    ...set("concurrency", concurrency),
    ...set("expiresAt", expiresAt),
    ...set("quota", quota),
    ...set("rateLimit", rateLimit && rateOf(rateLimit))
  }
}

/** The change that a body asks for. */
export const changeOf = ({ rateLimit, ...body }: typeof TokenChangeBody.Type): TokenChange => ({
  ...body,
  ...(rateLimit === undefined ? {} : { rateLimit: rateLimit === null ? null : rateOf(rateLimit) })
})

/**
 * What is wrong with a token as a whole: who may neither administer nor look asks for answers, and needs a model for
 * that.
 */
export const wholeFaults = ({
  admin = tokenDefaults.admin,
  models = tokenDefaults.models,
  viewer = tokenDefaults.viewer
}: Pick<NewToken, "admin" | "models" | "viewer">): ReadonlyArray<Detail> =>
  models.length > 0 || admin || viewer
    ? []
    : [
        {
          field: "models",
          message: "Expected a model, as the token is no admin's and no viewer's, got an empty list",
          code: "invalid"
        }
      ]

/** A token as it is shown, here and in the audit. */
export const shownToken = ({ expiresAt, rateLimit, ...token }: Token): typeof TokenShown.Type => ({
  ...token,
  ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
  ...(rateLimit === undefined
    ? {}
    : { rateLimit: { requests: rateLimit.requests, tokens: rateLimit.tokens, per: durationText(rateLimit.perMillis) } })
})
