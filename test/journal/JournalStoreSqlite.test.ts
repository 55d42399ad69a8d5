import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Layer } from "effect"
import { JournalStore, JournalStoreSqliteNode } from "effect-resilience/journal"
import { journalSuite } from "./suite.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "journal-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

journalSuite({
  name: "SQLite",
  runs: 25,
  place: Effect.map(folder, (path) => ({
    open: Effect.map(
      Layer.build(Layer.fresh(JournalStoreSqliteNode.layer({ path: join(path, "relay.db") }))),
      (context) => Context.get(context, JournalStore)
    )
  }))
})
