/**
 * Faults after the first words were shown: the answer goes on from another attempt, or ends with a clean error.
 */
import { assert, describe } from "@effect/vitest"
import { answer, cut, prefillRefused, silence, status } from "../support/behaviour.ts"
import type { FaultServer } from "../support/FaultServer.ts"
import { askOf, words } from "../support/upstreamText.ts"
import { type Case, type Clean, type SeamSeen, type Whole, firstWords, play, whole } from "./matrix.ts"

import { estimateTokens, tokenQuarters } from "#src/dialect/index"
const shown = firstWords(7)
const offset = Array.from(shown).length

// The upstream that was cut said no usage: four characters a token. The other one counts what it went on with.
const outputTokens = estimateTokens(shown) + words.length - 7

// One that says all of it again is paid for what was shown of that: its share of what it counted.
const rest = words.slice(7).join("")
const afterRepetition =
  estimateTokens(shown) + Math.ceil((words.length * tokenQuarters(rest)) / (tokenQuarters(rest) + tokenQuarters(shown)))

const joined = (reason: string, more: Partial<SeamSeen> = {}, output = outputTokens): Whole => ({
  model: "model-a",
  estimated: true,
  outputTokens: output,
  seams: [{ from: "a", to: "b", reason, offset, ...more }]
})

const truncated: Clean = {
  error: "stream_truncated",
  status: 502,
  type: "server_error",
  recoverable: true,
  partial: shown
}

/** How a server was asked, each time. */
const asks = (server: FaultServer | undefined) => server?.requests.map(({ body }) => askOf(body.messages ?? []).kind)

const cuts: ReadonlyArray<Case> = [
  ...(
    [
      ["a reset", "reset", "do_request_failed"],
      ["a clean end", "close", "stream_truncated"],
      ["an error frame", "errorFrame", "bad_response_status_code"],
      ["silence", "stall", "channel:response_time_exceeded"],
      ["a frame that is not JSON", "badFrame", "bad_response_body"],
      ["an end inside an event", "insideEvent", "stream_truncated"],
      ["an end inside a chunk", "insideChunk", "do_request_failed"]
    ] as const
  ).map(
    ([what, ending, reason]): Case => ({
      name: `an answer that is cut by ${what} goes on from another channel`,
      upstreams: { a: [cut(7, ending)], b: ["good"] },
      attempts: ["a=200", "b=200"],
      ends: joined(reason),
      also: ({ b }) =>
        assert.deepEqual(
          b?.requests.map(({ body }) => body.messages?.at(-1)),
          [{ role: "assistant", content: shown }]
        )
    })
  ),
  {
    name: "an answer that is cut on a single channel goes on from the same one",
    upstreams: { a: [cut(7, "reset"), "good"] },
    attempts: ["a=200", "a=200"],
    ends: joined("do_request_failed", { to: "a" })
  },
  {
    name: "an answer that stalls on a single channel ends with an error",
    upstreams: { a: [cut(7, "stall")] },
    attempts: ["a=200"],
    ends: {
      error: "channel:response_time_exceeded",
      status: 504,
      type: "timeout_error",
      recoverable: true,
      partial: shown
    }
  },
  {
    name: "an answer that is cut twice goes on twice",
    upstreams: { a: [cut(7, "reset")], b: [cut(3, "close")], c: ["good"] },
    attempts: ["a=200", "b=200", "c=200"],
    ends: {
      model: "model-a",
      estimated: true,
      seams: [
        { from: "a", to: "b", reason: "do_request_failed", offset },
        { from: "b", to: "c", reason: "stream_truncated", offset: Array.from(firstWords(10)).length }
      ]
    }
  },
  {
    name: "a third continuation is not made, and the error is what broke the answer first",
    upstreams: { a: [cut(7, "close")], b: [cut(1, "reset")], c: [cut(1, "reset")], d: ["good"] },
    attempts: ["a=200", "b=200", "c=200"],
    ends: {
      ...truncated,
      partial: firstWords(9),
      seams: [
        { from: "a", to: "b", reason: "stream_truncated", offset },
        { from: "b", to: "c", reason: "do_request_failed", offset: Array.from(firstWords(8)).length }
      ]
    }
  },
  {
    name: "a continuation that fails before its first words is followed by another",
    upstreams: { a: [cut(7, "reset")], b: [status(500)], c: ["good"] },
    attempts: ["a=200", "b=500", "c=200"],
    ends: joined("do_request_failed", { to: "c" })
  },
  {
    name: "a continuation that is silent is left for another",
    upstreams: { a: [cut(7, "reset")], b: [silence], c: ["good"] },
    attempts: ["a=200", "b=timeout", "c=200"],
    ends: joined("do_request_failed", { to: "c" })
  },
  {
    name: "recovery.mode off ends a cut answer with an error",
    upstreams: { a: [cut(7, "close")], b: ["good"] },
    configuration: { recovery: { mode: "off" } },
    attempts: ["a=200"],
    ends: truncated
  },
  {
    name: "a channel with continuation none does not go on",
    upstreams: { a: [cut(7, "close")], b: ["good"] },
    channels: { a: { continuation: "none" }, b: { continuation: "none" } },
    attempts: ["a=200"],
    ends: truncated
  },
  {
    name: "nothing is left to go on from",
    upstreams: { a: [cut(7, "close"), status(500)], b: [status(500)] },
    attempts: ["a=200", "b=500", "a=500"],
    ends: truncated
  }
]

const terminators: ReadonlyArray<Case> = [
  {
    name: "a finish without [DONE] is whole",
    upstreams: { a: [cut(99, "finishWithoutDone")], b: ["good"] },
    attempts: ["a=200"],
    ends: { model: "model-a" }
  },
  {
    name: "[DONE] without a finish is whole",
    upstreams: { a: [cut(99, "doneWithoutFinish")], b: ["good"] },
    attempts: ["a=200"],
    ends: { model: "model-a", estimated: true }
  },
  {
    // The second one has nothing to add, neither as its own beginning nor in words: that proves nothing.
    name: "R18: neither [DONE] nor a finish is a cut, even after the last word",
    upstreams: { a: [cut(99, "close")], b: ["good"] },
    attempts: ["a=200", "b=200", "b=200", "a=200", "a=200"],
    ends: { ...truncated, partial: whole }
  },
  {
    name: "a content filter is a finish, and an end",
    upstreams: { a: [answer({ words: ["Once ", "upon"], finish: "content_filter" })], b: ["good"] },
    attempts: ["a=200"],
    ends: { text: "Once upon", model: "model-a", finish: "content_filter", outputTokens: 2 }
  },
  {
    name: "a length is a finish, and an end",
    upstreams: { a: [answer({ words: ["Once ", "upon"], finish: "length" })], b: ["good"] },
    attempts: ["a=200"],
    ends: { text: "Once upon", model: "model-a", finish: "length", outputTokens: 2 }
  }
]

const modes: ReadonlyArray<Case> = [
  {
    name: "a target that refuses prefill is asked by message",
    upstreams: { a: [cut(7, "reset")], b: [prefillRefused, "good"] },
    attempts: ["a=200", "b=400", "b=200"],
    ends: joined("do_request_failed"),
    also: ({ b }) => assert.deepEqual(asks(b), ["prefill", "message"])
  },
  {
    name: "a primary that refuses prefill goes on from its own cut by message",
    upstreams: { a: [cut(7, "reset"), prefillRefused, "good"] },
    attempts: ["a=200", "a=400", "a=200"],
    ends: joined("do_request_failed", { to: "a" }),
    also: ({ a }) => assert.deepEqual(asks(a), ["new", "prefill", "message"])
  },
  {
    name: "a target that begins anew when prefilled is cut off unseen and asked by message",
    upstreams: { a: [cut(7, "reset")], b: [answer({ prefill: "restart" })] },
    attempts: ["a=200", "b=200", "b=200"],
    ends: joined("do_request_failed"),
    also: ({ b }) => assert.deepEqual(asks(b), ["prefill", "message"])
  },
  {
    name: "a target that begins anew by message has its repetition dropped",
    upstreams: { a: [cut(7, "reset")], b: [answer({ message: "restart" })] },
    channels: { b: { continuation: "message" } },
    attempts: ["a=200", "b=200"],
    ends: joined("do_request_failed", { dropped: offset, seam: "restart" }, afterRepetition)
  },
  {
    name: "a target that takes no continuation at all is left for another",
    upstreams: { a: [cut(7, "reset")], b: [answer({ prefill: "refuse", message: "refuse" })], c: ["good"] },
    attempts: ["a=200", "b=400", "b=400", "c=200"],
    ends: joined("do_request_failed", { to: "c" })
  },
  {
    name: "a channel with continuation message is never prefilled",
    upstreams: { a: [cut(7, "reset")], b: ["good"] },
    channels: { b: { continuation: "message" } },
    attempts: ["a=200", "b=200"],
    ends: joined("do_request_failed"),
    also: ({ b }) => assert.deepEqual(asks(b), ["message"])
  }
]

/** Nothing of it was shown: the same is asked once more, then the other. */
const begunAnew: Case["whole"] = { attempts: ["a=200", "a=200", "b=200"], ends: { model: "model-b" } }

const sealed: ReadonlyArray<Case> = [
  {
    name: "a tool call that is cut half way is neither completed nor spliced",
    upstreams: {
      a: [
        cut(3, "close", { words: [firstWords(2)], toolCall: { name: "weather", parts: ['{"city":', '"Os', 'lo"}'] } })
      ],
      b: ["good"]
    },
    attempts: ["a=200"],
    ends: { ...truncated, partial: firstWords(2) },
    whole: { attempts: ["a=200", "b=200"], ends: { model: "model-a", estimated: true } }
  },
  {
    name: "a tool call that nothing was said before is neither completed nor spliced",
    upstreams: {
      a: [cut(2, "reset", { words: [], toolCall: { name: "weather", parts: ['{"city":', '"Os', 'lo"}'] } })],
      b: ["good"]
    },
    attempts: ["a=200"],
    ends: { ...truncated, partial: "" },
    whole: begunAnew
  },
  {
    name: "an answer of two choices that is cut is not continued",
    upstreams: { a: [cut(7, "close")], b: ["good"] },
    request: { n: 2 },
    dialectOnly: true,
    attempts: ["a=200"],
    ends: truncated,
    whole: begunAnew
  }
]

describe("cuts", () => cuts.forEach(play))
describe("terminators", () => terminators.forEach(play))
describe("modes of continuation", () => modes.forEach(play))
describe("what cannot be spliced", () => sealed.forEach(play))
