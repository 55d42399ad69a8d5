/**
 * Answers whose bodies are not what their labels say, or end without their last line: over sockets, through a whole relay.
 */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { keepLog } from "../support/log.ts"
import { channelOf, startRelay } from "../support/relay.ts"

keepLog()

type Play = (response: ServerResponse) => void

const upstream = async (play: Play) => {
  let calls = 0
  const server = createServer((request, response) => {
    response.on("error", () => {})
    request.resume()
    request.on("end", () => {
      calls++
      play(response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls: () => calls,
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

const chunk = (delta: object, finish: string | null = null): string =>
  JSON.stringify({ id: "x", object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] })
const event = (data: string): string => `data: ${data}\n\n`
const hello = event(chunk({ content: "Hello " })) + event(chunk({ content: "there." }))
const stop = chunk({}, "stop")
const completion = JSON.stringify({
  id: "x",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: "Hello there." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
})

const says =
  (body: string, type: string | null = "text/event-stream"): Play =>
  (response) => {
    response.writeHead(200, type === null ? {} : { "content-type": type })
    response.end(body)
  }

interface Seen {
  readonly status: number
  readonly content: string
  readonly finish: string | null | undefined
  readonly error: { readonly code: string; readonly message: string } | undefined
  /** How often each was asked. */
  readonly calls: readonly [number, number]
}

const other = says(event(chunk({ content: "Other." })) + event(stop) + event("[DONE]"))

/** Asks a relay of two upstreams, of which the second is well, and gives what its client reads. */
const ask = async (first: Play, stream = true, second: Play = other, more: object = {}): Promise<Seen> => {
  const a = await upstream(first)
  const b = await upstream(second)
  const relay = await startRelay({
    timeouts: { headers: "5 seconds", firstContent: "5 seconds", idle: "10 seconds", total: "20 seconds" },
    channels: [channelOf("a", a.url, { priority: 1, continuation: "none" }), channelOf("b", b.url)]
  })
  try {
    const response = await fetch(`${relay.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...more, model: "m", stream, messages: [{ role: "user", content: "hi" }] })
    })
    const text = await response.text()
    const calls = [a.calls(), b.calls()] as const
    if (!stream || response.status !== 200) {
      const json = JSON.parse(text)
      const choice = json.choices?.[0]
      const { status } = response
      return { status, content: choice?.message.content, finish: choice?.finish_reason, error: json.error, calls }
    }
    const datas = text
      .split("\n")
      .filter((line) => line.startsWith("data: {"))
      .map((line) => JSON.parse(line.slice(6)))
    const finish = datas.map((data) => data.choices?.[0]?.finish_reason).findLast(Boolean)
    const error = datas.map((data) => data.error).find(Boolean)
    const content = datas.map((data) => data.choices?.[0]?.delta.content ?? "").join("")
    return { status: 200, content, finish, error, calls }
  } finally {
    await relay.close()
    a.close()
    b.close()
  }
}

const isFirst = ({ calls, content, error, finish }: Seen): void => {
  assert.isUndefined(error)
  assert.deepStrictEqual({ calls, content, finish }, { calls: [1, 0], content: "Hello there.", finish: "stop" })
}

describe("R4: the last event without its blank line", () => {
  it.each([
    ["a finish and one line end", `${hello}data: ${stop}\n`],
    ["a finish and no line end", `${hello}data: ${stop}`],
    ["a terminator without any", `${hello}${event(stop)}data: [DONE]`],
    ["a terminator alone", `${hello}data: [DONE]`],
    ["a terminator with CRLF", `${hello}data: [DONE]\r\n`]
  ])("%s is whole, and nobody else is asked", async (_name, body) => {
    isFirst(await ask(says(body)))
  })

  it.each([
    ["half a finish", `${hello}data: ${stop.slice(0, 60)}`],
    ["half a terminator", `${hello}data: [DO`],
    ["half a field", `${hello}dat`]
  ])("%s is a cut", async (_name, body) => {
    const { calls } = await ask(says(body))
    assert.isAbove(calls[1], 0)
  })
})

describe("R8: events under another label", () => {
  const body = hello + event(stop) + event("[DONE]")
  it.each([null, "text/plain", "application/json", "application/octet-stream"])("%s", async (type) => {
    isFirst(await ask(says(body, type)))
    isFirst(await ask(says(`\ufeff\n: ping\n\n${body}`, type)))
    isFirst(await ask(says(body, type), false))
  })

  it("what is neither is neither, whatever it is called", async () => {
    for (const type of ["text/event-stream", "text/html", "application/json"]) {
      const { calls, content } = await ask(says("<html>Bad gateway</html>", type))
      assert.deepStrictEqual({ calls, content }, { calls: [2, 1], content: "Other." })
    }
  })
})

describe("R7: what is in a good status", () => {
  it("a whole completion is the answer, in place of a stream and as an event of one", async () => {
    isFirst(await ask(says(completion)))
    isFirst(await ask(says(event(completion))))
    isFirst(await ask(says(event(completion) + event("[DONE]"), "text/plain")))
  })

  const envelopes: ReadonlyArray<readonly [string, object]> = [
    ["error", { error: { message: "maximum context length is 10", code: "context_length_exceeded" } }],
    ["object: error", { object: "error", message: "maximum context length is 10", code: 400 }],
    ["type: error", { type: "error", message: "maximum context length is 10", code: 400 }],
    ["a text", { error: "maximum context length is 10" }],
    ["message", { message: "maximum context length is 10", code: 400 }],
    ["detail", { detail: "maximum context length is 10" }],
    ["base_resp", { base_resp: { status_code: 2013, status_msg: "maximum context length is 10" }, choices: null }],
    ["a list", [{ error: { message: "maximum context length is 10", code: 400 } }] as object]
  ]
  it.each(envelopes)("%s is that error: as a body, as a frame, and where no stream was asked for", async (_, body) => {
    const json = JSON.stringify(body)
    const seen = [await ask(says(json)), await ask(says(json, "application/json"), false)]
    if (!Array.isArray(body)) seen.push(await ask(says(event(json))))
    for (const { calls, error, status } of seen) {
      assert.strictEqual(status, 400)
      assert.strictEqual(error?.code, "context_length_exceeded")
      assert.include(error?.message, "maximum context length is 10")
      assert.strictEqual(calls[0], 1)
    }
  })

  it("a limit of the vendor's own numbers moves on at once", async () => {
    const limited = { base_resp: { status_code: 1002, status_msg: "rate limit" } }
    const { calls, content } = await ask(says(JSON.stringify(limited), "application/json"))
    assert.deepStrictEqual({ calls, content }, { calls: [1, 1], content: "Other." })
  })
})

describe("R19: JSON that was cut", () => {
  const json = { response_format: { type: "json_object" } }
  const cut = says(event(chunk({ content: '{"city":"Os' })))
  const plays = (content: string) => says(event(chunk({ content })) + event(stop) + event("[DONE]"))

  it("goes on where the rest fits", async () => {
    const { content, error, finish } = await ask(cut, true, plays('lo"}'), json)
    assert.deepStrictEqual({ content, error, finish }, { content: '{"city":"Oslo"}', error: undefined, finish: "stop" })
  })

  it("is never told as whole where another value was glued on", async () => {
    const { error, finish } = await ask(cut, true, plays('{"city":"Bergen"}'), json)
    assert.strictEqual(error?.code, "stream_truncated")
    assert.isUndefined(finish)
  })

  it("as one body it is begun anew, since nobody has seen any of it", async () => {
    const { calls, content, status } = await ask(cut, false, plays('{"city":"Bergen"}'), json)
    assert.deepStrictEqual(
      { calls: calls[1], content, status },
      { calls: 1, content: '{"city":"Bergen"}', status: 200 }
    )
  })
})

describe("R18: a continuation that says nothing", () => {
  const half = says(event(chunk({ content: "Half of" })))
  it.each([
    ["a stop", event(chunk({ content: "" })) + event(stop) + event("[DONE]")],
    ["the terminator", event("[DONE]")]
  ])("%s: the answer ends with its error", async (_name, body) => {
    const { calls, content, error, finish } = await ask(half, true, says(body))
    assert.deepStrictEqual(
      { content, finish, code: error?.code },
      { content: "Half of", finish: undefined, code: "stream_truncated" }
    )
    // As its own beginning, and in words.
    assert.strictEqual(calls[1], 2)
  })
})

describe("R3: a finish that content follows", () => {
  const each = (content: string) => event(chunk({ content }, "stop"))

  it("on every step, with a pause of three seconds: all of it", { timeout: 20_000 }, async () => {
    const seen = await ask((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(each("Hello "))
      setTimeout(() => response.end(each("there.") + event("[DONE]")), 3000)
    })
    isFirst(seen)
  })

  it("on every step, and a reset: a cut", async () => {
    const { calls, error, content } = await ask((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(each("Hello "))
      setTimeout(() => response.socket?.destroy(), 50)
    })
    assert.deepStrictEqual({ calls, content, error }, { calls: [1, 1], content: "Hello Other.", error: undefined })
  })
})
