/**
 * Whatever an upstream sends, each client is answered in its own dialect: with events, and a whole body, that the types of
 * its own SDK take; and nothing is called whole that was cut. Every client over every other dialect's channel; over its own
 * the upstream's events pass with all that is in them, and what is not as it should be is the upstream's.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type ClientDialectName, clientDialects, type UpstreamDialectName, upstreamDialects } from "#src/dialect/index"
import { answers, change, changed } from "./fuzzing.ts"
import { plainly, playEvents } from "./gemini/kit.ts"
import { type Shape, vendorShapes } from "./vendorShapes.ts"
import { shareOfRuns } from "../support/share.ts"

const play = (channel: UpstreamDialectName, client: ClientDialectName, events: ReadonlyArray<unknown>) => {
  const decoder = upstreamDialects[channel].decoder(plainly)
  const steps = events.map((event) => {
    const type = (event as { type?: unknown } | null)?.type
    const name = typeof type === "string" ? type : "message"
    return decoder.step(name, typeof event === "string" ? event : JSON.stringify(event))
  })
  const halted = decoder.halt()
  return playEvents(halted === undefined ? steps : [...steps, halted], clientDialects[client])
}

const read = (data: string): unknown => {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

const judge = (client: keyof typeof vendorShapes, played: ReturnType<typeof play>): ReadonlyArray<string> => {
  const shapes: { readonly event: Shape; readonly whole: Shape } = vendorShapes[client]
  const faults = played.payloads.flatMap(({ data }, i) =>
    client === "openai" && data === "[DONE]" ? [] : shapes.event(read(data), `event ${i}`)
  )
  if (played.verdict !== "Complete") return faults
  const view = clientDialects[client].views.whole.make()
  view.push(played.text)
  return [...faults, ...shapes.whole(read(view.end()), "whole")]
}

const channels = Object.keys(answers) as ReadonlyArray<UpstreamDialectName>
const clients = Object.keys(vendorShapes) as ReadonlyArray<keyof typeof vendorShapes>
const pairs = clients.flatMap((client) => channels.map((channel) => [client, channel] as const))

describe.each(pairs)("%s over %s", (client, channel) => {
  const { ends, events } = answers[channel]

  it("an answer as it should be is one to the client's SDK", () => {
    const played = play(channel, client, events)
    assert.strictEqual(played.verdict, "Complete")
    assert.deepStrictEqual(judge(client, played), [])
  })

  it("cut anywhere before its end it is not whole, and says so", () => {
    for (let at = 0; at <= events.length - ends; at++) {
      const played = play(channel, client, events.slice(0, at))
      assert.strictEqual(played.verdict, "Broken", `after ${at} events`)
      if (client !== channel) assert.deepStrictEqual(judge(client, played), [], `after ${at} events`)
    }
  })

  it("whatever is sent, nothing is thrown, the events can be read again, and there is one end", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
        const played = play(channel, client, changed(events, changes))
        const replayed = clientDialects[client]
          .encoder({ requestId: "r", streamId: "s", createdAt: 0, includeUsage: true, debug: false })
          .resume(played.payloads)
        assert.isTrue(replayed.ended)
        if (client !== channel) assert.deepStrictEqual(judge(client, played), [])
      }),
      { numRuns: shareOfRuns(300) }
    )
  })
})
