/**
 * Sixteen faults that users of gateways report, put to a relay with its default settings and `retry.hedgeAfter`: a person who asks gets the
 * whole answer, and soon. Each has a relay and three upstreams of its own, over sockets; the first one has the fault, the
 * others are well. It is asked three times: as a stream and whole by OpenAI's dialect, and on `/chat`.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  answer,
  type Behaviour,
  contextTooLong,
  cut,
  headersOnly,
  rateLimited,
  resetBeforeHeaders,
  silence,
  status
} from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { keepLog } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, read } from "../support/sse.ts"
import { askOf, textOf, words } from "../support/upstreamText.ts"

keepLog()

const whole = textOf(words)

/**
 * What is not left at its default: a second attempt beside one that is silent. (A relay of a test takes short clocks unless
 * it is told otherwise.)
 */
const defaults = { timeouts: {}, retry: { hedgeAfter: "5 seconds" } }

/** How long a person waits, in seconds; and what our own clocks take where only they can tell a stall from a pause. */
const patience = 15
const idleClock = 60

interface World {
  readonly relay: RunningRelay
  readonly a: FaultServer
  readonly b: FaultServer
  readonly c: FaultServer
}

interface Fault {
  readonly name: string
  /** What `a` does: these in order, then the last for ever. */
  readonly a: ReadonlyArray<Behaviour>
  /** What `b` does; absent: it is well. */
  readonly b?: ReadonlyArray<Behaviour>
  /** More fields of `a`. */
  readonly channel?: object
  /** How often each is asked for one question; absent: not looked at. */
  readonly asked?: readonly [a: number, b: number, c: number]
  /** In seconds; absent: a person's patience. */
  readonly within?: number
  readonly also?: (world: World) => void
}

const dead = status(401, { body: { error: { message: "Incorrect API key provided", code: "invalid_api_key" } } })

/** The slow ones come first: they are played side by side. */
const faults: ReadonlyArray<Fault> = [
  { name: "a stall in the middle", a: [cut(7, "stall")], asked: [1, 1, 0], within: idleClock + patience },
  { name: "silence", a: [silence], asked: [1, 1, 0] },
  { name: "headers and then nothing but comments", a: [headersOnly(1000)], asked: [1, 1, 0] },
  { name: "a slow first token", a: [answer({ headersAfter: 25_000 })], asked: [1, 1, 0] },
  { name: "429 once", a: [rateLimited({ "retry-after": "1" }), answer()], asked: [2, 0, 0] },
  { name: "429 for good", a: [rateLimited({ "retry-after": "60" })], asked: [1, 1, 0] },
  { name: "500 for good", a: [status(500)], asked: [2, 1, 0] },
  { name: "503 on two of three", a: [status(503)], b: [status(503)], asked: [2, 1, 1] },
  { name: "a reset before the headers", a: [resetBeforeHeaders], asked: [2, 1, 0] },
  { name: "a reset in the middle", a: [cut(7, "reset")], asked: [1, 1, 0] },
  { name: "a clean end in the middle", a: [cut(11, "close")], asked: [1, 1, 0] },
  { name: "an error in the middle", a: [cut(3, "errorFrame")], asked: [1, 1, 0] },
  { name: "a context that is too long", a: [contextTooLong], asked: [1, 1, 0] },
  {
    name: "bad keys",
    a: [dead],
    channel: { keys: ["bad-1", "bad-2", "bad-3", "bad-4", "bad-5", "bad-6"] },
    asked: [2, 1, 0]
  },
  {
    name: "a channel that flaps",
    a: [status(502), answer(), cut(5, "reset"), answer(), resetBeforeHeaders, answer(), cut(20, "close"), answer()]
  },
  {
    name: "no prefill",
    a: [cut(7, "reset")],
    b: [answer({ prefill: "refuse" })],
    asked: [1, 2, 0],
    also: ({ b }) =>
      assert.deepEqual(
        b.requests.map(({ body }) => askOf(body.messages ?? []).kind),
        ["prefill", "message"]
      )
  }
]

const play = (server: FaultServer, script: ReadonlyArray<Behaviour>): void => {
  server.enqueue(...script.slice(0, -1))
  server.setDefault(script.at(-1)!)
}

const withWorld = async (fault: Fault, run: (world: World) => Promise<void>): Promise<void> => {
  const [a, b, c] = await Promise.all([startFaultServer(), startFaultServer(), startFaultServer()])
  play(a, fault.a)
  if (fault.b !== undefined) play(b, fault.b)
  const channels = [a, b, c].map((server, at) => {
    const id = "abc"[at]!
    const more = at === 0 ? fault.channel : undefined
    return channelOf(id, server.url, { priority: -at, modelMapping: { m: `model-${id}` }, ...more })
  })
  const relay = await startRelay({ channels, ...defaults })
  try {
    await run({ relay, a, b, c })
  } finally {
    await relay.close()
    await Promise.all([a.close(), b.close(), c.close()])
  }
}

const question = { model: "m", messages: [{ role: "user", content: "hello" }] }

const ways: Readonly<Record<string, (relay: RunningRelay) => Promise<void>>> = {
  "as a stream": async ({ url }) => {
    const { ended, events } = await read(`${url}/v1/chat/completions`, { body: { ...question, stream: true } })
    assert.strictEqual(ended, "complete")
    assert.strictEqual(events.at(-1)?.data, "[DONE]", events.at(-1)?.data)
    const choices = events.flatMap(({ json }) => (json?.["choices"] as ReadonlyArray<Choice> | undefined) ?? [])
    assert.strictEqual(choices.map(({ delta }) => delta.content ?? "").join(""), whole)
    assert.strictEqual(choices.findLast(({ finish_reason }) => finish_reason !== null)?.finish_reason, "stop")
  },
  whole: async ({ url }) => {
    const { status, text } = await read(`${url}/v1/chat/completions`, { body: question })
    assert.strictEqual(status, 200, text)
    assert.strictEqual(JSON.parse(text).choices[0].message.content, whole)
  },
  "on /chat": async ({ url }) => {
    const { events } = await read(`${url}/chat?message=hello&model=m`)
    assert.strictEqual(events.at(-1)?.event, "done", events.at(-1)?.data)
    assert.strictEqual(contentOf(events), whole)
  }
}

interface Choice {
  readonly delta: { readonly content?: string | null }
  readonly finish_reason: string | null
}

describe.concurrent("R29: the public suite of faults, by default settings and hedgeAfter", () => {
  for (const fault of faults) {
    it(fault.name, { timeout: 100_000 }, () =>
      // Each way has a world of its own: what a channel did to one says nothing to the next.
      Promise.all(
        Object.entries(ways).map(([way, ask]) =>
          withWorld(fault, async (world) => {
            const began = performance.now()
            await ask(world.relay)
            const seconds = (performance.now() - began) / 1000
            assert.isBelow(seconds, fault.within ?? patience, way)
            const { a, b, c } = world
            const asked = [a, b, c].map(({ requests }) => requests.length)
            if (fault.asked !== undefined) assert.deepEqual(asked, [...fault.asked], way)
            fault.also?.(world)
          })
        )
      ).then(() => {})
    )
  }

  it("and whoever asks after them is answered too, again and again", { timeout: 60_000 }, async () => {
    const flaps = faults.find(({ name }) => name === "a channel that flaps")!
    await withWorld(flaps, async ({ relay }) => {
      for (let question = 0; question < 12; question++) {
        for (const ask of Object.values(ways)) await ask(relay)
      }
    })
  })
})
