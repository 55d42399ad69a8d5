/**
 * What the admin API gives, as the page has it: its own names, moments as numbers, and `undefined` for what a relay did not
 * say. Pure.
 */
import { type Fields, fieldsOf, flagOf, idOf, listOf, momentOf, numberOf, textOf, textsOf } from "./Decode.ts"

/** One page of a list, and where the next begins. */
export interface Paged<A> {
  readonly data: ReadonlyArray<A>
  readonly next: string | undefined
}

/** A page of what `of` reads. */
export const pagedOf =
  <A>(of: (row: unknown) => A) =>
  (body: unknown): Paged<A> => {
    const page = fieldsOf(body)
    const next = page["next"]
    return { data: listOf(page["data"], of), next: typeof next === "number" ? String(next) : textOf(next) }
  }

/** An attempt in a request's trail. */
export interface TrailStep {
  /** From 1; 0 is a channel that was passed over. */
  readonly attempt: number | undefined
  readonly channel: string | undefined
  readonly key: string | undefined
  readonly class: string | undefined
  readonly code: string | undefined
  readonly continuation: string | undefined
  readonly millis: number | undefined
}

/** A row of the error log: an attempt, or a request. */
export interface ErrorRow {
  readonly id: string
  readonly at: number | undefined
  readonly kind: string
  readonly requestId: string | undefined
  readonly streamId: string | undefined
  readonly token: string | undefined
  readonly model: string | undefined
  readonly channel: string | undefined
  readonly key: string | undefined
  readonly attempt: number | undefined
  readonly class: string | undefined
  readonly code: string | undefined
  readonly status: number | undefined
  readonly upstreamStatus: number | undefined
  readonly upstreamRequestId: string | undefined
  readonly message: string | undefined
  readonly firstContentMillis: number | undefined
  readonly durationMillis: number | undefined
  readonly credits: number | undefined
  readonly trail: ReadonlyArray<TrailStep>
  /** All of it, as the relay wrote it. */
  readonly fields: Fields
}

const keyOf = (value: unknown): string | undefined => (typeof value === "number" ? String(value) : textOf(value))

const trailStepOf = (value: unknown): TrailStep => {
  const step = fieldsOf(value)
  return {
    attempt: numberOf(step["attempt"]),
    channel: textOf(step["channel"]),
    key: keyOf(step["key"]),
    class: textOf(step["class"]),
    code: textOf(step["code"]),
    continuation: textOf(step["continuation"]),
    millis: numberOf(step["duration_ms"])
  }
}

/** A row of `GET /admin/errors`. */
export const errorRowOf = (value: unknown): ErrorRow => {
  const row = fieldsOf(value)
  return {
    id: idOf(row["id"]),
    at: momentOf(row["at"]),
    kind: textOf(row["kind"]) ?? "request",
    requestId: textOf(row["request_id"]),
    streamId: textOf(row["stream_id"]),
    token: textOf(row["token"]),
    model: textOf(row["model"]),
    channel: textOf(row["channel"]),
    key: keyOf(row["key"]),
    attempt: numberOf(row["attempt"]),
    class: textOf(row["class"]),
    code: textOf(row["code"]),
    status: numberOf(row["status_code"]),
    upstreamStatus: numberOf(row["upstream_status"]),
    upstreamRequestId: textOf(row["upstream_request_id"]),
    message: textOf(row["message"]),
    firstContentMillis: numberOf(row["first_content_ms"]),
    durationMillis: numberOf(row["duration_ms"]),
    credits: numberOf(row["credits"]),
    trail: listOf(row["trail"], trailStepOf),
    fields: row
  }
}

/** How a key is: it serves, it rests, it was switched off by evidence, or by somebody. */
export type KeyState = "on" | "cooling" | "disabled" | "by_hand"

/** A model that a key is not asked for now. */
export interface RestingModel {
  readonly model: string
  readonly state: "cooling" | "open"
  readonly until: number | undefined
}

/** Why something is off: a code of an error or a word of the relay's, what was seen, and until when. */
export interface Off {
  readonly reason: string | undefined
  readonly evidence: string | undefined
  readonly until: number | undefined
}

/** One key of a channel. The key itself is in no answer. */
export interface ChannelKey extends Off {
  readonly index: number
  readonly fingerprint: string | undefined
  readonly state: KeyState
  readonly models: ReadonlyArray<RestingModel>
}

/** How a channel is. */
export type ChannelState = "healthy" | "cooling" | "open" | "disabled" | "by_hand"

/** One channel. */
export interface Channel extends Off {
  readonly id: string
  readonly dialect: string | undefined
  readonly state: ChannelState
  readonly group: string | undefined
  readonly priority: number | undefined
  readonly weight: number | undefined
  readonly models: ReadonlyArray<string>
  readonly keys: ReadonlyArray<ChannelKey>
  /** Where it was written down: the file, or the books. */
  readonly source: string | undefined
}

const offOf = (row: Fields): Off => ({
  reason: textOf(row["reason"]),
  evidence: textOf(row["evidence"]),
  until: momentOf(row["until"])
})

const channelKeyOf = (value: unknown, place: number): ChannelKey => {
  const key = fieldsOf(value)
  const state = key["state"]
  return {
    ...offOf(key),
    index: numberOf(key["index"]) ?? place,
    fingerprint: textOf(key["fingerprint"]),
    state: state === "cooling" || state === "disabled" ? state : state === "off" ? "by_hand" : "on",
    models: listOf(key["models"], (item) => {
      const resting = fieldsOf(item)
      return {
        model: idOf(resting["model"]),
        state: resting["state"] === "open" ? "open" : "cooling",
        until: momentOf(resting["until"])
      }
    })
  }
}

const channelStateOf = (channel: Fields): ChannelState => {
  const { enabled, reason, state } = channel
  if (enabled === false || state === "off" || (state === "disabled" && reason === "by_hand")) return "by_hand"
  return state === "cooling" || state === "open" || state === "disabled" ? state : "healthy"
}

/** A row of `GET /admin/channels`. */
export const channelOf = (value: unknown): Channel => {
  const channel = fieldsOf(value)
  return {
    ...offOf(channel),
    id: idOf(channel["id"]),
    dialect: textOf(channel["dialect"]),
    state: channelStateOf(channel),
    reason:
      textOf(channel["reason"]) ?? (channel["enabled"] === false ? "enabled: false in its configuration" : undefined),
    group: textOf(channel["group"]),
    priority: numberOf(channel["priority"]),
    weight: numberOf(channel["weight"]),
    models: textsOf(channel["models"]),
    keys: Array.isArray(channel["keys"]) ? channel["keys"].map(channelKeyOf) : [],
    source: textOf(channel["source"])
  }
}

/** What a test of a channel found. */
export interface TestResult {
  readonly ok: boolean
  readonly class: string | undefined
  readonly code: string | undefined
  readonly status: number | undefined
  readonly firstContentMillis: number | undefined
  readonly totalMillis: number | undefined
  readonly message: string | undefined
}

/** The answer of `POST /admin/channels/{id}/test`. */
export const testResultOf = (value: unknown): TestResult => {
  const result = fieldsOf(value)
  return {
    ok: flagOf(result["ok"], false),
    class: textOf(result["class"]),
    code: textOf(result["code"]),
    status: numberOf(result["status"]),
    firstContentMillis: numberOf(result["firstContentMs"]),
    totalMillis: numberOf(result["totalMs"]),
    message: textOf(result["message"])
  }
}

/** An amount over a time. */
export interface Budget {
  readonly amount: number
  readonly per: string
}

const budgetOf = (value: unknown): Budget | undefined => {
  const budget = fieldsOf(value)
  const amount = numberOf(budget["amount"])
  return amount === undefined ? undefined : { amount, per: textOf(budget["per"]) ?? "day" }
}

/** A token. Its key is in no answer but the one that made it. */
export interface Token {
  readonly name: string
  readonly fingerprint: string | undefined
  readonly models: ReadonlyArray<string>
  readonly group: string
  readonly admin: boolean
  readonly viewer: boolean
  readonly enabled: boolean
  readonly expiresAt: number | undefined
  readonly rateLimit:
    | { readonly requests: number | undefined; readonly tokens: number | undefined; readonly per: string }
    | undefined
  readonly concurrency: number | undefined
  readonly addresses: ReadonlyArray<string>
  readonly source: string | undefined
}

/** A row of `GET /admin/tokens`. */
export const tokenOf = (value: unknown): Token => {
  const token = fieldsOf(value)
  const limit = fieldsOf(token["rateLimit"])
  return {
    name: idOf(token["name"]),
    fingerprint: textOf(token["fingerprint"]),
    models: textsOf(token["models"]),
    group: textOf(token["group"]) ?? "default",
    admin: flagOf(token["admin"], false),
    viewer: flagOf(token["viewer"], false),
    enabled: flagOf(token["enabled"], true),
    expiresAt: momentOf(token["expiresAt"]),
    rateLimit:
      Object.keys(limit).length === 0
        ? undefined
        : {
            requests: numberOf(limit["requests"]),
            tokens: numberOf(limit["tokens"]),
            per: textOf(limit["per"]) ?? "1 minute"
          },
    concurrency: numberOf(token["concurrency"]),
    addresses: textsOf(token["addresses"]),
    source: textOf(token["source"])
  }
}

/** A new key, shown once. */
export const newKeyOf = (value: unknown): { readonly name: string; readonly key: string } => {
  const token = fieldsOf(value)
  return { name: idOf(token["name"]), key: textOf(token["key"]) ?? "" }
}

/** What a token may still spend. */
export interface Quota {
  readonly token: string
  /** `undefined`: as much as it likes. */
  readonly balance: number | undefined
  readonly reserved: number
  readonly budget: Budget | undefined
  readonly settledToday: number
  readonly settledMonth: number
}

/** The answer of `GET /admin/quota/{token}`. */
export const quotaOf =
  (token: string) =>
  (value: unknown): Quota => {
    const quota = fieldsOf(value)
    return {
      token,
      balance: numberOf(quota["balance"]),
      reserved: numberOf(quota["reserved"]) ?? 0,
      budget: budgetOf(quota["budget"]),
      settledToday: numberOf(quota["settledToday"]) ?? 0,
      settledMonth: numberOf(quota["settledMonth"]) ?? 0
    }
  }

/** A row of the ledger. */
export interface LedgerRow {
  readonly id: string
  readonly at: number | undefined
  /** Whose it is; of a group's grant, the group. */
  readonly owner: string
  readonly kind: string
  readonly amount: number | undefined
  readonly streamId: string | undefined
  readonly reason: string | undefined
  readonly balance: number | undefined
}

/** A row of `GET /admin/ledger`. */
export const ledgerRowOf = (value: unknown): LedgerRow => {
  const row = fieldsOf(value)
  return {
    id: idOf(row["id"]),
    at: momentOf(row["at"]),
    // What is asked on a relay without tokens is nobody's; what has no token at all is a group's.
    owner: row["token"] === "" ? "no token" : (textOf(row["token"]) ?? `group ${idOf(row["group"])}`),
    kind: textOf(row["kind"]) ?? "",
    amount: numberOf(row["amount"]),
    streamId: textOf(row["stream_id"]),
    reason: textOf(row["reason"]),
    balance: numberOf(row["balance"])
  }
}

/** The ledger added up. */
export interface LedgerSum {
  readonly granted: number | undefined
  readonly settled: number | undefined
  readonly refunded: number | undefined
  readonly open: number | undefined
  readonly drift: number | undefined
}

/** The answer of `GET /admin/ledger/sum`. */
export const ledgerSumOf = (value: unknown): LedgerSum => {
  const sum = fieldsOf(value)
  return {
    granted: numberOf(sum["granted"]),
    settled: numberOf(sum["settled"]),
    refunded: numberOf(sum["refunded"]),
    open: numberOf(sum["open"]),
    drift: numberOf(sum["drift"])
  }
}

/** How much one token, group, model, channel or day has used. */
export interface Usage {
  readonly name: string
  readonly credits: number
  readonly requests: number | undefined
}

/** A row of `GET /admin/usage?by=`. */
export const usageOf = (value: unknown): Usage => {
  const row = fieldsOf(value)
  return { name: idOf(row["key"]), credits: numberOf(row["credits"]) ?? 0, requests: numberOf(row["requests"]) }
}

/** One setting. */
export interface Setting {
  readonly path: string
  readonly value: unknown
  readonly default: unknown
  readonly source: string
  readonly description: string
  /** Its value is kept back. */
  readonly isSecret: boolean
  /** It may be changed here; else it takes the file, and for some a restart. */
  readonly isChangeable: boolean
  /** Why a value that an admin has given does not count. */
  readonly fault: string | undefined
}

/** A row of `GET /admin/settings`. */
export const settingOf = (value: unknown): Setting => {
  const setting = fieldsOf(value)
  return {
    path: idOf(setting["path"]),
    value: setting["value"],
    default: setting["default"],
    source: textOf(setting["source"]) ?? "default",
    description: textOf(setting["description"]) ?? "",
    isSecret: flagOf(setting["secret"], false),
    isChangeable: flagOf(setting["changeable"], true),
    fault: textOf(setting["fault"])
  }
}

/** Who writes an answer: the relay that was asked, another one on its store, or nobody any more. */
export type Writer = "me" | "another" | "gone"

/** An answer that is being written. */
export interface LiveStream {
  readonly id: string
  readonly token: string | undefined
  readonly model: string | undefined
  readonly channel: string | undefined
  readonly startedAt: number | undefined
  readonly events: number | undefined
  readonly writer: Writer
}

/** A row of `GET /admin/streams`. */
export const streamOf = (value: unknown): LiveStream => {
  const row = fieldsOf(value)
  const writer = row["writer"]
  return {
    id: idOf(row["stream_id"] ?? row["id"]),
    token: textOf(row["token"]),
    model: textOf(row["model"]),
    channel: textOf(row["channel"]),
    startedAt: momentOf(row["created_at"]),
    events: numberOf(row["events"]),
    writer: writer === "another" || writer === "gone" ? writer : "me"
  }
}

/** A row of `GET /admin/audit`. */
export interface AuditRow {
  readonly id: string
  readonly at: number | undefined
  readonly who: string
  readonly what: string
  readonly path: string
  readonly before: unknown
  readonly after: unknown
  readonly requestId: string | undefined
}

/** Reads one. */
export const auditRowOf = (value: unknown): AuditRow => {
  const row = fieldsOf(value)
  return {
    id: idOf(row["id"]),
    at: momentOf(row["at"]),
    who: idOf(row["who"]),
    what: idOf(row["what"]),
    path: idOf(row["path"]),
    before: row["before"],
    after: row["after"],
    requestId: textOf(row["request_id"])
  }
}
