/**
 * What a client does when, as tables: the machine is pure, so no test waits, and none has a socket.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type Action, idle, type Input, type State, step } from "#src/client/Reconnect"
import { backoffMillis, hintMillis, type ReconnectOptions, type ReconnectRules } from "#src/client/ReconnectRules"

const a = "AAAAAAAAAAAAAAAAAAAAAA"
const b = "BBBBBBBBBBBBBBBBBBBBBB"

const connect: Input = { _tag: "Connect", online: true }
const due: Input = { _tag: "Due", online: true }
const head = (status: number, more: Partial<Extract<Input, { _tag: "Head" }>> = {}): Input => ({
  _tag: "Head",
  status,
  contentType: status === 200 ? "text/event-stream; charset=utf-8" : "application/json",
  code: "",
  hintMillis: undefined,
  streamId: undefined,
  ...more
})
const opened = head(200)
const event = (id: string | undefined, data: unknown, name = "message"): Input => ({
  _tag: "Event",
  event: name,
  id,
  data: typeof data === "string" ? data : JSON.stringify(data),
  json: typeof data === "string" ? undefined : data
})
const says = (id: string | undefined, content = "x"): Input => event(id, { content })
const init = (id: string | undefined, stream: string): Input => event(id, { stream_id: stream }, "init")
const done = (id: string | undefined): Input => event(id, {}, "done")
const errs = (id: string | undefined, data: object): Input => event(id, { message: "no", ...data }, "error")
const cut: Input = { _tag: "Cut", reason: "stream_cut", message: "cut", lastEventId: "", online: true }
const refused: Input = { _tag: "Cut", reason: "network_error", message: "refused", lastEventId: "", online: true }

const told = (action: Action): string => {
  switch (action._tag) {
    case "Request":
      return `ask ${action.asking}${action.lastEventId && ` from ${action.lastEventId}`}`
    case "Give":
      return `give ${action.event.event} ${action.event.id ?? "-"}`
    case "Wait": {
      const { attempt, delay, maxRetries, reason } = action.notice
      return `wait ${attempt}/${maxRetries} ${delay} ${reason}${action.hinted ? " hinted" : ""}`
    }
    case "CancelRemote":
      return `cancel ${action.id}`
    case "Fail":
      return `fail ${action.error._tag}`
    default:
      return action._tag.toLowerCase()
  }
}

interface Played {
  readonly state: State
  readonly actions: ReadonlyArray<string>
  readonly last: ReadonlyArray<Action>
}

const play = (inputs: ReadonlyArray<Input>, options: ReconnectOptions = {}, random = () => 1): Played => {
  const rules: ReconnectRules = { ...options, random }
  let state = idle(rules)
  const actions: Array<string> = []
  let last: ReadonlyArray<Action> = []
  for (const input of inputs) {
    const next = step(rules, state, input)
    state = next.state
    last = next.actions
    actions.push(...last.map(told))
  }
  return { state, actions, last }
}

/** What the last input leads to. */
const after = (...inputs: ReadonlyArray<Input>): ReadonlyArray<string> => play(inputs).last.map(told)

const failures = (count: number, input: Input): ReadonlyArray<Input> =>
  Array.from({ length: count }, () => [input, due]).flat()

describe("a reconnect", () => {
  it("is the same request and the last event's id", () => {
    assert.deepStrictEqual(play([connect, opened, init(`${a}.0`, a), says(`${a}.1`), cut, due]).actions, [
      "ask 0",
      `give init ${a}.0`,
      `give message ${a}.1`,
      "wait 1/5 1000 stream_cut",
      `ask 0 from ${a}.1`
    ])
  })

  it.each([
    ["no answer", refused, ["wait 1/5 1000 network_error"]],
    ...[500, 502, 503, 504, 529, 408, 425, 429].map(
      (status) => [String(status), head(status), [`wait 1/5 1000 http_${status}`]] as const
    ),
    ...[400, 401, 403, 404, 405, 409, 413, 422, 0, 201, 205, 301, 307].map(
      (status) => [String(status), head(status), ["fail HttpFault"]] as const
    ),
    ["410", head(410), ["fail StreamExpired"]],
    ["204", head(204), ["end"]],
    ["HTML", head(200, { contentType: "text/html" }), ["fail BadContentType"]],
    ["text/event-stream-x", head(200, { contentType: "text/event-stream-x" }), ["fail BadContentType"]],
    ["no content type", head(200, { contentType: "" }), ["fail BadContentType"]],
    ["text/event-stream;", head(200, { contentType: "Text/Event-Stream;" }), []]
  ] as const)("after %s", (_, input, expected) => {
    assert.deepStrictEqual(after(connect, input), expected)
  })

  it("is tried 5 times, so that 6 requests are made", () => {
    const { actions } = play([connect, ...failures(6, refused)])
    assert.strictEqual(actions.filter((action) => action.startsWith("ask")).length, 6)
    assert.deepStrictEqual(actions.slice(-1), ["fail RetriesExhausted"])
    const [error] = play([connect, ...failures(5, refused), head(503)]).last
    assert.deepInclude(error, {
      error: {
        _tag: "RetriesExhausted",
        attempts: 6,
        last: { _tag: "HttpFault", status: 503, code: "", retryAfterMillis: undefined }
      }
    })
  })

  it("tells an expired stream with what was read of it", () => {
    const { last } = play([connect, opened, says(`${a}.1`, "Hel"), says(`${a}.2`, "lo"), cut, due, head(410)])
    assert.deepInclude(last.at(-1), { error: { _tag: "StreamExpired", partial: "Hello" } })
  })
})

describe("a wait", () => {
  const waits = (options: ReconnectOptions, random: number): ReadonlyArray<number> => {
    const { initialDelay = 1000 } = options
    return [1, 2, 3, 4, 5, 6, 7].map((attempt) =>
      backoffMillis({ ...options, random: () => random }, initialDelay, attempt)
    )
  }

  it("is 1 s, doubled, at most 30 s; by default its first half is certain", () => {
    assert.deepStrictEqual(waits({ jitter: "none" }, 0), [1000, 2000, 4000, 8000, 16000, 30000, 30000])
    assert.deepStrictEqual(waits({}, 0), [500, 1000, 2000, 4000, 8000, 15000, 15000])
    assert.deepStrictEqual(waits({ jitter: "full" }, 0.5), [500, 1000, 2000, 4000, 8000, 15000, 15000])
    assert.deepStrictEqual(
      waits({ initialDelay: 10, backoffMultiplier: 3, maxDelay: 50, jitter: "none" }, 0),
      [10, 30, 50, 50, 50, 50, 50]
    )
  })

  it("is a number after however many tries", () => {
    assert.strictEqual(backoffMillis({ jitter: "none" }, 0, 5000), 0)
    assert.strictEqual(backoffMillis({ jitter: "none" }, 1, 5000), 30_000)
  })

  it("is none where a number is none, and in its later half where the jitter is not known", () => {
    for (const options of [{ initialDelay: Number.NaN }, { maxDelay: Number.NaN }, { initialDelay: -5 }])
      assert.deepStrictEqual(waits(options, 0.5), [0, 0, 0, 0, 0, 0, 0])
    assert.deepStrictEqual(waits({ jitter: JSON.parse('"equl"') }, 0), waits({}, 0))
  })

  it("lies in what its jitter says, and is whole milliseconds", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("none" as const, "full" as const, "equal" as const),
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (jitter, attempt, random) => {
          const whole = Math.min(1000 * 2 ** (attempt - 1), 30_000)
          const wait = backoffMillis({ jitter, random: () => random }, 1000, attempt)
          assert.isAtMost(wait, whole)
          // It is shown to people, and to timers.
          assert.isTrue(Number.isInteger(wait))
          assert.isAtLeast(wait, jitter === "none" ? whole : jitter === "full" ? 0 : whole / 2)
        }
      )
    )
  })

  it.each([
    [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
    [{ "retry-after": "3" }, 3000],
    [{ "retry-after": " 1.5 " }, 1500],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "Thu, 01 Jan 1970 00:00:10 GMT" }, 8000],
    [{ "retry-after": "Thu, 01 Jan 1970 00:00:01 GMT" }, 0],
    [{ "retry-after-ms": "soon", "retry-after": "2" }, 2000],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{}, undefined]
  ] as const)("%o asks for %s ms, two seconds after 1970 began", (headers, expected) => {
    const header = (name: string): string | undefined => (headers as { readonly [name: string]: string })[name]
    assert.strictEqual(
      hintMillis(header, () => 2000),
      expected
    )
  })

  it("is the hint where there is one: never jittered, nor held to the longest backoff", () => {
    const { last } = play([connect, head(429, { hintMillis: 45_000 })], {}, () => 0)
    assert.strictEqual(told(last[0]!), "wait 1/5 45000 http_429 hinted")
    assert.deepStrictEqual(after(connect, head(503, { hintMillis: 120_000 })).slice(-1), [
      "wait 1/5 120000 http_503 hinted"
    ])
  })

  it("does not obey a hint over maxHint: that is fatal", () => {
    const { last } = play([connect, head(503, { hintMillis: 120_001, code: "circuit_open" })])
    assert.deepInclude(last.at(-1), {
      error: { _tag: "HttpFault", status: 503, code: "circuit_open", retryAfterMillis: 120_001 }
    })
  })

  it("begins at what retry: says, and is multiplied from there", () => {
    const retry: Input = { _tag: "Delay", millis: 300 }
    const { actions } = play([connect, opened, retry, cut, due, refused, due, refused])
    assert.deepStrictEqual(
      actions.filter((action) => action.startsWith("wait")),
      ["wait 1/5 300 stream_cut", "wait 2/5 600 network_error", "wait 3/5 1200 network_error"]
    )
  })
})

describe("the count of retries", () => {
  const waitsOf = (...inputs: ReadonlyArray<Input>): ReadonlyArray<string> =>
    play(inputs)
      .actions.filter((action) => action.startsWith("wait"))
      .map((action) => action.split(" ")[1]!)

  it("begins anew with the first new event of the stream", () => {
    assert.deepStrictEqual(
      waitsOf(connect, opened, says(`${a}.0`), cut, due, refused, due, opened, says(`${a}.1`), cut),
      ["1/5", "2/5", "1/5"]
    )
  })

  it("goes on over a connection without an event, over what is replayed, and over another stream's first event", () => {
    assert.deepStrictEqual(waitsOf(connect, opened, says(`${a}.0`), cut, due, opened, cut), ["1/5", "2/5"])
    assert.deepStrictEqual(waitsOf(connect, opened, says(`${a}.0`), cut, due, opened, says(`${a}.0`), cut), [
      "1/5",
      "2/5"
    ])
    assert.deepStrictEqual(waitsOf(connect, opened, says(`${a}.0`), cut, due, opened, init(`${b}.0`, b), cut), [
      "1/5",
      "2/5"
    ])
  })

  it("goes on where nothing proves that an event is new: no ids", () => {
    assert.deepStrictEqual(waitsOf(connect, opened, says(undefined), cut, due, opened, says(undefined), cut), [
      "1/5",
      "2/5"
    ])
  })

  it("begins anew with a foreign id that is another than the last", () => {
    assert.deepStrictEqual(waitsOf(connect, opened, says("41"), cut, due, opened, says("42"), cut), ["1/5", "1/5"])
  })
})

describe("ids of the relay", () => {
  it("drop what was read before", () => {
    assert.deepStrictEqual(
      play([
        connect,
        opened,
        says(`${a}.0`),
        says(`${a}.1`),
        cut,
        due,
        opened,
        says(`${a}.0`),
        says(`${a}.1`),
        says(`${a}.2`)
      ]).actions.filter((action) => action.startsWith("give")),
      [`give message ${a}.0`, `give message ${a}.1`, `give message ${a}.2`]
    )
  })

  it("drop what is said twice in one connection too; what has no id of its own is not that", () => {
    assert.deepStrictEqual(
      play([connect, opened, says(`${a}.0`), says(`${a}.0`), says(undefined), says(`${a}.1`)]).actions.slice(1),
      [`give message ${a}.0`, "give message -", `give message ${a}.1`]
    )
  })

  it("tell what is missing, which is fatal", () => {
    const { last } = play([connect, opened, says(`${a}.0`), says(`${a}.2`)])
    assert.deepInclude(last.at(-1), { error: { _tag: "StreamGap", lastEventId: `${a}.0`, received: `${a}.2` } })
    assert.deepStrictEqual(after(connect, opened, says(`${a}.0`), cut, due, opened, says(`${b}.3`)).slice(-1), [
      "fail StreamGap"
    ])
  })

  it("may begin anywhere: who resumes by the address has read the beginning elsewhere", () => {
    assert.deepStrictEqual(after(connect, opened, says(`${a}.7`)), [`give message ${a}.7`])
  })

  it("of another stream begin anew: what was assembled is cleared, and that is said", () => {
    const { actions, state } = play([
      connect,
      opened,
      init(`${a}.0`, a),
      says(`${a}.1`, "old"),
      cut,
      due,
      opened,
      init(`${b}.0`, b),
      says(`${b}.1`, "new")
    ])
    assert.deepStrictEqual(actions.slice(-3), ["reset", `give init ${b}.0`, `give message ${b}.1`])
    assert.strictEqual(state.text, "new")
    assert.strictEqual(state.lastEventId, `${b}.1`)
  })
})

describe("ids of others", () => {
  it("are kept, and nothing is read from them", () => {
    assert.deepStrictEqual(
      play([connect, opened, says("41"), says("41"), says("7"), cut, due]).actions.filter((one) =>
        /give|ask/.test(one)
      ),
      ["ask 0", "give message 41", "give message 41", "give message 7", "ask 0 from 7"]
    )
  })

  it("are cleared by an empty one, and kept by an event without one", () => {
    assert.deepStrictEqual(after(connect, opened, says("41"), says(undefined), cut, due), ["ask 0 from 41"])
    assert.deepStrictEqual(after(connect, opened, says("41"), says(""), cut, due), ["ask 0"])
  })

  it("count without data too, as EventSource has it", () => {
    assert.deepStrictEqual(after(connect, opened, says("1"), { ...cut, lastEventId: "5" }, due), ["ask 0 from 5"])
  })

  it("of the relay without data are of an event that was never seen, where its events have ids of their own", () => {
    assert.deepStrictEqual(after(connect, opened, says(`${a}.4`), { ...cut, lastEventId: `${a}.5` }, due), [
      `ask 0 from ${a}.4`
    ])
  })

  it("that follow their events in a block of their own are committed with it: nothing is asked for twice", () => {
    assert.deepStrictEqual(
      after(connect, opened, says(undefined), says(undefined), { ...cut, lastEventId: `${a}.1` }, due),
      [`ask 0 from ${a}.1`]
    )
  })

  it("that are none: a connection after a break begins anew, and says so before its first event", () => {
    const { actions, state } = play([connect, opened, says(undefined, "old"), cut, due, opened, says(undefined, "new")])
    assert.deepStrictEqual(actions.slice(-3), ["ask 0", "reset", "give message -"])
    assert.strictEqual(state.text, "new")
  })
})

describe("the end", () => {
  it.each([
    ["done", done(`${a}.1`), [`give done ${a}.1`, "end"]],
    ["message_stop", event(`${a}.1`, {}, "message_stop"), [`give message_stop ${a}.1`, "end"]],
    // A mark is no word of the answer.
    ["[DONE]", event(`${a}.1`, "[DONE]"), ["end"]]
  ])("is %s, and nothing follows", (_, last, expected) => {
    const { actions, state } = play([connect, opened, says(`${a}.0`), last, cut, says(`${a}.2`), due])
    assert.strictEqual(state.phase, "ended")
    assert.strictEqual(state.text, "x")
    assert.deepStrictEqual(actions.slice(2), expected)
  })

  it("is 204 after a break", () => {
    assert.deepStrictEqual(after(connect, opened, says(`${a}.0`), cut, due, head(204)), ["end"])
  })
})

describe("the stream's own error", () => {
  it.each([[{ recoverable: false }], [{}], [{ recoverable: "true" }], [{ recoverable: true, retry_after: 121 }]])(
    "%o is fatal",
    (data) => {
      assert.deepStrictEqual(after(connect, opened, says(`${a}.0`), errs(`${a}.1`, data)), ["fail ServerFault"])
    }
  )

  it("that is recoverable asks anew: with a new key and no id, after what it says", () => {
    const inputs = [
      connect,
      opened,
      says(`${a}.0`),
      errs(`${a}.1`, { recoverable: true, retry_after: 60, code: "c" }),
      due
    ]
    assert.deepStrictEqual(play(inputs).actions.slice(-2), ["wait 1/5 60000 c hinted", "ask 1"])
    assert.deepStrictEqual(after(...inputs, opened, init(`${b}.0`, b)), ["reset", `give init ${b}.0`])
  })

  it("keeps its key over retries that have read no terminal event", () => {
    const inputs = [connect, opened, errs(`${a}.0`, { recoverable: true }), due, refused, due, head(503), due]
    assert.deepStrictEqual(
      play(inputs).actions.filter((action) => action.startsWith("ask")),
      ["ask 0", "ask 1", "ask 1", "ask 1"]
    )
  })

  it("is not asked anew where maxRetries is no number", () => {
    const { actions } = play([connect, refused, due, refused, due], { maxRetries: Number.NaN })
    assert.deepStrictEqual(actions, ["ask 0", "fail RetriesExhausted"])
  })

  it("is asked anew at most maxRetries times, whatever was read between", () => {
    const asking = (stream: string): ReadonlyArray<Input> => [
      opened,
      says(`${stream}.0`),
      errs(`${stream}.1`, { recoverable: true }),
      due
    ]
    const streams = Array.from("CDEFGH", (letter) => letter.repeat(22))
    const { actions } = play([connect, ...streams.flatMap(asking)])
    assert.strictEqual(actions.filter((action) => action.startsWith("ask")).length, 6)
    assert.strictEqual(actions.at(-1), "fail RetriesExhausted")
  })
})

describe("offline", () => {
  const offline = { ...cut, online: false }

  it("waits for the network, at once asks again, and costs no try", () => {
    const online: Input = { _tag: "Due", online: true }
    const { actions } = play([
      connect,
      opened,
      says(`${a}.0`),
      offline,
      online,
      { ...refused, online: false },
      online,
      refused
    ])
    assert.deepStrictEqual(actions.slice(2), [
      "awaitonline",
      `ask 0 from ${a}.0`,
      "awaitonline",
      `ask 0 from ${a}.0`,
      "wait 1/5 1000 network_error"
    ])
  })

  it("at the beginning, or when a wait is over, asks nothing", () => {
    assert.deepStrictEqual(after({ _tag: "Connect", online: false }), ["awaitonline"])
    assert.deepStrictEqual(after(connect, refused, { _tag: "Due", online: false }), ["awaitonline"])
  })
})

describe("leaving", () => {
  const close: Input = { _tag: "Close" }
  const cancel: Input = { _tag: "Cancel" }

  it.each([
    ["connecting", [connect]],
    ["open", [connect, opened]],
    ["waiting", [connect, refused]],
    ["offline", [{ _tag: "Connect", online: false }]]
  ] as ReadonlyArray<readonly [string, ReadonlyArray<Input>]>)("lets go while %s", (phase, inputs) => {
    assert.strictEqual(play(inputs).state.phase, phase)
    assert.deepStrictEqual(after(...inputs, close), ["drop"])
    assert.strictEqual(play([...inputs, close]).state.phase, "closed")
    assert.deepStrictEqual(after(...inputs, close, due, { _tag: "Due", online: true }, cut), [])
  })

  it("by cancel is told to the server, where a stream is known", () => {
    assert.deepStrictEqual(after(connect, cancel), ["drop"])
    assert.deepStrictEqual(after(connect, head(200, { streamId: b }), cancel), [`cancel ${b}`])
    assert.deepStrictEqual(after(connect, opened, init(`${a}.0`, a), cancel), [`cancel ${a}`])
    assert.deepStrictEqual(after(connect, opened, init(undefined, a), cut, cancel), [`cancel ${a}`])
  })

  it("after the end is nothing", () => {
    for (const leave of [close, cancel]) {
      assert.deepStrictEqual(after(connect, opened, done(`${a}.0`), leave), [])
      assert.strictEqual(play([connect, opened, done(`${a}.0`), leave]).state.phase, "ended")
    }
  })
})

describe("whatever happens", () => {
  const stream = fc.constantFrom(a, b)
  const id = fc.oneof(
    fc.constant(""),
    fc.nat(20).map(String),
    fc.tuple(stream, fc.nat(6)).map(([s, seq]) => `${s}.${seq}`)
  )
  const input: fc.Arbitrary<Input> = fc.oneof(
    fc.constantFrom<Input>(
      connect,
      due,
      opened,
      cut,
      refused,
      { _tag: "Due", online: true },
      { ...cut, online: false }
    ),
    fc.constantFrom(204, 400, 410, 503).map((status) => head(status)),
    id.map((one) => says(one)),
    fc.tuple(id, stream).map(([one, of]) => init(one, of)),
    id.map(done),
    fc.tuple(id, fc.boolean()).map(([one, recoverable]) => errs(one, { recoverable }))
  )

  it("a number of the relay is given once, in order, and without a gap, until a reset", () => {
    fc.assert(
      fc.property(fc.array(input, { maxLength: 80 }), (inputs) => {
        const rules = { random: () => 0 }
        let state = idle(rules)
        let seen: { stream: string; seq: number } | undefined
        for (const one of inputs) {
          const next = step(rules, state, one)
          if (one._tag === "Connect" && next.actions.length > 0) seen = undefined
          for (const action of next.actions) {
            if (action._tag === "Reset") seen = undefined
            if (action._tag !== "Give") continue
            const own = /^(\w{22})\.(\d+)$/.exec(action.event.id ?? "")
            if (own === null) seen = action.event.id === undefined ? seen : undefined
            else {
              if (seen !== undefined) assert.deepStrictEqual([own[1], Number(own[2])], [seen.stream, seen.seq + 1])
              seen = { stream: own[1]!, seq: Number(own[2]) }
            }
          }
          state = next.state
        }
      }),
      { numRuns: 3000 }
    )
  })

  it("it never makes more than 6 requests in a row that bring nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(refused, opened, cut, due, head(503)), { maxLength: 60 }), (inputs) => {
        const { actions } = play([connect, ...inputs])
        assert.isAtMost(actions.filter((action) => action.startsWith("ask")).length, 6)
      })
    )
  })
})
