import { assert, describe, it } from "@effect/vitest"
import { runNode } from "../support/spawnNode.ts"

describe("books in PostgreSQL without their package", () => {
  it("are a typed fault that says what to install, and books in SQLite need nothing", async () => {
    const { code, stderr, stdout } = await runNode("test/books/withoutPeer.ts")
    assert.strictEqual(code, 0, stderr)
    assert.deepStrictEqual(JSON.parse(stdout), {
      tag: "PeerMissing",
      message: "books in PostgreSQL need the package @effect/sql-pg: npm install @effect/sql-pg",
      rows: 1
    })
  })
})
