/**
 * Answers that say what they mean in another way than their dialect: in lines without events, packed without a label, with
 * events between that say nothing.
 */
import * as Zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { channelOf, startRelay } from "../support/relay.ts"
import { chunk, ending, finished, startWireUpstream, type WireCall } from "../support/wireUpstream.ts"
import { completion, sleep } from "./kit.ts"

type Play = (response: WireCall["response"]) => void

/** What a client is shown of an answer that is played so, and who was asked for it. */
const shown = async (play: Play, stream = true) => {
  const a = await startWireUpstream(({ response }) => play(response))
  const b = await startWireUpstream(({ response }) => void response.end(chunk("other") + ending))
  const relay = await startRelay({
    channels: [channelOf("a", a.url, { priority: 1 }), channelOf("b", b.url)]
  })
  try {
    const response = await fetch(`${relay.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(completion({ stream }))
    })
    const text = await response.text()
    const contents = [...text.matchAll(/"content":"([^"]*)"/g)].map(([, content]) => content)
    return { text: contents.join(""), asked: [a.calls.length, b.calls.length], ends: text.includes("data: [DONE]") }
  } finally {
    await relay.close()
    await Promise.all([a.close(), b.close()])
  }
}

const head = (response: WireCall["response"], type: string, coding?: string): void =>
  void response.writeHead(200, {
    "content-type": type,
    ...(coding === undefined ? {} : { "content-encoding": coding })
  })

const whole = { text: "one two", asked: [1, 0], ends: true }
const other = { text: "other", asked: [2, 1], ends: true }

/** The data of events, a line each. */
const inLines = (events: string): string => events.replaceAll(/^data: /gm, "").replaceAll("\n\n", "\n")

describe("R8: an answer in lines of JSON", () => {
  const said = chunk("one ") + chunk("two")
  it.each(["application/x-ndjson", "application/json", "text/event-stream", "text/plain"])(
    "as %s is read",
    async (type) => {
      const play =
        (events: string): Play =>
        (response) => {
          head(response, type)
          response.end(inLines(events))
        }
      assert.deepStrictEqual(await shown(play(said + ending)), whole)
      // Its last line is its end, whether it has a newline or not.
      assert.deepStrictEqual(await shown(play(said + finished)), whole)
      assert.deepStrictEqual(await shown(play((said + finished).trimEnd())), whole)
      assert.deepStrictEqual(await shown(play((said + ending).replaceAll("\n", "\r\n"))), whole)
      assert.deepStrictEqual(await shown(play(said + ending), false), { ...whole, ends: false })
    }
  )
  it("is shown as it comes, wherever it is cut", async () => {
    const bytes = inLines(said + ending)
    for (const at of [1, 20, bytes.indexOf("\n"), bytes.indexOf("\n") + 1, bytes.indexOf("\n") + 2]) {
      const play: Play = async (response) => {
        head(response, "application/x-ndjson")
        response.write(bytes.slice(0, at))
        await sleep(20)
        response.end(bytes.slice(at))
      }
      assert.deepStrictEqual(await shown(play), whole, `cut at ${at}`)
    }
  })
  it("that is cut is gone on from", async () => {
    const play: Play = (response) => {
      head(response, "application/x-ndjson")
      response.end(inLines(said))
    }
    assert.deepStrictEqual(await shown(play), { text: "one twoother", asked: [1, 1], ends: true })
  })
  it("that tells an error is that error", async () => {
    const play: Play = (response) => {
      head(response, "application/x-ndjson")
      response.end(`${inLines(chunk("one "))}{"error":{"message":"overloaded","type":"server_error"}}\n`)
    }
    assert.deepStrictEqual(await shown(play), { text: "one other", asked: [1, 1], ends: true })
  })
  it("is none where it is one value, on one line or on many", async () => {
    const completed = {
      id: "x",
      choices: [{ index: 0, message: { role: "assistant", content: "one two" }, finish_reason: "stop" }]
    }
    for (const body of [JSON.stringify(completed) + "\n\n", JSON.stringify(completed, null, 2)]) {
      const play: Play = (response) => {
        head(response, "application/json")
        response.end(body)
      }
      assert.deepStrictEqual(await shown(play), whole)
    }
  })
})

describe("R11: an answer that is packed, whatever its label says", () => {
  const said = chunk("one ") + chunk("two") + ending
  it.each([
    ["gzip without a label", undefined, Zlib.gzipSync(said)],
    ["zstd without a label", undefined, Zlib.zstdCompressSync(said)],
    ["not at all, under brotli's", "br", Buffer.from(said)],
    ["gzip under brotli's", "br", Zlib.gzipSync(said)],
    ["twice under one", "gzip", Zlib.gzipSync(Zlib.gzipSync(said))]
  ] as const)("%s", async (_, coding, bytes) => {
    const play: Play = (response) => {
      head(response, "text/event-stream", coding)
      response.end(bytes)
    }
    assert.deepStrictEqual(await shown(play), whole)
  })
  it("an error is read too", async () => {
    const play: Play = (response) => {
      response.writeHead(429, { "content-type": "application/json", "retry-after": "60" })
      response.end(Zlib.gzipSync('{"error":{"message":"slow down"}}'))
    }
    assert.deepStrictEqual(await shown(play), { text: "other", asked: [1, 1], ends: true })
  })
})

describe("R7: an event that says nothing", () => {
  const empty = ["{}", "null", "[]", '""', '{"error":null}', '{"error":{}}', '{"choices":null}', '{"choices":[null]}']
  it.each(empty)("such as %s changes nothing of an answer", async (data) => {
    const play: Play = (response) => {
      head(response, "text/event-stream")
      const event = `data: ${data}\n\n`
      response.end(event + chunk("one ") + event + chunk("two") + event + ending)
    }
    assert.deepStrictEqual(await shown(play), whole)
  })
  it("is no answer", async () => {
    const play: Play = (response) => {
      head(response, "text/event-stream")
      response.end("data: {}\n\ndata: [DONE]\n\n")
    }
    assert.deepStrictEqual(await shown(play), other)
  })
  it.each([
    "event: error\ndata: {}",
    "data: 1",
    "data: false",
    'data: {"detail":"no"}',
    "data: {",
    'data: {"choices":{"a":1}}'
  ])("is not %j", async (event) => {
    const play: Play = (response) => {
      head(response, "text/event-stream")
      response.end(`${chunk("one ")}${event}\n\n${chunk("two")}${ending}`)
    }
    assert.deepStrictEqual(await shown(play), { text: "one other", asked: [1, 1], ends: true })
  })
})

describe("A2: an error that is no event", () => {
  const failed = { error: { code: 500, message: "out of memory", type: "server_error" } }
  it.each([
    ["a field of its own", `error: ${JSON.stringify(failed.error)}`],
    ["a line of JSON", JSON.stringify(failed)],
    ["lines of JSON", JSON.stringify(failed, null, 2)]
  ])("but %s is one, and no end of an answer", async (_, lines) => {
    const play =
      (events: string): Play =>
      (response) => {
        head(response, "text/event-stream")
        response.end(events)
      }
    for (const behind of [ending, ""]) {
      assert.deepStrictEqual(await shown(play(`${chunk("one ")}${lines}\n\n${behind}`)), {
        text: "one other",
        asked: [1, 1],
        ends: true
      })
      assert.deepStrictEqual(await shown(play(`${chunk("")}${lines}\n\n${behind}`)), other)
    }
  })
  it("is the error that it says: one of the request's is asked once", async () => {
    const tooLong = {
      code: 400,
      message: "the request exceeds the available context size",
      type: "invalid_request_error"
    }
    for (const line of [`error: ${JSON.stringify(tooLong)}`, JSON.stringify({ error: tooLong })]) {
      const refused = await shown((response) => {
        head(response, "text/event-stream")
        response.end(`${line}\n\ndata: [DONE]\n\n`)
      })
      assert.deepStrictEqual(refused, { text: "", asked: [1, 0], ends: false })
    }
  })
})
