/**
 * The section `prices`: what models cost.
 */
import { declare, Fields, keysInOrder } from "../settings/index.ts"
import type { Price, Prices } from "./Prices.ts"

const { number, optional, record, required, section, withDefault } = Fields

/** Beyond it a price of a long prompt is no exact number any more. */
const most = 1_000_000

const credits = number(
  `a number of credits from 0 to ${most}, of at most nine decimals`,
  (value) => value >= 0 && value <= most && Math.abs(value * 1e9 - Math.round(value * 1e9)) < 1e-3 * Math.max(1, value),
  { minimum: 0, maximum: most }
)

const price = section({
  input: required(credits, "A token of the prompt, in credits."),
  output: required(credits, "A token of the answer, in credits."),
  cachedInput: optional(credits, "A token of the prompt that came from the upstream's cache. By default as `input`."),
  request: withDefault(credits, 0, "Each request, beside its tokens, in credits.")
})

/** What was written for a model, whole. */
const whole = ({
  cachedInput,
  input,
  output,
  request
}: Omit<Price, "cachedInput"> & { readonly cachedInput?: number | undefined }): Price => ({
  input,
  output,
  cachedInput: cachedInput ?? input,
  request
})

/** `prices` */
export const PricesSection = declare({
  name: "prices",
  description:
    "What models cost, by patterns of the names that clients use: the first that matches counts. A model without a price costs a credit a token.",
  schema: record(
    price,
    "a model or a pattern of models, without spaces around it",
    (key) => key !== "" && key.trim() === key
  ),
  absent: {},
  changes: { _tag: "AnyTime", fields: "all" },
  finish: (decoded, written): Prices =>
    keysInOrder((written ?? {}) as object).flatMap((pattern) => {
      const said = decoded[pattern]
      return said === undefined ? [] : [[pattern, whole(said)] as const]
    })
})
