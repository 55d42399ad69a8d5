/**
 * Addresses of the configuration file: the base URL of a channel, origins of web pages, hosts to listen on.
 */
import { isIPv4 } from "node:net"
import { Schema } from "effect"
import { mapped, text } from "./Fields.ts"

/** A check of a base URL. Where it fails, those after it are not asked. */
const urlCheck = (
  expected: string,
  accepts: (value: string) => boolean,
  json: { readonly [key: string]: string } = {}
) => Schema.makeFilter(accepts, { expected, toJsonSchema: () => json }, true)

/** An http or https URL without query, fragment or credentials; slashes at its end are taken off. */
export const BaseUrl = mapped(
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

const isOrigin = (value: string): boolean => {
  if (!/^https?:\/\/[^\s\\/?#@]+$/i.test(value) || !URL.canParse(value)) return false
  return new URL(value).hostname !== ""
}

/** An origin as browsers send it: scheme, host and port, nothing after; brought to the form that they use. */
export const Origin = mapped(
  text('an origin such as "https://example.com"', isOrigin, { pattern: "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s\\\\/?#@]+$" }),
  Schema.String,
  (value) => new URL(value).origin
)

/** A name or an address to listen on. */
export const Host = text("a host name or an IP address", (value) =>
  /^(?:[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)$/.test(value)
)

/** Whether a host can be reached from this machine only: 127.0.0.0/8, `::1` or `localhost`. */
export const isLoopback = (host: string): boolean =>
  host.toLowerCase() === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."))
