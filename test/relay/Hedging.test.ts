/**
 * Two attempts side by side: one is the answer, whole, and of the other nothing is left but its line in the trail.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { StreamTruncated } from "effect-resilience/errors"
import { Script } from "effect-resilience/testing"
import * as fc from "fast-check"
import { JournalStoreMemory } from "#src/journal/index"
import { attemptsHeader } from "#src/relay/index"
import { ask, readChat, saysAfter, textBy, world, type WorldOptions } from "./hedges.ts"
import { ask as askLife, judge, passing, recordOf, startLife, virtually } from "./life/lives.ts"
import { passUntil, readerOf } from "./virtual.ts"
import { LastAsked } from "#src/relay/LastAsked"
import { decodeNote } from "#src/relay/Note"
import { failoversOf } from "#src/relay/Trail"

const after = 2000

type World = ReturnType<typeof world>
type Asked = Effect.Success<ReturnType<typeof ask>>

/** Asks a relay of these upstreams, and looks at what is told when the answer has ended. */
const play = (
  options: WorldOptions,
  look: (seen: { readonly world: World; readonly asked: Asked } & ReturnType<typeof readChat>) => void,
  more: Parameters<typeof ask>[0] = {}
) => {
  const made = world(options)
  return virtually(
    Effect.gen(function* () {
      const asked = yield* ask(more)
      yield* passUntil(asked.ended, 400_000, 100)
      assert.isTrue(asked.ended(), "it has not ended")
      yield* TestClock.adjust(1)
      look({ world: made, asked, ...readChat(asked.said()) })
      // Whatever came of it: nothing runs on, and each target was given back, once.
      assert.strictEqual(made.open(), 0, "an upstream is still open")
      assert.strictEqual(made.releases().length, made.picks())
      assert.strictEqual(asked.relay.active(), 0)
    }).pipe(Effect.provide(made.layer))
  )
}

const spent = { budget: { ratio: 0, minPerSecond: 0 } }

describe("R28: an attempt that shows nothing for retry.hedgeAfter gets a second beside it", () => {
  it("R28: a silent channel beside a healthy one costs the person hedgeAfter, not firstContent", () =>
    play({ scripts: { a: [Script.silence], b: [saysAfter(300, "b")] } }, ({ asked, attempts, ends, text, world }) => {
      assert.deepStrictEqual(world.asked(), [
        ["a", 0],
        ["b", after]
      ])
      assert.strictEqual(text, textBy("b"))
      // The other one is closed with the first content.
      assert.deepStrictEqual(world.ends("a"), [["left", after + 300]])
      assert.strictEqual(asked.answer.asNote("completed", undefined).shown?.afterMillis, after + 300)
      assert.deepStrictEqual(attempts, [
        {
          attempt: 2,
          max_attempts: 4,
          delay_ms: 0,
          reason: "channel:response_time_exceeded",
          from: "a",
          to: "b"
        }
      ])
      assert.strictEqual(ends[0]?.event, "done")
      assert.strictEqual(ends[0]?.data["attempts"], 2)
      // To be slower than another one is nobody's fault.
      assert.deepStrictEqual(world.releases(), [
        ["a", "Ignored"],
        ["b", "Success"]
      ])
      assert.deepStrictEqual(asked.trail(), ["1 a cancelled", "2 b ok"])
      assert.strictEqual(attemptsHeader(asked.answer.trail), "a=cancelled,b=200")
      assert.deepStrictEqual(
        asked.events.flatMap((event) => (event._tag === "FailedOver" ? [[event.from, event.to]] : [])),
        [["a", "b"]]
      )
    }))

  it.each([
    ["headers and nothing more", Script.headersOnly()],
    ["pings", Script.headersOnly(500)]
  ])("R28: %s are nothing", (_, script) =>
    play({ scripts: { a: [script], b: [saysAfter(300, "b")] } }, ({ text, world }) => {
      assert.strictEqual(text, textBy("b"))
      assert.deepStrictEqual(world.asked()[1], ["b", after])
    })
  )

  it("the first content wins, also where it is the first one's: the second is closed, and nobody moved", () =>
    play({ scripts: { a: [saysAfter(2500, "a")], b: [saysAfter(3000, "b")] } }, ({ asked, ends, text, world }) => {
      assert.strictEqual(text, textBy("a"))
      assert.deepStrictEqual(world.ends("b"), [["left", 2500]])
      assert.deepStrictEqual(world.releases(), [
        ["b", "Ignored"],
        ["a", "Success"]
      ])
      assert.deepStrictEqual(asked.trail(), ["2 b cancelled", "1 a ok"])
      assert.isFalse(asked.events.some(({ _tag }) => _tag === "FailedOver"))
      assert.strictEqual(ends[0]?.data["attempts"], 2)
    }))

  it("what the other one had said before is not part of the answer: its role, ids and usage", () =>
    play(
      { scripts: { a: [saysAfter(4000, "a")], b: [saysAfter(300, "b")] } },
      ({ asked }) => {
        const chunks = asked.said().flatMap(({ data }) => ("choices" in data ? [data] : []))
        const deltas = chunks.flatMap(
          ({ choices }) => choices as ReadonlyArray<{ delta: { role?: string; content?: string } }>
        )
        assert.strictEqual(deltas.filter(({ delta }) => delta.role !== undefined).length, 1)
        assert.strictEqual(deltas.map(({ delta }) => delta.content ?? "").join(""), textBy("b"))
        assert.strictEqual(new Set(chunks.map(({ id }) => id)).size, 1)
        const usage = chunks.flatMap((chunk) => (chunk["usage"] ? [chunk["usage"]] : []))
        assert.strictEqual((usage[0] as { completion_tokens: number }).completion_tokens, "b".charCodeAt(0))
        assert.strictEqual(asked.answer.machine.usage().outputTokens, "b".charCodeAt(0))
      },
      { dialect: "openai", body: { stream_options: { include_usage: true } } }
    ))

  it("one that says something in time gets none, however long it is silent later", () =>
    play(
      {
        scripts: {
          a: [Script.answer(["one ", Script.pause(20_000), "two"]).pipe(Script.startsAfter(1900))],
          b: [saysAfter(1, "b")]
        }
      },
      ({ attempts, text, world }) => {
        assert.strictEqual(text, "one two")
        assert.deepStrictEqual(world.asked(), [["a", 0]])
        assert.deepStrictEqual(attempts, [])
      }
    ))

  it("R6, R28: one that was refused a field beside another is asked again without it, under a number of its own", () => {
    const message = "Unrecognized request argument supplied: stream_options"
    const body = { error: { message, type: "invalid_request_error", param: "stream_options" } }
    return play(
      {
        scripts: {
          a: [Script.status(400, { body }).pipe(Script.startsAfter(3000)), saysAfter(20, "a")],
          b: [saysAfter(9000, "b")]
        }
      },
      ({ asked, text }) => {
        assert.strictEqual(text, textBy("a"))
        assert.deepStrictEqual(asked.trail(), ["1 a caller", "2 b cancelled", "3 a ok"])
      }
    )
  })

  it("null is none", () =>
    play(
      { scripts: { a: [saysAfter(20_000, "a")], b: [saysAfter(1, "b")] }, retry: { hedgeAfter: null } },
      ({ text, world }) => {
        assert.strictEqual(text, textBy("a"))
        assert.strictEqual(world.asked().length, 1)
      }
    ))

  it("a refusal without a word of content is an answer too", () =>
    play(
      {
        scripts: {
          a: [Script.silence],
          b: [Script.answer([]).pipe(Script.startsAfter(100), Script.finish("content-filter"))]
        }
      },
      ({ asked, ends, world }) => {
        assert.strictEqual(ends[0]?.event, "done")
        assert.strictEqual(ends[0]?.data["finish_reason"], "content_filter")
        assert.deepStrictEqual(world.ends("a"), [["left", after + 100]])
        assert.deepStrictEqual(asked.trail(), ["1 a cancelled", "2 b ok"])
      }
    ))

  it("JSON that waits for its end is no silence, and its first content wins", () =>
    play(
      {
        scripts: {
          a: [Script.answer(['{"a":', Script.pause(6000), "1}"]).pipe(Script.startsAfter(1000))],
          b: [Script.answer('{"b":2}')]
        }
      },
      ({ asked, world }) => {
        assert.deepStrictEqual(world.asked(), [["a", 0]])
        assert.strictEqual(asked.answer.machine.text, '{"a":1}')
      },
      { dialect: "openai", body: { stream: false, response_format: { type: "json_object" } } }
    ))

  it("JSON that waits for its end is not overtaken by one that is shorter", () =>
    play(
      {
        scripts: {
          a: [Script.answer(['{"a":', Script.pause(6000), "1}"]).pipe(Script.startsAfter(2500))],
          b: [Script.answer('{"b":2}').pipe(Script.startsAfter(1000))]
        }
      },
      ({ asked, world }) => {
        assert.deepStrictEqual(world.ends("b"), [["left", 2500]])
        assert.strictEqual(asked.answer.machine.text, '{"a":1}')
      },
      { dialect: "openai", body: { stream: false, response_format: { type: "json_object" } } }
    ))
})

describe("R28: of a later attempt", () => {
  it("that is silent there is a second one too", () =>
    play(
      { scripts: { a: [Script.status(404)], b: [Script.silence], c: [saysAfter(10, "c")] } },
      ({ asked, text, world }) => {
        assert.strictEqual(text, textBy("c"))
        assert.deepStrictEqual(world.asked(), [
          ["a", 0],
          ["b", 0],
          ["c", after]
        ])
        assert.deepStrictEqual(asked.trail(), ["1 a model", "2 b cancelled", "3 c ok"])
        assert.deepStrictEqual(
          asked.events.flatMap((event) => (event._tag === "FailedOver" ? [[event.from, event.to]] : [])),
          [
            ["a", "b"],
            ["b", "c"]
          ]
        )
      }
    ))

  it("the winner breaks in the middle: the slower one is asked to go on only when no other is left", () =>
    play(
      {
        scripts: {
          a: [Script.silence, Script.answer("one two three four")],
          b: [Script.answer("one two three four").pipe(Script.cutAfter(2, "reset"))],
          c: [Script.answer("one two three four")]
        }
      },
      ({ asked, text }) => {
        assert.strictEqual(text, "one two three four")
        assert.deepStrictEqual(asked.trail(), ["1 a cancelled", "2 b transport", "3 c ok"])
      }
    ))

  it("and where none is left, it is asked", () =>
    play(
      {
        scripts: {
          a: [Script.silence, Script.answer("one two three four")],
          b: [Script.answer("one two three four").pipe(Script.cutAfter(2, "reset"))]
        }
      },
      ({ asked, text }) => {
        assert.strictEqual(text, "one two three four")
        assert.deepStrictEqual(asked.trail(), ["1 a cancelled", "2 b transport", "3 a ok"])
      }
    ))
})

describe("when one of the two fails before either has said anything", () => {
  it.each([
    [
      "the first",
      { a: [Script.status(500).pipe(Script.startsAfter(3000))], b: [saysAfter(5000, "b")] },
      "b",
      ["1 a upstream", "2 b ok"]
    ],
    [
      "the second",
      { a: [saysAfter(5000, "a")], b: [Script.status(500).pipe(Script.startsAfter(1000))] },
      "a",
      ["2 b upstream", "1 a ok"]
    ]
  ] as const)("%s: the other goes on alone, and the failure counts and is penalised", (_, scripts, who, trail) =>
    play({ scripts }, ({ asked, ends, text, world }) => {
      assert.strictEqual(text, textBy(who))
      assert.strictEqual(world.asked().length, 2)
      assert.deepStrictEqual(asked.trail(), [...trail])
      assert.deepStrictEqual(world.penalised(), [who === "a" ? "b" : "a"])
      assert.strictEqual(ends[0]?.data["attempts"], 2)
    })
  )

  it("both: what is left of its attempts follows, in order, and the first failure is the answer's", () =>
    play(
      {
        scripts: {
          a: [Script.status(503).pipe(Script.startsAfter(4000))],
          b: [Script.status(500).pipe(Script.startsAfter(1000))]
        },
        retry: { times: 1 }
      },
      ({ asked, ends, world }) => {
        assert.deepStrictEqual(asked.trail(), ["2 b upstream", "1 a upstream"])
        assert.strictEqual(ends[0]?.event, "error")
        assert.strictEqual(ends[0]?.data["code"], "bad_response_status_code")
        assert.deepStrictEqual(world.penalised(), ["b", "a"])
        assert.strictEqual(asked.answer.attempts, 2)
      }
    ))

  it("both: a third channel answers", () =>
    play(
      {
        scripts: {
          a: [Script.refused.pipe(Script.startsAfter(3500))],
          b: [Script.status(404).pipe(Script.startsAfter(1900))],
          c: [saysAfter(10, "c")]
        },
        retry: { sameChannel: 0 }
      },
      ({ asked, text }) => {
        assert.strictEqual(text, textBy("c"))
        assert.deepStrictEqual(asked.trail(), ["1 a transport", "2 b model", "3 c ok"])
      }
    ))

  it("the other gets a second again, if its attempts allow", () =>
    play(
      {
        scripts: {
          a: [Script.silence],
          b: [Script.status(500).pipe(Script.startsAfter(1000))],
          c: [saysAfter(10, "c")]
        }
      },
      ({ asked, attempts, text, world }) => {
        assert.strictEqual(text, textBy("c"))
        assert.deepStrictEqual(world.asked(), [
          ["a", 0],
          ["b", 2000],
          ["c", 3000]
        ])
        assert.deepStrictEqual(
          attempts.map(({ attempt, from, to }) => [attempt, from, to]),
          [
            [2, "a", "b"],
            [3, "a", "c"]
          ]
        )
        assert.deepStrictEqual(asked.trail(), ["2 b upstream", "1 a cancelled", "3 c ok"])
      }
    ))

  it("and gets none where they do not", () =>
    play(
      {
        scripts: {
          a: [saysAfter(9000, "a")],
          b: [Script.status(500).pipe(Script.startsAfter(1000))],
          c: [saysAfter(10, "c")]
        },
        retry: { times: 1 }
      },
      ({ text, world }) => {
        assert.strictEqual(text, textBy("a"))
        assert.strictEqual(world.asked().length, 2)
      }
    ))

  it("its own clock has run out: that is a failure of its own, as ever", () =>
    play(
      {
        scripts: { a: [Script.silence], b: [saysAfter(9000, "b")] },
        settings: { timeouts: { firstContent: "5 seconds", headers: "5 seconds" } },
        channels: { b: { timeouts: { headers: 20_000 } } }
      },
      ({ asked, text, world }) => {
        assert.strictEqual(text, textBy("b"))
        assert.deepStrictEqual(asked.trail(), ["1 a timeout", "2 b ok"])
        assert.deepStrictEqual(world.penalised(), ["a"])
      }
    ))

  it.each([
    ["caller", Script.status(400, { body: { error: { message: "bad temperature", type: "invalid_request_error" } } })],
    ["content", Script.status(451)]
  ])("the request itself is at fault (%s): that is the answer's end, and the other is closed", (blame, script) =>
    play(
      { scripts: { a: [saysAfter(9000, "a")], b: [script.pipe(Script.startsAfter(1000))] } },
      ({ asked, ends, world }) => {
        assert.strictEqual(ends[0]?.event, "error")
        assert.deepStrictEqual(world.ends("a"), [["left", 3000]])
        assert.deepStrictEqual(world.penalised(), [])
        assert.deepStrictEqual(asked.trail(), ["1 a cancelled", `2 b ${blame}`])
      }
    )
  )

  it.each([
    ["the only one", "a", [Script.silence], ["1 a defect"]],
    ["the second", "b", [saysAfter(9000, "a")], ["2 b defect", "1 a cancelled"]]
  ] as const)("a bug of ours ends the answer, and each target is given back: %s", (_, bug, a, trail) =>
    play({ scripts: { a: [...a], b: [saysAfter(1, "b")] }, bug }, ({ asked, ends, world }) => {
      assert.strictEqual(ends[0]?.event, "error")
      assert.strictEqual(ends[0]?.data["code"], "internal_error")
      assert.deepStrictEqual(world.penalised(), [])
      assert.deepStrictEqual(asked.trail(), [...trail])
    })
  )

  it("it is too long for the model of one: the other goes on", () =>
    play(
      {
        scripts: {
          a: [saysAfter(5000, "a")],
          b: [
            Script.status(400, {
              body: { error: { message: "too long", type: "invalid_request_error", code: "context_length_exceeded" } }
            })
          ]
        }
      },
      ({ text }) => assert.strictEqual(text, textBy("a"))
    ))
})

describe("there is no second attempt", () => {
  const slow = saysAfter(9000, "a")

  it.each([
    ["where the retry budget is spent", { retry: spent }],
    ["where retry.times is used up", { retry: { times: 0 } }],
    ["on a channel that shows nothing before it has said all", { channels: { a: { stream: false } } }]
  ])("%s", (_, more) =>
    play({ scripts: { a: [slow], b: [saysAfter(1, "b")] }, ...more }, ({ attempts, text, world }) => {
      assert.strictEqual(text, textBy("a"))
      assert.deepStrictEqual(world.asked(), [["a", 0]])
      assert.deepStrictEqual(attempts, [])
    })
  )

  it("R28, S18: where others wait for the other one", () => {
    const made = world({
      scripts: {
        a: [Script.silence, Script.status(429, { headers: { "retry-after": "60" } })],
        b: [
          Script.status(429, { headers: { "retry-after-ms": "1980" } }),
          saysAfter(5000, "b"),
          saysAfter(5000, "b"),
          saysAfter(5000, "b")
        ]
      }
    })
    return virtually(
      Effect.gen(function* () {
        yield* ask()
        yield* TestClock.adjust(10)
        // Two who find a and b at rest, and have nobody: they go to b one after the other.
        for (let waiting = 0; waiting < 2; waiting++) {
          yield* ask()
          yield* passUntil(() => false, 5, 1)
        }
        yield* passUntil(() => false, after + 200, 10)
        const asked = made.asked().map(([channel]) => channel)
        assert.deepStrictEqual(asked, ["a", "a", "b", "b", "b"])
        const [, due, next] = made.asked().flatMap(([channel, at]) => (channel === "b" ? [at] : []))
        assert.isBelow(due!, after)
        assert.isAbove(next!, after)
      }).pipe(Effect.provide(made.layer))
    )
  })

  it("where there is no other channel", () =>
    play({ scripts: { a: [slow] } }, ({ text, world }) => {
      assert.strictEqual(text, textBy("a"))
      assert.strictEqual(world.asked().length, 1)
    }))

  it("where the other one has failed already in this request", () =>
    play({ scripts: { a: [Script.status(429)], b: [saysAfter(9000, "b")] } }, ({ text, world }) => {
      assert.strictEqual(text, textBy("b"))
      assert.deepStrictEqual(
        world.asked().map(([channel]) => channel),
        ["a", "b"]
      )
    }))

  it("where the other one rests", () => {
    const made = world({
      scripts: { a: [Script.status(401), slow], b: [Script.status(401), saysAfter(1, "b")] },
      settings: { breaker: { open: "1 second" } }
    })
    return virtually(
      Effect.gen(function* () {
        const before = yield* ask()
        yield* passUntil(before.ended)
        const asked = yield* ask()
        // Both rest: the one that is due first is asked all the same, and no other.
        yield* passUntil(asked.ended, 60_000, 100)
        assert.deepStrictEqual(
          made.asked().map(([channel]) => channel),
          ["a", "b", "a"]
        )
      }).pipe(Effect.provide(made.layer))
    )
  })

  it("beside a continuation", () =>
    play(
      {
        scripts: {
          a: [Script.answer("one two three four").pipe(Script.cutAfter(2, "reset"))],
          b: [Script.answer("one two three four").pipe(Script.startsAfter(9000))],
          c: [Script.answer("one two three four")]
        }
      },
      ({ text, world }) => {
        assert.strictEqual(text, "one two three four")
        assert.deepStrictEqual(
          world.asked().map(([channel]) => channel),
          ["a", "b"]
        )
      }
    ))

  it("where nobody reads any more", () => {
    const made = world({ scripts: { a: [slow], b: [saysAfter(1, "b")] } })
    return virtually(
      Effect.gen(function* () {
        const asked = yield* ask()
        yield* TestClock.adjust(100)
        asked.reader.close()
        yield* TestClock.adjust(20_000)
        assert.deepStrictEqual(made.asked(), [["a", 0]])
        assert.deepStrictEqual(asked.trail(), ["1 a ok"])
      }).pipe(Effect.provide(made.layer))
    )
  })

  it("of which a first one is on a channel without streams: that one may be the second", () =>
    play(
      {
        scripts: { a: [Script.silence], b: [Script.answer("all at once").pipe(Script.startsAfter(1000))] },
        channels: { b: { stream: false } }
      },
      ({ text, world }) => {
        assert.strictEqual(text, "all at once")
        assert.deepStrictEqual(world.ends("a"), [["left", 3000]])
      }
    ))
})

describe("who is asked last", () => {
  const at = (attempt: number, channel: string) => ({ attempt, channel, key: 0, model: "m" })

  it("is the one that is left of two, whichever was begun last", () => {
    const asked = new LastAsked()
    const last = () => asked.last?.channel
    assert.isUndefined(last())
    asked.began(at(1, "a"))
    asked.began(at(2, "b"))
    assert.strictEqual(last(), "b")
    asked.ended(at(2, "b"))
    assert.strictEqual(last(), "a")
    asked.ended(at(1, "a"))
    assert.strictEqual(last(), "a")
    asked.began(at(3, "c"))
    assert.strictEqual(last(), "c")
  })
})

describe("both end with the answer", () => {
  it("the client leaves", () => {
    const made = world({ scripts: { a: [Script.silence], b: [Script.silence] } })
    return virtually(
      Effect.gen(function* () {
        const asked = yield* ask({ leave: "cancel" })
        yield* TestClock.adjust(3000)
        assert.strictEqual(made.open(), 2)
        asked.reader.close()
        yield* TestClock.adjust(1)
        assert.strictEqual(made.open(), 0)
        assert.deepStrictEqual(asked.trail().toSorted(), ["1 a cancelled", "2 b cancelled"])
        assert.deepStrictEqual(made.releases().toSorted(), [
          ["a", "Ignored"],
          ["b", "Ignored"]
        ])
        assert.strictEqual(asked.relay.active(), 0)
      }).pipe(Effect.provide(made.layer))
    )
  })

  it("its time is over", () =>
    play(
      { scripts: { a: [Script.silence], b: [Script.silence] } },
      ({ asked, ends, world }) => {
        assert.strictEqual(ends[0]?.data["code"], "deadline_exceeded")
        assert.deepStrictEqual(world.penalised(), [])
        assert.deepStrictEqual(asked.trail().toSorted(), ["1 a exhausted", "2 b exhausted"])
      },
      { timeoutMillis: 5000 }
    ))

  it("what comes of the second when the answer was ended from outside is not shown", () => {
    const made = world({ scripts: { a: [Script.silence], b: [saysAfter(1000, "b", 1)] } })
    return virtually(
      Effect.gen(function* () {
        const asked = yield* ask()
        yield* TestClock.adjust(2999)
        asked.answer.fail(new StreamTruncated({}))
        yield* TestClock.adjust(5000)
        assert.strictEqual(asked.reader.terminals(), 1)
        assert.strictEqual(asked.reader.afterEnd(), 0)
        assert.strictEqual(readChat(asked.said()).text, "")
        assert.deepStrictEqual(
          asked.events.flatMap(({ _tag }) => (_tag === "Committed" || _tag === "StreamEnded" ? [_tag] : [])),
          ["StreamEnded"]
        )
      }).pipe(Effect.provide(made.layer))
    )
  })
})

describe("what waits to be written holds both", () => {
  it("and both go on when there is room again, whoever was asked last", () => {
    const made = world({ scripts: { a: [saysAfter(4000, "a")], b: [Script.silence] } })
    return virtually(
      Effect.gen(function* () {
        const asked = yield* ask()
        yield* TestClock.adjust(2500)
        assert.strictEqual(made.open(), 2)
        asked.answer.press(true)
        yield* TestClock.adjust(2500)
        assert.strictEqual(readChat(asked.said()).text, "")
        asked.answer.press(false)
        yield* TestClock.adjust(100)
        assert.strictEqual(readChat(asked.said()).text, textBy("a"))
        // The one that is left hears of it alone.
        assert.deepStrictEqual(asked.trail(), ["2 b cancelled", "1 a ok"])
      }).pipe(Effect.provide(made.layer))
    )
  })
})

describe("the process dies while both run", () => {
  it("another one goes on: both are lost in the trail, and counted", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const retry = { hedgeAfter: "2 seconds" }
        const upstreams = { a: { scripts: [Script.silence] }, b: { scripts: [Script.silence] } }
        const life = yield* startLife(place, { upstreams, settings: { retry } })
        const { id } = yield* askLife(life)
        yield* TestClock.adjust(2500)
        assert.strictEqual(life.calls().length, 2)
        yield* life.kill
        const next = yield* startLife(place, {
          upstreams: { a: { scripts: [saysAfter(10, "a")] }, b: { scripts: [saysAfter(10, "b")] } },
          settings: { retry }
        })
        const reader = readerOf(next.journal, id, -1)
        assert.isTrue(yield* passing(() => reader.terminals() > 0))
        const { end, text } = judge("chat", id, reader.text())
        assert.strictEqual(text, textBy("a"))
        assert.strictEqual((JSON.parse(end!.data) as { attempts: number }).attempts, 3)
        const note = decodeNote((yield* recordOf(next, id)).note)
        assert.deepStrictEqual(
          note?.trail.map(({ attempt, channel, code }) => [attempt, channel, code]),
          [
            [2, "b", "lease_lost"],
            [1, "a", "lease_lost"],
            [3, "a", undefined]
          ]
        )
      })
    ))
})

describe("for any order in which things come from both", () => {
  const moment = fc.integer({ min: 0, max: 7000 })
  const good = (who: string) => moment.map((at) => saysAfter(at, who, 7))
  const bad = fc
    .tuple(
      moment,
      fc.constantFrom<Script.Script>(
        Script.status(500),
        Script.status(429),
        Script.status(404),
        Script.refused,
        Script.silence,
        Script.headersOnly(300)
      )
    )
    .map(([at, script]) => (script._tag === "Silence" ? script : Script.startsAfter(script, at)))
  const any = (who: string) => fc.oneof({ weight: 3, arbitrary: good(who) }, { weight: 2, arbitrary: bad })

  it("the text is of one of them, whole; one terminal event; each socket is closed and each target given back, once", () =>
    fc.assert(
      fc.asyncProperty(any("a"), any("b"), any("c"), fc.integer({ min: 0, max: 3 }), (a, b, c, times) => {
        const made = world({ scripts: { a: [a], b: [b], c: [c] }, retry: { times, jitter: "none" } })
        return virtually(
          Effect.gen(function* () {
            const asked = yield* ask()
            yield* passUntil(asked.ended, 400_000, 250)
            yield* TestClock.adjust(1)
            const { ends, text } = readChat(asked.said())
            assert.strictEqual(ends.length, 1)
            assert.strictEqual(asked.reader.afterEnd(), 0)
            if (ends[0]?.event === "done")
              assert.include(
                ["a", "b", "c"].map((who) => textBy(who)),
                text
              )
            else assert.strictEqual(text, "")
            assert.strictEqual(made.open(), 0)
            assert.strictEqual(made.releases().length, made.picks())
            assert.strictEqual(asked.answer.trail.length, made.picks())
            assert.strictEqual(new Set(made.penalised()).size, made.penalised().length)
            assert.isAtMost(asked.answer.attempts, times + 1)
            assert.isAtMost(asked.answer.trail.filter(({ blame }) => blame === undefined).length, 1)
            assert.isAtMost(made.asked().length, times + 1)
            // The trail alone says as many moves as were told.
            const moves = asked.events.filter(({ _tag }) => _tag === "FailedOver").length
            if (ends[0]?.event === "done") assert.strictEqual(failoversOf(asked.answer.trail), moves)
            assert.strictEqual(asked.relay.active(), 0)
          }).pipe(Effect.provide(made.layer))
        )
      }),
      { numRuns: 200 }
    ))

  it("a client that leaves, at whatever moment, ends all of it at once", () =>
    fc.assert(
      fc.asyncProperty(any("a"), any("b"), any("c"), moment, (a, b, c, leaves) => {
        const made = world({ scripts: { a: [a], b: [b], c: [c] } })
        return virtually(
          Effect.gen(function* () {
            const asked = yield* ask({ leave: "cancel" })
            yield* TestClock.adjust(leaves)
            asked.reader.close()
            yield* TestClock.adjust(1)
            assert.strictEqual(made.open(), 0)
            assert.strictEqual(made.releases().length, made.picks())
            assert.strictEqual(asked.answer.trail.length, asked.answer.attempts)
            assert.strictEqual(asked.relay.active(), 0)
            const before = made.asked().length
            yield* TestClock.adjust(30_000)
            assert.strictEqual(made.asked().length, before)
          }).pipe(Effect.provide(made.layer))
        )
      }),
      { numRuns: 100 }
    ))
})
