/**
 * The URL of an HTTP proxy, as it is written.
 */
import { Redacted, Schema } from "effect"
import { Fields, isPlaceholder } from "../settings/index.ts"

/** What is expected where a proxy is named. */
export const proxyExpected = 'an http proxy such as "http://user:password@host:3128"'

/** Whether a text is the URL of an http proxy: a host and a port, credentials or none, and nothing after; no placeholders. */
export const isProxyUrl = (value: string): boolean => {
  if (!/^http:\/\/[^\s\\/?#]+\/?$/i.test(value) || !URL.canParse(value)) return false
  const credentials = /^http:\/\/(.*)@/i.exec(value)?.[1]?.split(":") ?? []
  return !/[{}<>$]/.test(value.replace(/^.*@/, "")) && !credentials.some(isPlaceholder)
}

/** A proxy, or null. It may hold a password: no fault tells it. */
export const ProxyUrl = Fields.mapped(
  Fields.secret(
    Schema.NullOr(Fields.secretText(proxyExpected, isProxyUrl, { format: "uri" })).annotate({ expected: proxyExpected })
  ),
  Schema.NullOr(Schema.Redacted(Schema.String)),
  (value) => (value === null ? null : Redacted.make(value))
)
