/**
 * An SDK that comes back for the rest of an answer: it asks as before, with the id of the last event that it has. No
 * upstream is asked again.
 */
import { assert, describe, it } from "@effect/vitest"
import { Script } from "effect-resilience/testing"
import { open, read } from "../support/sse.ts"
import { aiAnthropic, aiResponses } from "./aiSdk.ts"
import { begun, bodies, cursorsOf, paths, type Rest, rests, textOf } from "./rests.ts"
import { clients } from "./sdks.ts"
import { type Upstreams, withWorld } from "./world.ts"

const text = "Once upon a time there was a relay."
const acrossBoth: Upstreams = {
  a: { dialect: "openai", plays: [Script.answer(text).pipe(Script.cutAfter(3, "reset"))] },
  b: { dialect: "anthropic", plays: [Script.answer(text)] }
}

describe("the rest of an answer, begun on one channel and gone on with on another", () => {
  // A text whose block or item began before the cursor is none to these providers for `ai`.
  const who = clients.filter((client) => client !== aiAnthropic && client !== aiResponses)
  it.each(who)("is what $name is given from every event on", (client) =>
    withWorld(acrossBoth, {}, async ({ relay, upstreams: { a, b } }) => {
      const { events } = await read(`${relay.url}${paths[client.dialect]}`, { body: bodies[client.dialect] })
      assert.strictEqual(events.map(textOf).join(""), text)
      for (const [at, cursor] of cursorsOf(client, events).entries()) {
        const rest = await rests.get(client)!(relay.url, cursor)
        assert.isUndefined(rest.raised)
        assert.strictEqual(
          rest.text,
          events
            .slice(at + 1)
            .map(textOf)
            .join(""),
          `after event ${at}`
        )
      }
      assert.deepStrictEqual([a!.calls().length, b!.calls().length], [1, 1])
    })
  )

  it.each([aiAnthropic, aiResponses])("is what $name is given from before the text on", (client) =>
    withWorld(acrossBoth, {}, async ({ relay, upstreams: { a, b } }) => {
      const { events } = await read(`${relay.url}${paths[client.dialect]}`, { body: bodies[client.dialect] })
      const rest = await rests.get(client)!(relay.url, events[0]!.id!)
      assert.isUndefined(rest.raised)
      assert.strictEqual(rest.text, text)
      assert.deepStrictEqual([a!.calls().length, b!.calls().length], [1, 1])
    })
  )
})

describe("an answer under way", () => {
  it.each(clients)("is followed to its end by a second reader: $name", (client) =>
    withWorld(
      { a: { dialect: "openai", plays: [Script.answer(text).pipe(Script.every(30))] } },
      {},
      async ({ relay, upstreams: { a } }) => {
        const first = await open(`${relay.url}${paths[client.dialect]}`, { body: bodies[client.dialect] })
        const { cursor, said } = await begun(first)
        const rest = await rests.get(client)!(relay.url, cursor)
        assert.isUndefined(rest.raised)
        assert.strictEqual(said + rest.text, text)
        assert.strictEqual((await first.done).ended, "complete")
        assert.lengthOf(a!.calls(), 1)
      }
    )
  )
})

describe("a relay that stops", () => {
  it.each(clients)("lets who came back on a vendor's route read on to the end: $name", (client) =>
    withWorld(
      { a: { dialect: "openai", plays: [Script.answer(text).pipe(Script.every(40))] } },
      {},
      async ({ relay }) => {
        const first = await open(`${relay.url}${paths[client.dialect]}`, { body: bodies[client.dialect] })
        const { cursor, said } = await begun(first)
        const coming = rests.get(client)!(relay.url, cursor)
        await first.until((event) => textOf(event).includes("time"))
        const stopping = relay.shutdown()
        const rest = await coming
        assert.isUndefined(rest.raised)
        assert.strictEqual(said + rest.text, text)
        assert.strictEqual(await stopping, "clean")
      }
    )
  )
})

describe("a cursor that leads nowhere", () => {
  const raisedOf = (rest: Rest): object => (rest.raised ?? {}) as object

  it.each(clients)("is raised: $name", (client) =>
    withWorld({ a: { dialect: "openai", plays: [Script.answer(text)] } }, {}, async ({ relay, upstreams: { a } }) => {
      const garbled = raisedOf(await rests.get(client)!(relay.url, "garbled"))
      const unknown = raisedOf(await rests.get(client)!(relay.url, "AAAAAAAAAAAAAAAAAAAAAA.3"))
      assert.propertyVal(garbled, "status", 400)
      assert.propertyVal(unknown, "status", 404)
      assert.lengthOf(a!.calls(), 0)
    })
  )
})
