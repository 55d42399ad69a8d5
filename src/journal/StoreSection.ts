/**
 * The section `store`: where answers are kept.
 */
import { declare, Fields, Millis, readSection, type Rule, ruleFault, valueAt } from "../settings/index.ts"

const { choice, optional, section, text, withDefault } = Fields

const schema = section(
  {
    type: withDefault(choice(["sqlite", "memory"], ["redis"]), "sqlite", "Where answers are kept."),
    path: optional(
      text(
        'the path of a file (for no file: type "memory"), with "${HOME}" for a home',
        // No shell reads it: a folder of that name would be made.
        (value) => value !== ":memory:" && /^[^\0]+$/.test(value) && !/^~(?:\/|$)|\$[A-Z_(]/.test(value),
        {
          minLength: 1
        }
      ),
      "The file of type sqlite. Default: .relay/relay.db"
    ),
    wait: withDefault(Millis, "30 seconds", "How long a file is waited for that another relay has.")
  },
  ["url", "prefix", "lease", "cluster"]
)

/** Where answers are kept. `wait` is milliseconds. */
export type StoreOptions =
  | { readonly type: "sqlite"; readonly path: string; readonly wait: number }
  | { readonly type: "memory" }

/** The file of a store of type sqlite when none is named. */
const defaultPath = ".relay/relay.db"

const storeOf = ({ path = defaultPath, type, wait }: typeof schema.Type): StoreOptions => {
  switch (type) {
    case "memory":
      return { type }
    case "sqlite":
      return { type, path, wait }
  }
}

/** Only a file has a path, and can be another's. */
const onlyOfFile: Rule = (written) => {
  const type = readSection(section({ type: schema.fields.type }), written, ["store"])?.type
  if (type !== "memory") return []
  return ["path", "wait"].flatMap((field) => {
    const path = ["store", field]
    return valueAt(written.value, path) === undefined
      ? []
      : [ruleFault(written, path, "nothing, as the store is of type memory")]
  })
}

/** `store` */
export const StoreSection = declare({
  name: "store",
  description: "Where answers are kept.",
  schema,
  absent: {},
  changes: { _tag: "Restart" },
  rules: [onlyOfFile],
  finish: storeOf
})
