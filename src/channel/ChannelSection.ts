/**
 * The section `channels`: the upstreams, as they are written.
 */
import { Redacted, Schema } from "effect"
import { declare, Fields, isPlaceholder, keysInOrder, unique, valueAt } from "../settings/index.ts"
import { type Continuation, upstreamDialectNames } from "../dialect/index.ts"
import { BaseUrl } from "./BaseUrl.ts"
import { channelRules, dialectsExpected } from "./ChannelRules.ts"
import { ProxyUrl } from "./ProxyUrl.ts"
import { ChannelTimeouts } from "./TimeoutsSection.ts"

export { dialectsAreThere } from "./ChannelRules.ts"
export { isProxyUrl, proxyExpected } from "./ProxyUrl.ts"

const {
  choice,
  flag,
  integer,
  list,
  modelPattern,
  mapped,
  notNegative,
  number,
  optional,
  record,
  required,
  secret,
  Secret,
  secretText,
  section,
  someList,
  someName,
  text,
  withDefault
} = Fields

/**
 * The name of a dialect. Which ones there are is known to the file that has this section (`dialectsAreThere`), since a
 * program may add to those that are built in; editors know these.
 */
const dialectName = text(dialectsExpected(upstreamDialectNames), (value) => value !== "", {
  enum: [...upstreamDialectNames]
})

const mayMap = (status: number): boolean => status >= 100 && status <= 599 && (status < 200 || status > 299)
const mappableStatus = "a status from 100 to 599 other than 2xx"

/** Headers that the relay or HTTP itself must write: those of the contract, and the hop-by-hop ones. */
const reservedHeaders = new Set([
  "accept-encoding",
  "authorization",
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "length",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])
/** What an upstream is asked for: a name, since nothing is put in the place of a star. */
const mappedModel = someName.check(
  Schema.makeFilter((value) => !value.includes("*"), {
    expected: "the name of a model, without a star",
    toJsonSchema: () => ({ pattern: "^[^*]+$" })
  })
)

/** A header's value of one line; `$KEY` and `Bearer $KEY` would be sent as they are. */
const headerValue = secretText("a header value of one line", (value) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)).check(
  Schema.makeFilter((value) => !isPlaceholder(value.slice(value.lastIndexOf(" ") + 1)), {
    expected: 'a header value; a variable of the environment is written "${NAME}"',
    toJsonSchema: () => ({})
  })
)
const isHeaderName = (name: string): boolean =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && !reservedHeaders.has(name.toLowerCase())

/** A text of PEM. Where a path was written, who reads the file has put what is in that file in its place. */
const Pem = mapped(
  secretText("the path of a PEM file, or its text", (value) => value.includes("-----BEGIN ")),
  Schema.Redacted(Schema.String),
  (value) => Redacted.make(value)
)

/** One of `channels` */
export const ChannelEntry = secret(
  section(
    {
      id: required(
        text("an id of a-z, 0-9 and -, 1 to 64 characters", (value) => /^[a-z0-9-]{1,64}$/.test(value), {
          pattern: "^[a-z0-9-]{1,64}$"
        }),
        "Its name in events, logs and metrics."
      ),
      dialect: required(dialectName, "The wire format that it speaks: one of these, or one that the program adds."),
      baseUrl: required(
        BaseUrl,
        "Where it is; the path of its dialect (/chat/completions, /responses, /messages) is appended, before a query."
      ),
      keys: required(secret(list(Secret)), "Its keys. An empty list: no authorization is sent."),
      keyMode: withDefault(choice(["polling", "random"]), "polling", "How a key is chosen."),
      models: required(
        someList(modelPattern, "a list of at least one model or pattern"),
        "The models that it serves, as clients name them; * is any run of characters."
      ),
      modelMapping: withDefault(
        record(mappedModel, "a model or a pattern of models", (key) => key !== ""),
        {},
        "The name that the upstream is asked for; the first match in the order of the file, once."
      ),
      priority: withDefault(
        number("a number", () => true),
        0,
        "Its tier; higher first."
      ),
      weight: withDefault(notNegative, 1, "Its share of the requests of its tier."),
      group: withDefault(someName, "default", "Its group: it serves the tokens of this group, and no other."),
      continuation: withDefault(
        choice(["auto", "prefill", "message", "token", "none"]),
        "auto",
        "How it goes on from a part of an answer: token holds back what comes behind an upstream's own token until the next one or the end, and goes on from there; auto takes what its model can, and holds nothing back."
      ),
      stream: withDefault(flag, true, "Whether it can stream."),
      onUnsupported: withDefault(
        choice(["skip", "drop"]),
        "skip",
        "What happens to a request with a field that its dialect has no words for: it is not asked, or asked without the field."
      ),
      statusMapping: withDefault(
        record(
          number(mappableStatus, (value) => Number.isInteger(value) && mayMap(value), {
            type: "integer",
            minimum: 100,
            maximum: 599
          }),
          mappableStatus,
          (key) => /^\d{3}$/.test(key) && mayMap(Number(key)),
          { pattern: "^[1345]\\d\\d$" }
        ),
        {},
        "Statuses that mean another one here."
      ),
      contextTokens: withDefault(
        Schema.NullOr(integer(1)).annotate({ expected: "an integer of at least 1, or null" }),
        null,
        "The tokens that its models take, request and answer together; null is unknown. What is too long for another channel may go to one with more."
      ),
      params: withDefault(
        record(Schema.Json.annotate({ expected: "a JSON value" }), "a field of the request"),
        {},
        "Merged deeply into each request; null removes a field."
      ),
      headers: withDefault(
        secret(
          record(
            headerValue,
            "the name of a header other than authorization, accept-encoding, host, length and those of the connection",
            isHeaderName
          )
        ),
        {},
        "Sent with each request."
      ),
      timeouts: withDefault(ChannelTimeouts, {}, "Over the general ones."),
      proxy: withDefault(
        ProxyUrl,
        null,
        "The HTTP proxy that it is asked through; null is that of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), or none."
      ),
      tls: withDefault(
        section({
          ca: optional(Pem, "The certificates to trust, in place of those that Node does."),
          cert: optional(Pem, "The certificate that it is shown, with those that lead to it."),
          key: optional(Pem, "The private key of cert.")
        }),
        {},
        "PEM files, by paths from the configuration file, or their texts."
      ),
      enabled: withDefault(flag, true, "Whether it may be asked at all; switched off, it never is."),
      disable: withDefault(flag, true, "Whether evidence may switch it, and its keys, off.")
    },
    ["affinity"]
  )
)

type Entry = typeof ChannelEntry.Type

/** One upstream, with its keys, models and rank. A plain record: which one serves a request is decided by `Selection`. */
export interface Channel extends Omit<Entry, "continuation" | "modelMapping"> {
  /** How it may go on from a partial answer. */
  readonly continuation: Continuation
  /** Pattern to the name asked of the upstream; the first match wins, once. */
  readonly modelMapping: ReadonlyArray<readonly [pattern: string, model: string]>
}

// A plain object forgets the order of keys such as `"4"`; what was written knows it.
const channelOf = (entry: Entry, written: unknown): Channel => {
  const mapping = valueAt(written, ["modelMapping"])
  const patterns = typeof mapping === "object" && mapping !== null ? keysInOrder(mapping) : []
  return {
    ...entry,
    modelMapping: patterns.flatMap((pattern) => {
      const model = entry.modelMapping[pattern]
      return model === undefined ? [] : [[pattern, model] as const]
    })
  }
}

/** `channels` */
export const ChannelSection = declare({
  name: "channels",
  description: "The upstreams.",
  schema: someList(ChannelEntry, "a list of at least one channel"),
  absent: undefined,
  changes: { _tag: "AnyTime", fields: ["priority", "weight", "models", "enabled", "timeouts"] },
  keyedBy: "id",
  rules: [unique("channels", "id", section({ id: ChannelEntry.fields.id })), ...channelRules],
  finish: (entries, written): ReadonlyArray<Channel> =>
    entries.map((entry, index) => channelOf(entry, valueAt(written, [index])))
})
