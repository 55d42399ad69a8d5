/**
 * The admin API: who may ask, and how it answers whatever it is asked.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import packageJson from "../../package.json" with { type: "json" }
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { read } from "../support/sse.ts"

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

describe("the admin API", () => {
  let relay: RunningRelay
  beforeAll(async () => {
    relay = await startRelay({
      channels: [channelOf("a", "http://127.0.0.1:9")],
      tokens: [
        { name: "ops", key: "ops-secret-token", admin: true },
        { name: "team", key: "team-secret-token" }
      ]
    })
  })
  afterAll(() => relay.close())

  it.each([
    ["an admin", "ops-secret-token", "GET", 200],
    ["another token", "team-secret-token", "GET", 403],
    ["nobody", "", "GET", 401],
    ["another token that writes", "team-secret-token", "POST", 403],
    ["an admin with a method that is not there", "ops-secret-token", "POST", 405]
  ])("lets %s (%s) %s: %d", async (_, key, method, expected) => {
    const { status } = await read(`${relay.url}/admin/streams`, { method, headers: key === "" ? {} : bearer(key) })
    assert.strictEqual(status, expected)
  })

  it.each([
    ["POST", "/admin/streams", 405, "GET, HEAD"],
    ["PUT", "/admin/streams", 405, "GET, HEAD"],
    ["PUT", "/admin/tokens", 405, "GET, HEAD, POST"],
    ["OPTIONS", "/admin/tokens/team", 405, "DELETE, GET, HEAD, PATCH"],
    ["PUT", "/admin/reload", 405, "POST"],
    ["GET", "/admin/reload", 405, "POST"],
    ["PROPFIND", "/admin/streams", 405, "GET, HEAD"],
    ["TRACE", "/admin/tokens/team", 405, "DELETE, GET, HEAD, PATCH"],
    ["QUERY", "/admin/nothing-here", 404, undefined],
    ["TRACE", "/admin/nothing-here", 404, undefined],
    ["PUT", "/admin/nothing-here", 404, undefined]
  ])("%s %s: %d, and the methods of that path alone are allowed: %s", async (method, path, status, allow) => {
    const answer = await read(`${relay.url}${path}`, { method, headers: bearer("ops-secret-token") })
    assert.deepStrictEqual([answer.status, answer.headers["allow"]], [status, allow])
    assert.strictEqual(
      (JSON.parse(answer.text) as { readonly error: { readonly method: string } }).error.method,
      method
    )
    const stranger = await read(`${relay.url}${path}`, { method })
    assert.strictEqual(stranger.status, 401)
  })

  it("is an HttpApi with a document, and is never cached", async () => {
    const { headers, text } = await read(`${relay.url}/admin/openapi.json`, { headers: bearer("ops-secret-token") })
    const document = JSON.parse(text) as {
      readonly openapi: string
      readonly info: { readonly version: string }
      readonly paths: object
      readonly components: { readonly schemas: object; readonly securitySchemes: object }
      readonly security: ReadonlyArray<object>
    }
    assert.strictEqual(document.openapi, "3.1.0")
    assert.strictEqual(document.info.version, packageJson.version)
    assert.property(document.paths, "/admin/streams")
    assert.isNotEmpty(document.components.schemas)
    assert.deepStrictEqual(document.components.securitySchemes, { token: { type: "http", scheme: "bearer" } })
    assert.deepStrictEqual(document.security[0], { token: [] })
    assert.strictEqual(headers["cache-control"], "no-store")
  })

  it("refuses what it does not know of, all of it at once, by path", async () => {
    const { status, text } = await read(`${relay.url}/admin/streams?limit=0&colour=red`, {
      headers: bearer("ops-secret-token")
    })
    const { error } = JSON.parse(text) as { readonly error: { readonly details: ReadonlyArray<{ field: string }> } }
    assert.strictEqual(status, 422)
    assert.sameMembers(
      error.details.map(({ field }) => field),
      ["limit", "colour"]
    )
  })
})
