/**
 * The section `tracker`: where errors go that somebody has to look at.
 */
import { Redacted, Schema } from "effect"
import { declare, Fields, readSection, type Rule, ruleFault, valueAt } from "../settings/index.ts"

const { choice, mapped, number, optional, secretText, section, someName, withDefault } = Fields

/** The package that sends to Sentry: an optional peer. */
export const sentryPackage = "@sentry/node"

const isUrl = (value: string): boolean => /^https?:\/\/[^/@\s]+@[^/\s]+\/\S+$/.test(value)

/** Where Sentry takes errors: a URL with a public key in it. */
const Dsn = mapped(
  secretText('a DSN such as "https://key@sentry.example/1"', isUrl),
  Schema.Redacted(Schema.String),
  (value) => Redacted.make(value)
)

const fields = {
  type: withDefault(choice(["none", "log", "sentry"]), "none", "Where they go: nowhere, to the log, or to Sentry."),
  dsn: optional(Dsn, "Where Sentry takes them; needed with type sentry."),
  environment: optional(someName, "What Sentry calls this installation."),
  release: optional(someName, "What Sentry calls this version."),
  sampleRate: withDefault(
    number("a number from 0 to 1", (value) => value >= 0 && value <= 1, { minimum: 0, maximum: 1 }),
    1,
    "The part of them that Sentry is told."
  )
}
const schema = section(fields)

/** Sentry is told where. */
const sentryHasDsn: Rule = (written) => {
  const type = readSection(section({ type: fields.type }), written, ["tracker"])?.type
  const path = ["tracker", "dsn"]
  return type === "sentry" && valueAt(written.value, path) === undefined
    ? [ruleFault(written, path, "a DSN, as the tracker is of type sentry")]
    : []
}

/** Who says where Sentry is wants it to be told. `type: none` in so many words turns it off, and what else is there may stay. */
const dsnIsUsed: Rule = (written) => {
  const type = readSection(section({ type: fields.type }), written, ["tracker"])?.type
  const path = ["tracker", "dsn"]
  if (type === undefined || type === "sentry" || valueAt(written.value, path) === undefined) return []
  if (valueAt(written.value, ["tracker", "type"]) === "none") return []
  return [ruleFault(written, path, `type sentry beside it, as the tracker is of type ${type}`)]
}

/** What is said of it. */
export type TrackerOptions = typeof schema.Type

/** `tracker` */
export const TrackerSection = declare({
  name: "tracker",
  description:
    "Where errors go that somebody has to look at: bugs, a store that fails, a channel that is set up wrongly.",
  schema,
  absent: {},
  changes: { _tag: "Restart" },
  rules: [sentryHasDsn, dsnIsUsed]
})
