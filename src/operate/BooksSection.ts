/**
 * The section `books`: where is kept what must outlive the answers.
 */
import { declare, Fields, readSection, type Rule, ruleFault, valueAt } from "../settings/index.ts"

const { choice, optional, section, text } = Fields

const schema = section(
  {
    type: optional(
      choice(["sqlite", "memory"], ["postgres"]),
      "Where the books are kept. Default: as the store is, in a file or in memory."
    ),
    path: optional(
      text(
        'the path of a file (for no file: type "memory"), with "${HOME}" for a home',
        (value) => value !== ":memory:" && /^[^\0]+$/.test(value) && !/^~(?:\/|$)|\$[A-Z_(]/.test(value),
        { minLength: 1 }
      ),
      "The file of type sqlite. Default: books.db beside the store's file, or in .relay where the store has none."
    )
  },
  ["url"]
)

/** Where the books are kept, as it was said: what is absent follows the store. */
export type BooksOptions = typeof schema.Type

/** Only a file has a path. */
const onlyOfFile: Rule = (written) => {
  const type = readSection(section({ type: schema.fields.type }), written, ["books"])?.type
  const path = ["books", "path"]
  if (type !== "memory" || valueAt(written.value, path) === undefined) return []
  return [ruleFault(written, path, "nothing, as the books are of type memory")]
}

/** `books` */
export const BooksSection = declare({
  name: "books",
  description: "Where is kept what must outlive the answers: tokens, quota, errors, changed settings.",
  schema,
  absent: {},
  changes: { _tag: "Restart" },
  rules: [onlyOfFile]
})
