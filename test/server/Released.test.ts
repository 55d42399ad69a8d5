/**
 * What an answer holds is let go when it is no longer needed: the call of an attempt that has its verdict, and the
 * answer itself once it has ended.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, ManagedRuntime } from "effect"
import { chatClient } from "#src/dialect/index"
import { Journal } from "#src/journal/index"
import { Relay } from "#src/relay/index"
import { Script } from "effect-resilience/testing"
import { channel, chatRequest, options, readerOf, virtualRelay, whole as wholeAnswer } from "../relay/virtual.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, read } from "../support/sse.ts"
import {
  chunk,
  ending,
  finished,
  keepWriting,
  startWireUpstream,
  streaming,
  type WireUpstream
} from "../support/wireUpstream.ts"
import { sleep, until } from "./kit.ts"
import { whole } from "./matrix.ts"

const withWire = async (
  play: Parameters<typeof startWireUpstream>[0],
  run: (world: { readonly relay: RunningRelay; readonly wire: WireUpstream; readonly b: FaultServer }) => Promise<void>
): Promise<void> => {
  const [wire, b] = await Promise.all([startWireUpstream(play), startFaultServer()])
  const relay = await startRelay({
    timeouts: { headers: "3 seconds", firstContent: "3 seconds", idle: "3 seconds" },
    channels: [channelOf("wire", wire.url, { priority: 1 }), channelOf("b", b.url)]
  })
  try {
    await run({ relay, wire, b })
  } finally {
    await relay.close()
    await Promise.all([wire.close(), b.close()])
  }
}

describe("an upstream that keeps streaming is closed within 100 ms of the verdict", () => {
  const frames = [
    ["a frame that is not JSON", "data: {not json\n\n"],
    ["an error frame", 'data: {"error":{"message":"boom","type":"server_error","code":"server_error"}}\n\n']
  ] as const

  it.concurrent.each(frames)("%s, before any content", (_, frame) => {
    let sentAt = 0
    return withWire(
      ({ response }) => {
        streaming(response)
        response.write(frame)
        sentAt = performance.now()
        keepWriting(response, () => chunk("late "))
      },
      async ({ b, relay, wire }) => {
        const { events } = await read(`${relay.url}/chat?message=hello`)
        assert.strictEqual(events.at(-1)?.event, "done")
        assert.strictEqual(contentOf(events), whole)
        await until(() => wire.calls[0]?.closedAt !== undefined)
        assert.isBelow(wire.calls[0]!.closedAt! - sentAt, 100)
        // The same channel is asked once more: each of its calls is closed.
        await until(() => wire.calls.every(({ closedAt }) => closedAt !== undefined))
        assert.lengthOf(b.requests, 1)
      }
    )
  })

  it.concurrent.each(frames)("%s, after some content", (_, frame) => {
    let sentAt = 0
    return withWire(
      ({ response }) => {
        streaming(response)
        response.write(chunk("Once"))
        setTimeout(() => {
          response.write(frame)
          sentAt = performance.now()
          keepWriting(response, () => chunk(" late"))
        }, 50)
      },
      async ({ relay, wire }) => {
        const { events } = await read(`${relay.url}/chat?message=hello`)
        assert.strictEqual(contentOf(events), whole)
        await until(() => wire.calls[0]?.closedAt !== undefined)
        assert.isBelow(wire.calls[0]!.closedAt! - sentAt, 100)
        assert.lengthOf(wire.calls, 1)
      }
    )
  })

  it.concurrent("a continuation that begins the answer anew", () => {
    const words = Array.from({ length: 60 }, (_, n) => `word${n}-${(n * 7919) % 997} `)
    const all = words.join("")
    return withWire(
      ({ messages, response }, number) => {
        streaming(response)
        if (number === 0) {
          for (const word of words.slice(0, 30)) response.write(chunk(word))
          setTimeout(() => response.socket?.resetAndDestroy(), 50)
        } else if (messages.at(-1)?.role === "assistant") {
          // Anew, and without an end.
          keepWriting(response, (n) => chunk(words[n % words.length]!))
        } else {
          for (const word of words.slice(30)) response.write(chunk(word))
          response.end(ending)
        }
      },
      async ({ b, relay, wire }) => {
        // Only this channel goes on.
        await b.down()
        const { events } = await read(`${relay.url}/chat?message=hello`)
        assert.strictEqual(events.at(-1)?.event, "done", JSON.stringify(events.at(-1)))
        assert.strictEqual(contentOf(events), all)
        const [, refused, next] = wire.calls
        assert.strictEqual(refused?.messages.at(-1)?.role, "assistant")
        assert.strictEqual(next?.messages.at(-1)?.role, "user")
        await until(() => refused?.closedAt !== undefined)
        // The next is asked when this one's verdict is there.
        assert.isBelow(refused!.closedAt! - next!.at, 100)
      }
    )
  })
})

describe("an upstream whose answer is complete", () => {
  it.concurrent("is closed after about a second when it leaves its body open, streaming or not", () => {
    let saidAt = 0
    return withWire(
      ({ response }, number) => {
        streaming(response)
        response.write(chunk("all of it") + ending)
        saidAt = performance.now()
        if (number === 1) keepWriting(response, () => ": still here\n\n", 20)
      },
      async ({ relay, wire }) => {
        for (const number of [0, 1]) {
          const { ended, events } = await read(`${relay.url}/chat?message=hello`)
          assert.strictEqual(ended, "complete")
          assert.strictEqual(contentOf(events), "all of it")
          // Its client has not waited for that.
          assert.isBelow(performance.now() - saidAt, 300)
          await until(() => wire.calls[number]?.closedAt !== undefined, 3000)
          assert.isAtMost(wire.calls[number]!.closedAt! - saidAt, 1500)
        }
        assert.lengthOf(wire.calls, 2)
      }
    )
  })

  it.concurrent("is closed at once when it has not said its end in time", () =>
    withWire(
      ({ response }) => {
        streaming(response)
        response.write(chunk("all of it") + finished)
      },
      async ({ b, relay, wire }) => {
        const { events } = await read(`${relay.url}/chat?message=hello`)
        const doneAt = performance.now()
        assert.strictEqual(contentOf(events), "all of it")
        assert.strictEqual(events.at(-1)?.event, "done")
        await until(() => wire.calls[0]?.closedAt !== undefined)
        assert.isBelow(wire.calls[0]!.closedAt! - doneAt, 100)
        assert.lengthOf(b.requests, 0)
      }
    ))

  it.concurrent("keeps its connection for the next request, even if it ends its body a little later", () =>
    withWire(
      ({ response }, number) => {
        streaming(response)
        response.write(chunk("all of it") + ending)
        if (number === 0) response.end()
        else setTimeout(() => response.end(), 200)
      },
      async ({ relay, wire }) => {
        for (const number of [0, 1, 2]) {
          const { events } = await read(`${relay.url}/chat?message=hello`)
          assert.strictEqual(contentOf(events), "all of it")
          await until(() => wire.calls[number]?.closedAt !== undefined)
          await sleep(20)
        }
        assert.deepEqual(
          wire.calls.map(({ connection }) => connection),
          [0, 0, 0]
        )
        // Nor is it closed later, by what was left behind by those that ended.
        await sleep(1100)
        await read(`${relay.url}/chat?message=hello`)
        assert.strictEqual(wire.calls[3]?.connection, 0)
      }
    ))
})

describe("memory", () => {
  const collect = (() => {
    setFlagsFromString("--expose-gc")
    return runInNewContext("gc") as () => void
  })()

  it("an answer that ended after its readers left is not kept for the grace", async () => {
    const scripts = [...Array.from({ length: 20 }, () => wholeAnswer), Script.silence]
    const { layer } = virtualRelay(options([channel("a")]), { a: scripts }, 1)
    const runtime = ManagedRuntime.make(layer)
    const ask = () =>
      Effect.gen(function* () {
        const relay = yield* Relay
        const journal = yield* Journal
        const request = chatRequest("hello")
        const start = {
          request,
          dialect: chatClient,
          requestId: "req_test",
          owner: "",
          group: "default",
          timeoutMillis: 300_000,
          leave: "detach"
        } as const
        const answer = yield* relay.start(start, ({ id }) => readerOf(journal, id, -1).close())
        return new WeakRef(answer)
      })
    try {
      const refs: Array<WeakRef<{ readonly ended: boolean; readonly machine: { readonly text: string } }>> = []
      for (let n = 0; n < 20; n++) refs.push(await runtime.runPromise(ask()))
      const silent = await runtime.runPromise(ask())
      const relay = await runtime.runPromise(Effect.service(Relay))
      // They end by themselves, long before their grace; the silent one is under way.
      await until(() => relay.active() === 1)
      assert.isFalse(silent.deref()?.ended)
      // What lets go of a finished call waits a second.
      await sleep(1300)
      const alive = async () => {
        // A reference that was looked at lives to the end of its turn.
        await sleep(20)
        collect()
        return refs.filter((ref) => ref.deref() !== undefined).length
      }
      await until(async () => (await alive()) <= 1, 3000)
      // It is not that nothing is kept: what is under way is.
      collect()
      assert.isFalse(silent.deref()?.ended)
    } finally {
      await runtime.dispose()
    }
  })
})
