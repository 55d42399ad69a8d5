/**
 * The admin API, as the page asks it: one function for each of its endpoints, decoded, and no error that is thrown.
 *
 * The token goes in a header, never in an address. A write has an idempotency key of who asks for it, so that one that is
 * asked for again after a lost answer is done once.
 */
import { textOf } from "./Decode.ts"
import { type Failure, failed, ok, refusalOf, type Result } from "./Failure.ts"
import { pagedOf } from "./Paged.ts"
import { auditRowOf } from "./audit/AuditRow.ts"
import { channelOf } from "./channels/Channel.ts"
import { testResultOf } from "./channels/TestResult.ts"
import { errorRowOf } from "./errors/ErrorRow.ts"
import { ledgerRowOf } from "./ledger/LedgerRow.ts"
import { ledgerSumOf } from "./ledger/LedgerSum.ts"
import { groupQuotaOf, type Quota, tokenQuotaOf } from "./ledger/Quota.ts"
import { usageOf } from "./ledger/Usage.ts"
import { settingOf } from "./settings/Setting.ts"
import { streamOf } from "./streams/LiveStream.ts"
import { newKeyOf, tokenOf } from "./tokens/Token.ts"
import { summaryOf } from "./Summary.ts"

/** How long an answer is waited for. A test of a channel takes as long as its model does. */
const patience = { read: 30_000, write: 30_000, test: 120_000 } as const

/** What is asked of a list. */
export type Filters = { readonly [name: string]: string | number | undefined }

/** How the relay was found by the last call. */
export type Reach = "up" | "down" | "unauthorized" | "forbidden" | "readonly"

const reachOf = (status: number, method: Call["method"]): Reach =>
  status === 401 ? "unauthorized" : status !== 403 ? "up" : method === "GET" ? "forbidden" : "readonly"

const searchOf = (filters: Filters): string => {
  const kept = Object.entries(filters).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, String(value)]]
  )
  return kept.length === 0 ? "" : `?${new URLSearchParams(kept).toString()}`
}

/** Letters and digits that nobody guesses; also where a page is not served by TLS, which has no `randomUUID`. */
export const freshKey = (): string =>
  `page-${Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`

/** What an API is made of. */
export interface ApiOptions {
  readonly token: string | undefined
  /** Told after each call how the relay was found. */
  readonly onReach: (reach: Reach) => void
}

interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE"
  readonly path: string
  readonly body?: unknown
  readonly key?: string
  readonly signal?: AbortSignal | undefined
  readonly patience: number
  readonly accept?: string
}

/** Makes it. */
export const makeApi = ({ onReach, token }: ApiOptions) => {
  const ask = async (call: Call): Promise<Result<Response>> => {
    const { method, path, signal } = call
    const waited = AbortSignal.timeout(call.patience)
    const unreachable = (message: string): Result<never> => {
      onReach("down")
      return failed({ _tag: "Unreachable", method, path: path.replace(/\?.*/s, ""), message })
    }
    let answer: Response
    try {
      answer = await fetch(path, {
        method,
        cache: "no-store",
        signal: signal === undefined ? waited : AbortSignal.any([signal, waited]),
        headers: {
          accept: call.accept ?? "application/json",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(call.body === undefined ? {} : { "content-type": "application/json" }),
          ...(call.key === undefined ? {} : { "idempotency-key": call.key })
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) })
      })
    } catch {
      if (signal?.aborted === true) return failed({ _tag: "Aborted" })
      return unreachable(
        waited.aborted ? `nothing came within ${call.patience / 1000} s` : "the connection could not be made, or broke"
      )
    }
    onReach(reachOf(answer.status, method))
    if (answer.ok) return ok(answer)
    const body: unknown = await answer.json().catch(() => undefined)
    return failed(
      refusalOf(answer.status, body, {
        method,
        path: path.replace(/\?.*/s, ""),
        requestId: textOf(answer.headers.get("x-request-id"))
      })
    )
  }

  const decoded = async <A>(call: Call, of: (body: unknown) => A): Promise<Result<A>> => {
    const asked = await ask(call)
    if (asked._tag === "Failed") return asked
    if (asked.value.status === 204) return ok(of(undefined))
    try {
      return ok(of(await asked.value.json()))
    } catch {
      if (call.signal?.aborted === true) return failed({ _tag: "Aborted" })
      return failed({
        _tag: "Unreachable",
        method: call.method,
        path: call.path.replace(/\?.*/s, ""),
        message: "its answer broke off, or is not JSON"
      })
    }
  }

  const read = <A>(
    path: string,
    filters: Filters,
    of: (body: unknown) => A,
    signal?: AbortSignal
  ): Promise<Result<A>> =>
    decoded({ method: "GET", path: path + searchOf(filters), signal, patience: patience.read }, of)

  const write = <A>(
    method: "POST" | "PATCH" | "DELETE",
    path: string,
    key: string,
    body?: unknown,
    of: (body: unknown) => A = () => undefined as A,
    wait: number = patience.write
  ): Promise<Result<A>> => decoded({ method, path, key, body, patience: wait }, of)

  const named = encodeURIComponent

  return {
    health: (signal?: AbortSignal): Promise<Result<unknown>> =>
      read("/health/ready", {}, (body) => body, signal).then((result) =>
        // Not ready is an answer too.
        result._tag === "Failed" && result.failure._tag === "Refused" && result.failure.status === 503
          ? ok({ ready: false, message: result.failure.message })
          : result
      ),
    summary: (window: string, signal?: AbortSignal) => read("/admin/summary", { window }, summaryOf, signal),
    channels: (signal?: AbortSignal) => read("/admin/channels", { limit: 1000 }, pagedOf(channelOf), signal),
    tokens: (signal?: AbortSignal) => read("/admin/tokens", { limit: 1000 }, pagedOf(tokenOf), signal),
    quotas: (signal?: AbortSignal) => read("/admin/quota", { limit: 1000 }, pagedOf(tokenQuotaOf), signal),
    groups: (signal?: AbortSignal) => read("/admin/groups", { limit: 1000 }, pagedOf(groupQuotaOf), signal),
    streams: (signal?: AbortSignal) => read("/admin/streams", { limit: 1000 }, pagedOf(streamOf), signal),
    settings: (signal?: AbortSignal) => read("/admin/settings", { limit: 1000 }, pagedOf(settingOf), signal),
    errors: (filters: Filters, signal?: AbortSignal) => read("/admin/errors", filters, pagedOf(errorRowOf), signal),
    request: (id: string, signal?: AbortSignal) =>
      read(`/admin/requests/${named(id)}`, { limit: 1000 }, pagedOf(errorRowOf), signal),
    ledger: (filters: Filters, signal?: AbortSignal) => read("/admin/ledger", filters, pagedOf(ledgerRowOf), signal),
    ledgerSum: (signal?: AbortSignal) => read("/admin/ledger/sum", {}, ledgerSumOf, signal),
    usage: (by: string, filters: Filters, signal?: AbortSignal) =>
      read("/admin/usage", { by, ...filters, limit: 1000 }, pagedOf(usageOf), signal),
    audit: (filters: Filters, signal?: AbortSignal) => read("/admin/audit", filters, pagedOf(auditRowOf), signal),

    switchChannel: (id: string, on: boolean, key: string, channelKey?: number) =>
      write("POST", `/admin/channels/${named(id)}/${on ? "enable" : "disable"}${searchOf({ key: channelKey })}`, key),
    testChannel: (id: string, filters: { readonly key?: number; readonly model?: string }, key: string) =>
      write(
        "POST",
        `/admin/channels/${named(id)}/test${searchOf(filters)}`,
        key,
        undefined,
        testResultOf,
        patience.test
      ),
    addChannel: (channel: unknown, key: string) => write("POST", "/admin/channels", key, channel),
    changeChannel: (id: string, changes: unknown, key: string) =>
      write("PATCH", `/admin/channels/${named(id)}`, key, changes),
    removeChannel: (id: string, key: string) => write("DELETE", `/admin/channels/${named(id)}`, key),
    addChannelKey: (id: string, channelKey: string, key: string) =>
      write("POST", `/admin/channels/${named(id)}/keys`, key, { key: channelKey }),
    removeChannelKey: (id: string, index: number, key: string) =>
      write("DELETE", `/admin/channels/${named(id)}/keys/${index}`, key),
    cancelStream: (id: string, key: string) => write("DELETE", `/admin/streams/${named(id)}`, key),
    createToken: (token: unknown, key: string) => write("POST", "/admin/tokens", key, token, newKeyOf),
    changeToken: (name: string, changes: unknown, key: string) =>
      write("PATCH", `/admin/tokens/${named(name)}`, key, changes),
    rotateToken: (name: string, grace: string | undefined, key: string) =>
      write("POST", `/admin/tokens/${named(name)}/rotate`, key, grace === undefined ? {} : { grace }, newKeyOf),
    removeToken: (name: string, key: string) => write("DELETE", `/admin/tokens/${named(name)}`, key),
    changeQuota: (
      { name, whose }: Pick<Quota, "name" | "whose">,
      change: { readonly reason: string } & ({ readonly add: number } | { readonly set: number | null }),
      key: string
    ) =>
      write(
        "POST",
        whose === "group" ? `/admin/groups/${named(name)}/quota` : `/admin/quota/${named(name)}`,
        key,
        change
      ),
    changeSettings: (changes: { readonly [path: string]: unknown }, key: string) =>
      write("PATCH", "/admin/settings", key, changes),
    resetSetting: (path: string, key: string) => write("DELETE", `/admin/settings/${named(path)}`, key),
    reload: (key: string) => write("POST", "/admin/reload", key),

    /** A list as a file. It is fetched, and not linked to: a link could not carry the token. */
    csv: async (path: string, filters: Filters): Promise<Result<Blob>> => {
      const asked = await ask({
        method: "GET",
        path: path + searchOf({ ...filters, format: "csv" }),
        accept: "text/csv",
        patience: patience.test
      })
      if (asked._tag === "Failed") return asked
      return asked.value
        .blob()
        .then(ok, () =>
          failed({ _tag: "Unreachable", method: "GET", path, message: "the file broke off" } satisfies Failure)
        )
    }
  }
}

/** What the page asks. */
export type Api = ReturnType<typeof makeApi>
