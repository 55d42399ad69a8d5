/**
 * What vendors have beside answers, and a relay does not pass on: it says so, and nobody looks for a mistake of theirs.
 */
import { assert, describe, it } from "@effect/vitest"
import OpenAI, { BadRequestError } from "openai"
import { keepLog } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { read } from "../support/sse.ts"

keepLog()

const withRelay = async (run: (relay: RunningRelay) => Promise<void>): Promise<void> => {
  const relay = await startRelay({ channels: [channelOf("a", "http://127.0.0.1:9/v1")] })
  try {
    await run(relay)
  } finally {
    await relay.close()
  }
}

describe("a path of OpenAI's API that is not relayed", () => {
  it.each([
    ["POST", "/v1/completions"],
    ["POST", "/v1/audio/speech"],
    ["POST", "/v1/audio/transcriptions"],
    ["POST", "/v1/images/generations"],
    ["POST", "/v1/images/edits"],
    ["POST", "/v1/rerank"],
    ["POST", "/v1/realtime"],
    ["POST", "/v1/realtime/client_secrets"],
    ["GET", "/v1/realtime?model=m"],
    ["POST", "/v1/files"],
    ["GET", "/v1/files"],
    ["GET", "/v1/files/file-1/content"],
    ["DELETE", "/v1/files/file-1"],
    ["POST", "/v1/batches"],
    ["POST", "/v1/batches/b/cancel"]
  ])("%s %s is a 400 that says so, in OpenAI's envelope", async (method, path) => {
    await withRelay(async ({ url }) => {
      const { headers, status, text } = await read(url + path, { method, ...(method === "POST" ? { body: {} } : {}) })
      assert.strictEqual(status, 400, text)
      const { error } = JSON.parse(text) as { readonly error: { readonly [field: string]: unknown } }
      assert.deepInclude(error, { type: "invalid_request_error", code: "invalid_request", param: null })
      const [plain] = path.split("?")
      assert.include(error["message"], `${plain} is not relayed`)
      assert.strictEqual(headers["content-type"], "application/json")
    })
  })

  it("is told to a client of Anthropic's in its own envelope", async () => {
    await withRelay(async ({ url }) => {
      const headers = { "anthropic-version": "2023-06-01" }
      const { status, text } = await read(`${url}/v1/files`, { headers })
      assert.strictEqual(status, 400)
      const { error, type } = JSON.parse(text) as { readonly type: string; readonly error: object }
      assert.strictEqual(type, "error")
      assert.deepInclude(error, { type: "invalid_request_error" })
    })
  })

  it("is what its SDK raises, once", async () => {
    await withRelay(async ({ url }) => {
      let asked = 0
      const fetches: typeof fetch = (...args) => {
        asked += 1
        return fetch(...args)
      }
      const client = new OpenAI({ apiKey: "k", baseURL: `${url}/v1`, fetch: fetches })
      const raised = await client.images.generate({ prompt: "a cat" }).then(
        () => undefined,
        (error: unknown) => error
      )
      assert.instanceOf(raised, BadRequestError)
      assert.match(raised.message, /\/v1\/images\/generations is not relayed/)
      assert.strictEqual(asked, 1)
    })
  })

  it.each(["/v1/completion", "/v1/audio", "/v1/images", "/v1/filesystem", "/v1/rerank/x", "/v2/files"])(
    "%s is no such path, and is not found",
    async (path) => {
      await withRelay(async ({ url }) => {
        assert.strictEqual((await read(url + path, { method: "POST", body: {} })).status, 404)
      })
    }
  )
})
