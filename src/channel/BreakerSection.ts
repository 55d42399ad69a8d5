/**
 * The section `breaker`: the circuit of each key and model.
 */
import { declare, Fields, following, Millis, notAbove, valueAt } from "../settings/index.ts"

const { integer, number, section, withDefault } = Fields

const share = number("a number above 0 and at most 1", (value) => value > 0 && value <= 1, {
  exclusiveMinimum: 0,
  maximum: 1
})

const schema = section({
  window: withDefault(Millis, "30 seconds", "The time that is looked back on."),
  minimum: withDefault(integer(1), 5, "Calls in the window before the circuit can open."),
  failureRate: withDefault(share, 0.5, "The share of failures that opens it."),
  open: withDefault(Millis, "5 seconds", "How long it is open the first time; then twice as long each time."),
  cap: withDefault(Millis, "30 seconds", "How long it is open at most; at least open."),
  probes: withDefault(integer(1), 1, "Calls that are let through to try a half-open circuit.")
})

/** The circuit of one key and model. Times are milliseconds. */
export type BreakerOptions = typeof schema.Type

/** `breaker` */
export const BreakerSection = declare({
  name: "breaker",
  description: "The circuit of each key and model.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: "all" },
  rules: [notAbove("breaker", "open", "cap", section({ open: schema.fields.open, cap: schema.fields.cap }))],
  finish: (decoded, written): BreakerOptions => {
    const [open, cap] = following(decoded.open, decoded.cap, valueAt(written, ["cap"]) !== undefined)
    return { ...decoded, open, cap }
  }
})
