/**
 * Settings and channels that are changed by the admin API: checked as the file is, kept, shown without a secret, and seen
 * by the next request.
 */
import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import { answer } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { temporaryFolder } from "../support/relayProcess.ts"
import { read } from "../support/sse.ts"
import { completion, until } from "./kit.ts"

interface Shown {
  readonly id: string
  readonly source: string
}

interface Setting {
  readonly path: string
  readonly value: unknown
  readonly default: unknown
  readonly source: string
  readonly description: string
  readonly changeable: boolean
  readonly fault?: string
}

/** Asks the admin API, and gives the status and what was answered. */
const asking =
  ({ url }: RunningRelay) =>
  async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: "Bearer ops-token", "content-type": "application/json" }
    const answered = await read(`${url}/admin/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: body as object })
    })
    return { status: answered.status, text: answered.text, json: answered.text === "" ? {} : JSON.parse(answered.text) }
  }

const detailsOf = ({ json }: { readonly json: { error?: { details?: ReadonlyArray<{ field: string }> } } }) =>
  (json.error?.details ?? []).map(({ field }) => field)

const secret = "a secret of the relay that has enough bytes"

const settled = async (
  sections: { readonly [section: string]: unknown },
  run: (world: {
    readonly relay: RunningRelay
    readonly admin: ReturnType<typeof asking>
    readonly settings: () => Promise<ReadonlyArray<Setting>>
    readonly setting: (path: string) => Promise<Setting | undefined>
  }) => Promise<void>
) => {
  const relay = await startRelay({
    channels: [channelOf("a", "http://127.0.0.1:9/v1"), channelOf("b", "http://127.0.0.1:9/v1")],
    tokens: [{ name: "ops", key: "ops-token", admin: true }],
    ...sections
  })
  const admin = asking(relay)
  const settings = async () => (await admin("GET", "settings")).json.data as ReadonlyArray<Setting>
  try {
    await run({
      relay,
      admin,
      settings,
      setting: async (path) => (await settings()).find((one) => one.path === path)
    })
  } finally {
    await relay.close()
  }
}

describe("GET /admin/settings", () => {
  it("says of each its value, default, source and description, and pages where it is asked to", () =>
    settled({ timeouts: { idle: "3 seconds" } }, async ({ admin, setting, settings }) => {
      assert.deepInclude(await setting("timeouts.idle"), {
        value: "3 seconds",
        default: "60 seconds",
        source: "file",
        description: "Between two pieces of content.",
        changeable: true
      })
      const all = await settings()
      const first = await admin("GET", "settings?limit=10")
      const second = await admin("GET", `settings?limit=1000&cursor=${first.json.next}`)
      assert.deepStrictEqual([...first.json.data, ...second.json.data], all)
      assert.deepStrictEqual(second.json.next, null)
      assert.strictEqual((await admin("GET", "settings?cursor=nothing")).status, 422)
    }))
})

describe("PATCH /admin/settings", () => {
  it("changes values by path, and DELETE takes one back", () =>
    settled({}, async ({ admin, setting }) => {
      const changed = await admin("PATCH", "settings", { "timeouts.idle": "7 seconds", "channels.b.priority": 5 })
      assert.strictEqual(changed.status, 200)
      assert.deepStrictEqual(
        changed.json.data.map(({ path, source, value }: Setting) => [path, value, source]),
        [
          ["timeouts.idle", "7 seconds", "admin"],
          ["channels.b.priority", 5, "admin"]
        ]
      )
      const back = await admin("DELETE", "settings/timeouts.idle")
      assert.deepStrictEqual([back.status, back.json.value, back.json.source], [200, "400 millis", "file"])
      assert.strictEqual((await setting("channels.b.priority"))?.source, "admin")
      assert.strictEqual((await admin("DELETE", "settings/timeouts.nothing")).status, 404)
      assert.strictEqual((await admin("DELETE", "settings/timeouts.total")).status, 200, "what was not changed")
    }))

  it("changes an object of settings by its path, and DELETE takes back all in it", () =>
    settled({ retry: { times: 1 } }, async ({ admin, setting }) => {
      const changed = await admin("PATCH", "settings", {
        "channels.b.timeouts": { headers: "2 seconds", idle: "3 seconds" },
        "retry.budget": { ratio: 0.5 },
        "retry.factor": 3
      })
      assert.strictEqual(changed.status, 200)
      const back = await admin("DELETE", "settings/channels.b.timeouts")
      assert.strictEqual(back.status, 200)
      assert.deepInclude(back.json, {
        path: "channels.b.timeouts",
        value: { headers: null, firstContent: null, idle: null, total: null },
        source: "default",
        changeable: true
      })
      assert.deepInclude(await setting("channels.b.timeouts.headers"), { value: null, source: "default" })
      assert.strictEqual((await setting("retry.budget.ratio"))?.source, "admin")
      const [row] = (await admin("GET", "audit")).json.data
      assert.strictEqual(row.path, "settings/channels.b.timeouts")
      assert.strictEqual(row.before["channels.b.timeouts.headers"], "2 seconds")
      const retry = await admin("DELETE", "settings/retry")
      assert.deepInclude(retry.json, { path: "retry", source: "file" })
      assert.deepStrictEqual(retry.json.value.budget, { ratio: 0.2, minPerSecond: 10 })
      assert.deepStrictEqual([retry.json.value.factor, retry.json.value.times], [2, 1])
      for (const [path, status] of [
        ["retry", 200],
        ["channels.b", 200],
        ["channels", 404],
        ["server", 404],
        ["retr", 404]
      ] as const) {
        assert.strictEqual((await admin("DELETE", `settings/${path}`)).status, status, path)
      }
    }))

  it("changes an object that may be null value by value, too: each is taken back by itself, and the rest is the file's", () =>
    settled({ rateLimit: { requests: 60, tokens: 1000 } }, async ({ admin, setting }) => {
      await admin("PATCH", "settings", { rateLimit: { requests: 5, per: "2 minutes" } })
      assert.deepInclude(await setting("rateLimit.tokens"), { value: 1000, source: "file" })
      const back = await admin("DELETE", "settings/rateLimit.requests")
      assert.deepInclude(back.json, { value: 60, source: "file" })
      assert.deepInclude(await setting("rateLimit.per"), { value: "2 minutes", source: "admin" })
      await admin("PATCH", "settings", { rateLimit: null })
      assert.deepInclude(await setting("rateLimit.requests"), { value: null, source: "admin" })
      await admin("DELETE", "settings/rateLimit")
      assert.deepInclude(await setting("rateLimit.per"), { value: "1 minute", source: "default" })
      await admin("PATCH", "settings", { rateLimit: {} })
      assert.deepInclude(await setting("rateLimit.requests"), { value: 60, source: "admin" })
      const wrong = await admin("PATCH", "settings", { rateLimit: { requests: 0, colour: "red" } })
      assert.deepStrictEqual([wrong.status, detailsOf(wrong)], [422, ["rateLimit.colour", "rateLimit.requests"]])
    }))

  it("is all or nothing: 422, and every path that is wrong", () =>
    settled({}, async ({ admin, setting }) => {
      const refused = await admin("PATCH", "settings", {
        "timeouts.idle": "300 millis",
        "timeouts.total": "never",
        "server.port": 1,
        "channels.b.baseUrl": "http://x",
        "recovery.prompt": "${HOME}",
        "retry.tims": 3,
        "retry.times": -1
      })
      assert.strictEqual(refused.status, 422)
      assert.strictEqual(refused.json.error.reason, "validation_failed")
      assert.deepStrictEqual(detailsOf(refused), [
        "channels.b.baseUrl",
        "recovery.prompt",
        "retry.times",
        "retry.tims",
        "server.port",
        "timeouts.total"
      ])
      const values = await admin("PATCH", "settings", { "timeouts.idle": "300 millis", "timeouts.total": "never" })
      assert.deepStrictEqual([values.status, detailsOf(values)], [422, ["timeouts.total"]])
      const rule = await admin("PATCH", "settings", { "retry.base": "1 hour", "retry.cap": "2 hours" })
      assert.strictEqual(rule.status, 200)
      assert.deepStrictEqual(detailsOf(await admin("DELETE", "settings/retry.cap")), ["retry.base"])
      assert.strictEqual((await setting("timeouts.idle"))?.value, "400 millis")
      assert.strictEqual((await admin("PATCH", "settings", [])).status, 422)
    }))

  it("takes prices whole, as the one setting that they are: one of them is refused, and the whole is told and taken back", () => {
    const cheap = { "gpt-4o": { input: 1, output: 1 } }
    const dear = { "gpt-4o": { input: 3, output: 2 }, "gpt-4.1": { input: 5, output: 5 } }
    return settled({ prices: cheap }, async ({ admin, setting }) => {
      const one = await admin("PATCH", "settings", {
        "prices.gpt-4o": dear["gpt-4o"],
        "prices.gpt-4.1": dear["gpt-4.1"],
        "prices.gpt-4o.input": 3
      })
      assert.strictEqual(one.status, 422)
      assert.deepStrictEqual(
        one.json.error.details.map(({ field, message }: { field: string; message: string }) => [field, message]),
        ['prices["gpt-4.1"]', "prices.gpt-4o", 'prices["gpt-4o.input"]'].map((field) => [
          field,
          "name prices, with all that is to be in it"
        ])
      )
      assert.deepInclude(await setting("prices"), { value: cheap, source: "file" })
      const whole = await admin("PATCH", "settings", { prices: dear })
      assert.deepInclude(whole.json.data[0], { path: "prices", value: dear, source: "admin" })
      await until(async () => (await admin("GET", "audit")).json.data.length === 1)
      const [row] = (await admin("GET", "audit")).json.data
      assert.deepStrictEqual([row.before, row.after], [{ prices: cheap }, { prices: dear }])
      assert.strictEqual((await admin("DELETE", "settings/prices.gpt-4o")).status, 404)
      const back = await admin("DELETE", "settings/prices")
      assert.deepStrictEqual([back.json.value, back.json.source], [cheap, "file"])
    })
  })

  it("leaves a row of audit, with what was before", () =>
    settled({}, async ({ admin }) => {
      await admin("PATCH", "settings", { "retry.times": 7 })
      await until(async () => (await admin("GET", "audit")).json.data.length === 1)
      const [row] = (await admin("GET", "audit")).json.data
      assert.deepInclude(row, { who: "ops", what: "settings.change", path: "settings" })
      assert.deepStrictEqual([row.before, row.after], [{ "retry.times": 3 }, { "retry.times": 7 }])
    }))
})

describe("channels that are added", () => {
  const withSecret = { server: { secret } }

  it("serve at once, are changed, and end for new requests when they are taken away", async () => {
    const upstream = await startFaultServer()
    upstream.setDefault(answer({ words: ["hi"] }))
    await settled(withSecret, async ({ admin, relay, setting }) => {
      const ask = (model: string) =>
        read(`${relay.url}/v1/chat/completions`, {
          headers: { authorization: "Bearer ops-token" },
          body: completion({ model })
        })
      assert.strictEqual((await ask("new")).status, 404)
      const fields = { dialect: "openai", baseUrl: upstream.url, keys: ["planted-key-1"], models: ["new"] }
      const added = await admin("POST", "channels", { id: "c", ...fields })
      assert.strictEqual(added.status, 201)
      assert.deepInclude(added.json, { id: "c", source: "admin", keys: [null], models: ["new"], priority: 0 })
      assert.strictEqual((await ask("new")).status, 200)
      assert.deepStrictEqual(
        (await admin("GET", "channels")).json.data.map(({ id, source }: Shown) => [id, source]),
        [
          ["a", "file"],
          ["b", "file"],
          ["c", "admin"]
        ]
      )
      assert.strictEqual((await admin("GET", "channels/c")).json.source, "admin")
      assert.strictEqual(upstream.requests[0]?.headers["authorization"], "Bearer planted-key-1")
      assert.strictEqual((await admin("POST", "channels", { id: "c", ...fields })).status, 409)
      assert.strictEqual((await admin("POST", "channels", { id: "a", ...fields })).status, 409)

      assert.strictEqual((await admin("PATCH", "settings", { "channels.c.priority": 5 })).status, 200)
      const changed = await admin("PATCH", "channels/c", { priority: 7, models: ["newer"] })
      assert.deepStrictEqual([changed.status, changed.json.priority, changed.json.models], [200, 7, ["newer"]])
      assert.strictEqual((await setting("channels.c.priority"))?.value, 7, "what was said last counts")
      assert.strictEqual((await ask("newer")).status, 200)
      assert.strictEqual((await ask("new")).status, 404)

      const more = await admin("POST", "channels/c/keys", { key: "planted-key-2" })
      assert.deepStrictEqual([more.status, more.json.keys], [201, [null, null]])
      assert.strictEqual((await admin("POST", "channels/c/keys", { key: "planted-key-2" })).status, 422)
      assert.strictEqual((await admin("DELETE", "channels/c/keys/2")).status, 404)
      assert.strictEqual((await admin("DELETE", "channels/c/keys/0")).status, 200)
      assert.strictEqual((await admin("DELETE", "channels/c/keys/0")).status, 409, "the last one")
      await ask("newer")
      assert.strictEqual(upstream.requests.at(-1)?.headers["authorization"], "Bearer planted-key-2")

      assert.strictEqual((await admin("DELETE", "channels/c")).status, 204)
      assert.strictEqual((await ask("newer")).status, 404)
      assert.strictEqual((await admin("DELETE", "channels/c")).status, 404)

      await until(async () => (await admin("GET", "audit")).json.data.length === 6)
      for (const path of ["audit", "settings", "openapi.json"])
        assert.notInclude((await admin("GET", path)).text, "planted")
    })
    await upstream.close()
  })

  it("keep their keys where what is to be taken away is no index", () =>
    settled(withSecret, async ({ admin }) => {
      const keys = ["planted-key-1", "planted-key-2"]
      await admin("POST", "channels", channelOf("c", "http://127.0.0.1:9/v1", { keys, models: ["new"] }))
      for (const index of ["%20", "%0A", "0x0", "0b0", "0e0", "%2B0", "00", "-0", ".0", "0.0", "-1", "NaN", "first"]) {
        assert.strictEqual((await admin("DELETE", `channels/c/keys/${index}`)).status, 404, index)
      }
      assert.lengthOf((await admin("GET", "channels/c")).json.keys, 2)
    }))

  it("are told what kind of fault each field has", () =>
    settled(withSecret, async ({ admin }) => {
      const codesOf = async (channel: object) =>
        Object.fromEntries(
          (await admin("POST", "channels", channel)).json.error.details.map(
            ({ code, field }: { readonly code: string; readonly field: string }) => [field.split(".").at(-1), code]
          )
        )
      const fields = { id: "c", dialect: "openai", baseUrl: "http://127.0.0.1:9/v1", keys: ["k"], models: ["m"] }
      const { baseUrl: _, ...without } = fields
      assert.deepStrictEqual(await codesOf(without), { baseUrl: "missing" })
      assert.deepStrictEqual(await codesOf({ ...fields, priorty: 1 }), { priorty: "unexpected" })
      assert.deepStrictEqual(await codesOf({ ...fields, priority: "high", models: 3 }), {
        models: "type",
        priority: "type"
      })
      assert.deepStrictEqual(await codesOf({ ...fields, dialect: "morse", weight: -1 }), {
        dialect: "invalid",
        weight: "invalid"
      })
    }))

  it("are checked as those of the file are, and nothing tells a key", () =>
    settled(withSecret, async ({ admin }) => {
      const bad = await admin("POST", "channels", {
        id: "c",
        dialect: "morse",
        baseUrl: "ftp://x",
        keys: ["planted key", "${HOME}"],
        models: [],
        colour: "red"
      })
      assert.strictEqual(bad.status, 422)
      assert.deepStrictEqual(detailsOf(bad), ["keys[1]"])
      const worse = await admin("POST", "channels", {
        id: "c",
        dialect: "morse",
        baseUrl: "ftp://x",
        keys: ["planted key"],
        models: [],
        colour: "red"
      })
      assert.deepStrictEqual(detailsOf(worse), ["baseUrl", "colour", "dialect", "keys[0]", "models"])
      assert.notInclude(bad.text + worse.text, "planted")
    }))

  it("of the file are overridden, and are not deleted", () =>
    settled(withSecret, async ({ admin, setting }) => {
      const changed = await admin("PATCH", "channels/a", { enabled: false, timeouts: { idle: "2 seconds" } })
      assert.deepInclude(changed.json, { enabled: false, source: "file" })
      assert.deepInclude(await setting("channels.a.timeouts.idle"), { value: "2 seconds", source: "admin" })
      const refused = await admin("PATCH", "channels/a", { baseUrl: "http://x/v1", enabled: true })
      assert.deepStrictEqual([refused.status, detailsOf(refused)], [422, ["baseUrl"]])
      for (const [method, path, body] of [
        ["DELETE", "channels/a"],
        ["POST", "channels/a/keys", { key: "k" }],
        ["DELETE", "channels/a/keys/0"]
      ] as const) {
        assert.strictEqual((await admin(method, path, body)).status, 409, `${method} ${path}`)
      }
      assert.strictEqual((await admin("PATCH", "channels/nowhere", { enabled: false })).status, 404)
    }))

  it("need server.secret for their keys: 409, and why", () =>
    settled({}, async ({ admin }) => {
      const fields = { id: "c", dialect: "openai", baseUrl: "http://127.0.0.1:9/v1", models: ["x"] }
      const refused = await admin("POST", "channels", { ...fields, keys: ["k"] })
      assert.strictEqual(refused.status, 409)
      assert.include(refused.json.error.message, "server.secret")
      assert.strictEqual(
        (await admin("POST", "channels", { ...fields, keys: [] })).status,
        201,
        "there is nothing to hide"
      )
    }))
})

describe("two relays on the same books", () => {
  it("see each other's changes within a second, and check a change over what both have said", async () => {
    const folder = temporaryFolder()
    const sections = { books: { path: join(folder.path, "books.db") }, server: { secret } }
    await settled(sections, (first) =>
      settled(sections, async (second) => {
        assert.strictEqual((await first.admin("PATCH", "settings", { "retry.cap": "5 seconds" })).status, 200)
        // Before the news has come: what is written counts.
        assert.strictEqual((await second.admin("PATCH", "settings", { "retry.base": "6 seconds" })).status, 422)
        const channel = channelOf("new", "http://127.0.0.1:9/v1", { models: ["new"] })
        assert.strictEqual((await second.admin("POST", "channels", channel)).status, 201)
        assert.strictEqual((await first.admin("POST", "channels", channel)).status, 409)
        await until(async () => (await first.setting("channels.new.dialect"))?.value === "openai", 1000)
        assert.strictEqual((await second.setting("retry.cap"))?.value, "5 seconds")
        assert.strictEqual((await first.admin("DELETE", "channels/new")).status, 204)
        await until(async () => (await second.setting("channels.new.dialect")) === undefined, 1000)
      })
    )
    folder.remove()
  })
})
