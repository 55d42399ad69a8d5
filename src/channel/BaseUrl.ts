/**
 * The base URL of a channel, as it is written.
 */
import { Schema } from "effect"
import { Fields } from "../settings/index.ts"

/** A check of a base URL. Where it fails, those after it are not asked. */
const urlCheck = (
  expected: string,
  accepts: (value: string) => boolean,
  json: { readonly [key: string]: string } = {}
) => Schema.makeFilter(accepts, { expected, toJsonSchema: () => json }, true)

/** A name that somebody meant to be filled in: `$HOST`, `{deployment}`, `<resource>`. A URL has none of these. */
const placeholder = /[{}<>]|\$[A-Z_(]/

/**
 * An http or https URL without fragment and credentials. Slashes at the end of its path are taken off; its query goes
 * with each request (`?api-version=2024-06-01`).
 */
export const BaseUrl = Fields.mapped(
  Schema.String.annotate({ expected: "a URL" }).check(
    urlCheck("a URL", (value) => !/[\s\\]/.test(value) && URL.canParse(value), { format: "uri" }),
    urlCheck("a URL of http or https", (value) => /^https?:\/\//i.test(value), {
      pattern: "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s\\\\?#]+(\\?[^\\s\\\\#]*)?$"
    }),
    urlCheck("a URL without fragment", (value) => !value.includes("#")),
    urlCheck("a URL without credentials", (value) => new URL(value).username === "" && new URL(value).password === ""),
    urlCheck('a URL; a variable of the environment is written "${NAME}"', (value) => !placeholder.test(value))
  ),
  Schema.String,
  (value) => {
    const [base = "", ...query] = value.split("?")
    const asked = query.join("?")
    return base.replace(/\/+$/, "") + (asked === "" ? "" : `?${asked}`)
  }
)
