/**
 * Every setting that may be changed while the relay runs is changed, and taken back, while answers are asked for, under way
 * and broken: each of them is whole, and its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { channelOf, startRelay } from "../support/relay.ts"
import { read } from "../support/sse.ts"
import { completion, sleep } from "./kit.ts"

interface Message {
  readonly role: string
  readonly content: string
}

/**
 * An upstream that says what it was told, word by word; each sixth answer breaks in the middle, and is gone on with. Where
 * circuits begin anew, what breaks is known before what is whole: it must be too little to open one.
 */
const startEcho = async () => {
  let asked = 0
  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk))
    request.on("end", async () => {
      const messages = (JSON.parse(body) as { messages: ReadonlyArray<Message> }).messages
      const told = messages.find(({ role }) => role === "user")?.content ?? ""
      const last = messages.at(-1)
      const begun = last?.role === "assistant" ? last.content : ""
      const words = told.slice(begun.length).match(/\S+\s*/g) ?? []
      const breaks = begun === "" && ++asked % 6 === 0
      response.writeHead(200, { "content-type": "text/event-stream" })
      const say = (delta: object, finish: string | null) =>
        response.write(
          `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
        )
      for (const [at, content] of words.entries()) {
        if (breaks && at === 3) return void response.destroy()
        say({ content }, null)
        await sleep(3)
      }
      say({}, "stop")
      response.end("data: [DONE]\n\n")
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, close: () => server.close() }
}

interface Setting {
  readonly path: string
  readonly value: unknown
  readonly default: unknown
  readonly source: string
  readonly changeable: boolean
}

/** What settings are changed to, where any other value than that which they have would not do. */
const others: { readonly [path: string]: unknown } = {
  "chat.model": "m",
  "retry.hedgeAfter": "5 seconds",
  "retry.jitter": "equal",
  "retry.statuses": "429,500-503",
  "recovery.prompt": "go on: {partial}",
  "rateLimit.requests": 100_000,
  "rateLimit.tokens": 1_000_000,
  "rateLimit.per": "2 seconds",
  "rateLimit.by": "address",
  "sensitiveWords.words": ["albatross"],
  "breaker.failureRate": 0.9,
  "alerts.webhook": "http://127.0.0.1:9/hook",
  "alerts.secret": "what signs the posts",
  "alerts.events": ["books_failed"],
  "alerts.quotaLow": 0.2
}
/** What must be changed with a setting, as a rule has it. */
const besides: { readonly [path: string]: { readonly [path: string]: unknown } } = {
  "alerts.secret": { "alerts.webhook": "http://127.0.0.1:9/hook" }
}
const otherChannel: { readonly [field: string]: unknown } = {
  models: ["m", "gpt-*", "more"],
  enabled: false,
  "timeouts.headers": "3 seconds",
  "timeouts.firstContent": "3 seconds",
  "timeouts.idle": "3 seconds",
  "timeouts.total": "8 seconds"
}

/** Another value for a setting, or the same again where nobody knows one: it is the admin's then all the same. */
const otherOf = ({ default: usual, path, value }: Setting): unknown => {
  const [, ofChannel] = /^channels\.b\.(.*)$/.exec(path) ?? []
  const known = ofChannel === undefined ? others[path] : otherChannel[ofChannel]
  if (known !== undefined) return known
  const now = value ?? usual
  return typeof now === "number" ? now + 1 : typeof now === "string" && now.endsWith(" seconds") ? "3 seconds" : now
}

describe("under load", () => {
  it("every changeable setting is changed and taken back, and no answer is dropped or mixed up with another", async () => {
    const [one, two] = await Promise.all([startEcho(), startEcho()])
    const relay = await startRelay({
      tokens: [{ name: "ops", key: "ops-token", admin: true }],
      timeouts: { headers: "4 seconds", firstContent: "4 seconds", idle: "4 seconds", total: "10 minutes" },
      channels: [channelOf("a", one.url), channelOf("b", two.url)]
    })
    const headers = { authorization: "Bearer ops-token", "content-type": "application/json" }
    const admin = (method: string, path: string, body?: object) =>
      read(`${relay.url}/admin/${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
    const load = { over: false }
    let answers = 0
    const wrong: Array<string> = []
    const worker = async (name: number): Promise<void> => {
      for (let at = 0; !load.over; at++) {
        const words = Array.from({ length: 8 }, (_, word) => `w${name}-${at}-${word}`).join(" ")
        const messages = [{ role: "user", content: words }]
        const stream = at % 2 === 0
        const { status, text } = await read(`${relay.url}/v1/chat/completions`, {
          headers,
          body: completion({ stream, messages })
        })
        answers++
        const got = stream
          ? text
              .split("\n")
              .filter((line) => line.startsWith("data: {"))
              .map((line) => JSON.parse(line.slice(6)).choices?.[0]?.delta?.content ?? "")
              .join("")
          : status === 200
            ? JSON.parse(text).choices[0].message.content
            : text
        if (got !== words || (stream && !text.includes("[DONE]")))
          wrong.push(`${words}: ${status} ${text.slice(0, 300)}`)
      }
    }
    const workers = Array.from({ length: 8 }, (_, name) => worker(name))
    try {
      const all = (JSON.parse((await admin("GET", "settings")).text) as { data: ReadonlyArray<Setting> }).data
      const changed = all.filter(({ changeable, path }) => changeable && !path.startsWith("channels.a."))
      assert.isAbove(changed.length, 40)
      for (const setting of changed) {
        const { path } = setting
        const value = otherOf(setting)
        const patched = await admin("PATCH", "settings", { [path]: value ?? null, ...besides[path] })
        assert.strictEqual(patched.status, 200, `${path}: ${JSON.stringify(value)}: ${patched.text}`)
        await sleep(10)
        for (const one of [path, ...Object.keys(besides[path] ?? {})]) {
          const back = await admin("DELETE", `settings/${one}`)
          assert.strictEqual(back.status, 200, `${one}: ${back.text}`)
        }
      }
      load.over = true
      await Promise.all(workers)
      assert.deepStrictEqual(wrong, [])
      assert.isAbove(answers, 50)
      const now = (JSON.parse((await admin("GET", "settings")).text) as { data: ReadonlyArray<Setting> }).data
      assert.deepStrictEqual(now, all)
    } finally {
      load.over = true
      await Promise.allSettled(workers)
      await relay.close()
      one.close()
      two.close()
    }
  }, 60_000)
})
