/**
 * The section `alerts`: who is told, outside of the log, that something was switched off or has failed.
 */
import { Redacted, Schema } from "effect"
import { declare, Fields, type Rule, ruleFault, valueAt } from "../settings/index.ts"

const { choice, list, mapped, number, secret, secretText, section, withDefault } = Fields

/** What there is to be told of. */
export const alertEvents = [
  "key_disabled",
  "key_enabled",
  "channel_disabled",
  "channel_enabled",
  "circuit_opened",
  "circuit_closed",
  "books_failed",
  "quota_low"
] as const

/** One of them. */
export type AlertEvent = (typeof alertEvents)[number]

const redacted = <S extends Schema.Top & { readonly Type: string | null }>(schema: S) =>
  mapped(schema, Schema.NullOr(Schema.Redacted(Schema.String)), (value) =>
    value === null ? null : Redacted.make(value)
  )

// Without an example: in an answer its host would be masked.
const urlExpected = "an http or https URL, or null"
const isUrl = (value: string): boolean => /^https?:\/\/[^\s/?#]/i.test(value) && URL.canParse(value)

const Webhook = redacted(
  secret(
    Schema.NullOr(secretText(urlExpected, isUrl, { format: "uri" })).annotate({ expected: urlExpected, secret: true })
  )
)

const secretExpected = "a text of at least one character, or null"
const Secret = redacted(
  secret(
    Schema.NullOr(secretText(secretExpected, (value) => value.length >= 1, { minLength: 1 })).annotate({
      expected: secretExpected,
      secret: true
    })
  )
)

const schema = section({
  webhook: withDefault(Webhook, null, "Where events are posted as JSON; null is nowhere. It is never shown."),
  secret: withDefault(Secret, null, "What each post is signed with (x-signature); null is not at all."),
  events: withDefault(list(choice(alertEvents)), [...alertEvents], "The events that are posted."),
  quotaLow: withDefault(
    number("a number from 0 to 1", (value) => value >= 0 && value <= 1, { minimum: 0, maximum: 1 }),
    0.1,
    "The share of a token's last grant at which quota_low is told, once until it is topped up."
  )
})

/** Who is told of what. */
export type AlertsOptions = typeof schema.Type

const path = (field: string) => ["alerts", field]

/** A secret signs what is posted. */
const secretOfWebhook: Rule = (written) => {
  const is = (field: string): boolean => (valueAt(written.value, path(field)) ?? null) !== null
  return is("secret") && !is("webhook")
    ? [ruleFault(written, path("secret"), "nothing, as alerts.webhook is null")]
    : []
}

/** `alerts` */
export const AlertsSection = declare({
  name: "alerts",
  description:
    "Who is told that a key or a channel was switched off or on, that a circuit opened, and what else fails.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: "all" },
  // Where alerts go is nobody's but who set it: no answer, audit or fault shows any of it.
  hidden: true,
  rules: [secretOfWebhook]
})
