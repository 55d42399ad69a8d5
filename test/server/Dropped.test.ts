/**
 * What was dropped of a request is told in a header, whatever a client names its fields.
 */
import { assert, describe, it } from "@effect/vitest"
import { Script } from "effect-resilience/testing"
import { type Upstreams, withWorld } from "../sdk/world.ts"

const upstreams: Upstreams = {
  a: { dialect: "anthropic", plays: [Script.answer("yes")], channel: { onUnsupported: "drop" } }
}

const ask = (url: string, fields: object) =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer key" },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Well?" }], ...fields })
  })

describe("x-dropped", () => {
  it("percent-encodes what a header cannot hold", () =>
    withWorld(upstreams, {}, async ({ relay }) => {
      const response = await ask(relay.url, { поле: 1, "a\nb": 1, "c,d": 1, e_f: 1 })
      assert.strictEqual(response.status, 200, await response.clone().text())
      assert.strictEqual(response.headers.get("x-dropped"), "%D0%BF%D0%BE%D0%BB%D0%B5,a%0Ab,c%2Cd,e_f")
    }))

  it("is as long as a client takes", () =>
    withWorld(upstreams, {}, async ({ relay }) => {
      const fields = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`unknown_field_${at}`, at]))
      const response = await ask(relay.url, fields)
      assert.strictEqual(response.status, 200)
      const told = response.headers.get("x-dropped") ?? ""
      assert.isBelow(told.length, 4200)
      assert.match(told, /^unknown_field_0,unknown_field_1,.*,\.\.\.$/)
    }))
})
