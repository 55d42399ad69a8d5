import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ChannelSection } from "#src/channel/index"
import { loadConfiguration } from "#src/cli/index"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { answerTo } from "../examples/simulated/Answer.ts"
import { runNode, startNode } from "./support/spawnNode.ts"
import { contentOf, read } from "./support/sse.ts"

const example = (name: string): string => fileURLToPath(new URL(`../examples/${name}`, import.meta.url))

describe("relay.yaml", () => {
  it("is a configuration without fault", async () => {
    const names = ["OPENAI_API_KEY", "OPENAI_API_KEY_2", "OTHER_API_KEY", "TEAM_TOKEN", "OPS_TOKEN", "ALERT_SECRET"]
    const environment = Object.fromEntries(names.map((name) => [name, `value-of-${name}`]))
    const { settings } = await Effect.runPromise(loadConfiguration(example("relay.yaml"), environment))
    assert.deepStrictEqual(
      settings.of(ChannelSection).current.map(({ id, modelMapping }) => [id, modelMapping.length]),
      [
        ["openai", 0],
        ["other", 2],
        ["reasoning", 0],
        ["local", 1]
      ]
    )
  })
})

describe("start.ts", () => {
  it("gives whole answers whatever its channels do, and ends by a signal with 0", { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "start-"))
    const start = startNode("examples/start.ts", [], { PORT: "0", PACE: "300" }, folder)
    const banner = await start.printed("Ctrl-C")
    const url = /'(http:\/\/localhost:\d+)\/chat\?message=hello'/.exec(banner)?.[1] ?? ""
    const failovers: Array<unknown> = []
    for (const question of ["hello", "Warum?", "hello", "ok", "ok", "ok", "ok", "last"]) {
      const { events } = await read(`${url}/chat?message=${encodeURIComponent(question)}`)
      assert.strictEqual(contentOf(events), answerTo(question))
      assert.strictEqual(events.at(-1)?.event, "done")
      failovers.push(events.find(({ event }) => event === "failover")?.json?.["from"])
    }
    // The first breaks off, the third falls silent; the rest is up to what the relay thinks of that channel by then.
    assert.deepStrictEqual(failovers.slice(0, 4), ["shaky", undefined, "shaky", undefined])
    const mock = await read(`${url}/chat?message=hello&model=aimock`)
    assert.strictEqual(contentOf(mock.events), answerTo("hello"))
    start.kill("SIGINT")
    assert.strictEqual((await start.ended).code, 0)
    rmSync(folder, { recursive: true, force: true })
  })
})

describe.each(["users-api.ts", "users-router.ts"])("%s", (name) => {
  it("answers for each failure in one envelope", { timeout: 60_000 }, async () => {
    const server = startNode(`examples/${name}`, [], { PORT: "0" })
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(await server.printed("127.0.0.1:"))?.[0] ?? ""
    const ask = async (path: string, body?: unknown) => {
      const answer = await fetch(`${url}/api/users${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { "content-type": "application/json", "x-request-id": "req_1" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      return { status: answer.status, body: (await answer.json()) as UsersAnswer }
    }
    const one = { email: "a@b.c", firstName: "A", age: 20 }
    const wrong = await ask("", { email: "nobody", age: 20 })
    const faults = wrong.body.error?.details?.map(({ code, field }) => [field, code])
    assert.deepStrictEqual(
      [wrong.status, faults],
      [
        422,
        [
          ["email", "INVALID_EMAIL"],
          ["firstName", "missing"]
        ]
      ]
    )
    assert.strictEqual((await ask("", one)).status, 201)
    const taken = (await ask("", one)).body.error
    assert.deepStrictEqual([taken?.statusCode, taken?.code, taken?.requestId], [409, "CONFLICT", "req_1"])
    assert.strictEqual((await ask(name === "users-api.ts" ? "/1" : "/a@b.c")).status, 200)
    for (const path of ["/99", "/no-id"]) {
      const nobody = (await ask(path)).body.error
      assert.deepStrictEqual([nobody?.statusCode, nobody?.code], [404, "NOT_FOUND"])
    }
    server.kill("SIGTERM")
    await server.ended
  })
})

interface UsersAnswer {
  readonly error?: {
    readonly code: string
    readonly statusCode: number
    readonly requestId: string
    readonly details?: ReadonlyArray<{ readonly field: string; readonly code: string }>
  }
}

/** What an example prints, line by line, when it ends well. */
const printed = async (name: string): Promise<ReadonlyArray<string>> => {
  const { code, stdout, stderr } = await runNode(`examples/${name}`)
  assert.strictEqual(code, 0, stderr)
  return stdout.split("\n").map((line) => line.trim().replaceAll(/\s+/g, " "))
}
const includesAll = (lines: ReadonlyArray<string>, expected: ReadonlyArray<string>): void => {
  for (const line of expected) assert.include(lines, line)
}

describe("the examples print what they promise", () => {
  it("typed-errors.ts", async () => {
    includesAll(await printed("typed-errors.ts"), [
      "channel:rate_limited rate 429 recoverable",
      "ChannelRateLimited wait 1500 ms",
      "DoRequestFailed an old answer",
      "instanceof ChannelRateLimited: true"
    ])
  })

  it("retry-schedules.ts", async () => {
    includesAll(await printed("retry-schedules.ts"), [
      "exponential, no jitter 1.0s 2.0s 4.0s 8.0s 16.0s 30.0s 30.0s",
      "a refused connection 0.0s 1.0s 3.0s 7.0s 15.0s",
      "429 with retry-after: 7 0.0s 7.0s 14.0s",
      "a request that is wrong 0.0s",
      "without a budget 400",
      "with a budget of one in five 120"
    ])
  })

  it("stream-recovery.ts", async () => {
    includesAll(await printed("stream-recovery.ts"), [
      "goes on exactly StreamTruncated at 154, seam exact, dropped 0, whole: true",
      "repeats 40 letters StreamTruncated at 154, seam overlap, dropped 40, whole: true",
      "begins anew StreamTruncated at 154, seam restart, dropped 154, whole: true",
      "was silent, goes on ChannelResponseTimeExceeded at 154, seam exact, dropped 0, whole: true",
      "repeats 5 letters StreamTruncated at 154, seam ambiguous, dropped 0, whole: false"
    ])
  })

  it("resumable-stream.ts", async () => {
    const lines = await printed("resumable-stream.ts")
    const whole = "3 connections were cut, the model was asked 1 time: 643 of 643 characters, whole: true"
    assert.lengthOf(
      lines.filter((line) => line === whole),
      2
    )
    assert.lengthOf(
      lines.filter((line) => line.startsWith("the connection is gone (")),
      6
    )
  })

  it("rpc-streams.ts", async () => {
    includesAll(await printed("rpc-streams.ts"), [
      "A: 10001 insufficient user balance",
      "C: [ttstream error, code=4711] [server-side stream] [canceled path: A -> B] the user closed the tab",
      "C: [ttstream error, code=12007] [server-side stream] [canceled path: A -> B] user code invoking stream RPC with context processed by context.WithCancel or context.WithTimeout, then invoking cancel() actively"
    ])
  })

  it("channel-failover.ts", async () => {
    const lines = await printed("channel-failover.ts")
    includesAll(lines, [
      "all is well 1 + 0 done, whole: true",
      "503 once 2 + 0 again at primary (upstream_overloaded); done, whole: true",
      "429, retry after 60 s 1 + 1 again at backup (channel:rate_limited); done, whole: true",
      "a key that is dead 1 + 1 again at backup (channel:invalid_key); done, whole: true",
      "no content 1 + 1 again at backup (channel:response_time_exceeded); done, whole: true"
    ])
    assert.lengthOf(
      lines.filter((line) => line.endsWith("done, whole: true")),
      9
    )
  })

  it("language-models.ts", async () => {
    includesAll(await printed("language-models.ts"), [
      "ResilientLanguageModel: the whole story, once",
      "Stream.withExecutionPlan: 130 characters for a story of 90",
      "preventFallbackOnPartialStream: 40 characters, then NetworkError",
      "a tool: 12A, booking 1",
      "ten questions with a breaker: the dying one was asked 2 times",
      "when nobody answers: AiError, RateLimitError, blamed on rate"
    ])
  })

  it("outside-dialect.ts", async () => {
    includesAll(await printed("outside-dialect.ts"), [
      "all is well cohere 1, openai 0 whole: true",
      "Cohere refuses its key cohere 1, openai 1 whole: true",
      "Cohere is reset after 20 words cohere 1, openai 1 whole: true",
      "OpenAI is reset after 20 words cohere 1, openai 1 whole: true"
    ])
  })

  it("policy-pipeline.ts", async () => {
    const lines = await printed("policy-pipeline.ts")
    includesAll(lines, [
      "answer: ONE",
      "no answer in 250 ms: cut off",
      "gives up after attempt 1 (400, nothing to shout): notRecoverable",
      "error: InvalidRequest",
      "the circuit opens: nothing more is sent for a second",
      "4 calls, and the server was asked 5 times.",
      "the circuit closes: all is well again",
      "answer: TWELVE",
      "8 were answered, 4 got an old answer at once.",
      "All is closed."
    ])
    assert.isTrue(lines.some((line) => line.startsWith("attempt 1 failed (429, come back later), the next in 60 ms")))
  })

  it("retry-storm.ts", async () => {
    includesAll(await printed("retry-storm.ts"), [
      "0 to 4 100 100 ########## 100 100 ##########",
      "55 to 59 305 55 ###### 100 100 ##########",
      "Of 6000 calls 54 % were answered without a budget, and 87 % with one;",
      "the server was asked 16534 times without, and 6190 times with it."
    ])
  })
})
