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

/** An http or https URL without query, fragment or credentials; slashes at its end are taken off. */
export const BaseUrl = Fields.mapped(
  Schema.String.annotate({ expected: "a URL" }).check(
    urlCheck("a URL", (value) => !/[\s\\]/.test(value) && URL.canParse(value), { format: "uri" }),
    urlCheck("a URL of http or https", (value) => /^https?:\/\//i.test(value), {
      pattern: "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s\\\\?#]+$"
    }),
    urlCheck("a URL without query and fragment", (value) => !/[?#]/.test(value)),
    urlCheck("a URL without credentials", (value) => new URL(value).username === "" && new URL(value).password === "")
  ),
  Schema.String,
  (value) => value.replace(/\/+$/, "")
)
