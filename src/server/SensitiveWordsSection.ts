/**
 * The section `sensitiveWords`: words that no request may hold.
 */
import { Schema } from "effect"
import { declare, Fields, type Rule, ruleFault, valueAt } from "../settings/index.ts"
import { linesOf } from "./WordFileNode.ts"

const { list, secretText, section, someText, untold, withDefault } = Fields

const word = secretText("a word", (value) => value.trim() !== "", { minLength: 1, pattern: "\\S" })

const schema = section({
  words: withDefault(untold(list(word)), [], "Words that no message of a user may hold, in whatever case and width."),
  file: withDefault(
    Schema.NullOr(someText).annotate({ expected: "a path, or null" }),
    null,
    "A file with more of them, one a line; empty lines, and those that begin with #, are none."
  )
})

/** The words that no request may hold. */
export interface SensitiveWordsOptions {
  readonly words: ReadonlyArray<string>
}

/** The file of words is there. */
const fileIsThere: Rule = (written) => {
  const path = ["sensitiveWords", "file"]
  const file = valueAt(written.value, path)
  if (typeof file !== "string" || file.trim() === "") return []
  const read = linesOf(file)
  return read.ok ? [] : [ruleFault(written, path, `a file of words that can be read (${read.why})`)]
}

/** `sensitiveWords` */
export const SensitiveWordsSection = declare({
  name: "sensitiveWords",
  description: "Words that no message of a user may hold: such a request is refused before anything is spent.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: ["words"] },
  rules: [fileIsThere],
  finish: ({ file, words }): SensitiveWordsOptions => {
    const read = file === null ? undefined : linesOf(file)
    return { words: read?.ok === true ? [...words, ...read.lines] : words }
  }
})
