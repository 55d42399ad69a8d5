/**
 * How an answer ended is told in one word: by `done` of `/chat`, by `Relay.ask`, and in the log.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Behaviour, answer, cut } from "../support/behaviour.ts"
import { logLines } from "../support/log.ts"
import { contentOf, read } from "../support/sse.ts"
import { streamIdOf, until, withRelay } from "./kit.ts"

const usage = { prompt_tokens: 3, completion_tokens: 2 }

const cases: ReadonlyArray<readonly [how: string, behaviour: Behaviour, ended: string, finish: string]> = [
  ["said to be over, and what it cost", answer({ usage }), "complete", "stop"],
  ["over, without a word of what it cost", answer({ usage: null }), "estimated", "stop"],
  ["over, and lost before it could say what it cost", cut(99, "finishThenReset"), "estimated", "stop"],
  ["ended by the terminator alone", cut(99, "doneWithoutFinish", { usage: null }), "estimated", "stop"],
  ["as long as was allowed", answer({ usage, finish: "length" }), "length", "length"],
  [
    "as long as was allowed, and what it cost is not said",
    answer({ usage: null, finish: "length" }),
    "length",
    "length"
  ],
  ["ended by a filter", answer({ usage, finish: "content_filter" }), "filter", "content_filter"]
]

describe("an answer that is", () => {
  it.each(cases)("%s", (_, behaviour, ended, finish) =>
    withRelay({}, async ({ a, relay }) => {
      a.enqueue(behaviour)
      const { events } = await read(`${relay.url}/chat?message=hello`)
      assert.deepInclude(events.at(-1)?.json, { status: "completed", finish_reason: finish, ended })
      assert.isAbove(contentOf(events).length, 10)
      const id = streamIdOf(events)
      const line = () => logLines().find((one) => one["stream_id"] === id && one.event === "stream_completed")
      await until(() => line() !== undefined)
      assert.deepInclude(line(), { ended })
    })
  )
})
