/**
 * The section `disable`: what an upstream's answers say of a key, and what follows from it.
 */
import { Schema } from "effect"
import { declare, Fields, following, LongMillis, Millis, notAbove, StatusRanges, valueAt } from "../settings/index.ts"

const { choice, flag, integer, list, section, someText, withDefault } = Fields

const duration = Schema.NullOr(Millis).annotate({
  expected: 'a duration above zero such as "5 minutes" (at most 24 days), or null'
})

/** The automaton of the words is made whenever they are changed, in one turn of the event loop: of so many, some 100 ms. */
const mostKeywords = 10_000

const schema = section({
  enabled: withDefault(flag, true, "Whether evidence switches keys and channels off at all."),
  statuses: withDefault(StatusRanges, "401", "Statuses that are evidence against the key that was used."),
  after: withDefault(integer(1, 100), 2, "Pieces of evidence within the time that switch a key off."),
  within: withDefault(LongMillis, "10 minutes", "How long a piece of evidence counts."),
  trial: withDefault(LongMillis, "5 minutes", "How long it is off the first time; then twice as long each time."),
  trialCap: withDefault(LongMillis, "1 hour", "How long it is off at most; at least trial."),
  codes: withDefault(
    list(someText),
    ["invalid_api_key", "account_deactivated", "billing_not_active", "authentication_error", "forbidden"],
    "An upstream's own codes and types that are evidence, whole and in any case; with 400 to 403 and 429 only."
  ),
  keywords: withDefault(
    list(someText).check(Schema.isMaxLength(mostKeywords, { expected: `at most ${mostKeywords} keywords` })),
    [
      "credit balance is too low",
      "organization has been disabled",
      "exceeded your current quota",
      "account is not authorized"
    ],
    "Words in an upstream's message that are evidence, in any case; with 400 to 403 and 429 only, and not where the request says them too."
  ),
  probe: withDefault(
    duration,
    null,
    "How often keys are asked for one token of their channel's first exact model; null is never, and then a request tries what was switched off."
  ),
  probeOnly: withDefault(
    choice(["disabled", "all"]),
    "disabled",
    "Whether only what was switched off is probed, or all."
  ),
  slowerThan: withDefault(duration, null, "A probe that takes longer has failed; null is never.")
})

/** What switches keys and channels off. Times are milliseconds. */
export type DisableOptions = typeof schema.Type

/** `disable` */
export const DisableSection = declare({
  name: "disable",
  description: "What an upstream's answers say of a key, and what switches it off and on again.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: "all" },
  rules: [
    notAbove("disable", "trial", "trialCap", section({ trial: schema.fields.trial, trialCap: schema.fields.trialCap }))
  ],
  finish: (decoded, written): DisableOptions => {
    const [trial, trialCap] = following(decoded.trial, decoded.trialCap, valueAt(written, ["trialCap"]) !== undefined)
    return { ...decoded, trial, trialCap }
  }
})
