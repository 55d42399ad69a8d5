/**
 * What a relay tells of itself: its metrics and its log, as a process of its own writes them.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { answer, contextTooLong, cut, rateLimited, silence, status } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import type { LogLine } from "../support/log.ts"
import { channelOf } from "../support/relay.ts"
import {
  logOf,
  type RelayProcess,
  startRelayProcess,
  temporaryFolder,
  writeConfiguration
} from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, streamIdOf, until } from "./kit.ts"
import { whole } from "./matrix.ts"

/** One sample: its name, its labels, its value. */
interface Sample {
  readonly name: string
  readonly labels: { readonly [label: string]: string }
  readonly value: number
}

const samplesOf = (text: string): ReadonlyArray<Sample> =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", labels = "", value = ""] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      assert.notStrictEqual(name, "", line)
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, said]) => [key, said] as const)
      return { name, labels: Object.fromEntries(pairs), value: Number(value) }
    })

const folder = temporaryFolder()
const prompt = "my most private prompt"
const told = "zebra-crossing"
let a: FaultServer
let b: FaultServer
let relay: RelayProcess
let metrics: string
let log: ReadonlyArray<LogLine>
let stderr: string
let completed: string

const ask = (query = "") => read(`${relay.url}/chat?message=${encodeURIComponent(prompt)}&token=ops-token${query}`)

beforeAll(async () => {
  a = await startFaultServer()
  b = await startFaultServer()
  const file = writeConfiguration(folder.path, {
    server: { port: 0, shutdownGrace: "3 seconds" },
    store: { type: "memory" },
    timeouts: { headers: "300 millis", firstContent: "300 millis", idle: "300 millis" },
    retry: { base: "10 millis" },
    breaker: { minimum: 4 },
    tokens: [{ name: "ops", key: "${OPS}", admin: true }],
    channels: [
      channelOf("primary", a.url, { priority: 1, keys: ["${KEY}", "second-hunter2"] }),
      channelOf("backup", b.url)
    ]
  })
  relay = await startRelayProcess(file, { OPS: "ops-token", KEY: "sk-hunter2" })
  const said = { words: [told, " and", " more", " words", " yet"] }
  a.setDefault(answer(said))
  b.setDefault(answer(said))
  const first = await ask()
  assert.strictEqual(contentOf(first.events), said.words.join(""))
  completed = streamIdOf(first.events)
  // Two failovers before, one continuation; faults of the caller's, a limit, a silence, and one who leaves.
  const quoting = { body: { error: { message: `cannot read "${prompt}"`, type: "server_error", code: "unreadable" } } }
  a.enqueue(rateLimited({ "retry-after-ms": "1" }), status(500, quoting), status(500, quoting))
  await ask()
  a.enqueue(status(400, quoting))
  await ask()
  a.enqueue(cut(2, "reset", said))
  await ask()
  a.enqueue(contextTooLong)
  await read(`${relay.url}/v1/chat/completions`, {
    body: completion({ messages: [{ role: "user", content: prompt }] }),
    headers: { authorization: "Bearer ops-token", "x-request-id": "the-callers-own" }
  })
  a.enqueue(silence)
  b.enqueue(silence)
  await ask()
  a.enqueue(answer({ ...said, delay: 40 }))
  const left = await open(`${relay.url}/v1/chat/completions`, {
    body: completion(),
    headers: { authorization: "Bearer ops-token" }
  })
  await left.until(() => left.events.length >= 3)
  left.cut()
  const render = async () =>
    (await read(`${relay.url}/metrics`, { headers: { authorization: "Bearer ops-token" } })).text
  await until(async () => /^active_streams 0$/m.test(await render()))
  // Served by the pattern gpt-*: a name of the client's making.
  await ask("&model=gpt-made-up")
  await until(async () => /^active_streams 0$/m.test(await render()))
  // What is refused before it is an answer is counted with the errors, and with nothing else.
  await read(`${relay.url}/chat?message=&token=wrong`)
  await read(`${relay.url}/chat?message=&token=ops-token`)
  metrics = await render()
  relay.kill("SIGTERM")
  const end = await relay.ended
  assert.strictEqual(end.code, 0)
  stderr = end.stderr
  log = logOf(end)
})
afterAll(async () => {
  relay.kill("SIGKILL")
  await Promise.all([a.close(), b.close()])
  folder.remove()
})

describe("metrics", () => {
  const find = (name: string, labels: { readonly [label: string]: string } = {}): number | undefined =>
    samplesOf(metrics).find(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
    )?.value

  it("have the names, types and labels of the contract, and no others", () => {
    const types = Object.fromEntries(
      [...metrics.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!] as const)
    )
    assert.deepEqual(types, {
      stream_requests_total: "counter",
      stream_errors_total: "counter",
      stream_duration_seconds: "histogram",
      active_streams: "gauge",
      relay_attempts_total: "counter",
      relay_failovers_total: "counter",
      relay_continuations_total: "counter",
      relay_time_to_first_content_seconds: "histogram",
      relay_channel_state: "gauge",
      relay_key_state: "gauge",
      // Beside the contract's
      relay_answers_total: "counter",
      relay_answer_duration_seconds: "histogram",
      relay_tokens_total: "counter",
      relay_model_attempts_total: "counter",
      relay_first_content_seconds: "histogram"
    })
    const labels: { readonly [name: string]: ReadonlyArray<string> } = {
      stream_errors_total: ["error_type"],
      stream_duration_seconds_bucket: ["le", "outcome"],
      stream_duration_seconds_sum: ["outcome"],
      stream_duration_seconds_count: ["outcome"],
      relay_attempts_total: ["channel", "class"],
      relay_continuations_total: ["mode", "seam"],
      relay_time_to_first_content_seconds_bucket: ["le"],
      relay_channel_state: ["channel"],
      relay_key_state: ["channel", "key"],
      relay_answers_total: ["channel", "class", "model", "outcome", "token"],
      relay_answer_duration_seconds_bucket: ["channel", "le", "model", "outcome"],
      relay_answer_duration_seconds_sum: ["channel", "model", "outcome"],
      relay_answer_duration_seconds_count: ["channel", "model", "outcome"],
      relay_tokens_total: ["channel", "direction", "model", "token"],
      relay_model_attempts_total: ["channel", "class", "model"],
      relay_first_content_seconds_bucket: ["channel", "le", "model"],
      relay_first_content_seconds_sum: ["channel", "model"],
      relay_first_content_seconds_count: ["channel", "model"]
    }
    for (const sample of samplesOf(metrics)) {
      assert.deepEqual(Object.keys(sample.labels).toSorted(), labels[sample.name] ?? [], sample.name)
      assert.isFalse(Number.isNaN(sample.value))
    }
  })
  it("have the bounds of the contract", () => {
    const bounds = (name: string) => [
      ...new Set(
        samplesOf(metrics)
          .filter((sample) => sample.name === `${name}_bucket`)
          .map(({ labels }) => labels["le"])
      )
    ]
    const durations = bounds("stream_duration_seconds")
    assert.deepEqual([durations[0], durations.at(-2), durations.at(-1)], ["0.1", "600", "+Inf"])
    const contents = bounds("relay_time_to_first_content_seconds")
    assert.deepEqual([contents[0], contents.at(-2), contents.at(-1)], ["0.05", "60", "+Inf"])
  })
  it("count what happened", () => {
    assert.strictEqual(find("stream_requests_total"), 8)
    assert.strictEqual(find("active_streams"), 0)
    for (const [type, count] of [
      // Two answers, and two requests for one that were refused.
      ["validation", 4],
      ["timeout", 1],
      ["rate_limit", 0],
      ["llm_error", 0],
      ["system_error", 1]
    ] as const) {
      assert.strictEqual(find("stream_errors_total", { error_type: type }), count, type)
    }
    assert.strictEqual(find("stream_duration_seconds_count", { outcome: "completed" }), 4)
    assert.strictEqual(find("stream_duration_seconds_count", { outcome: "error" }), 3)
    assert.strictEqual(find("stream_duration_seconds_count", { outcome: "cancelled" }), 1)
    assert.strictEqual(find("relay_time_to_first_content_seconds_count"), 5)
    assert.strictEqual(find("relay_continuations_total", { mode: "prefill", seam: "exact" }), 1)
    assert.strictEqual(find("relay_failovers_total"), 3)
    for (const [channel, blame, count] of [
      ["primary", "ok", 2],
      ["primary", "rate", 1],
      ["primary", "upstream", 2],
      ["primary", "transport", 1],
      ["primary", "caller", 2],
      ["primary", "timeout", 1],
      ["primary", "cancelled", 1],
      ["backup", "ok", 2],
      ["backup", "timeout", 1]
    ] as const) {
      assert.strictEqual(
        find("relay_attempts_total", { channel, class: blame }),
        count,
        `${channel} ${blame}\n${metrics.match(/^relay_attempts_total.*$/gm)?.join("\n")}`
      )
    }
    const answers = samplesOf(metrics).filter(({ name }) => name === "relay_answers_total")
    assert.deepEqual(
      answers.map(({ labels, value }) => [labels["outcome"], labels["class"], labels["channel"], value]).toSorted(),
      [
        ["cancelled", "cancelled", "primary", 1],
        ["completed", "ok", "backup", 2],
        ["completed", "ok", "primary", 1],
        ["completed", "ok", "primary", 1],
        ["error", "caller", "primary", 2],
        ["error", "timeout", "backup", 1]
      ]
    )
    for (const { labels } of answers) assert.strictEqual(labels["token"], "ops")
    assert.deepEqual(
      answers.map(({ labels }) => labels["model"]).toSorted(),
      ["m", "m", "m", "m", "m", "other"],
      "a name that only a pattern serves is of a client's making"
    )
    assert.notInclude(metrics, "made-up")
    assert.strictEqual(find("relay_first_content_seconds_count", { channel: "primary", model: "m" }), 3)
    assert.strictEqual(find("relay_model_attempts_total", { channel: "primary", model: "m", class: "rate" }), 1)
    assert.isAbove(find("relay_tokens_total", { channel: "backup", token: "ops", direction: "output" }) ?? 0, 0)
    assert.strictEqual(find("relay_channel_state", { channel: "primary" }), 0)
    assert.strictEqual(find("relay_channel_state", { channel: "backup" }), 0)
  })
})

describe("the log", () => {
  const known = new Set(
    (
      "timestamp level event request_id stream_id channel key attempt class code status_code error message_length " +
      "token_count tokens_per_second duration " +
      // Beside them
      "token_name model channel_model mode clock limit_ms elapsed_ms upstream_code upstream_type upstream_message " +
      "upstream_request_id retry_after_ms first_content_ms attempts failovers continuations trail ended input_tokens " +
      "output_tokens cache_read_tokens reasoning_tokens estimated dropped status"
    ).split(" ")
  )

  it("is one JSON object a line, with the contract's fields", () => {
    assert.isAbove(log.length, 15)
    for (const line of log) {
      assert.strictEqual(new Date(line.timestamp).toISOString(), line.timestamp)
      assert.include(["debug", "info", "warning", "error", "fatal"], line.level)
      assert.match(line.event, /^(stream_(started|completed|error|closed)|attempt_failed|channel_\w+|relay_\w+)$/)
      if (line.event.startsWith("relay_")) continue
      for (const field of Object.keys(line)) assert.isTrue(known.has(field), `${line.event}: ${field}`)
      if (!line.event.startsWith("channel_")) assert.isString(line["request_id"], line.event)
    }
  })
  it("tells the life of an answer", () => {
    const life = log.filter(({ stream_id }) => stream_id === completed)
    assert.deepEqual(
      life.map(({ event }) => event),
      ["stream_started", "stream_completed", "stream_closed"]
    )
    assert.strictEqual(life[0]?.["message_length"], prompt.length)
    assert.strictEqual(life[1]?.["token_count"], 5)
    assert.isNumber(life[1]?.["duration"])
    assert.isNumber(life[1]?.["tokens_per_second"])
    assert.lengthOf(new Set(life.map(({ request_id }) => request_id)), 1)
  })
  it("tells each failed attempt, with its channel, key, class, code and status", () => {
    const failed = log.filter(({ event }) => event === "attempt_failed")
    assert.deepInclude(failed[0], {
      level: "warning",
      channel: "primary",
      attempt: 1,
      class: "rate",
      code: "channel:rate_limited",
      status_code: 429
    })
    assert.include([0, 1], failed[0]?.["key"])
    assert.isNumber(failed[0]?.["duration"])
    const silent = failed.filter((line) => line["class"] === "timeout")
    assert.deepEqual(
      silent.map(({ channel, code }) => [channel, code]),
      [
        ["primary", "channel:response_time_exceeded"],
        ["backup", "channel:response_time_exceeded"]
      ]
    )
  })
  it("R15: tells an upstream's code and its words, without the prompt that they quote", () => {
    const failed = log.filter(({ event, status_code }) => event === "attempt_failed" && status_code === 500)
    assert.deepEqual(
      failed.map(({ error, upstream_code, upstream_message }) => [error, upstream_code, upstream_message]),
      Array.from({ length: 2 }, () => ["the upstream answered 500 (unreadable)", "unreadable", "cannot read ***"])
    )
  })
  it("tells an answer that ended badly, with the caller's id", () => {
    const failed = log.filter(({ event }) => event === "stream_error")
    assert.deepInclude(failed[1], {
      level: "warning",
      request_id: "the-callers-own",
      class: "caller",
      code: "context_length_exceeded"
    })
  })
  it("R14: tells a request that was refused before it was an answer, and nothing of what it said", () => {
    const refused = log.filter(({ event }) => event === "relay_refused")
    assert.deepEqual(
      refused.map(({ timestamp, request_id: id, ...line }) => {
        assert.isString(timestamp)
        assert.match(String(id), /^req_/)
        return line
      }),
      [
        { code: "unauthorized", status_code: 401 },
        { code: "invalid_request", status_code: 400 }
      ].map((said) => ({
        level: "warning",
        event: "relay_refused",
        class: "caller",
        ...said,
        method: "GET",
        path: "/chat"
      }))
    )
  })
  it("holds no prompt, answer, query, key or host of an upstream", () => {
    for (const secret of [
      prompt,
      encodeURIComponent(prompt),
      "private",
      "hello",
      told,
      "zebra",
      whole.slice(0, 20),
      "message=",
      "token=",
      "ops-token",
      "hunter2",
      "wrong",
      String(a.port),
      String(b.port)
    ]) {
      assert.notInclude(stderr, secret)
    }
  })
})
