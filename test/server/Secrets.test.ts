/**
 * A relay's secrets leave it for their own upstream only: what an upstream says of them is told to nobody, in whatever
 * writing and through whichever way it comes.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Layer } from "effect"
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { JournalStore, type Share } from "#src/journal/index"
import { keepLog, logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { read } from "../support/sse.ts"
import { makeStore } from "../support/storeRelay.ts"
import { completion } from "./kit.ts"

keepLog()

// None of them looks like a key: only who knows them can tell.
const key = `quiet/river"42`
const header = "amber morning"
const password = "blue@lantern"
const token = "gentle-breeze"
const secrets = [key, header, password, token]

const basic = Buffer.from(`relay:${password}`).toString("base64")

/** What may not be seen anywhere: the secrets, each as it may be written, and halves of them. */
const traces = [
  ...secrets,
  JSON.stringify(key).slice(1, -1),
  encodeURIComponent(key),
  encodeURIComponent(header),
  encodeURIComponent(password),
  basic,
  Buffer.from(`:${key}`).toString("base64").slice(4, 16),
  "quiet/ri",
  "amber mo",
  "blue@lan",
  "gentle-br"
]

const quoting = (where: (text: string) => string): string => secrets.map(where).join(" and ")

type Reply = (response: ServerResponse) => void

const json =
  (status: number, body: unknown): Reply =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))

const frames =
  (...data: ReadonlyArray<unknown>): Reply =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    for (const one of data) response.write(`data: ${JSON.stringify(one)}\n\n`)
    response.end()
  }

const written = ({ begins, end, frames, note }: Share): string =>
  [begins?.request, begins?.note, frames?.text, note, end?.outcome].join("\n")

const delta = (content: string) => ({ choices: [{ index: 0, delta: { content } }] })

const asItIs = (text: string): string => `you sent ${text}`

const replies: ReadonlyArray<readonly [how: string, reply: Reply]> = [
  ["the message of a 400", json(400, { error: { message: quoting(asItIs), type: "invalid_request_error" } })],
  ["its code, type and param", json(400, { error: { message: "no", code: key, type: header, param: password } })],
  ["the message of a 401", json(401, { error: { message: quoting(asItIs), code: key } })],
  ["the message of a 500", json(500, { error: { message: quoting(asItIs), type: header } })],
  ["a text that is not JSON", (response) => void response.writeHead(400).end(quoting(asItIs))],
  ["JSON in JSON", json(400, { error: { message: JSON.stringify({ raw: JSON.stringify(quoting(asItIs)) }) } })],
  ["a URL", json(400, { error: { message: quoting((text) => `/v1?key=${encodeURIComponent(text)}`) } })],
  ["Basic", json(400, { error: { message: `sent ${basic} ${Buffer.from(`:${key}`).toString("base64")}` } })],
  [
    "an error body in many chunks",
    (response) => {
      response.writeHead(400, { "content-type": "application/json" })
      const body = JSON.stringify({ error: { message: quoting(asItIs) } })
      const send = (at: number): void => {
        if (at >= body.length) return void response.end()
        response.write(body.slice(at, at + 5))
        setTimeout(() => send(at + 5), 1)
      }
      send(0)
    }
  ],
  [
    "the place where a long message is cut",
    json(400, { error: { message: `${"x".repeat(2048 - key.length + 4)}${key} and more` } })
  ],
  [
    "an error inside a 200",
    json(200, { error: { message: quoting(asItIs), code: 400, type: "invalid_request_error" } })
  ],
  ["an error in a frame", frames({ error: { message: quoting(asItIs), type: "invalid_request_error" } })],
  [
    "an error in a frame, cut",
    frames({ error: { message: `${"x".repeat(2036)}${key}`, code: "invalid_request_error" } })
  ],
  [
    "an error in a frame after content",
    frames(delta("so far"), { error: { message: quoting(asItIs), code: key, type: header } })
  ]
]

describe.each([true, false])("S5: with debug %s, a known secret in", (debug) => {
  let reply: Reply
  let upstream: Server
  let relay: RunningRelay
  const stored: Array<string> = []

  beforeAll(async () => {
    upstream = createServer((_, response) => reply(response))
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`
    const { store } = await makeStore()
    // A share is emptied when it was committed.
    const commit: JournalStore["Service"]["commit"] = (shares, done) => {
      stored.push(...shares.map(written))
      store.commit(shares, done)
    }
    relay = await startRelay(
      {
        server: { debug },
        tokens: [{ name: "alice", key: "${TOKEN}" }],
        retry: { times: 1 },
        channels: [
          channelOf("a", url, {
            keys: ["${KEY}"],
            headers: { "x-project": "${HEADER}", "x-proxy-authorization": `Basic ${basic}` }
          })
        ]
      },
      { store: Layer.succeed(JournalStore, { ...store, commit }) },
      { KEY: key, HEADER: header, TOKEN: token }
    )
  })
  afterAll(async () => {
    await relay.close()
    upstream.close()
    upstream.closeAllConnections()
  })

  it.each(replies)("%s is told to no client, log or store", async (_, said) => {
    reply = said
    const before = { lines: logLines().length, commits: stored.length }
    const headers = { authorization: `Bearer ${token}` }
    const chat = await read(`${relay.url}/chat?message=hello&token=${token}`)
    const whole = await read(`${relay.url}/v1/chat/completions`, { headers, body: completion({ stream: false }) })
    const stream = await read(`${relay.url}/v1/chat/completions`, { headers, body: completion() })
    const messages = await read(`${relay.url}/v1/messages`, {
      headers,
      body: { model: "m", max_tokens: 5, messages: [{ role: "user", content: "hello" }] }
    })
    assert.strictEqual(chat.events.at(-1)?.event, "error")
    const seen = {
      ...Object.fromEntries(
        Object.entries({ chat, whole, stream, messages }).map(([name, { headers, text }]) => [
          name,
          `${JSON.stringify(headers)} ${text}`
        ])
      ),
      log: JSON.stringify(logLines().slice(before.lines)),
      store: stored.slice(before.commits).join("\n")
    }
    assert.isAbove(seen.log.length, 500)
    assert.isAbove(seen.store.length, 500)
    for (const [where, text] of Object.entries(seen)) {
      for (const trace of traces) {
        // What is in a string of JSON is escaped once more in the log, and twice in a note.
        for (const escaped of [trace, JSON.stringify(trace).slice(1, -1)]) assert.notInclude(text, escaped, where)
      }
    }
  })
})

describe("S5: what a model says", () => {
  it("is passed as it came: it is the client's, byte for byte", async () => {
    const upstream = createServer((_, response) => {
      const finish = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }
      frames(delta(`the word is ${JSON.stringify(key)}`), finish)(response)
    })
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`
    const relay = await startRelay({ channels: [channelOf("a", url, { keys: [key] })] })
    const { text } = await read(`${relay.url}/v1/chat/completions`, { body: completion() })
    await relay.close()
    upstream.close()
    upstream.closeAllConnections()
    assert.include(text, JSON.stringify(JSON.stringify(key)).slice(1, -1))
  })
})

describe("S5: a header that is written out in the file", () => {
  // No common word, and no shape of a key that is known.
  const value = "quiet-4f81c-harbour"
  const said = async (headers: { readonly [name: string]: string }): Promise<string> => {
    const upstream = createServer((_, response) =>
      json(400, { error: { message: `refused: ${Object.values(headers).join(" and ")}` } })(response)
    )
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`
    const relay = await startRelay({ channels: [channelOf("a", url, { headers })] })
    const before = logLines().length
    const { text } = await read(`${relay.url}/v1/chat/completions`, { body: completion() })
    await relay.close()
    upstream.close()
    upstream.closeAllConnections()
    return `${text} ${JSON.stringify(logLines().slice(before))}`
  }

  it.each([
    ["helicone-auth", `Bearer ${value}`],
    ["ocp-apim-subscription-key", value],
    ["x-functions-key", value],
    ["x-auth-key", value],
    ["x-jwt", value],
    ["authentication", value],
    ["x-signature", value],
    // By what it is, whatever it is called.
    ["x-internal", "8f14e45fceea167a5a36dedd4bea2543"],
    ["x-caller", "Bearer Zm9vYmFyMTIzNDU2Nzg5MGFiYw"]
  ])("is a secret: %s", async (name, value) => {
    const text = await said({ [name]: value })
    assert.include(text, "refused: ***")
    assert.notInclude(text, value.slice(value.indexOf(" ") + 1))
  })

  it("is none where everybody knows it", async () => {
    const plain = {
      "anthropic-version": "2023-06-01",
      "openai-beta": "assistants=v2",
      "x-title": "Our own chat 2",
      "anthropic-beta": "computer-use-2025-01-24,prompt-caching-2024-07-31",
      "x-team": "research-2026",
      "user-agent": "research/1.0.2 (linux)"
    }
    const text = await said(plain)
    for (const value of Object.values(plain)) assert.include(text, value)
  })
})
