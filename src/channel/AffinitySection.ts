/**
 * The section `affinity`: what of a request says which session it belongs to, and how long its home is remembered.
 */
import { Schema } from "effect"
import { declare, Fields, LongMillis } from "../settings/index.ts"
import type { AffinityOptions as Bounds } from "./Affinity.ts"

const { integer, section, someList, text, withDefault } = Fields

/** Where a value stands that tells sessions apart. */
export type SessionSource =
  | { readonly _tag: "Body"; readonly path: ReadonlyArray<string> }
  | { readonly _tag: "Header"; readonly name: string }
  | { readonly _tag: "Token" }

const body = /^body(\.[^.]+)+$/
const header = /^header\.[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const source = text(
  '"token", "header." and a header\'s name, or "body." and the path of a field',
  (value) => value === "token" || header.test(value) || body.test(value),
  { pattern: `^(token|${header.source.slice(1, -1)}|${body.source.slice(1, -1)})$` }
)

const sourceOf = (written: string): SessionSource => {
  if (written === "token") return { _tag: "Token" }
  const at = written.indexOf(".") + 1
  return header.test(written)
    ? { _tag: "Header", name: written.slice(at).toLowerCase() }
    : { _tag: "Body", path: written.slice(at).split(".") }
}

const schema = section({
  by: withDefault(
    someList(source, "a list of at least one place"),
    ["body.prompt_cache_key", "body.metadata.user_id", "header.x-session-id", "token"],
    "Where a request says which session it is of; the first place with a value counts."
  ),
  ttl: withDefault(LongMillis, "1 hour", "How long a session's home is remembered after an answer."),
  max: withDefault(
    integer(1, 10_000_000),
    100_000,
    "How many sessions are remembered; of more, those that were heard of last."
  )
})

/** How sessions are told apart, and for how long. Times are milliseconds. */
export interface AffinityOptions extends Bounds {
  readonly by: ReadonlyArray<SessionSource>
}

/** `affinity` */
export const AffinitySection = declare({
  name: "affinity",
  description:
    "Sessions that go back to the channel and key that answered them last, while those are well. None: no one is.",
  schema: Schema.NullOr(schema).annotate({ expected: "an object, or null" }),
  absent: null,
  changes: { _tag: "Reload" },
  finish: (decoded): AffinityOptions | undefined =>
    decoded === null ? undefined : { by: decoded.by.map(sourceOf), ttl: decoded.ttl, max: decoded.max }
})
