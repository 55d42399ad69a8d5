/**
 * Tokens that are made, changed and taken away while a relay runs: over real sockets, with books in a file.
 */
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { answer } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, sleep, until } from "../server/kit.ts"
import { whole } from "../server/matrix.ts"
import { type AdminAnswer, adminOf, faultsIn } from "./admin.ts"

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const opsKey = "ops-secret-token"

interface Shown {
  readonly name: string
  readonly key: string
  readonly fingerprint: string
  readonly [field: string]: unknown
}
const shown = ({ body }: AdminAnswer): Shown => body
const listed = ({ body }: AdminAnswer): { readonly data: ReadonlyArray<Shown>; readonly next: string | null } => body

const configurationOf = (server: FaultServer, folder: string, more: object = {}) => ({
  store: { type: "sqlite", path: `${folder}/relay.db` },
  tokens: [
    { name: "ops", key: opsKey, admin: true },
    { name: "team", key: "team-secret-token" }
  ],
  channels: [channelOf("a", server.url), channelOf("gold", server.url, { group: "gold", models: ["only-gold"] })],
  ...more
})

describe("tokens by the admin API", () => {
  let server: FaultServer
  let relay: RunningRelay
  const folder = temporaryFolder()
  const path = folder.path
  beforeAll(async () => {
    server = await startFaultServer()
    relay = await startRelay(configurationOf(server, path))
  })
  afterAll(async () => {
    await relay.close()
    await server.close()
    folder.remove()
  })
  const ops = (...args: Parameters<ReturnType<typeof adminOf>>) => adminOf(relay.url, opsKey)(...args)
  const ask = (key: string, more: object = {}) =>
    read(`${relay.url}/v1/chat/completions`, { headers: bearer(key), body: completion({ stream: false, ...more }) })
  const make = async (name: string, more: object = {}): Promise<Shown> => {
    const made = await ops("POST", "tokens", { name, ...more })
    assert.strictEqual(made.status, 201, made.text)
    return shown(made)
  }

  it("a token works at once, and its key is shown in one answer and nowhere else", async () => {
    const { key, ...token } = await make("alice", { models: ["gpt-*"] })
    assert.match(key, /^er-[0-9A-Za-z]{43}$/)
    assert.deepStrictEqual(token, {
      name: "alice",
      models: ["gpt-*"],
      group: "default",
      admin: false,
      viewer: false,
      enabled: true,
      fingerprint: token.fingerprint,
      source: "books"
    })
    assert.strictEqual((await ask(key, { model: "gpt-5" })).status, 200)
    assert.strictEqual((await ask(key, { model: "m" })).status, 404)
    assert.deepStrictEqual(shown(await ops("GET", "tokens/alice")), token)
    const seen = [
      (await ops("GET", "tokens")).text,
      (await ops("GET", "audit")).text,
      JSON.stringify(logLines()),
      ...readdirSync(path).map((file) => readFileSync(join(path, file), "latin1"))
    ]
    for (const text of seen) assert.notInclude(text, key)
  })

  it("is never one that the caller chose, nor one whose name is taken, in the file or in the books", async () => {
    const chosen = await ops("POST", "tokens", { name: "chosen", key: "er-my-own" })
    assert.strictEqual(chosen.status, 422)
    assert.deepStrictEqual(faultsIn(chosen), [["key", "unexpected", "Expected no excess property"]])
    assert.notInclude(chosen.text, "er-my-own")
    await make("taken")
    for (const name of ["taken", "ops"]) {
      const again = await ops("POST", "tokens", { name })
      assert.strictEqual(again.status, 409)
      assert.match(again.text, /there is a token named/)
    }
  })

  it("what is null is not set", async () => {
    const none = { expiresAt: null, rateLimit: null, concurrency: null, addresses: null, quota: null }
    const { fingerprint: _, key: __, ...token } = await make("nulls", none)
    assert.deepStrictEqual(Object.keys(token), ["name", "models", "group", "admin", "viewer", "enabled", "source"])
  })

  it("of many that are made under one name at once, one is", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ops("POST", "tokens", { name: "raced" })))
    const made = answers.filter(({ status }) => status === 201)
    assert.lengthOf(made, 1)
    assert.lengthOf(
      answers.filter(({ status }) => status === 409),
      19
    )
    assert.strictEqual((await ask(shown(made[0]!).key)).status, 200)
  })

  it("of the file is changed there", async () => {
    for (const [method, at, body] of [
      ["PATCH", "tokens/team", { enabled: false }],
      ["DELETE", "tokens/team", undefined],
      ["POST", "tokens/team/rotate", undefined]
    ] as const) {
      const refused = await ops(method, at, body)
      assert.strictEqual(refused.status, 409, `${method} ${at}`)
      assert.match(refused.text, /one of the configuration file/)
    }
    assert.strictEqual((await ask("team-secret-token")).status, 200)
  })

  it("that is switched off stops at once, and what it has begun ends as it would have", async () => {
    const { key } = await make("switched")
    server.enqueue(answer({ delay: 30 }))
    const live = await open(`${relay.url}/chat?message=hello&model=m`, { headers: bearer(key) })
    await live.until(() => live.events.length >= 3)
    assert.strictEqual((await ops("PATCH", "tokens/switched", { enabled: false })).status, 200)
    const unknown = await ask("er-nobody")
    const off = await ask(key)
    assert.strictEqual(off.status, 401)
    const said = (text: string) => JSON.parse(text).error.message.replace(/\(request id.*/, "")
    assert.strictEqual(said(off.text), said(unknown.text))
    const { events } = await live.done
    assert.strictEqual(events.at(-1)?.event, "done")
    assert.strictEqual(contentOf(events), whole)
    await ops("PATCH", "tokens/switched", { enabled: true })
    assert.strictEqual((await ask(key)).status, 200)
    assert.strictEqual((await ops("DELETE", "tokens/switched")).status, 204)
    assert.strictEqual((await ask(key)).status, 401)
    assert.strictEqual((await ops("GET", "tokens/switched")).status, 404)
    assert.strictEqual((await ops("DELETE", "tokens/switched")).status, 404)
  })

  it("a change says what changes: the rest stays, and null takes a setting away", async () => {
    const { key } = await make("changed", {
      expiresAt: "2031-01-01T01:00:00+01:00",
      rateLimit: { requests: 5, per: "90 seconds" },
      addresses: ["10.0.0.0/8"],
      concurrency: 3,
      quota: { balance: 100_000, budget: { amount: 50_000, per: "day" } }
    })
    assert.strictEqual((await ask(key)).status, 403)
    const before = shown(await ops("GET", "tokens/changed"))
    assert.deepInclude(before, {
      expiresAt: "2031-01-01T00:00:00.000Z",
      rateLimit: { requests: 5, tokens: null, per: "90 seconds" },
      quota: { balance: 100_000, budget: { amount: 50_000, per: "day" } }
    })
    const { addresses: _, rateLimit: __, ...rest } = before
    const after = await ops("PATCH", "tokens/changed", { addresses: null, rateLimit: null, group: "gold" })
    assert.deepStrictEqual(shown(after), { ...rest, group: "gold" } as never)
    assert.deepStrictEqual(
      [(await ask(key)).status, (await ask(key, { model: "only-gold" })).status],
      [404, 200],
      "its group's channels serve it from now on"
    )
    assert.strictEqual((await ops("PATCH", "tokens/changed", { expiresAt: "2020-01-01T00:00:00Z" })).status, 200)
    assert.strictEqual((await ask(key)).status, 401)
    const name = await ops("PATCH", "tokens/changed", { name: "other" })
    assert.deepStrictEqual(faultsIn(name), [["name", "unexpected", "Expected no excess property"]])
  })

  it("a new key is good at once, and the one before for its grace and no longer", async () => {
    const { fingerprint, key } = await make("rotated")
    const rotated = shown(await ops("POST", "tokens/rotated/rotate", { grace: "1 second" }))
    assert.notStrictEqual(rotated.fingerprint, fingerprint)
    assert.deepStrictEqual([(await ask(key)).status, (await ask(rotated.key)).status], [200, 200])
    await sleep(1_050)
    assert.deepStrictEqual([(await ask(key)).status, (await ask(rotated.key)).status], [401, 200])
    const again = shown(await ops("POST", "tokens/rotated/rotate"))
    assert.deepStrictEqual([(await ask(rotated.key)).status, (await ask(again.key)).status], [401, 200])
  })

  it("each change leaves a row in the audit, with who made it, and no refusal does", async () => {
    const before = listed(await ops("GET", "audit?limit=1000")).data.length
    const second = await make("second-ops", { admin: true })
    const other = adminOf(relay.url, second.key)
    await other("POST", "tokens", { name: "audited" }, { "x-request-id": "req-of-create" })
    await other("PATCH", "tokens/audited", { concurrency: 2 })
    await other("POST", "tokens/audited/rotate")
    await other("PATCH", "tokens/audited", { concurrency: 0 })
    await other("PATCH", "tokens/nobody", { concurrency: 2 })
    await other("POST", "tokens", { name: "audited" })
    await other("DELETE", "tokens/audited")
    const { data } = listed(await ops("GET", "audit?limit=1000"))
    const rows = data.slice(0, data.length - before) as unknown as ReadonlyArray<{
      readonly [field: string]: unknown
      readonly before: Shown | null
      readonly after: Shown | null
    }>
    assert.deepStrictEqual(
      rows.map(({ path, what, who }) => `${String(who)} ${String(what)} ${String(path)}`),
      [
        "second-ops token.delete tokens/audited",
        "second-ops token.rotate tokens/audited",
        "second-ops token.update tokens/audited",
        "second-ops token.create tokens/audited",
        "ops token.create tokens/second-ops"
      ]
    )
    const [removed, , updated, created] = rows
    assert.strictEqual(created?.["request_id"], "req-of-create")
    assert.strictEqual(created?.before, null)
    assert.strictEqual(created?.after?.name, "audited")
    assert.deepStrictEqual([updated?.before?.["concurrency"], updated?.after?.["concurrency"]], [undefined, 2])
    assert.deepStrictEqual([removed?.before?.name, removed?.after], ["audited", null])
    for (const row of rows) {
      assert.deepStrictEqual(Object.keys(row), ["id", "at", "who", "what", "path", "before", "after", "request_id"])
    }
  })

  it("are listed page by page: those of the file in its order, then those of the books by name", async () => {
    const names: Array<string> = []
    let next: string | null = ""
    do {
      const page: ReturnType<typeof listed> = listed(
        await ops("GET", `tokens?limit=3${next === "" ? "" : `&cursor=${encodeURIComponent(next)}`}`)
      )
      assert.isAtMost(page.data.length, 3)
      names.push(...page.data.map(({ name }) => name))
      next = page.next
    } while (next !== null)
    assert.deepStrictEqual(
      names,
      listed(await ops("GET", "tokens?limit=1000")).data.map(({ name }) => name)
    )
    assert.deepStrictEqual(names.slice(0, 2), ["ops", "team"])
    assert.deepStrictEqual(names.slice(2), names.slice(2).toSorted())
    assert.include(names, "alice")
    assert.strictEqual(new Set(names).size, names.length)
  })

  it("a name may be any text, also in the path; but one that no path can have", async () => {
    for (const name of ["a b/c?d#e", "ünï", "%2e", "..."]) {
      await make(name)
      const at = `tokens/${encodeURIComponent(name)}`
      assert.strictEqual(shown(await ops("GET", at)).name, name)
      assert.strictEqual((await ops("PATCH", at, { enabled: false })).status, 200)
      assert.strictEqual((await ops("DELETE", at)).status, 204, name)
    }
    for (const name of [".", ".."]) assert.strictEqual((await ops("POST", "tokens", { name })).status, 422)
  })

  describe("a viewer's", () => {
    let viewer: string
    beforeAll(async () => {
      viewer = (await make("viewer", { viewer: true })).key
    })
    it("reads all that an admin reads", async () => {
      for (const at of ["tokens", "tokens/ops", "audit", "streams", "openapi.json"]) {
        assert.strictEqual((await adminOf(relay.url, viewer)("GET", at)).status, 200, at)
      }
      assert.strictEqual((await read(`${relay.url}/v1/models`, { headers: bearer(viewer) })).status, 200)
    })
    it.each([
      ["POST", "tokens"],
      ["PATCH", "tokens/viewer"],
      ["DELETE", "tokens/viewer"],
      ["POST", "tokens/viewer/rotate"],
      ["DELETE", "streams/x"],
      ["PATCH", "settings"]
    ])("writes nothing: %s %s", async (method, at) => {
      const refused = await adminOf(relay.url, viewer)(method, at, method === "DELETE" ? undefined : {})
      assert.strictEqual(refused.status, 403)
    })
    it.each([
      ["POST", "/v1/chat/completions"],
      ["POST", "/v1/messages"],
      ["POST", "/v1/responses"],
      ["POST", "/v1/embeddings"],
      ["POST", "/v1beta/models/m:generateContent"],
      ["POST", "/v1/messages/count_tokens"],
      ["GET", "/chat?message=hello"],
      ["POST", "/chat"],
      ["DELETE", `/streams/${"A".repeat(22)}`],
      ["GET", "/metrics"]
    ])("asks for no answer: %s %s", async (method, at) => {
      const before = server.requests.length
      const refused = await read(relay.url + at, {
        method,
        headers: bearer(viewer),
        ...(method === "POST" ? { body: completion() } : {})
      })
      assert.strictEqual(refused.status, 403, refused.text)
      assert.strictEqual(server.requests.length, before)
    })
    it("is an admin's all the same where both are said", async () => {
      const { key } = await make("both", { viewer: true, admin: true })
      assert.strictEqual((await adminOf(relay.url, key)("PATCH", "tokens/viewer", { group: "gold" })).status, 200)
      assert.strictEqual((await ask(key)).status, 200)
    })
  })
})

describe("tokens of the books", () => {
  it("are there after a restart, and after a kill; so is what was taken away", { timeout: 120_000 }, async () => {
    const folder = temporaryFolder()
    const server = await startFaultServer()
    try {
      const file = writeConfiguration(folder.path, {
        ...configurationOf(server, folder.path),
        server: { port: 0 }
      })
      const first = await startRelayProcess(file)
      const ops = adminOf(first.url, opsKey)
      const made = shown(await ops("POST", "tokens", { name: "alice" }))
      const gone = shown(await ops("POST", "tokens", { name: "bob" }))
      const old = shown(await ops("POST", "tokens", { name: "carol" }))
      await ops("DELETE", "tokens/bob")
      const rotated = shown(await ops("POST", "tokens/carol/rotate"))
      await ops("PATCH", "tokens/alice", { concurrency: 7 })
      first.kill("SIGKILL")
      await first.ended
      const second = await startRelayProcess(file)
      const status = async (key: string) => (await read(`${second.url}/v1/models`, { headers: bearer(key) })).status
      assert.deepStrictEqual(
        [await status(made.key), await status(gone.key), await status(old.key), await status(rotated.key)],
        [200, 401, 401, 200]
      )
      const again = adminOf(second.url, opsKey)
      assert.strictEqual(shown(await again("GET", "tokens/alice"))["concurrency"], 7)
      assert.deepStrictEqual(
        (listed(await again("GET", "audit")).data as unknown as ReadonlyArray<{ what: string }>).map(
          ({ what }) => what
        ),
        ["token.update", "token.rotate", "token.delete", "token.create", "token.create", "token.create"]
      )
      second.kill("SIGTERM")
      await second.ended
    } finally {
      await server.close()
      folder.remove()
    }
  })
})

describe("a relay whose file has no tokens", () => {
  const withRelay = async (
    run: (world: {
      readonly url: string
      readonly anybody: ReturnType<typeof adminOf>
      readonly status: (path: string, headers?: { readonly [name: string]: string }) => Promise<number>
    }) => Promise<void>
  ): Promise<void> => {
    const server = await startFaultServer()
    const relay = await startRelay({ channels: [channelOf("a", server.url)] })
    try {
      await run({
        url: relay.url,
        anybody: adminOf(relay.url),
        status: async (path, headers = {}) => (await read(relay.url + path, { headers })).status
      })
    } finally {
      await relay.close()
      await server.close()
    }
  }
  const foreign = { origin: "https://elsewhere.example.com" }

  it("asks for one from the first that is made on; who administers is locked out by none but an admin's", () =>
    withRelay(async ({ anybody, status, url }) => {
      assert.strictEqual(await status("/v1/models", bearer("whatever an SDK sends")), 200)
      const alice = shown(await anybody("POST", "tokens", { name: "alice" }))
      // Who asks for answers shows one from now on; who administers on this machine still can.
      assert.deepStrictEqual(
        [await status("/v1/models"), await status("/v1/models", bearer(alice.key)), await status("/chat?message=x")],
        [401, 200, 401]
      )
      assert.strictEqual((await anybody("GET", "tokens")).status, 200)
      assert.deepStrictEqual(
        [await status("/admin/tokens", bearer(alice.key)), await status("/admin/tokens", bearer("er-nobody"))],
        [403, 401]
      )
      // No page of somebody else's does, as before.
      assert.deepStrictEqual(
        [await status("/admin/tokens", foreign), await status("/metrics", { "sec-fetch-site": "cross-site" })],
        [403, 403]
      )
      const ops = shown(await anybody("POST", "tokens", { name: "ops", admin: true }))
      assert.deepStrictEqual([(await anybody("GET", "tokens")).status, await status("/metrics")], [401, 401])
      const admin = adminOf(url, ops.key)
      assert.strictEqual((await admin("GET", "tokens")).status, 200)
      // Nothing that is done locks everybody out.
      for (const [method, body] of [
        ["PATCH", { enabled: false }],
        ["PATCH", { admin: false }],
        ["PATCH", { expiresAt: "2020-01-01T00:00:00Z" }],
        ["DELETE", undefined]
      ] as const) {
        const refused = await admin(method, "tokens/ops", body)
        assert.strictEqual(refused.status, 409, refused.text)
        assert.match(refused.text, /last that can administer/)
      }
      assert.strictEqual((await admin("POST", "tokens", { name: "ops2", admin: true })).status, 201)
      assert.strictEqual((await admin("PATCH", "tokens/ops2", { enabled: false })).status, 200)
      assert.strictEqual((await admin("DELETE", "tokens/ops")).status, 409)
      assert.strictEqual((await admin("DELETE", "tokens/ops2")).status, 204)
      // Without any it is what it was.
      assert.strictEqual((await admin("DELETE", "tokens/alice")).status, 204)
      assert.strictEqual((await admin("DELETE", "tokens/ops")).status, 204)
      assert.deepStrictEqual([await status("/v1/models"), (await anybody("GET", "tokens")).status], [200, 200])
    }))

  it("is not opened by time, nor by a switch", () =>
    withRelay(async ({ anybody, status }) => {
      const soon = new Date(Date.now() + 300).toISOString()
      const { key } = shown(await anybody("POST", "tokens", { name: "ops", admin: true, expiresAt: soon }))
      await until(async () => (await status("/v1/models", bearer(key))) === 401)
      assert.deepStrictEqual([await status("/v1/models"), await status("/admin/tokens")], [401, 401])
    }))

  it("a viewer's token looks, and whoever is on the machine still administers without one", () =>
    withRelay(async ({ anybody, url }) => {
      const { key } = shown(await anybody("POST", "tokens", { name: "wall", viewer: true }))
      const viewer = adminOf(url, key)
      assert.strictEqual((await viewer("GET", "tokens")).status, 200)
      assert.strictEqual((await viewer("PATCH", "tokens/wall", { viewer: false })).status, 403)
      assert.strictEqual((await anybody("PATCH", "tokens/wall", { group: "gold" })).status, 200)
    }))
})
