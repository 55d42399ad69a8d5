/**
 * A pin is part of what was asked: it is there when another process takes the answer up.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { clientDialects } from "#src/dialect/index"
import { pinOf } from "#src/relay/Pinned"
import { decodeRequest, encodeRequest } from "#src/relay/Request"

const rules = { defaultModel: "m", maxMessage: 100 }

describe("pinOf", () => {
  it("reads it of a request that was stored, and of none that has none", () => {
    const body = JSON.stringify({ message: "hello" })
    const asked = (headers: { readonly [name: string]: string }) => {
      const parsed = clientDialects.chat.parse({ parameter: "", query: "", headers, body }, rules)
      const stored = encodeRequest(Result.getOrThrow(parsed).asking)
      return pinOf(decodeRequest("chat", stored, rules)!.request)
    }
    assert.deepStrictEqual(asked({ "x-channel": "a:1" }), { channel: "a", key: 1 })
    assert.isUndefined(asked({}))
  })
})
