/**
 * The order in which a request's story is told.
 */
import { assert, describe, it } from "@effect/vitest"
import type { ErrorRow } from "#src/operate/ErrorRow"
import { requestStory } from "#src/operate/RequestStory"

const at = Date.parse("2026-11-27T23:44:25.100Z")

const row = (more: Partial<ErrorRow>): ErrorRow => ({
  id: "s.1",
  at,
  kind: "attempt",
  request_id: "r",
  stream_id: "s",
  token: null,
  group: "default",
  model: "m",
  channel: "a",
  channel_model: "m",
  key: null,
  attempt: 1,
  stream: true,
  class: "upstream",
  code: "upstream_overloaded",
  error_type: "upstream_error",
  status_code: 503,
  upstream_status: 503,
  upstream_code: null,
  upstream_request_id: null,
  message: null,
  retry_after_ms: null,
  first_content_ms: null,
  duration_ms: 2_028,
  input_tokens: 1,
  output_tokens: 0,
  credits: 0,
  ...more
})

describe("a story", () => {
  // Each beginning is reckoned back from an end, which for the request may be some milliseconds later.
  for (const [name, began] of [
    ["later", 2_021],
    ["sooner", 2_035]
  ] as const) {
    it(`begins with the request, where its beginning is reckoned ${name} than its attempt's`, () => {
      const told = requestStory("r", [row({}), row({ id: "s", kind: "request", duration_ms: began })])
      const times = [...told.matchAll(/^(\d\d:\d\d:\d\d\.\d{3}) {2}(the request came|attempt 1)/gm)]
      assert.deepStrictEqual(
        times.map(([, , what]) => what),
        ["the request came", "attempt 1"]
      )
      assert.isTrue(times[0]![1]! <= times[1]![1]!, told)
    })
  }
})
