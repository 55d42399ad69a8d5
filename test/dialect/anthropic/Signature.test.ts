/**
 * What is paid for thoughts is estimated by what can be read of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { clientDialects } from "#src/dialect/index"

describe("what was shown, read back", () => {
  const signature = "s".repeat(2_000)
  const identity = { requestId: "req_1", streamId: "s1", createdAt: 0, includeUsage: true, debug: false }
  const event = (type: string, fields: object) => ({ event: type, data: JSON.stringify({ type, ...fields }) })

  it("tells reasoning apart from its signature", () => {
    const { beside, reasoning, text } = clientDialects.anthropic.encoder(identity).resume([
      event("message_start", {
        message: { id: "m", model: "m", content: [], usage: { input_tokens: 1, output_tokens: 0 } }
      }),
      event("content_block_start", { index: 0, content_block: { type: "thinking", thinking: "", signature: "" } }),
      event("content_block_delta", { index: 0, delta: { type: "thinking_delta", thinking: "Hm, well" } }),
      event("content_block_delta", { index: 0, delta: { type: "signature_delta", signature } }),
      event("content_block_stop", { index: 0 }),
      event("content_block_start", { index: 1, content_block: { type: "text", text: "" } }),
      event("content_block_delta", { index: 1, delta: { type: "text_delta", text: "Hello" } })
    ])
    assert.strictEqual(text, "Hello")
    assert.strictEqual(reasoning, 8)
    assert.isAbove(beside, 2_000)
  })
})
