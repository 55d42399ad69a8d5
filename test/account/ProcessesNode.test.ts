/**
 * Which processes are known to be dead.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import { ProcessesNode } from "#src/account/index"

describe("a process is known to be dead", () => {
  const { isDead, me } = ProcessesNode.make()
  const of = (pid: number): string => me.replace(/\d+$/, String(pid))

  it("when nobody has its number, and not while it lives", async () => {
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"])
    await once(child, "spawn")
    assert.isFalse(isDead(of(child.pid!)))
    child.kill("SIGKILL")
    await once(child, "exit")
    assert.isTrue(isDead(of(child.pid!)))
  })

  it("not if it was elsewhere, is this one, or is told in words that are none", () => {
    assert.isFalse(isDead(me))
    assert.isFalse(isDead(`elsewhere ${of(2 ** 22 + 1)}`))
    for (const name of ["", "x", me.replace(/ \d+$/, ""), of(-1), of(0), of(Number.NaN)])
      assert.isFalse(isDead(name), name)
  })
})
