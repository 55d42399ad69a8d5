/**
 * What operators leave behind, on PostgreSQL as on SQLite.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Result } from "effect"
import { Books } from "#src/books/index"
import * as BooksPostgresNode from "#src/books/BooksPostgresNode"
import { Audit, AuditSection, WriteOnce } from "#src/operate/index"
import { Settings, settingsFile } from "#src/settings/index"
import { openBooks } from "../books/kit.ts"
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres.ts"

const binaries = findPostgres()

describe.skipIf(binaries === undefined)("on PostgreSQL", () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(binaries ?? "")
  })
  afterAll(() => server.remove())

  const settings = (audit: object) =>
    Result.getOrThrow(Settings.make(settingsFile({ sections: [AuditSection] }), { audit }))
  const built = Effect.gen(function* () {
    const books = yield* openBooks(BooksPostgresNode.layer({ url: Redacted.make(server.database()) }))
    return yield* Layer.build(
      Layer.fresh(
        Layer.merge(Audit.layer, WriteOnce.layer).pipe(
          Layer.provide(Layer.succeed(Books, books)),
          Layer.provide(Layer.succeed(Settings, settings({ retention: "400 days" })))
        )
      )
    )
  })

  it.live("the audit is written, and read page by page, the newest first", () =>
    Effect.gen(function* () {
      const audit = Context.get(yield* built, Audit)
      for (let n = 0; n < 25; n++) {
        yield* audit.write(
          { what: "token.update", path: `tokens/${n}`, before: { n: n - 1 }, after: n === 0 ? undefined : { n } },
          { who: "ops", requestId: `req_${n}` }
        )
      }
      const paths: Array<string> = []
      let cursor: string | undefined
      do {
        const page = yield* audit.list({ limit: 10, cursor })
        paths.push(...page.rows.map(({ path }) => path))
        cursor = page.next
      } while (cursor !== undefined)
      assert.deepStrictEqual(
        paths,
        Array.from({ length: 25 }, (_, n) => `tokens/${24 - n}`)
      )
    })
  )

  it.live("a write is done once, and of two at once one", () =>
    Effect.gen(function* () {
      const writes = Context.get(yield* built, WriteOnce)
      let times = 0
      const write = Effect.sync(() => ({ status: 201, contentType: "application/json", body: `{"n":${++times}}` }))
      const named = { who: "ops", key: "k", digest: "d" }
      const both = yield* Effect.all([Effect.exit(writes.once(named, write)), Effect.exit(writes.once(named, write))], {
        concurrency: "unbounded"
      })
      assert.strictEqual(times, 1)
      assert.isTrue(both.some(({ _tag }) => _tag === "Success"))
      assert.deepStrictEqual(yield* writes.once(named, write), {
        answer: { status: 201, contentType: "application/json", body: '{"n":1}' },
        replayed: true
      })
      assert.strictEqual((yield* Effect.flip(writes.once({ ...named, digest: "e" }, write)))._tag, "Conflict")
    })
  )
})
