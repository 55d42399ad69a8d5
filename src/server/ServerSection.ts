/**
 * The section `server`: how the relay is reached.
 */
import { Network } from "../account/TokensSection.ts"
import { isLoopback } from "../http/index.ts"
import { declare, Fields, Millis, MillisOrNone, readSection, type Rule, ruleFault, valueAt } from "../settings/index.ts"
import { Redacted, Schema } from "effect"

const { flag, integer, list, mapped, optional, secretText, section, text, withDefault } = Fields

/** What encrypts the keys in the books: as long as the key that comes of it. */
const OwnSecret = mapped(
  secretText("a secret of 32 bytes or more", (value) => Buffer.byteLength(value, "utf8") >= 32),
  Schema.Redacted(Schema.String),
  (value) => Redacted.make(value)
)

const isOrigin = (value: string): boolean => {
  if (!/^https?:\/\/[^\s\\/?#@]+$/i.test(value) || !URL.canParse(value)) return false
  return new URL(value).hostname !== ""
}

/** An origin as browsers send it: scheme, host and port, nothing after; brought to the form that they use. */
const Origin = mapped(
  text('an origin such as "https://example.com"', isOrigin, { pattern: "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s\\\\/?#@]+$" }),
  Schema.String,
  (value) => new URL(value).origin
)

/** A name or an address to listen on. */
const Host = text("a host name or an IP address", (value) =>
  /^(?:[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)$/.test(value)
)

const schema = section({
  host: withDefault(Host, "127.0.0.1", "The address to listen on. Without tokens it must be loopback."),
  port: withDefault(integer(0, 65_535), 8080, "The port to listen on; 0 takes a free one. PORT overrides it."),
  name: withDefault(
    text(
      "a name of 1 to 256 printable characters without commas",
      (value) => /^[\x20-\x2b\x2d-\x7e]{1,256}$/.test(value),
      { pattern: "^[ -+\\--~]{1,256}$" }
    ),
    "effect-resilience",
    "What the relay calls itself: also in the path of a cancellation, to the relays that it asks."
  ),
  origins: withDefault(list(Origin), [], "Origins of web pages that may call the relay from a browser."),
  trustProxy: withDefault(
    list(Network),
    [],
    "Addresses and networks of proxies whose X-Forwarded-For says where a request comes from."
  ),
  shutdownGrace: withDefault(Millis, "30 seconds", "How long running answers may go on after a signal to stop."),
  heartbeat: withDefault(MillisOrNone, "15 seconds", 'How often a comment is sent to readers; "0 seconds" is never.'),
  readerGrace: withDefault(
    Millis,
    "60 seconds",
    "How long a reader may take nothing of what there is before its connection is cut. It can come back."
  ),
  maxBodyBytes: withDefault(integer(1), 10_485_760, "The largest request body, in bytes."),
  secret: optional(
    OwnSecret,
    "What the keys of channels in the books are encrypted with: 32 bytes or more, the same for all relays on these books."
  ),
  page: withDefault(
    flag,
    true,
    "Whether there are pages: one at `/`, on which a person can ask, and one at `/admin`, on which an operator sees what is wrong."
  ),
  debug: withDefault(flag, false, "Shows clients the details of errors. Not for production.")
})

/** How the relay is reached. Times are milliseconds. */
export type ServerOptions = typeof schema.Type

/** Without tokens everybody may ask, so nobody but this machine may reach the relay. */
const loopbackWithoutTokens: Rule = (written) => {
  const tokens = valueAt(written.value, ["tokens"])
  const host = readSection(section({ host: schema.fields.host }), written, ["server"])?.host
  const none = tokens === undefined || (Array.isArray(tokens) && tokens.length === 0)
  if (host === undefined || !none || isLoopback(host)) return []
  return [
    ruleFault(written, ["server", "host"], "a loopback host (127.0.0.0/8, ::1, localhost), as there are no tokens")
  ]
}

/** `server` */
export const ServerSection = declare({
  name: "server",
  description: "How the relay is reached.",
  schema,
  absent: {},
  changes: { _tag: "Restart" },
  rules: [loopbackWithoutTokens]
})
