/**
 * The matrix of faults: what one case is, and how each is put to a relay by three clients: the `openai` SDK streaming,
 * the same asking for a whole answer, and a reader of `/chat`. Each has a relay and upstreams of its own.
 */
import { assert, it } from "@effect/vitest"
import OpenAI, { APIError } from "openai"
import type { Behaviour } from "../support/behaviour.ts"
import { answer } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { keepLog } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, read, type SseEvent } from "../support/sse.ts"
import { textOf, words } from "../support/upstreamText.ts"

keepLog()

/** The whole text that every good upstream sends. */
export const whole = textOf(words)

/** The text of the first words. */
export const firstWords = (count: number): string => textOf(words.slice(0, count))

/** What an upstream does: these in order, then the last one for ever; `good` is the server's own default. */
export type Script = ReadonlyArray<Behaviour | "good">

/** How a join is seen on `/chat`. */
export interface SeamSeen {
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly offset: number
  readonly dropped?: number
  readonly seam?: string
}

/** A whole answer. */
export interface Whole {
  /** Absent: all words. */
  readonly text?: string
  /** Absent: that of the channel whose attempt succeeded first. */
  readonly model: string
  /** Absent: false. */
  readonly estimated?: boolean
  readonly finish?: string
  readonly seams?: ReadonlyArray<SeamSeen>
  /** Tokens as the upstream counted them; absent: not looked at. */
  readonly outputTokens?: number
}

/** A clean error. */
export interface Clean {
  readonly error: string
  readonly status: number
  readonly type: string
  /** `x-should-retry`, and `recoverable`. */
  readonly recoverable: boolean
  /** What was shown before it; absent: nothing was. */
  readonly partial?: string
  /** `retry-after`, in seconds; absent: not looked at on 429 and 503, and must not be there on others. */
  readonly retryAfter?: number
  readonly message?: RegExp
  readonly param?: string | null
  readonly upstreamCode?: string
  readonly seams?: ReadonlyArray<SeamSeen>
}

/** One row of the matrix. */
export interface Case {
  readonly name: string
  /** The upstreams by channel id, the first one asked first. */
  readonly upstreams: { readonly [channel: string]: Script }
  /** More configuration of channels. */
  readonly channels?: { readonly [channel: string]: object }
  /** More sections. */
  readonly configuration?: { readonly [section: string]: unknown }
  /** More fields of the dialect's request. */
  readonly request?: object
  /** Each attempt as `x-attempts` shows it at the end, in order. */
  readonly attempts: ReadonlyArray<string>
  /** How many of these there were when the first content was shown. Absent: up to the first `=200`, or all. */
  readonly before?: number
  /** How often each upstream was asked; absent: as `attempts` say. */
  readonly asked?: { readonly [channel: string]: number }
  /** Why each attempt but the last was given up, before anything was shown. */
  readonly reasons?: ReadonlyArray<string>
  readonly ends: Whole | Clean
  /** What is another where the answer is asked for whole: nothing of it was shown. */
  readonly whole?: Pick<Case, "attempts" | "ends">
  /** Without `/chat`, for what only a dialect's request can ask. */
  readonly dialectOnly?: boolean
  /** More to look at. */
  readonly also?: (servers: { readonly [channel: string]: FaultServer }) => void
  /** At least so long, in milliseconds. */
  readonly atLeast?: number
  /** At most so long, in milliseconds; absent: 3000. */
  readonly within?: number
}

const isWhole = (ends: Whole | Clean): ends is Whole => !("error" in ends)

interface Arranged {
  readonly relay: RunningRelay
  readonly servers: { readonly [channel: string]: FaultServer }
  readonly close: () => Promise<void>
}

const arrange = async (row: Case): Promise<Arranged> => {
  const entries = Object.entries(row.upstreams)
  const servers: Record<string, FaultServer> = {}
  for (const [id, script] of entries) {
    const server = await startFaultServer()
    servers[id] = server
    const last = script.at(-1)
    server.enqueue(...script.slice(0, -1).map((one) => (one === "good" ? answer() : one)))
    if (last !== undefined && last !== "good") server.setDefault(last)
  }
  const relay = await startRelay({
    channels: entries.map(([id], index) =>
      channelOf(id, servers[id]!.url, {
        priority: entries.length - index,
        modelMapping: { m: `model-${id}` },
        ...row.channels?.[id]
      })
    ),
    // Long enough for a machine that has other things to do.
    timeouts: { headers: "500 millis", firstContent: "500 millis", idle: "500 millis" },
    ...row.configuration
  })
  return {
    relay,
    servers,
    close: async () => {
      await relay.close()
      await Promise.all(Object.values(servers).map((server) => server.close()))
    }
  }
}

const commitIndex = ({ attempts, before }: Case): number => {
  if (before !== undefined) return before
  const at = attempts.findIndex((entry) => entry.endsWith("=200"))
  return at < 0 ? attempts.length : at + 1
}

const checkAsked = (row: Case, servers: Arranged["servers"]): void => {
  const asked = Object.fromEntries(Object.entries(servers).map(([id, { requests }]) => [id, requests.length]))
  const expected =
    row.asked ??
    Object.fromEntries(
      Object.keys(servers).map((id) => [id, row.attempts.filter((entry) => entry.startsWith(`${id}=`)).length])
    )
  assert.deepEqual(asked, expected, "how often each upstream was asked")
}

const checkHealthy = async ({ relay, servers }: Arranged): Promise<void> => {
  for (const server of Object.values(servers)) {
    await server.up()
    server.reset()
    server.setDefault(answer())
  }
  const next = await read(`${relay.url}/chat?message=again`)
  assert.strictEqual(next.events.at(-1)?.event, "done", `a plain request afterwards: ${next.events.at(-1)?.data}`)
  assert.strictEqual(contentOf(next.events), whole)
  const { text } = await read(`${relay.url}/metrics`)
  assert.match(text, /^active_streams 0$/m)
}

/** An answer, whichever client it was read by. */
interface Seen {
  readonly text: string
  readonly model: string | undefined
  readonly finish: string | undefined
  readonly usage: OpenAI.CompletionUsage | undefined
  readonly attempts: string | null
  readonly error: unknown
}

const client = (relay: RunningRelay): OpenAI =>
  new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: "anything", maxRetries: 0, timeout: 15_000 })

const plain = { model: "m", messages: [{ role: "user" as const, content: "hello" }] }

const askStreaming = async (relay: RunningRelay, request: object | undefined): Promise<Seen> => {
  let text = ""
  let model: string | undefined
  let finish: string | undefined
  let usage: OpenAI.CompletionUsage | undefined
  let attempts: string | null = null
  const ids = new Set<string>()
  try {
    const { data, response } = await client(relay)
      .chat.completions.create({ ...plain, stream: true, stream_options: { include_usage: true }, ...request })
      .withResponse()
    attempts = response.headers.get("x-attempts")
    assert.match(response.headers.get("x-stream-id") ?? "", /^[\w-]{22,40}$/)
    for await (const chunk of data) {
      ids.add(`${chunk.id} ${chunk.created}`)
      model ??= chunk.model
      assert.strictEqual(chunk.model, model, "one model throughout")
      const choice = chunk.choices.find(({ index }) => index === 0)
      text += choice?.delta.content ?? ""
      finish = choice?.finish_reason ?? finish
      usage = chunk.usage ?? usage
    }
    assert.strictEqual(ids.size, 1, "one id and one time throughout")
    return { text, model, finish, usage, attempts, error: undefined }
  } catch (error) {
    return { text, model, finish, usage, attempts, error }
  }
}

const askWhole = async (relay: RunningRelay, request: object | undefined): Promise<Seen> => {
  try {
    const { data, response } = await client(relay)
      .chat.completions.create({ ...plain, stream: false, ...request })
      .withResponse()
    const [choice] = data.choices
    return {
      text: choice?.message.content ?? "",
      model: data.model,
      finish: choice?.finish_reason,
      usage: data.usage,
      attempts: response.headers.get("x-attempts"),
      error: undefined
    }
  } catch (error) {
    return { text: "", model: undefined, finish: undefined, usage: undefined, attempts: null, error }
  }
}

const checkAnswer = (seen: Seen, ends: Whole): void => {
  if (seen.error !== undefined) throw seen.error
  assert.strictEqual(seen.text, ends.text ?? whole)
  assert.strictEqual(seen.model, ends.model)
  assert.strictEqual(seen.finish, ends.finish ?? "stop")
  assert.isAbove(seen.usage?.completion_tokens ?? 0, 0)
  assert.isAbove(seen.usage?.prompt_tokens ?? 0, 0)
  if (ends.outputTokens !== undefined) assert.strictEqual(seen.usage?.completion_tokens, ends.outputTokens)
}

const checkError = (seen: Seen, ends: Clean, committed: boolean, attempts: ReadonlyArray<string>): void => {
  if (!(seen.error instanceof APIError)) return assert.fail(`there was no error of the API but ${String(seen.error)}`)
  const { code, headers, message, param, status, type } = seen.error
  assert.strictEqual(code, ends.error)
  assert.strictEqual(type, ends.type)
  assert.match(message, /\(request id: req_\w{24}\)$/)
  if (ends.message !== undefined) assert.match(message, ends.message)
  if (ends.param !== undefined) assert.strictEqual(param, ends.param)
  if (ends.upstreamCode !== undefined) {
    assert.propertyVal(seen.error.error as object, "upstream_code", ends.upstreamCode)
  }
  assert.notMatch(message, /127\.0\.0\.1|key-of|localhost/)
  if (committed) return
  assert.strictEqual(status, ends.status)
  assert.strictEqual(headers?.get("x-should-retry"), String(ends.recoverable))
  assert.strictEqual(headers?.get("x-attempts"), attempts.join(","))
  assert.match(headers?.get("x-request-id") ?? "", /^req_\w{24}$/)
  const after = headers?.get("retry-after") ?? null
  if (ends.status !== 429 && ends.status !== 503) return assert.isNull(after)
  assert.match(after ?? "", /^[1-9]\d*$/)
  assert.isAtLeast(Number(headers?.get("retry-after-ms")), 1)
  if (ends.retryAfter !== undefined) assert.strictEqual(Number(after), ends.retryAfter)
}

const timed = async (row: Case, run: () => Promise<void>): Promise<void> => {
  const began = performance.now()
  await run()
  const took = performance.now() - began
  assert.isBelow(took, row.within ?? 3000, "it ends in time")
  if (row.atLeast !== undefined) assert.isAtLeast(took, row.atLeast)
}

const names = (events: ReadonlyArray<SseEvent>): ReadonlyArray<string> =>
  events.map(({ event }) => event).filter((event, at, all) => event !== "message" || all[at - 1] !== "message")

const checkChat = (row: Case, events: ReadonlyArray<SseEvent>): void => {
  const { ends } = row
  const streamId = String(events[0]?.json?.["stream_id"])
  events.forEach(({ id }, seq) => assert.strictEqual(id, `${streamId}.${seq}`))
  assert.strictEqual(events[0]?.event, "init")
  assert.deepInclude(events[0]?.json, { status: "started", model: "m" })
  assert.deepEqual(
    events.slice(1, -1).filter(({ event }) => event === "init" || event === "done" || event === "error"),
    [],
    "one beginning and one end"
  )
  const given = commitIndex(row) - 1
  const notices = events.filter(({ event }) => event === "attempt").map(({ json }) => json)
  assert.lengthOf(notices, given, names(events).join(" "))
  notices.forEach((notice, at) => {
    const channel = (index: number): string => row.attempts[index]!.split("=")[0]!
    assert.deepInclude(notice, { attempt: at + 2, from: channel(at), to: channel(at + 1) })
    assert.isAtLeast(Number(notice?.["max_attempts"]), at + 2)
    assert.isAtLeast(Number(notice?.["delay_ms"]), 0)
    if (row.reasons !== undefined) assert.strictEqual(notice?.["reason"], row.reasons[at])
  })
  assert.deepEqual(
    events.filter(({ event }) => event === "failover").map(({ json }) => json as unknown),
    (ends.seams ?? []).map((seam) => ({ dropped: 0, seam: "exact", ...seam }))
  )
  const content = contentOf(events)
  const last = events.at(-1)
  if (isWhole(ends)) {
    const text = ends.text ?? whole
    assert.strictEqual(last?.event, "done", last?.data)
    assert.strictEqual(content, text)
    assert.deepInclude(last?.json, {
      status: "completed",
      full_content: text,
      finish_reason: ends.finish ?? "stop",
      attempts: row.attempts.length,
      token_count: events.filter(({ event }) => event === "message").length
    })
    assert.propertyVal(last?.json?.["usage"] as object, "estimated", ends.estimated ?? false)
    return
  }
  const partial = ends.partial ?? ""
  assert.strictEqual(last?.event, "error", last?.data)
  assert.strictEqual(content, partial)
  assert.deepInclude(last?.json, {
    code: ends.error,
    recoverable: ends.recoverable,
    partial_content: partial,
    partial_length: Array.from(partial).length
  })
  assert.notProperty(last?.json, "detail")
  assert.notProperty(last?.json, "traceback")
  if (ends.retryAfter !== undefined) assert.propertyVal(last?.json, "retry_after", ends.retryAfter)
  assert.notMatch(last?.data ?? "", /127\.0\.0\.1|key-of|localhost/)
}

/** Puts one case to a relay, by each client. */
export const play = (row: Case): void => {
  const dialect = (
    row: Case,
    name: string,
    ask: (relay: RunningRelay, request: object | undefined) => Promise<Seen>
  ): void => {
    const committed = row.attempts.length > 0 && (isWhole(row.ends) || row.ends.partial !== undefined)
    it.concurrent(`${row.name} (${name})`, async () => {
      const arranged = await arrange(row)
      try {
        let seen: Seen | undefined
        await timed(row, async () => {
          seen = await ask(arranged.relay, row.request)
        })
        const streaming = name === "openai, streaming"
        if (isWhole(row.ends)) {
          checkAnswer(seen!, row.ends)
          // What follows the first content may be known by the time that the headers are sent.
          const least = streaming ? commitIndex(row) : row.attempts.length
          const heads = row.attempts.map((_, at) => row.attempts.slice(0, at + 1).join(",")).slice(least - 1)
          assert.include(heads, seen!.attempts)
        } else {
          if (streaming) assert.strictEqual(seen!.text, row.ends.partial ?? "")
          checkError(seen!, row.ends, committed && streaming, row.attempts)
        }
        checkAsked(row, arranged.servers)
        row.also?.(arranged.servers)
        await checkHealthy(arranged)
      } finally {
        await arranged.close()
      }
    })
  }
  dialect(row, "openai, streaming", askStreaming)
  dialect({ ...row, ...row.whole }, "openai, whole", askWhole)
  if (row.dialectOnly === true) return
  it.concurrent(`${row.name} (/chat)`, async () => {
    const arranged = await arrange(row)
    try {
      await timed(row, async () => {
        const { ended, events, status } = await read(`${arranged.relay.url}/chat?message=hello&model=m`)
        assert.strictEqual(status, 200)
        assert.strictEqual(ended, "complete")
        checkChat(row, events)
      })
      checkAsked(row, arranged.servers)
      row.also?.(arranged.servers)
      await checkHealthy(arranged)
    } finally {
      await arranged.close()
    }
  })
}
