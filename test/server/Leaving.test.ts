/**
 * The client goes away, or cancels.
 */
import { assert, describe, it } from "@effect/vitest"
import { streamFault } from "effect-resilience/errors"
import { request } from "node:http"
import OpenAI from "openai"
import { answer, cut, headersOnly, silence } from "../support/behaviour.ts"
import type { FaultServer } from "../support/FaultServer.ts"
import { logLines } from "../support/log.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { words } from "../support/upstreamText.ts"
import { completion, sleep, streamIdOf, until, type World, withRelay } from "./kit.ts"
import { whole } from "./matrix.ts"

/** For what must be quick: one after the other, and again where the machine had other things to do. */
const quick = { retry: 2 }

const slow = answer({ delay: 25 })

/** How long after a moment the only request of an upstream was closed, with its answer unfinished. */
const closedAfter = async (server: FaultServer, moment: number): Promise<number> => {
  const [asked] = server.requests
  assert.lengthOf(server.requests, 1)
  const at = await asked!.closed
  assert.isFalse(asked!.finished)
  return at - moment
}

const activeStreams = async ({ relay }: World): Promise<number> => {
  const { text } = await read(`${relay.url}/metrics`)
  return Number(/^active_streams (\d+)$/m.exec(text)?.[1])
}

/** Sends a request and leaves before it is answered. */
const askAndLeave = async (world: World, path: string, body?: object): Promise<number> => {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const asked = request(`${world.relay.url}${path}`, {
    method: text === undefined ? "GET" : "POST",
    agent: false,
    headers: text === undefined ? {} : { "content-type": "application/json" }
  })
  asked.on("error", () => {})
  asked.end(text)
  await world.a.received(1)
  await sleep(30)
  const left = performance.now()
  asked.destroy()
  return left
}

describe("a client of the dialect that leaves cancels", () => {
  const cases = [
    ["before the upstream answered", silence],
    ["after the upstream's headers, before any content", headersOnly(20)]
  ] as const
  it.each(cases)("%s: the upstream is closed within 100 ms", quick, (_, behaviour) =>
    withRelay({ timeouts: { headers: "5 seconds", firstContent: "5 seconds" } }, async (world) => {
      world.a.setDefault(behaviour)
      const left = await askAndLeave(world, "/v1/chat/completions", completion())
      assert.isBelow(await closedAfter(world.a, left), 100)
      await sleep(50)
      assert.lengthOf(world.b.requests, 0)
      assert.strictEqual(await activeStreams(world), 0)
    })
  )

  it("while it waits for a whole answer: the upstream is closed within 100 ms", quick, () =>
    withRelay({}, async (world) => {
      world.a.setDefault(slow)
      const left = await askAndLeave(world, "/v1/chat/completions", completion({ stream: false }))
      assert.isBelow(await closedAfter(world.a, left), 100)
      assert.lengthOf(world.b.requests, 0)
    })
  )

  it("while it reads, with the SDK's own abort: the upstream is closed within 100 ms", quick, () =>
    withRelay({}, async (world) => {
      world.a.setDefault(slow)
      const client = new OpenAI({ baseURL: `${world.relay.url}/v1`, apiKey: "anything", maxRetries: 0 })
      const stream = await client.chat.completions.create({
        model: "m",
        stream: true,
        messages: [{ role: "user", content: "hello" }]
      })
      let read = 0
      let left = 0
      for await (const _ of stream) {
        if (++read < 4) continue
        left = performance.now()
        break
      }
      assert.isBelow(await closedAfter(world.a, left), 100)
      await until(async () => (await activeStreams(world)) === 0)
      assert.lengthOf(world.b.requests, 0)
    })
  )

  it.concurrent("during a wait between attempts: nothing more is asked", () =>
    withRelay({}, async (world) => {
      world.a.setDefault({
        kind: "status",
        status: 429,
        body: "{}",
        headers: { "retry-after-ms": "500" },
        delay: 0
      })
      await askAndLeave(world, "/v1/chat/completions", completion())
      await sleep(700)
      assert.lengthOf(world.a.requests, 1)
      assert.lengthOf(world.b.requests, 0)
      assert.strictEqual(await activeStreams(world), 0)
    }))

  it.concurrent("its stream is there to read, with its end", () =>
    withRelay({}, async (world) => {
      world.a.setDefault(slow)
      const live = await open(`${world.relay.url}/v1/chat/completions`, { body: completion() })
      await live.until(() => live.events.length >= 4)
      live.cut()
      await until(async () => (await activeStreams(world)) === 0)
      const again = await read(`${world.relay.url}/streams/${String(live.headers["x-stream-id"])}`)
      assert.include(again.events.at(-1)?.data, '"code":"client_gone"')
      assert.notInclude(again.text, "[DONE]")
    }))

  it.concurrent("after the end there is nothing to cancel", () =>
    withRelay({}, async (world) => {
      const answered = await read(`${world.relay.url}/v1/chat/completions`, { body: completion() })
      assert.strictEqual(answered.events.at(-1)?.data, "[DONE]")
      assert.isTrue(world.a.requests[0]?.finished)
      const again = await read(`${world.relay.url}/streams/${String(answered.headers["x-stream-id"])}`)
      assert.strictEqual(again.text, answered.text)
    }))
})

describe("a reader of /chat that leaves, where the policy is cancel", () => {
  const cancelling = { journal: { onDisconnect: "cancel" } }

  it.each([
    ["before the upstream answered", silence],
    ["after the upstream's headers", headersOnly(20)]
  ] as const)("%s: the upstream is closed within 100 ms", quick, (_, behaviour) =>
    withRelay({ ...cancelling, timeouts: { headers: "5 seconds", firstContent: "5 seconds" } }, async (world) => {
      world.a.setDefault(behaviour)
      const live = await open(`${world.relay.url}/chat?message=hello`)
      await world.a.received(1)
      await sleep(30)
      const left = performance.now()
      live.cut()
      assert.isBelow(await closedAfter(world.a, left), 100)
      assert.lengthOf(world.b.requests, 0)
    })
  )

  it("during the answer: the upstream is closed within 100 ms, and the stream says why it ended", quick, () =>
    withRelay(cancelling, async (world) => {
      world.a.setDefault(slow)
      const live = await open(`${world.relay.url}/chat?message=hello`)
      await live.until(() => live.events.length >= 4)
      const left = performance.now()
      live.cut()
      assert.isBelow(await closedAfter(world.a, left), 100)
      const { events } = await read(`${world.relay.url}/streams/${streamIdOf(live.events)}`)
      const last = events.at(-1)
      assert.strictEqual(last?.event, "error")
      assert.deepInclude(last?.json, { code: "client_gone", recoverable: false, partial_content: contentOf(events) })
      assert.strictEqual(await activeStreams(world), 0)
    })
  )

  it.concurrent("only the last reader that leaves ends it", () =>
    withRelay(cancelling, async (world) => {
      world.a.setDefault(slow)
      const first = await open(`${world.relay.url}/chat?message=hello`)
      await first.until(() => first.events.length >= 3)
      const second = await open(`${world.relay.url}/streams/${streamIdOf(first.events)}`)
      first.cut()
      const { events } = await second.done
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(events), whole)
    }))
})

describe("a reader of /chat that leaves, where the policy is detach", () => {
  it.concurrent.each([
    ["at once", 1],
    ["during the answer", 6]
  ] as const)("%s: the answer completes in the journal", (_, after) =>
    withRelay({}, async (world) => {
      world.a.setDefault(answer({ delay: 10 }))
      const live = await read(`${world.relay.url}/chat?message=hello`, { cutAfter: after })
      await world.a.received(1)
      await world.a.requests[0]!.closed
      assert.isTrue(world.a.requests[0]!.finished)
      const { events } = await read(`${world.relay.url}/streams/${streamIdOf(live.events)}`)
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(events), whole)
      assert.lengthOf(world.a.requests, 1)
    })
  )

  it.concurrent("is continued while nobody reads it, as any other", () =>
    withRelay({}, async (world) => {
      world.a.setDefault(cut(12, "reset", { delay: 20 }))
      const live = await read(`${world.relay.url}/chat?message=hello`, { cutAfter: 4 })
      await world.a.received(1)
      await world.a.requests[0]!.closed
      await until(async () => (await activeStreams(world)) === 0)
      const { events } = await read(`${world.relay.url}/streams/${streamIdOf(live.events)}`)
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(events), whole)
      assert.lengthOf(world.b.requests, 1)
    }))

  it.concurrent("is asked for again while nobody reads it, before anything was shown", () =>
    withRelay({ timeouts: { headers: "300 millis" } }, async (world) => {
      world.a.setDefault(silence)
      const live = await read(`${world.relay.url}/chat?message=hello`, { cutAfter: 1 })
      await until(async () => (await activeStreams(world)) === 0)
      const { events } = await read(`${world.relay.url}/streams/${streamIdOf(live.events)}`)
      assert.deepEqual(
        events.slice(0, 2).map(({ event }) => event),
        ["init", "attempt"]
      )
      assert.strictEqual(contentOf(events), whole)
      assert.lengthOf(world.b.requests, 1)
    }))

  it.concurrent("and no longer than its grace: what is asked then is closed, and nobody is asked after it", () =>
    withRelay({ journal: { detachGrace: "300 millis" } }, async (world) => {
      world.a.setDefault(cut(6, "reset", { delay: 20 }))
      world.b.setDefault(answer({ delay: 60 }))
      const live = await read(`${world.relay.url}/chat?message=hello`, { cutAfter: 4 })
      await world.b.received(1)
      await world.b.requests[0]!.closed
      assert.isFalse(world.b.requests[0]!.finished)
      await sleep(100)
      const { events } = await read(`${world.relay.url}/streams/${streamIdOf(live.events)}`)
      assert.strictEqual(events.at(-1)?.json?.["code"], "client_gone")
      assert.deepStrictEqual([world.a.requests.length, world.b.requests.length], [1, 1])
    }))

  it.concurrent("continues for a reader that has come back", () =>
    withRelay({}, async (world) => {
      world.a.setDefault(cut(12, "reset", { delay: 25 }))
      const left = await read(`${world.relay.url}/chat?message=hello`, { cutAfter: 4 })
      const { events } = await read(`${world.relay.url}/chat`, {
        headers: { "last-event-id": left.events.at(-1)!.id! }
      })
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.strictEqual(contentOf([...left.events, ...events]), whole)
      assert.lengthOf(world.b.requests, 1)
    }))

  it.concurrent("ends what nobody came back for in journal.detachGrace", () =>
    withRelay({ journal: { detachGrace: "200 millis" } }, async (world) => {
      world.a.setDefault(answer({ delay: 60 }))
      const live = await open(`${world.relay.url}/chat?message=hello`)
      await live.until(() => live.events.length >= 3)
      const left = performance.now()
      live.cut()
      const closed = await closedAfter(world.a, left)
      assert.isAtLeast(closed, 180)
      assert.isBelow(closed, 600)
      const { events } = await read(`${world.relay.url}/streams/${streamIdOf(live.events)}`)
      assert.strictEqual(events.at(-1)?.json?.["code"], "client_gone")
    }))

  it.concurrent("a reader that came back and left again has the whole grace", () =>
    withRelay({ journal: { detachGrace: "400 millis" } }, async (world) => {
      world.a.setDefault(answer({ delay: 40 }))
      const first = await read(`${world.relay.url}/chat?message=hello`, { cutAfter: 2 })
      await sleep(250)
      await read(`${world.relay.url}/streams/${streamIdOf(first.events)}`, { cutAfter: 3 })
      const left = performance.now()
      const closed = await closedAfter(world.a, left)
      assert.isAtLeast(closed, 350)
    }))
})

describe("DELETE /streams/{id}", () => {
  const cancel = (world: World, id: string, more: { readonly body?: object; readonly path?: string } = {}) =>
    read(`${world.relay.url}/streams/${id}`, {
      method: "DELETE",
      ...(more.body === undefined ? {} : { body: more.body }),
      headers: more.path === undefined ? {} : { "x-cancel-path": more.path }
    })

  it("ends the answer for all its readers, and closes the upstream within 100 ms", quick, () =>
    withRelay({}, async (world) => {
      world.a.setDefault(slow)
      const live = await open(`${world.relay.url}/chat?message=hello`)
      await live.until(() => live.events.length >= 4)
      const id = streamIdOf(live.events)
      const other = await open(`${world.relay.url}/streams/${id}`)
      const asked = performance.now()
      const response = await cancel(world, id)
      assert.strictEqual(response.status, 202)
      assert.deepEqual(JSON.parse(response.text), { stream_id: id, status: "cancelled" })
      assert.isBelow(await closedAfter(world.a, asked), 100)
      for (const { ended, events } of await Promise.all([live.done, other.done])) {
        assert.strictEqual(ended, "complete")
        const last = events.at(-1)
        assert.strictEqual(last?.event, "error")
        assert.deepInclude(last?.json, {
          code: "stream_cancelled",
          type: "system_error",
          severity: "warning",
          recoverable: false,
          partial_content: contentOf(events)
        })
        const fault = last?.json?.["fault"] as { readonly [field: string]: unknown }
        assert.deepInclude(fault, { code: 12007, side: "server", path: [] })
        assert.isNotEmpty(fault["message"])
      }
      assert.lengthOf(world.b.requests, 0)
      assert.strictEqual(await activeStreams(world), 0)

      const again = await cancel(world, id)
      assert.strictEqual(again.status, 200)
      assert.deepEqual(JSON.parse(again.text), { stream_id: id, status: "cancelled" })
    })
  )

  it.concurrent.each([
    ["a reason alone has its own code", { reason: "the user closed the tab" }, 12008, "the user closed the tab"],
    ["an empty reason is none", { reason: "" }, 12007, streamFault({ code: 12007, side: "server" }).message],
    ["a code of one's own is kept", { code: 4711 }, 4711, undefined],
    ["code and reason are kept", { code: 4711, reason: "budget" }, 4711, "budget"]
  ] as const)("%s", (_, body, code, message) =>
    withRelay({}, async (world) => {
      world.a.setDefault(slow)
      const live = await open(`${world.relay.url}/chat?message=hello`)
      await live.until(() => live.events.length >= 2)
      const response = await cancel(world, streamIdOf(live.events), { body, path: "ServiceA, ServiceB" })
      assert.strictEqual(response.status, 202)
      const { events } = await live.done
      const fault = events.at(-1)?.json?.["fault"] as { readonly [field: string]: unknown }
      assert.deepInclude(fault, { code, side: "server", path: ["ServiceA", "ServiceB"] })
      if (message !== undefined) assert.strictEqual(fault["message"], message)
    })
  )

  it.concurrent("a stream of the dialect ends with an error frame, and before any content with an HTTP error", () =>
    withRelay({}, async (world) => {
      world.a.setDefault(slow)
      const live = await open(`${world.relay.url}/v1/chat/completions`, { body: completion() })
      await live.until(() => live.events.length >= 3)
      assert.strictEqual((await cancel(world, String(live.headers["x-stream-id"]))).status, 202)
      const { ended, events } = await live.done
      assert.strictEqual(ended, "complete")
      assert.include(events.at(-1)?.data, '"code":"stream_cancelled"')

      world.a.setDefault(silence)
      const waiting = read(`${world.relay.url}/v1/chat/completions`, {
        body: completion(),
        headers: { "x-request-id": `waits-${world.relay.port}` }
      })
      await world.a.received(2)
      const started = logLines().find(({ request_id }) => request_id === `waits-${world.relay.port}`)
      assert.strictEqual((await cancel(world, String(started?.["stream_id"]))).status, 202)
      const { status, text } = await waiting
      assert.strictEqual(status, 499)
      assert.include(text, '"code":"stream_cancelled"')
    }))

  it.concurrent("an answer that has ended is told by its status", () =>
    withRelay({}, async (world) => {
      const done = await read(`${world.relay.url}/chat?message=hello`)
      world.a.setDefault(cut(5, "close"))
      world.b.setDefault(cut(0, "close"))
      const failed = await read(`${world.relay.url}/chat?message=hello`)
      for (const [{ events }, status] of [
        [done, "completed"],
        [failed, "error"]
      ] as const) {
        const response = await cancel(world, streamIdOf(events))
        assert.strictEqual(response.status, 200)
        assert.deepEqual(JSON.parse(response.text), { stream_id: streamIdOf(events), status })
      }
      assert.strictEqual(contentOf(done.events), words.join(""))
    }))

  it.concurrent("what is no stream, and what is no body, is refused", () =>
    withRelay({}, async (world) => {
      assert.strictEqual((await cancel(world, "AAAAAAAAAAAAAAAAAAAAAA")).status, 404)
      assert.strictEqual((await cancel(world, "short")).status, 404)
      world.a.setDefault(slow)
      const live = await open(`${world.relay.url}/chat?message=hello`)
      await live.until(() => live.events.length >= 2)
      for (const body of [{ code: 1.5 }, { code: "x" }, { reason: 7 }, { other: 1 }, []]) {
        const { status, text } = await cancel(world, streamIdOf(live.events), { body })
        assert.strictEqual(status, 400, JSON.stringify(body))
        assert.include(text, '"code":"VALIDATION_ERROR"')
      }
      const { events } = await live.done
      assert.strictEqual(events.at(-1)?.event, "done")
    }))
})
