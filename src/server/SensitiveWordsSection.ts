/**
 * The section `sensitiveWords`: words that no request may hold.
 */
import { Schema } from "effect"
import { declare, Fields } from "../settings/index.ts"

const { list, secretText, section, someText, untold, withDefault } = Fields

const word = secretText("a word", (value) => value.trim() !== "", { minLength: 1, pattern: "\\S" })

const schema = section({
  words: withDefault(untold(list(word)), [], "Words that no message of a user may hold, in whatever case and width."),
  file: withDefault(
    Schema.NullOr(someText).annotate({ expected: "a path, or null" }),
    null,
    "A file with more of them, by its path from the configuration file, one a line; empty lines, and those that begin with #, are none."
  )
})

/**
 * `sensitiveWords`. The words of `file` stand among `words` where the settings are made of a configuration, which is who
 * reads it.
 */
export const SensitiveWordsSection = declare({
  name: "sensitiveWords",
  description: "Words that no message of a user may hold: such a request is refused before anything is spent.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: ["words"] }
})
