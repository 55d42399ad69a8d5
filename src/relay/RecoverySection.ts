/**
 * The section `recovery`: what is done once an answer has been begun.
 */
import { Schema } from "effect"
import { declare, Fields, Millis } from "../settings/index.ts"

const { choice, integer, section, someText, withDefault } = Fields

const schema = section({
  mode: withDefault(choice(["continue", "off"]), "continue", "Whether a broken answer goes on from another channel."),
  maxContinuations: withDefault(integer(0), 2, "How often one answer may go on."),
  waitUpTo: withDefault(
    Millis,
    "10 seconds",
    "The longest wait of a broken answer for a channel, where all that could go on with it rest."
  ),
  prompt: withDefault(
    Schema.NullOr(someText).annotate({ expected: "a text, or null" }),
    null,
    "The text that asks for the rest in mode message; {partial} is replaced. null is the built-in one."
  )
})

/** What is done once an answer has been begun. */
export type RecoveryOptions = typeof schema.Type

/** `recovery` */
export const RecoverySection = declare({
  name: "recovery",
  description: "What is done once an answer has been begun.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: "all" }
})
