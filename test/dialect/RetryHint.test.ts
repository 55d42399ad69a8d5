/** A failed answer's hint is read from the headers of its vendor. */
import { assert, describe, it } from "@effect/vitest"
import { hintOf } from "#src/dialect/upstream/Hint"

const now = Date.UTC(2026, 10, 22, 6)
const nothing = { json: undefined } as Parameters<typeof hintOf>[1]

const table: ReadonlyArray<[string, Parameters<typeof hintOf>[0], number | undefined, number | undefined]> = [
  ["Azure", { "x-ms-retry-after-ms": "250" }, 250, 250],
  ["OpenAI", { "x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s" }, 360_000, undefined],
  ["Anthropic, requests", { "anthropic-ratelimit-requests-reset": "2026-11-22T06:00:07Z" }, 7000, undefined],
  ["Anthropic, tokens", { "anthropic-ratelimit-input-tokens-reset": "2026-11-22T06:00:08Z" }, 8000, undefined],
  ["everybody", { "retry-after": "2", "x-ratelimit-reset-requests": "30s" }, 2000, 2000]
]

describe("the hint of a failed answer", () => {
  for (const [name, headers, refused, failed] of table) {
    it(`${name}: a reset counts only where a limit was the reason`, () => {
      assert.strictEqual(hintOf(headers, nothing, now, true), refused)
      assert.strictEqual(hintOf(headers, nothing, now, false), failed)
    })
  }
})
