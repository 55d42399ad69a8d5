/**
 * The configuration file, declared once: its keys, defaults, checks and descriptions. Decoding, faults and the JSON
 * Schema all come from here. Rules between keys are in `ConfigurationRules`.
 */
import { Redacted, Schema } from "effect"
import { BaseUrl, Host, Origin } from "./Addresses.ts"
import { LongMillis, Millis, MillisOrNone } from "./Durations.ts"
import {
  choice,
  flag,
  integer,
  list,
  mapped,
  number,
  optional,
  record,
  required,
  section,
  someList,
  someText,
  text,
  withDefault
} from "./Fields.ts"
import { upstreamDialectNames } from "../dialect/index.ts"
import { StatusRanges } from "./StatusRanges.ts"

/** Dialects that the contract knows and this version does not. */
const laterDialects = ["responses", "gemini"].filter(
  (name) => !(upstreamDialectNames as ReadonlyArray<string>).includes(name)
)

/** A key or token: it goes into a header, so it holds no space and no control character. */
const Secret = mapped(
  text("a key without spaces and control characters", (value) => /^[\x21-\x7e]+$/.test(value), {
    pattern: "^[!-~]+$"
  }),
  Schema.Redacted(Schema.String),
  (value) => Redacted.make(value)
)

/** `server` */
export const Server = section({
  host: withDefault(Host, "127.0.0.1", "The address to listen on. Without tokens it must be loopback."),
  port: withDefault(integer(0, 65_535), 8080, "The port to listen on; 0 takes a free one. PORT overrides it."),
  name: withDefault(
    text("a name of printable characters", (value) => /^[\x20-\x7e]+$/.test(value), { pattern: "^[ -~]+$" }),
    "effect-resilience",
    "What the relay calls itself."
  ),
  origins: withDefault(list(Origin), [], "Origins of web pages that may call the relay from a browser."),
  shutdownGrace: withDefault(Millis, "30 seconds", "How long running answers may go on after a signal to stop."),
  heartbeat: withDefault(MillisOrNone, "15 seconds", 'How often a comment is sent to readers; "0 seconds" is never.'),
  maxBodyBytes: withDefault(integer(1), 10_485_760, "The largest request body, in bytes."),
  debug: withDefault(flag, false, "Shows clients the details of errors. Not for production.")
})

/** `chat` */
export const Chat = section({
  model: withDefault(
    Schema.NullOr(someText).annotate({ expected: "the name of a model, or null" }),
    null,
    "The model of /chat when the request names none; null is the first exact model of the first channel."
  ),
  maxMessage: withDefault(integer(1), 2000, "The longest message of /chat, in code points."),
  timeout: withDefault(Millis, "5 minutes", "The time of a /chat answer when the request names none.")
})

/** `store` */
export const Store = section(
  {
    type: withDefault(choice(["sqlite", "memory"], ["redis"]), "sqlite", "Where answers are kept."),
    path: optional(
      text(
        'the path of a file (for no file: type "memory")',
        (value) => value !== ":memory:" && /^[^\0]+$/.test(value),
        {
          minLength: 1
        }
      ),
      "The file of type sqlite. Default: .relay/relay.db"
    )
  },
  ["url", "prefix"]
)

/** `journal` */
export const Journal = section(
  {
    retention: withDefault(LongMillis, "10 minutes", "How long an answer can be read after it has ended."),
    onDisconnect: withDefault(
      choice(["detach", "cancel"]),
      "detach",
      "What becomes of an answer whose last reader has left: it goes on, or it ends."
    ),
    detachGrace: withDefault(Millis, "60 seconds", "How long an answer goes on that nobody reads.")
  },
  ["onRestart", "storeRequests", "idempotencyRetention"]
)

/** `timeouts` */
export const Timeouts = section({
  headers: withDefault(Millis, "30 seconds", "Until an upstream's headers."),
  firstContent: withDefault(Millis, "30 seconds", "From there until its first content."),
  idle: withDefault(Millis, "60 seconds", "Between two pieces of content."),
  total: withDefault(Millis, "10 minutes", "For the whole request, over all attempts.")
})

const share = number("a number above 0 and at most 1", (value) => value > 0 && value <= 1, {
  exclusiveMinimum: 0,
  maximum: 1
})
const notNegative = number("a number of at least 0", (value) => value >= 0, { minimum: 0 })

/** `retry` */
export const Retry = section({
  times: withDefault(integer(0), 3, "Further attempts after the first, before anything was shown."),
  base: withDefault(Millis, "200 millis", "The first backoff."),
  factor: withDefault(
    number("a number of at least 1", (value) => value >= 1, { minimum: 1 }),
    2,
    "What each backoff is of the one before."
  ),
  cap: withDefault(Millis, "10 seconds", "The longest backoff; at least base."),
  jitter: withDefault(choice(["none", "full", "equal", "proportional"]), "full", "How backoffs are spread."),
  sameChannel: withDefault(integer(0), 1, "Retries of a passing fault on the channel where it happened."),
  waitUpTo: withDefault(Millis, "3 seconds", "The longest wait that a channel may ask for before another is tried."),
  statuses: withDefault(
    StatusRanges,
    "100-199,300-399,401-407,409-499,500-503,505-523,525-599",
    "Statuses that may be retried when nothing else gave a failure its class."
  ),
  budget: withDefault(
    section({
      ratio: withDefault(notNegative, 0.2, "Retries for each request."),
      minPerSecond: withDefault(notNegative, 10, "Retries a second that are always allowed.")
    }),
    {},
    "What retries may add to the load."
  )
})

/** `recovery` */
export const Recovery = section({
  mode: withDefault(choice(["continue", "off"]), "continue", "Whether a broken answer goes on from another channel."),
  maxContinuations: withDefault(integer(0), 2, "How often one answer may go on."),
  prompt: withDefault(
    Schema.NullOr(someText).annotate({ expected: "a text, or null" }),
    null,
    "The text that asks for the rest in mode message; {partial} is replaced. null is the built-in one."
  )
})

/** `breaker` */
export const Breaker = section({
  window: withDefault(Millis, "30 seconds", "The time that is looked back on."),
  minimum: withDefault(integer(1), 5, "Calls in the window before the circuit can open."),
  failureRate: withDefault(share, 0.5, "The share of failures that opens it."),
  open: withDefault(Millis, "10 seconds", "How long it is open the first time."),
  cap: withDefault(Millis, "5 minutes", "How long it is open at most; at least open."),
  probes: withDefault(integer(1), 1, "Calls that are let through to try a half-open circuit.")
})

const modelPattern = text("a model or a pattern of models", (value) => value !== "", { minLength: 1 })

/** One of `tokens` */
export const TokenEntry = section({
  name: required(someText, "Who it is."),
  key: required(Secret, "What the client sends as its bearer token."),
  models: withDefault(list(modelPattern), ["*"], "The models that it may ask for."),
  admin: withDefault(flag, false, "Whether it may read /metrics and administer.")
})

const mayMap = (status: number): boolean => status >= 100 && status <= 599 && (status < 200 || status > 299)
const mappableStatus = "a status from 100 to 599 other than 2xx"

/** Headers that the relay or HTTP itself must write: those of the contract, and the hop-by-hop ones. */
const reservedHeaders = new Set([
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
const isHeaderName = (name: string): boolean =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && !reservedHeaders.has(name.toLowerCase())

/** One of `channels` */
export const ChannelEntry = section(
  {
    id: required(
      text("an id of a-z, 0-9 and -, 1 to 64 characters", (value) => /^[a-z0-9-]{1,64}$/.test(value), {
        pattern: "^[a-z0-9-]{1,64}$"
      }),
      "Its name in events, logs and metrics."
    ),
    dialect: required(choice(upstreamDialectNames, laterDialects), "The wire format that it speaks."),
    baseUrl: required(
      BaseUrl,
      "Where it is; the path of its dialect, such as /chat/completions or /messages, is appended."
    ),
    keys: required(list(Secret), "Its keys. An empty list: no authorization is sent."),
    keyMode: withDefault(choice(["polling", "random"]), "polling", "How a key is chosen."),
    models: required(
      someList(modelPattern, "a list of at least one model or pattern"),
      "The models that it serves, as clients name them; * is any run of characters."
    ),
    modelMapping: withDefault(
      record(someText, "a model or a pattern of models", (key) => key !== ""),
      {},
      "The name that the upstream is asked for; the first match in the order of the file, once."
    ),
    priority: withDefault(
      number("a number", () => true),
      0,
      "Its tier; higher first."
    ),
    weight: withDefault(notNegative, 1, "Its share of the requests of its tier."),
    group: withDefault(someText, "default", "Its group."),
    continuation: withDefault(
      choice(["auto", "prefill", "message", "none"], ["token"]),
      "auto",
      "How it goes on from a part of an answer."
    ),
    stream: withDefault(flag, true, "Whether it can stream."),
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
    params: withDefault(
      record(Schema.Json.annotate({ expected: "a JSON value" }), "a field of the request"),
      {},
      "Merged deeply into each request; null removes a field."
    ),
    headers: withDefault(
      record(
        text("a header value of one line", (value) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)),
        "the name of a header other than authorization, host, length and those of the connection",
        isHeaderName
      ),
      {},
      "Sent with each request."
    ),
    timeouts: withDefault(
      section({
        headers: optional(Millis, "Over the general one."),
        firstContent: optional(Millis, "Over the general one."),
        idle: optional(Millis, "Over the general one."),
        total: optional(Millis, "Over the general one.")
      }),
      {},
      "Over the general ones."
    )
  },
  ["affinity", "disable"]
)

/** The whole file. */
export const ConfigurationSchema = section(
  {
    server: withDefault(Server, {}, "How the relay is reached."),
    chat: withDefault(Chat, {}, "The route /chat."),
    store: withDefault(Store, {}, "Where answers are kept."),
    journal: withDefault(Journal, {}, "How long answers are kept, and what becomes of those that nobody reads."),
    timeouts: withDefault(Timeouts, {}, "The clocks of a request."),
    retry: withDefault(Retry, {}, "What is tried again before anything was shown."),
    recovery: withDefault(Recovery, {}, "What is done once an answer has been begun."),
    breaker: withDefault(Breaker, {}, "The circuit of each key and model."),
    tokens: withDefault(list(TokenEntry), [], "Who may use the relay. None: everybody on this machine."),
    channels: required(someList(ChannelEntry, "a list of at least one channel"), "The upstreams.")
  },
  ["disable", "rateLimit", "quota", "errorLog", "tracker", "affinity", "sensitiveWords"]
)

/** What the schema decodes a file to. */
export type DecodedConfiguration = typeof ConfigurationSchema.Type
