/**
 * The section `groups`: what tokens share.
 */
import { Schema } from "effect"
import { declare, Fields, unique } from "../settings/index.ts"
import { mostCredits } from "./Allowance.ts"
import type { TokenQuota } from "./Token.ts"

const { choice, integer, list, optional, required, section, someName, withDefault } = Fields

/** What a token or a group may spend, as it is written. */
export const quotaField = section({
  balance: withDefault(
    Schema.NullOr(integer(0, mostCredits)).annotate({ expected: `an integer from 0 to ${mostCredits}, or null` }),
    null,
    "The credits that it is granted when the books see it for the first time; null is unlimited. Later only the admin API changes what is left."
  ),
  budget: optional(
    section({
      amount: required(integer(0, mostCredits), "The most credits of a day or a month, with what is reserved."),
      per: required(choice(["day", "month"]), "Which of them, by UTC.")
    }),
    "The most of a day or a month."
  )
})

const entry = section({
  name: required(someName, "What tokens call it."),
  quota: optional(quotaField, "What its tokens may spend together, beside what each may.")
})

/** A group of tokens. */
export interface Group {
  readonly name: string
  readonly quota?: typeof TokenQuota.Type | undefined
}

/** `groups` */
export const GroupsSection = declare({
  name: "groups",
  description: "Groups of tokens that have a quota together. A group without one need not be here.",
  schema: list(entry),
  absent: [],
  changes: { _tag: "Reload" },
  keyedBy: "name",
  rules: [unique("groups", "name", section({ name: entry.fields.name }))],
  finish: (groups): ReadonlyArray<Group> => groups
})
