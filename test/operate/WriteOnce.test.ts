/**
 * Writes of an admin that are sent again under one idempotency key: done once, whatever happens in between.
 */
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Books } from "#src/books/index"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import { type NamedWrite, type WriteAnswer, WriteOnce } from "#src/operate/index"
import { openBooks } from "../books/kit.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { read } from "../support/sse.ts"
import { sleep } from "../server/kit.ts"
import { type AdminAnswer, adminOf, booksThatLeave } from "./admin.ts"

const onBooks = (books: Books["Service"]) =>
  Effect.map(Layer.build(Layer.fresh(WriteOnce.layer.pipe(Layer.provide(Layer.succeed(Books, books))))), (context) =>
    Context.get(context, WriteOnce)
  )

const named = (more: Partial<NamedWrite> = {}): NamedWrite => ({ who: "ops", key: "k", digest: "d", ...more })
const done = (more: Partial<WriteAnswer> = {}): WriteAnswer => ({
  status: 200,
  contentType: "application/json",
  body: '{"a":1}',
  ...more
})

/** A write that counts how often it is done. */
const counting = (answer: WriteAnswer = done()) => {
  let times = 0
  return { write: Effect.sync(() => ((times += 1), answer)), times: () => times }
}

describe("a write with an idempotency key", () => {
  const world = Effect.gen(function* () {
    const books = yield* TestClock.withLive(openBooks(BooksMemoryNode.layer))
    return { books, writes: yield* onBooks(books) }
  })

  it.effect("is done once, and its answer is given again, to the same admin, for a day", () =>
    Effect.gen(function* () {
      const { books, writes } = yield* world
      const { times, write } = counting()
      assert.deepStrictEqual(yield* writes.once(named(), write), { answer: done(), replayed: false })
      for (const again of [writes, yield* onBooks(books)]) {
        assert.deepStrictEqual(yield* again.once(named(), write), { answer: done(), replayed: true })
      }
      assert.strictEqual(times(), 1)
      yield* writes.once(named({ who: "other" }), write)
      yield* writes.once(named({ key: "l" }), write)
      assert.strictEqual(times(), 3)
      yield* TestClock.adjust("23 hours")
      yield* writes.once(named(), write)
      assert.strictEqual(times(), 3)
      yield* TestClock.adjust("2 hours")
      yield* writes.once(named(), write)
      assert.strictEqual(times(), 4)
    })
  )

  it.effect("is another one where its body is: it is refused", () =>
    Effect.gen(function* () {
      const { writes } = yield* world
      const { times, write } = counting()
      yield* writes.once(named(), write)
      const error = yield* Effect.flip(writes.once(named({ digest: "e" }), write))
      assert.strictEqual(error._tag, "Conflict")
      assert.match(error.message, /sent before, with another request/)
      assert.strictEqual(times(), 1)
    })
  )

  it.effect("that comes while it is under way is not done beside it", () =>
    Effect.gen(function* () {
      const { writes } = yield* world
      const { times, write } = counting()
      const first = yield* Effect.forkChild(writes.once(named(), Effect.andThen(Effect.sleep("1 minute"), write)))
      yield* TestClock.adjust("30 seconds")
      const error = yield* Effect.flip(writes.once(named(), write))
      assert.match(error.message, /under way, or was cut off/)
      yield* TestClock.adjust("30 seconds")
      assert.isFalse((yield* Fiber.join(first)).replayed)
      assert.isTrue((yield* writes.once(named(), write)).replayed)
      assert.strictEqual(times(), 1)
    })
  )

  it.effect("whose process was killed, or that failed with a 5xx, is not done again: it is looked for", () =>
    Effect.gen(function* () {
      const { books, writes } = yield* world
      const { times, write } = counting()
      yield* Effect.exit(writes.once(named(), Effect.die("killed")))
      yield* writes.once(named({ key: "l" }), Effect.succeed(done({ status: 500 })))
      for (const key of ["k", "l"]) {
        const error = yield* Effect.flip((yield* onBooks(books)).once(named({ key }), write))
        assert.strictEqual(error._tag, "Conflict")
      }
      assert.strictEqual(times(), 0)
    })
  )

  it.effect("that was refused leaves its key free", () =>
    Effect.gen(function* () {
      const { writes } = yield* world
      const { times, write } = counting()
      yield* writes.once(named(), Effect.succeed(done({ status: 422 })))
      assert.isFalse((yield* writes.once(named({ digest: "e" }), write)).replayed)
      assert.strictEqual(times(), 1)
    })
  )

  it.effect(
    "shows what is shown once again for ten minutes, in the process that made it, and never from the books",
    () =>
      Effect.gen(function* () {
        const { books, writes } = yield* world
        const secret = done({ status: 201, body: '{"name":"a","key":"er-secret"}' })
        const { write } = counting(secret)
        yield* writes.once(named(), write)
        const without = { ...secret, body: '{"name":"a","key":null}' }
        yield* TestClock.adjust("9 minutes")
        assert.deepStrictEqual((yield* writes.once(named(), write)).answer, secret)
        assert.deepStrictEqual((yield* (yield* onBooks(books)).once(named(), write)).answer, without)
        yield* TestClock.adjust("2 minutes")
        assert.deepStrictEqual((yield* writes.once(named(), write)).answer, without)
        const index = done({ body: '{"channel":"a","key":1}' })
        yield* writes.once(named({ key: "l" }), Effect.succeed(index))
        assert.deepStrictEqual((yield* (yield* onBooks(books)).once(named({ key: "l" }), write)).answer, index)
      })
  )
})

describe("Idempotency-Key of the admin API", () => {
  const key = "ops-secret-token"
  const tokens = [
    { name: "ops", key, admin: true },
    { name: "other", key: "other-secret-token", admin: true }
  ]
  const once = { "idempotency-key": "b0c7b2c0-make-alice" }
  const replayed = ({ headers }: AdminAnswer): unknown => headers["x-idempotent-replay"]

  it("gives the same answer again, over a restart without the key; another body is refused", async () => {
    const folder = temporaryFolder()
    const server = await startFaultServer()
    const configuration = {
      store: { type: "sqlite", path: `${folder.path}/relay.db` },
      tokens,
      channels: [channelOf("a", server.url)]
    }
    try {
      const first = await startRelay(configuration)
      const ops = adminOf(first.url, key)
      const made = await ops("POST", "tokens", { name: "alice" }, once)
      assert.deepStrictEqual([made.status, replayed(made)], [201, undefined])
      const again = await ops("POST", "tokens", { name: "alice" }, once)
      assert.deepStrictEqual([again.status, replayed(again), again.body], [201, "true", made.body])
      assert.strictEqual((await ops("POST", "tokens", { name: "bob" }, once)).status, 409)
      assert.strictEqual((await ops("PATCH", "tokens/alice", { name: "alice" }, once)).status, 409)
      // It is each admin's own.
      const other = await adminOf(first.url, "other-secret-token")("POST", "tokens", { name: "carol" }, once)
      assert.deepStrictEqual([other.status, replayed(other)], [201, undefined])
      const deletes = { "idempotency-key": "gone" }
      assert.strictEqual((await ops("DELETE", "tokens/carol", undefined, deletes)).status, 204)
      const gone = await ops("DELETE", "tokens/carol", undefined, deletes)
      assert.deepStrictEqual([gone.status, replayed(gone), gone.text], [204, "true", ""])
      const rows = (await ops("GET", "audit")).body as { readonly data: ReadonlyArray<{ readonly what: string }> }
      assert.deepStrictEqual(
        rows.data.map(({ what }) => what),
        ["token.delete", "token.create", "token.create"]
      )
      await first.close()
      const { key: alice } = made.body as { readonly key: string }
      for (const file of readdirSync(folder.path)) {
        const text = readFileSync(join(folder.path, file), "latin1")
        assert.notInclude(text, alice, file)
        assert.notInclude(text, once["idempotency-key"], file)
      }
      const second = await startRelay(configuration)
      const after = await adminOf(second.url, key)("POST", "tokens", { name: "alice" }, once)
      assert.deepStrictEqual([after.status, replayed(after)], [201, "true"])
      assert.deepStrictEqual(after.body, { ...(made.body as object), key: null } as never)
      assert.strictEqual(
        (await read(`${second.url}/v1/models`, { headers: { authorization: `Bearer ${alice}` } })).status,
        200
      )
      await second.close()
    } finally {
      await server.close()
      folder.remove()
    }
  })

  it("is done once over kills at any moment: what was cut off is told, and not done again", {
    timeout: 120_000
  }, async () => {
    const folder = temporaryFolder()
    const file = writeConfiguration(folder.path, {
      server: { port: 0 },
      store: { type: "sqlite", path: `${folder.path}/relay.db` },
      tokens,
      channels: [channelOf("a", "http://127.0.0.1:9")]
    })
    try {
      for (const after of [0, 5]) {
        const name = `killed-${after}`
        const header = { "idempotency-key": `make ${name}` }
        const first = await startRelayProcess(file)
        const ops = adminOf(first.url, key)
        // The first request for it loads the admin API.
        await ops("GET", "tokens")
        const lost = ops("POST", "tokens", { name }, header).catch(() => undefined)
        await sleep(after)
        first.kill("SIGKILL")
        await Promise.all([first.ended, lost])
        const second = await startRelayProcess(file)
        const again = adminOf(second.url, key)
        const there = async () => (await again("GET", `tokens/${name}`)).status === 200
        const before = await there()
        const answer = await again("POST", "tokens", { name }, header)
        const { status } = answer
        if (before) assert.isTrue(status === 409 || (status === 201 && replayed(answer) === "true"))
        else assert.include([201, 409], status)
        assert.strictEqual(await there(), before || status === 201)
        second.kill("SIGKILL")
        await second.ended
      }
    } finally {
      folder.remove()
    }
  })

  it("of many at once one is done; a key that is none is refused; a refused request may be sent again", async () => {
    const relay = await startRelay({ tokens, channels: [channelOf("a", "http://127.0.0.1:9")] })
    try {
      const ops = adminOf(relay.url, key)
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => ops("POST", "tokens", { name: "alice" }, once))
      )
      assert.lengthOf(
        answers.filter((one) => one.status === 201 && replayed(one) === undefined),
        1
      )
      assert.isTrue(answers.every(({ status }) => status === 201 || status === 409))
      assert.strictEqual(
        (await ops("POST", "tokens", { name: "x" }, { "idempotency-key": "x".repeat(256) })).status,
        400
      )
      const wrong = { "idempotency-key": "wrong-first" }
      assert.strictEqual((await ops("POST", "tokens", { name: 5 }, wrong)).status, 422)
      assert.strictEqual((await ops("POST", "tokens", { name: "five" }, wrong)).status, 201)
    } finally {
      await relay.close()
    }
  })

  it("while the books are away nothing is begun; the relay is ready and says what it lacks", async () => {
    const { layer, leave } = booksThatLeave()
    const server = await startFaultServer()
    const relay = await startRelay({ tokens, channels: [channelOf("a", server.url)] }, { books: layer })
    try {
      const ops = adminOf(relay.url, key)
      const ready = async () => {
        const { status, text } = await read(`${relay.url}/health/ready`)
        return [status, JSON.parse(text)]
      }
      assert.deepStrictEqual(await ready(), [200, { status: "ready", ready: true }])
      const known = (await ops("POST", "tokens", { name: "known" })).body as { readonly key: string }
      const unseen = (await ops("POST", "tokens", { name: "unseen" })).body as { readonly key: string }
      const models = async (token: string) =>
        (await read(`${relay.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })).status
      assert.strictEqual(await models(known.key), 200)
      leave(true)
      assert.deepStrictEqual([await models(known.key), await models(unseen.key), await models(key)], [200, 503, 200])
      const looked = await read(`${relay.url}/v1/models`, { headers: { authorization: `Bearer ${unseen.key}` } })
      assert.match(JSON.parse(looked.text).error.message, /^Tokens cannot be looked up now\./)
      assert.deepStrictEqual(await ready(), [200, { status: "ready", ready: true, degraded: ["books"] }])
      const refused = await ops("POST", "tokens", { name: "alice" }, once)
      assert.strictEqual(refused.status, 500)
      assert.strictEqual((await ops("POST", "tokens", { name: "alice" })).status, 500)
      assert.strictEqual((await ops("GET", "tokens")).status, 500)
      assert.strictEqual((await ops("GET", "audit")).status, 500)
      leave(false)
      assert.strictEqual((await ops("POST", "tokens", { name: "alice" }, once)).status, 201)
      assert.deepStrictEqual([await models(unseen.key)], [200])
    } finally {
      await relay.close()
      await server.close()
    }
  })
})
