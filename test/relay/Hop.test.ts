/**
 * What a relay that is left is told: by the cause, on virtual time. Three relays over sockets are `test/server/Hops.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { streamFault } from "effect-resilience/errors"
import { Script } from "effect-resilience/testing"
import { makeStreamId } from "#src/journal/index"
import { cancellationOf, streamIdIn, streamUrlOf } from "#src/relay/Hop"
import { ask, readChat, saysAfter, world, type WorldOptions } from "./hedges.ts"
import { virtually } from "./life/lives.ts"
import { channel, passUntil } from "./virtual.ts"

const id = makeStreamId()
const ofRelay = Script.headers({ "x-stream-id": id })

/** Begins at once, like a relay that has content, and then says nothing. */
const begins = Script.answer(["one ", Script.pause(200_000), "two"]).pipe(ofRelay)
/** Has a head, and no content for long. */
const silent = Script.answer([Script.ping, Script.pause(200_000), "one"]).pipe(ofRelay)

const play = (
  options: WorldOptions,
  more: Parameters<typeof ask>[0],
  look: (seen: ReturnType<typeof readChat> & { readonly told: ReadonlyArray<unknown> }) => void,
  act: (asked: Effect.Success<ReturnType<typeof ask>>) => Effect.Effect<unknown> = () => Effect.void
) => {
  const made = world({ ...options, retry: { hedgeAfter: null, ...options.retry } })
  return virtually(
    Effect.gen(function* () {
      const asked = yield* ask(more)
      yield* TestClock.adjust(1000)
      yield* act(asked)
      yield* passUntil(asked.ended, 400_000, 100)
      yield* TestClock.adjust(1)
      assert.strictEqual(made.open(), 0)
      const told = made
        .cancellations("a")
        .map((one) => one && [one.url, JSON.parse(one.body), one.headers["x-cancel-path"]])
      look({ ...readChat(asked.said()), told })
    }).pipe(Effect.provide(made.layer))
  )
}

const toldWith = (code: number, reason = streamFault({ code, side: "server" }).message) => [
  [`http://a/streams/${id}`, { code, reason }, "effect-resilience"]
]

const off = { settings: { recovery: { mode: "off" } } }
const b = [Script.answer("the other")]

describe("a relay that is left is told why", () => {
  it("idle: 12014", () =>
    play({ scripts: { a: [begins] }, ...off }, {}, ({ told }) => assert.deepStrictEqual(told, toldWith(12014))))

  it("no first content: 12014", () =>
    play({ scripts: { a: [silent], b } }, {}, ({ told }) => assert.deepStrictEqual(told, toldWith(12014))))

  it("the request's time: 12015", () =>
    play({ scripts: { a: [begins] } }, { timeoutMillis: 5000 }, ({ ends, told }) => {
      assert.deepStrictEqual(told, toldWith(12015))
      assert.strictEqual(ends[0]?.data["code"], "deadline_exceeded")
    }))

  it("the channel's own time for an attempt: 12015", () => {
    const { timeouts } = channel("a")
    const channels = { a: { timeouts: { ...timeouts, total: 3000 } } }
    return play({ scripts: { a: [begins], b }, channels }, {}, ({ told }) =>
      assert.deepStrictEqual(told, toldWith(12015))
    )
  })

  it("a hedge that lost: 12007", () =>
    play(
      { scripts: { a: [silent], b: [saysAfter(300, "b")] }, retry: { hedgeAfter: "2 seconds" } },
      {},
      ({ ends, told }) => {
        assert.deepStrictEqual(told, toldWith(12007, "closed: another attempt of the request, beside it, was first"))
        assert.strictEqual(ends[0]?.event, "done")
      }
    ))

  it("a frame that cannot be read: 12004", () =>
    play(
      { scripts: { a: [Script.answer("one two").pipe(Script.cutAfter(1, "garbageFrame"), ofRelay)] }, ...off },
      {},
      ({ told }) => assert.deepStrictEqual(told, toldWith(12004))
    ))

  it("the client is gone: 12013", () =>
    play(
      { scripts: { a: [begins] } },
      { leave: "cancel" },
      ({ told }) => assert.deepStrictEqual(told, toldWith(12013)),
      ({ reader }) => Effect.sync(() => reader.close())
    ))

  it("it shuts down: 12006", () =>
    play(
      { scripts: { a: [begins] } },
      {},
      ({ told }) => assert.deepStrictEqual(told, toldWith(12006)),
      ({ relay }) => Effect.andThen(relay.stop, relay.abort)
    ))
})

describe("a cancel down the line is the answer's end", () => {
  const fault = streamFault({ code: 12007, side: "server", path: ["operator"] })
  const told = { message: "The stream was cancelled.", code: "stream_cancelled", fault }
  const cancelling = Script.frame({ event: undefined, data: JSON.stringify({ error: told }) })
  /** A relay whose stream somebody cancels after so many words. */
  const cancelledAfter = (count: number, startsAfter = 0) =>
    Script.answer("one two three").pipe(
      Script.cutAfter(count, cancelling),
      Script.startsAfter(startsAfter),
      Script.every(10),
      Script.headers({ "x-stream-id": id })
    )
  const expected = {
    code: "stream_cancelled",
    recoverable: false,
    fault: streamFault({ code: 12009, side: "client", path: ["operator"] })
  }

  it("whatever went wrong before", () =>
    play({ scripts: { a: [Script.status(503)], b: [cancelledAfter(0)] }, retry: { sameChannel: 0 } }, {}, ({ ends }) =>
      assert.deepInclude(ends[0]?.data, expected)
    ))

  it("also of a continuation", () =>
    play(
      {
        scripts: { a: [Script.answer("zero one two three").pipe(Script.cutAfter(1, "reset"))], b: [cancelledAfter(1)] }
      },
      {},
      ({ ends }) => assert.deepInclude(ends[0]?.data, expected)
    ))

  it("and of one of two attempts side by side", () =>
    play(
      {
        scripts: { a: [Script.answer("a").pipe(Script.startsAfter(9000))], b: [cancelledAfter(0, 100)] },
        retry: { hedgeAfter: "2 seconds" }
      },
      {},
      ({ ends, text }) => {
        assert.strictEqual(text, "")
        assert.deepInclude(ends[0]?.data, expected)
      }
    ))
})

describe("a server is told nothing", () => {
  it("that is no relay", () =>
    play({ scripts: { a: [Script.answer(["one ", Script.pause(200_000), "two"])] }, ...off }, {}, ({ told }) =>
      assert.deepStrictEqual(told, [undefined])
    ))

  it("whose id has another shape than ours", () =>
    play(
      {
        scripts: {
          a: [Script.answer(["one ", Script.pause(200_000)]).pipe(Script.headers({ "x-stream-id": "short" }))]
        },
        ...off
      },
      {},
      ({ told }) => assert.deepStrictEqual(told, [undefined])
    ))

  it("that has said all", () =>
    play({ scripts: { a: [Script.answer("one two").pipe(ofRelay)] } }, {}, ({ ends, told }) => {
      assert.strictEqual(ends[0]?.event, "done")
      assert.deepStrictEqual(told, [undefined])
    }))

  it("that has said itself that its answer failed", () =>
    play(
      { scripts: { a: [Script.answer("one two").pipe(Script.cutAfter(1, Script.errorFrame()), ofRelay)] }, ...off },
      {},
      ({ told }) => assert.deepStrictEqual(told, [undefined])
    ))
})

describe("Hop", () => {
  it("cancels beside the dialect's routes, wherever the relay is", () => {
    for (const [base, url] of [
      ["http://a:1/v1", "http://a:1/streams/ID"],
      ["http://a:1/v1beta", "http://a:1/streams/ID"],
      ["https://a/relay/v1/", "https://a/relay/streams/ID"],
      ["https://a/relay/v1?tenant=1", "https://a/relay/streams/ID?tenant=1"],
      ["https://a/v1/chat/completions", "https://a/streams/ID"],
      ["https://a/v1/messages", "https://a/streams/ID"],
      ["https://a", "https://a/streams/ID"]
    ] as const) {
      assert.strictEqual(streamUrlOf(base, "ID"), url)
    }
  })

  it("knows a relay by an id of our shape", () => {
    assert.strictEqual(streamIdIn({ "x-stream-id": id }), id)
    assert.isUndefined(streamIdIn({ "x-stream-id": "a.b" }))
    assert.isUndefined(streamIdIn({}))
  })

  it("goes with the key as Bearer in every dialect, with the channel's headers, and its own name at the end", () => {
    const target = {
      channel: channel("a", { dialect: "anthropic", headers: { "x-tenant": "t" } }),
      keyIndex: 0,
      key: Redacted.make("secret"),
      model: "m"
    }
    const fault = streamFault({ code: 4711, side: "server", path: ["web", "é, api"], message: "enough" })
    assert.deepStrictEqual(cancellationOf(target, id, fault, "relay, east"), {
      url: `http://a/streams/${id}`,
      headers: {
        authorization: "Bearer secret",
        accept: "application/json",
        "x-cancel-path": "web,api,relay east",
        "x-tenant": "t"
      },
      body: JSON.stringify({ code: 4711, reason: "enough" })
    })
    assert.notProperty(cancellationOf({ ...target, key: undefined }, id, fault, "a").headers, "authorization")
  })
})
