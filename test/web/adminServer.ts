/**
 * A small relay for the tests of the page at `/admin`: the page as a relay serves it, and the admin API with state of its
 * own, 100,000 rows of errors, and faults, slow answers and a power switch in the hands of a test.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { errorRow, errorRows, trailOf } from "./adminRows.ts"

const folder = fileURLToPath(new URL("../../dist/web", import.meta.url))

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

type Json = { [name: string]: unknown }

/** What a request is answered with instead of what it asked for. */
export interface Fault {
  readonly status?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: ReadonlyArray<{ readonly field: string; readonly message: string; readonly code: string }>
  /** Milliseconds before the answer, whatever it is. */
  readonly delay?: number
  /** A row has come since, at the head of the list. */
  readonly newer?: true
  /** The connection is broken instead. */
  readonly drop?: boolean
}

/** A call that was made. */
export interface Call {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Json
  readonly headers: IncomingMessage["headers"]
}

const fingerprint = (key: string): string => createHash("sha256").update(key).digest("hex").slice(0, 8)

const minute = 60_000

const tokenRow = (name: string, key: string, more: Json = {}): Json => ({
  name,
  fingerprint: fingerprint(key),
  models: ["*"],
  group: "default",
  admin: false,
  viewer: false,
  enabled: true,
  source: "books",
  ...more
})

/** The state that a fresh one begins with: something is wrong, much is well. */
const begin = (now: number) => ({
  health: { status: "ready", ready: true } as Json,
  channels: [
    {
      id: "openai-main",
      baseUrl: "https://api.openai.com/v1",
      dialect: "openai",
      state: "enabled",
      enabled: true,
      group: "default",
      priority: 0,
      weight: 3,
      models: ["gpt-5", "gpt-5-mini", "gpt-*"],
      source: "file",
      keys: [
        { index: 0, fingerprint: "5e8848b1", state: "enabled", models: [] },
        {
          index: 1,
          fingerprint: "77ab3c02",
          state: "disabled",
          reason: "invalid_api_key",
          evidence: "2 answers within 10 minutes, the last: 401 Incorrect API key provided",
          until: new Date(now + 4 * minute).toISOString()
        },
        {
          index: 2,
          fingerprint: "c1a55e77",
          state: "cooling",
          until: new Date(now + 20_000).toISOString(),
          models: [{ model: "gpt-5-mini", state: "cooling", until: new Date(now + 20_000).toISOString() }]
        }
      ]
    },
    {
      id: "azure-eu",
      baseUrl: "https://eu.openai.azure.com/openai/v1",
      dialect: "openai",
      state: "open",
      enabled: true,
      reason: "12 of 20 attempts failed within 30 s",
      until: new Date(now + 12_000).toISOString(),
      group: "default",
      priority: 0,
      weight: 1,
      models: ["gpt-5"],
      source: "file",
      keys: [{ index: 0, fingerprint: "9f86d081", state: "enabled", models: [] }]
    },
    {
      id: "anthropic",
      baseUrl: "https://api.anthropic.com/v1",
      dialect: "anthropic",
      state: "enabled",
      enabled: true,
      group: "default",
      priority: 0,
      weight: 1,
      models: ["claude-opus-4-5", "claude-haiku-4-5"],
      source: "file",
      keys: [{ index: 0, fingerprint: "9f86d081", state: "enabled", models: [] }]
    },
    {
      id: "vllm-lab",
      dialect: "openai",
      state: "disabled",
      enabled: true,
      reason: "by_hand",
      group: "lab",
      priority: 1,
      weight: 1,
      models: ["qwen3-32b"],
      source: "admin",
      baseUrl: "http://10.0.8.12:8000/v1",
      keys: [
        { index: 0, fingerprint: "9f86d081", state: "enabled", models: [] },
        { index: 1, fingerprint: "2c26b46b", state: "enabled", models: [] }
      ]
    }
  ] as Array<Json>,
  tokens: [
    tokenRow("ops", "ops-key", { admin: true, source: "file" }),
    tokenRow("night-watch", "viewer-key", { viewer: true }),
    tokenRow("checkout", "checkout-key", { models: ["gpt-*"], rateLimit: { requests: 600, per: "1 minute" } }),
    tokenRow("research", "research-key", { group: "lab", expiresAt: new Date(now + 9 * 86_400_000).toISOString() }),
    tokenRow("support-bot", "support-key", { concurrency: 8 }),
    tokenRow("old-integration", "old-key", { enabled: false })
  ] as Array<Json>,
  quotas: new Map<string, Json>([
    ["ops", { balance: null, budget: null, reserved: 0, settledToday: 18_400, settledMonth: 402_000 }],
    ["night-watch", { balance: null, budget: null, reserved: 0, settledToday: 0, settledMonth: 0 }],
    [
      "checkout",
      {
        balance: 8_412_000,
        budget: { amount: 900_000, per: "day" },
        reserved: 14_000,
        settledToday: 851_200,
        settledMonth: 11_201_000
      }
    ],
    ["research", { balance: 61_000, budget: null, reserved: 2100, settledToday: 92_000, settledMonth: 1_920_000 }],
    ["old-integration", { balance: null, budget: null, reserved: 0, settledToday: 0, settledMonth: 0 }],
    ["support-bot", { balance: 1_204_000, budget: null, reserved: 0, settledToday: 41_000, settledMonth: 803_000 }]
  ]),
  groups: [
    {
      group: "lab",
      balance: 61_000,
      budget: { amount: 2_000_000, per: "month" },
      reserved: 2100,
      settledToday: 92_000,
      settledMonth: 1_920_000
    }
  ] as Array<Json>,
  ledger: Array.from({ length: 1200 }, (_, index) => ({
    id: `l_${1200 - index}`,
    at: now - index * 47_000,
    token: ["checkout", "support-bot", "research"][index % 3],
    kind: index % 97 === 50 ? "grant" : index % 11 === 3 ? "refund" : index % 2 === 0 ? "settle" : "reserve",
    amount: index % 97 === 50 ? 500_000 : 800 + ((index * 379) % 4200),
    ...(index % 97 === 50 ? { reason: "invoice 2026-117" } : { stream_id: `st_${(90_000 + index).toString(36)}` }),
    balance: 8_400_000 + index * 911
  })) as Array<Json>,
  settings: [
    setting("retry.times", 3, 5, "admin", "Further attempts after the first, of one request."),
    setting(
      "retry.base",
      "200 millis",
      "200 millis",
      "default",
      "The first pause before the same channel is asked again."
    ),
    setting(
      "retry.statuses",
      "100-199,300-399,401-407",
      "100-199,300-399,401-407",
      "default",
      "Statuses that are tried elsewhere."
    ),
    setting("timeouts.firstContent", "30 seconds", "20 seconds", "file", "How long the first content is waited for."),
    setting("timeouts.idle", "60 seconds", "60 seconds", "default", "How long a stream may be silent."),
    setting("recovery.mode", "continue", "continue", "default", "Whether a broken answer is continued elsewhere."),
    setting("breaker.failureRate", 0.5, 0.5, "default", "The share of failures at which a circuit opens."),
    setting("disable.enabled", true, true, "default", "Whether keys are disabled by evidence."),
    setting("disable.after", 2, 3, "file", "Pieces of evidence within the time that disable a key."),
    setting("alerts.webhook", null, null, "file", "Where events are posted to. It is not shown."),
    setting("quota.unit", null, null, "default", "What credits are shown as."),
    setting("server.port", 8080, 8080, "default", "The port. It takes a restart."),
    setting("channels.azure-eu.priority", 0, 0, "file", "Its tier; higher first.")
  ] as Array<Json>,
  streams: [
    { stream_id: "st_7qk2m9x4", token: "checkout", created_at: now - 8200, events: 214, writer: "me" },
    { stream_id: "st_b81ns0aa", token: "support-bot", created_at: now - 1400, events: 12, writer: "me" },
    { stream_id: "st_zz9d00c1", token: "research", created_at: now - 64_000, events: 1904, writer: "another" }
  ] as Array<Json>,
  audit: [
    {
      id: "a_1",
      at: now - 3_600_000,
      who: "ops",
      what: "setting.change",
      path: "settings/retry.times",
      before: { "retry.times": 3 },
      after: { "retry.times": 5 },
      request_id: "req_a1a1a1a1a1a1a1a1a1a1a1a1"
    }
  ] as Array<Json>
})

function setting(path: string, otherwise: unknown, value: unknown, source: string, description: string): Json {
  return {
    path,
    value,
    default: otherwise,
    source,
    description,
    secret: path.startsWith("alerts."),
    changeable: !path.startsWith("server.")
  }
}

const figures = (
  requests: number,
  failed: number,
  rescued: number,
  p50: number,
  p99: number,
  credits: number
): Json => ({
  requests,
  success: requests - failed,
  successRate: requests === 0 ? null : (requests - failed) / requests,
  failed,
  cancelled: 0,
  rescued,
  firstContentMs: { p50, p99 },
  credits
})

const summary = (now: number, window: string): Json => {
  const spans: { readonly [window: string]: number } = {
    "15 minutes": 15,
    "1 hour": 60,
    "24 hours": 1440,
    "7 days": 10_080
  }
  const minutes = spans[window] ?? 60
  const series = Array.from({ length: 60 }, (_, index) => {
    const wave = 1 + 0.35 * Math.sin(index / 8) + 0.1 * Math.sin(index * 1.7)
    const bad = index > 46 ? 0.09 : index > 42 ? 0.04 : 0.004
    const requests = Math.round(38 * (minutes / 60) * wave)
    const late = index > 46
    return {
      requests,
      failed: Math.round(requests * bad),
      rescued: Math.round(requests * bad * 1.6),
      p50: Math.round(420 + 60 * Math.sin(index / 5) + (late ? 120 : 0)),
      p99: Math.round(2300 + 500 * Math.sin(index / 6) + (late ? 2600 : 0)),
      credits: requests * 318
    }
  })
  const sum = (name: "requests" | "failed" | "rescued" | "credits"): number =>
    series.reduce((total, piece) => total + piece[name], 0)
  const step = minutes * 1000
  return {
    window: minutes * minute,
    from: now - minutes * minute,
    since: now - 30 * 86_400_000,
    ...figures(sum("requests"), sum("failed"), sum("rescued"), 440, 4210, sum("credits")),
    byChannel: [
      { channel: "anthropic", ...figures(388, 1, 0, 520, 1900, 131_400) },
      { channel: "azure-eu", ...figures(421, 42, 6, 690, 6800, 120_300) },
      { channel: "openai-main", ...figures(1510, 8, 79, 410, 2100, 480_100) }
    ],
    byModel: [
      { model: "claude-opus-4-5", ...figures(388, 1, 0, 520, 1900, 131_400) },
      { model: "gpt-5", ...figures(1320, 48, 83, 480, 4900, 502_000) },
      { model: "gpt-5-mini", ...figures(604, 2, 2, 260, 900, 80_300) }
    ],
    series: series.map(({ credits, failed, p50, p99, requests, rescued }, index) => ({
      at: now - (60 - index) * step,
      ...figures(requests, failed, rescued, p50, p99, credits)
    }))
  }
}

const page = (rows: ReadonlyArray<unknown>, query: URLSearchParams): Json => {
  const limit = Number(query.get("limit") ?? 100)
  const from = Number(query.get("cursor") ?? 0)
  return {
    data: rows.slice(from, from + limit),
    next: from + limit < rows.length ? String(from + limit) : null
  }
}

/** How a test drives it. */
export interface AdminServer {
  readonly url: string
  readonly calls: Array<Call>
  readonly state: ReturnType<typeof begin>
  /** Faults by method and path: `GET /admin/errors`; `undefined` mends it. */
  readonly faults: Map<string, Fault>
  /** Parts that it does not have. */
  readonly absent: Set<string>
  /** Breaks all connections, and answers none until it is called with `true`. */
  readonly power: (on: boolean) => void
  readonly close: () => Promise<void>
}

/** Starts one. `tokens`: whether it asks for them; then `ops-key` is an admin's, and `viewer-key` a viewer's. */
export const startAdminServer = async ({ tokens = true, now = Date.now() } = {}): Promise<AdminServer> => {
  const state = begin(now)
  const calls: Array<Call> = []
  const faults = new Map<string, Fault>()
  const absent = new Set<string>()
  let isOn = true
  let count = 0

  const send = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" })
    response.end(body === undefined ? "" : JSON.stringify(body))
  }
  const refuse = (response: ServerResponse, call: Call, status: number, fault: Fault = {}): void =>
    send(response, status, {
      error: {
        code: "error",
        reason: fault.reason ?? "not_found",
        message: fault.message ?? "there is no such thing",
        statusCode: status,
        requestId: `req_${String(++count).padStart(24, "0")}`,
        timestamp: new Date().toISOString(),
        ...(fault.details === undefined ? {} : { details: fault.details }),
        path: call.path,
        method: call.method
      }
    })
  const audit = (what: string, path: string, before: unknown, after: unknown): void => {
    state.audit.unshift({
      id: `a_${++count + 1}`,
      at: Date.now(),
      who: "ops",
      what,
      path,
      before,
      after,
      request_id: `req_${String(count).padStart(24, "a")}`
    })
  }

  const answer = (call: Call, response: ServerResponse): void => {
    const { body, method, path, query } = call
    const [, , part = "", rawId = "", act] = path.split("/")
    const id = decodeURIComponent(rawId)
    if (absent.has(part)) return refuse(response, call, 404)
    const is = (wanted: string): boolean =>
      `${method} ${part}${rawId === "" ? "" : "/{id}"}${act === undefined ? "" : `/${act}`}` === wanted
    if (is("GET summary")) return send(response, 200, summary(now, query.get("window") ?? ""))
    if (is("GET channels")) return send(response, 200, page(state.channels, query))
    if (is("GET groups")) return send(response, 200, page(state.groups, query))
    if (is("GET tokens")) return send(response, 200, page(state.tokens, query))
    if (is("GET streams")) return send(response, 200, page(state.streams, query))
    if (is("GET settings")) return send(response, 200, { data: state.settings, next: null })
    if (is("GET audit")) return send(response, 200, page(state.audit, query))
    if (is("GET usage")) {
      const by = query.get("by") ?? "token"
      const names =
        by === "day"
          ? Array.from({ length: 30 }, (_, index) =>
              new Date(now - (29 - index) * 86_400_000).toISOString().slice(0, 10)
            )
          : by === "model"
            ? ["gpt-5", "claude-opus-4-5", "gpt-5-mini", "qwen3-32b"]
            : ["checkout", "research", "support-bot", "ops"]
      const rows = names.map((name, index) => ({
        key: name,
        credits: by === "day" ? 400_000 + ((index * 7919) % 300_000) : Math.round(11_201_000 / (index + 1) ** 1.6),
        requests: 34_000 - index * 900
      }))
      return send(response, 200, { data: rows, next: null })
    }
    if (is("GET ledger")) {
      const token = query.get("token")
      return send(
        response,
        200,
        page(
          state.ledger.filter((row) => token === null || row["token"] === token),
          query
        )
      )
    }
    if (method === "GET" && path === "/admin/ledger/sum") {
      return send(response, 200, {
        granted: 24_000_000,
        settled: 14_323_000,
        refunded: 1_204_000,
        open: 16_100,
        drift: 0
      })
    }
    if (is("GET errors")) {
      if (query.get("format") === "csv") {
        response.writeHead(200, { "content-type": "text/csv" })
        return void response.end(
          `id,code\n${Array.from({ length: 3 }, (_, at) => `${errorRow(at, now).id},x`).join("\n")}\n`
        )
      }
      const rows = errorRows(query, now)
      const newest = { ...errorRow(0, now), id: "e_100001", message: "a brand new rate limit" }
      const hasNew = faults.get("GET /admin/errors")?.newer === true && !query.has("cursor")
      return send(response, 200, hasNew ? { ...rows, data: [newest, ...rows.data] } : rows)
    }
    if (is("GET requests/{id}")) {
      const rows = trailOf(id, now)
      return rows.length === 0 ? refuse(response, call, 404) : send(response, 200, { data: rows, next: null })
    }
    if (is("GET quota/{id}")) {
      const quota = state.quotas.get(id)
      return quota === undefined ? refuse(response, call, 404) : send(response, 200, quota)
    }
    const channel = state.channels.find((one) => one["id"] === id)
    if (is("POST channels")) {
      const { keys, ...entry } = body
      if (state.channels.some((one) => one["id"] === entry["id"])) {
        return refuse(response, call, 409, { reason: "conflict", message: `there is a channel ${String(entry["id"])}` })
      }
      if (!/^https?:/.test(String(entry["baseUrl"]))) {
        return refuse(response, call, 422, {
          reason: "validation_failed",
          message: "one value is not right",
          details: [{ field: "baseUrl", message: "expected an http or https URL", code: "invalid" }]
        })
      }
      const added = {
        ...entry,
        state: "enabled",
        source: "admin",
        keys: (keys as ReadonlyArray<string>).map((key, index) => ({
          index,
          fingerprint: fingerprint(key),
          state: "enabled",
          models: []
        }))
      }
      state.channels.push(added)
      audit("channel.add", `channels/${String(entry["id"])}`, null, entry)
      return send(response, 201, { ...added, keys: added.keys.map(() => null) })
    }
    if (part === "channels" && channel !== undefined && method !== "GET" && act !== "test") {
      const keys = channel["keys"] as Array<Json>
      if (is("PATCH channels/{id}")) {
        const before = { ...channel }
        Object.assign(channel, body)
        audit("channel.change", `channels/${id}`, before, channel)
        return send(response, 200, channel)
      }
      const isKeys = act === "keys"
      if (channel["source"] === "file" && (method === "DELETE" || isKeys)) {
        return refuse(response, call, 409, { reason: "conflict", message: `channel ${id} is the file's` })
      }
      if (is("DELETE channels/{id}")) {
        state.channels = state.channels.filter((one) => one !== channel)
        audit("channel.remove", `channels/${id}`, channel, null)
        return send(response, 204, undefined)
      }
      if (isKeys) {
        if (method === "POST") {
          keys.push({
            index: keys.length,
            fingerprint: fingerprint(String(body["key"])),
            state: "enabled",
            models: []
          })
        } else keys.splice(Number(path.split("/").at(-1)), 1)
        keys.forEach((key, index) => (key["index"] = index))
        audit(`channel.key.${method === "POST" ? "add" : "remove"}`, `channels/${id}/keys`, null, null)
        return send(response, method === "POST" ? 201 : 200, channel)
      }
    }
    if (part === "channels" && method === "POST" && channel !== undefined) {
      const key = query.get("key")
      const target = key === null ? channel : (channel["keys"] as Array<Json>)[Number(key)]
      if (target === undefined) return refuse(response, call, 404)
      if (act === "test") {
        return send(
          response,
          200,
          id === "azure-eu"
            ? {
                ok: false,
                class: "upstream",
                code: "upstream_error",
                status: 503,
                firstContentMs: null,
                totalMs: 812,
                message: "The service is overloaded"
              }
            : { ok: true, firstContentMs: 312, totalMs: 640 }
        )
      }
      const before = { ...target }
      const on = act === "enable"
      Object.assign(
        target,
        key === null ? { enabled: true, state: on ? "enabled" : "disabled" } : { state: on ? "enabled" : "off" }
      )
      for (const field of ["reason", "until", "evidence"]) delete target[field]
      if (!on && key === null) target["reason"] = "by_hand"
      audit(
        `${key === null ? "channel" : "key"}.${act}`,
        `channels/${id}${key === null ? "" : `/keys/${key}`}`,
        before,
        target
      )
      return send(response, 200, channel)
    }
    if (is("DELETE streams/{id}")) {
      state.streams = state.streams.filter((stream) => stream["stream_id"] !== id)
      audit("stream.cancel", `streams/${id}`, null, null)
      return send(response, 200, { status: "cancelled" })
    }
    if (is("POST tokens")) {
      const name = String(body["name"])
      if (state.tokens.some((token) => token["name"] === name)) {
        return refuse(response, call, 409, {
          reason: "conflict",
          message: `a token is called ${name} already`,
          details: [{ field: "name", message: "is taken", code: "taken" }]
        })
      }
      const token = tokenRow(name, `sk-${name}`, body)
      state.tokens.push(token)
      audit("token.create", `tokens/${name}`, null, token)
      return send(response, 201, {
        ...token,
        key: `sk-relay-${createHash("sha256").update(name).digest("hex").slice(0, 40)}`
      })
    }
    const token = state.tokens.find((one) => one["name"] === id)
    if (part === "tokens" && token !== undefined && token["source"] === "file") {
      return refuse(response, call, 409, { reason: "conflict", message: "it stands in the configuration file" })
    }
    if (is("PATCH tokens/{id}") && token !== undefined) {
      const before = { ...token }
      Object.assign(token, body)
      audit("token.change", `tokens/${id}`, before, token)
      return send(response, 200, token)
    }
    if (is("POST tokens/{id}/rotate") && token !== undefined) {
      audit("token.rotate", `tokens/${id}`, null, null)
      return send(response, 200, { ...token, key: `sk-relay-rotated-${id}` })
    }
    if (is("DELETE tokens/{id}") && token !== undefined) {
      state.tokens = state.tokens.filter((one) => one !== token)
      audit("token.remove", `tokens/${id}`, token, null)
      return send(response, 204, undefined)
    }
    const quota = state.quotas.get(id)
    if (is("POST quota/{id}") && quota !== undefined) {
      const before = { ...quota }
      quota["balance"] =
        body["set"] === undefined ? Number(quota["balance"]) + Number(body["add"]) : Number(body["set"])
      audit("quota.change", `quota/${id}`, before, quota)
      return send(response, 200, quota)
    }
    const group = state.groups.find((one) => one["group"] === id)
    if (is("POST groups/{id}/quota") && group !== undefined) {
      const before = { ...group }
      group["balance"] =
        body["set"] === undefined ? Number(group["balance"]) + Number(body["add"]) : (body["set"] as number | null)
      audit("quota.grant", `groups/${id}`, before, group)
      return send(response, 200, group)
    }
    if (is("PATCH settings")) {
      const unknown = Object.keys(body).filter((path) => !state.settings.some((one) => one["path"] === path))
      const wrong = Object.entries(body).filter(([path, value]) => path === "retry.times" && typeof value !== "number")
      if (unknown.length + wrong.length > 0) {
        return refuse(response, call, 422, {
          reason: "validation_failed",
          message: "the settings are not right",
          details: [...unknown, ...wrong.map(([path]) => path)].map((field) => ({
            field,
            message: "is no number of times",
            code: "type"
          }))
        })
      }
      for (const [path, value] of Object.entries(body)) {
        const one = state.settings.find((each) => each["path"] === path)
        if (one === undefined) continue
        audit("setting.change", `settings/${path}`, { [path]: one["value"] }, { [path]: value })
        Object.assign(one, { value, source: "admin" })
      }
      return send(response, 200, { data: state.settings, next: null })
    }
    const one = state.settings.find((each) => each["path"] === id)
    if (is("DELETE settings/{id}") && one !== undefined) {
      audit("setting.reset", `settings/${id}`, { [id]: one["value"] }, { [id]: one["default"] })
      Object.assign(one, { value: one["default"], source: "default" })
      return send(response, 200, one)
    }
    if (is("POST reload")) return send(response, 200, {})
    return refuse(response, call, 404)
  }

  const asset = (path: string, response: ServerResponse): void => {
    const isPage = path === "/admin"
    try {
      const file = readFileSync(join(folder, isPage ? "admin.html" : path))
      const type = isPage
        ? "text/html"
        : path.endsWith(".js")
          ? "text/javascript"
          : path.endsWith(".css")
            ? "text/css"
            : "image/svg+xml"
      const told = JSON.stringify({ name: "relay-eu-1", tokens, own: [] }).replaceAll('"', "&quot;")
      response.writeHead(200, {
        "content-type": `${type}; charset=utf-8`,
        ...(isPage ? { "content-security-policy": policy } : {})
      })
      response.end(
        isPage ? file.toString("utf8").replace('name="relay" content="', `name="relay" content="${told}`) : file
      )
    } catch {
      response.writeHead(404).end()
    }
  }

  const server = createServer((request, response) => {
    if (!isOn) return void request.socket.destroy()
    const url = new URL(request.url ?? "/", "http://x")
    const path = url.pathname
    if (path === "/admin" || path.startsWith("/assets/")) return asset(path, response)
    let text = ""
    request.on("data", (chunk: Buffer) => (text += chunk.toString()))
    request.on("end", () => {
      const call: Call = {
        method: request.method ?? "",
        path,
        query: url.searchParams,
        body: text === "" ? {} : (JSON.parse(text) as Json),
        headers: request.headers
      }
      calls.push(call)
      const fault = faults.get(`${call.method} ${path}`)
      const go = (): void => {
        if (!isOn || fault?.drop === true) return void request.socket.destroy()
        if (path === "/health/ready") return send(response, state.health["ready"] === false ? 503 : 200, state.health)
        const key = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1]
        if (tokens && (key === undefined || !state.tokens.some((token) => token["fingerprint"] === fingerprint(key)))) {
          return refuse(response, call, 401, { reason: "unauthorized", message: "no token, or one that is not known" })
        }
        const token =
          key === undefined ? undefined : state.tokens.find((one) => one["fingerprint"] === fingerprint(key))
        const mayLook = !tokens || token?.["admin"] === true || token?.["viewer"] === true
        const mayWrite = !tokens || token?.["admin"] === true
        if (!mayLook || (!mayWrite && call.method !== "GET")) {
          return refuse(response, call, 403, { reason: "forbidden", message: "it takes an admin's token" })
        }
        if (fault?.status !== undefined) return refuse(response, call, fault.status, fault)
        answer(call, response)
      }
      if (fault?.delay === undefined) go()
      else setTimeout(go, fault.delay)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    state,
    faults,
    absent,
    power: (on) => {
      isOn = on
      if (!on) server.closeAllConnections()
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      })
  }
}

// By hand: `node test/web/adminServer.ts`, and a look at what it says.
if (import.meta.main) console.log(`${(await startAdminServer()).url}/admin   (ops-key, viewer-key)`)
