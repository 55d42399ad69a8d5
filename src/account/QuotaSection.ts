/**
 * The section `quota`: what a credit is worth, and who need not reserve any.
 */
import { Schema } from "effect"
import { declare, Fields } from "../settings/index.ts"

const { integer, required, section, someName, withDefault } = Fields

const unit = section({
  name: required(someName, "What it is called, such as `USD`."),
  credits: required(integer(1), "How many credits it is.")
})

const schema = section({
  unit: withDefault(
    Schema.NullOr(unit).annotate({ expected: "an object such as `{ name: USD, credits: 1000000 }`, or null" }),
    null,
    "What credits are shown as, beside their number: what it is called, and how many credits one is. Null: as credits."
  ),
  trustAbove: withDefault(
    Schema.NullOr(integer(0)).annotate({ expected: "an integer of at least 0, or null" }),
    null,
    "A balance of at least so many credits reserves nothing, and pays all the same; null is none."
  )
})

/** How credits are reserved and shown. */
export type QuotaOptions = typeof schema.Type

/** `quota` */
export const QuotaSection = declare({
  name: "quota",
  description: "What tokens may spend. How much it is stands with each token and group.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: ["trustAbove"] }
})
