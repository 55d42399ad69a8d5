/**
 * What happened to one request, told again out of the log's lines alone: as somebody does it at night who has a request id
 * and nothing else.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { answer, cut, headersOnly, rateLimited, status } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { keepLog, type LogLine, logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { open, type RawResponse, read } from "../support/sse.ts"
import { completion, until } from "./kit.ts"

keepLog()

/** One attempt, as its line tells it. */
const attemptOf = (line: LogLine): string => {
  const said = line["upstream_message"]
  const clock = line["clock"]
  return [
    `${line["attempt"]}: ${line["channel"]}`,
    line["key"] === undefined ? "without a key" : `with key ${line["key"]}`,
    `for ${line["channel_model"]}${line["mode"] === undefined ? "" : ` by ${line["mode"]}`}`,
    `${line["status_code"] ?? "no status"} ${line["class"]} ${line["code"]}`,
    ...(said === undefined ? [] : [`said "${said}"${line["upstream_code"] ? ` (${line["upstream_code"]})` : ""}`]),
    ...(clock === undefined ? [] : [`its ${clock} clock of ${line["limit_ms"]} ms ran out`]),
    ...(line["upstream_request_id"] === undefined ? [] : [`as ${line["upstream_request_id"]}`])
  ].join(", ")
}

/** The story of a request. */
const storyOf = (requestId: string): ReadonlyArray<string> =>
  logLines()
    .filter((line) => line["request_id"] === requestId)
    .map((line) => {
      switch (line.event) {
        case "stream_started":
          return `${line["token_name"]} asked for ${line["model"]}`
        case "attempt_failed":
          return attemptOf(line)
        case "relay_continued":
          return `${line["channel"]} went on from ${line["from"]} at ${line["offset"]} by ${line["mode"]} (${line["seam"]})`
        case "stream_completed":
          return (
            `${line["channel"]} ended it ${line["key"] === undefined ? "without a key" : `with key ${line["key"]}`} ` +
            `for ${line["channel_model"]} ${line["upstream_request_id"] === undefined ? "without an id" : `as ${line["upstream_request_id"]}`}: ` +
            `${line["ended"]} after ${line["attempts"]} attempts, ${line["failovers"]} failovers and ` +
            `${line["continuations"]} continuations (${line["trail"] ?? "alone"}), ` +
            `${line["input_tokens"]} + ${line["output_tokens"]} tokens`
          )
        case "stream_error":
          return (
            `it ended with ${line["code"]} after ${line["attempts"]} attempts, ${line["failovers"]} failovers ` +
            `(${line["trail"] ?? line["channel"]}), ${line["token_count"]} events shown`
          )
        case "stream_closed":
          return `the client left it ${line["status"]}`
        default:
          return line.event
      }
    })

describe("R15: from a request's id the log tells", () => {
  let servers: ReadonlyArray<FaultServer>
  let relay: RunningRelay
  const token = "quiet-morning"
  const headers = (id: string) => ({ authorization: `Bearer ${token}`, "x-request-id": id })
  const ask = (id: string, more: object = {}): Promise<RawResponse> =>
    read(`${relay.url}/v1/chat/completions`, { headers: headers(id), body: completion({ model: "gpt-5", ...more }) })
  const closed = (id: string): Promise<void> =>
    until(() => logLines().some((line) => line["request_id"] === id && line.event === "stream_closed"))

  beforeAll(async () => {
    servers = await Promise.all(Array.from({ length: 4 }, () => startFaultServer()))
    relay = await startRelay({
      tokens: [{ name: "alice", key: token }],
      retry: { times: 4, sameChannel: 0, base: "20 millis" },
      breaker: { minimum: 1000 },
      channels: ["a", "b", "c", "d"].map((id, at) =>
        channelOf(id, servers[at]!.url, {
          priority: -at,
          ...(id === "b" ? { keys: [] } : {}),
          ...(id === "d" ? { keys: ["first-of-d"], modelMapping: { "gpt-5": "gpt-5-mini" } } : {})
        })
      )
    })
  })
  afterAll(async () => {
    await relay.close()
    await Promise.all(servers.map((server) => server.close()))
  })

  it("which channels were asked, with which key, what each said, which clock ran out, and what the client got", async () => {
    const [a, b, c, d] = servers
    a!.enqueue(
      status(500, {
        headers: { "x-request-id": "their-500" },
        body: { error: { message: "The server had an error", type: "server_error", code: "internal" } }
      })
    )
    b!.enqueue(headersOnly())
    c!.enqueue(rateLimited({ "request-id": "their-429" }))
    d!.enqueue(answer({ words: ["one", " two"], headers: { "cf-ray": "their-200" } }))
    const { status: got, headers: head } = await ask("night-1")
    await closed("night-1")
    assert.deepEqual([got, head["x-attempts"]], [200, "a=500,b=200,c=429,d=200"])
    assert.deepEqual(storyOf("night-1"), [
      "alice asked for gpt-5",
      '1: a, with key 0, for gpt-5, 500 upstream bad_response_status_code, said "The server had an error" (internal), as their-500',
      "2: b, without a key, for gpt-5, 200 timeout channel:response_time_exceeded, its firstContent clock of 400 ms ran out",
      '3: c, with key 0, for gpt-5, 429 rate channel:rate_limited, said "Rate limit reached" (rate_limit_exceeded), as their-429',
      "d ended it with key 0 for gpt-5-mini as their-200: complete after 4 attempts, 3 failovers and 0 continuations (a#0=500,b=timeout,c#0=429,d#0=200), 1 + 2 tokens",
      "the client left it completed"
    ])
    const lines = logLines().filter((line) => line["request_id"] === "night-1")
    const late = lines.find((line) => line["clock"] !== undefined)
    assert.isAtLeast(late?.["elapsed_ms"] as number, 400)
    // What it cost in time: each attempt, and all of it.
    const durations = lines.filter(({ event }) => event === "attempt_failed").map((line) => line["duration"] as number)
    const whole = lines.find(({ event }) => event === "stream_completed")
    assert.lengthOf(durations, 3)
    assert.isAtLeast(durations[1]!, 0.4)
    assert.isAtLeast(whole?.["duration"] as number, durations.reduce((sum, one) => sum + one, 0) - 0.01)
    assert.isAtLeast(whole?.["first_content_ms"] as number, 400)
    assert.lengthOf(new Set(lines.map(({ stream_id }) => stream_id)), 1)
  })

  it("how an answer that broke went on", async () => {
    const [a, b] = servers
    a!.enqueue(cut(2, "reset", { words: ["one", " two", " three", " four"] }))
    b!.enqueue(answer({ words: ["one", " two", " three", " four"] }))
    await ask("night-2")
    await closed("night-2")
    assert.deepEqual(storyOf("night-2"), [
      "alice asked for gpt-5",
      "1: a, with key 0, for gpt-5, 200 transport do_request_failed",
      "b went on from a at 7 by prefill (exact)",
      "b ended it without a key for gpt-5 without an id: estimated after 2 attempts, 1 failovers and 1 continuations (a#0=transport,b=200), 2 + 4 tokens",
      "the client left it completed"
    ])
  })

  it("how one ended that nobody could give", async () => {
    for (const server of servers) server.setDefault(status(503))
    const { status: got } = await ask("night-3")
    await closed("night-3")
    for (const server of servers) server.setDefault(answer())
    const story = storyOf("night-3")
    assert.strictEqual(got, 503)
    assert.match(story.at(-2) ?? "", /^it ended with upstream_overloaded after \d attempts, \d failovers/)
    assert.strictEqual(story.at(-1), "the client left it error")
    const lines = logLines().filter((line) => line["request_id"] === "night-3")
    const asked = lines.filter(({ event }) => event === "attempt_failed").map((line) => [line["channel"], line["key"]])
    const trail = asked.map(([channel, key]) => `${channel}${key === undefined ? "" : `#${key}`}=503`).join(",")
    assert.isAbove(asked.length, 2)
    assert.strictEqual(lines.find(({ event }) => event === "stream_error")?.["trail"], trail)
  })

  it("that a client left, and where", async () => {
    servers[0]!.enqueue(answer({ delay: 30 }))
    const live = await open(`${relay.url}/v1/chat/completions`, {
      headers: headers("night-4"),
      body: completion({ model: "gpt-5" })
    })
    await live.until(() => live.events.length >= 3)
    live.cut()
    await until(() => logLines().some((line) => line["request_id"] === "night-4" && line.event === "stream_error"))
    const lines = logLines().filter((line) => line["request_id"] === "night-4")
    const gone = lines.find(({ event }) => event === "stream_error")
    assert.deepInclude(gone, { class: "cancelled", code: "client_gone", channel: "a", key: 0, attempts: 1 })
    assert.isAbove(gone?.["token_count"] as number, 0)
    assert.deepInclude(
      lines.find(({ event }) => event === "stream_closed"),
      { channel: "a", attempts: 1 }
    )
  })
})
