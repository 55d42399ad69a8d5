/**
 * The section `chat`: the route `/chat`.
 */
import { Schema } from "effect"
import { declare, Fields, Millis } from "../settings/index.ts"

const { integer, section, someName, withDefault } = Fields

const schema = section({
  model: withDefault(
    Schema.NullOr(someName).annotate({ expected: "the name of a model, or null" }),
    null,
    "The model of /chat when the request names none; null is the first exact model of the first channel."
  ),
  maxMessage: withDefault(integer(1), 2000, "The longest message of /chat, in code points."),
  timeout: withDefault(Millis, "5 minutes", "The time of a /chat answer when the request names none.")
})

/** The route `/chat`. Times are milliseconds. */
export type ChatOptions = typeof schema.Type

/** `chat` */
export const ChatSection = declare({
  name: "chat",
  description: "The route /chat.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: "all" }
})
