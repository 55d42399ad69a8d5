/**
 * More who connect than a relay that is busy can take at once.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { Worker } from "node:worker_threads"
import { withRelay } from "./kit.ts"

const clients = 1_500

/** How many may wait here: a kernel may allow fewer than are asked for. */
const allowed = (): number => {
  try {
    return Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"))
  } catch {
    return 128
  }
}

/** Connects and asks from a thread of its own; says how many are connected when the relay's thread can go on, and what they got. */
const program = `
const { connect } = require("node:net")
const { parentPort, workerData } = require("node:worker_threads")
const { clients, flag, port, wanted } = workerData
let connected = 0, over = 0
const ends = {}
const end = (how) => {
  ends[how] = (ends[how] ?? 0) + 1
  if (++over === clients) parentPort.postMessage({ connected: before, ends })
}
let before = 0
for (let i = 0; i < clients; i++) {
  let said = ""
  const socket = connect(port, "127.0.0.1", () => {
    connected++
    socket.write("GET /health/live HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n")
  })
  socket.setEncoding("latin1")
  socket.on("data", (text) => (said += text))
  socket.once("error", (error) => { said = error.code })
  socket.once("close", () => end(said.slice(0, 12)))
}
const since = performance.now()
const looking = setInterval(() => {
  if (connected < wanted && performance.now() - since < 5_000) return
  clearInterval(looking)
  before = connected
  Atomics.store(flag, 0, 1)
  Atomics.notify(flag, 0)
}, 20)
`

describe("a relay that is busy", () => {
  it("loses nobody who connects meanwhile, and keeps them in line", () =>
    withRelay({}, async ({ relay }) => {
      const wanted = Math.min(clients, allowed())
      const flag = new Int32Array(new SharedArrayBuffer(4))
      const worker = new Worker(program, { eval: true, workerData: { clients, flag, port: relay.port, wanted } })
      const told = new Promise<{ readonly connected: number; readonly ends: object }>((resolve, reject) => {
        worker.once("message", resolve)
        worker.once("error", reject)
      })
      await new Promise((resolve) => worker.once("online", resolve))
      // Nothing is taken until all have tried.
      Atomics.wait(flag, 0, 0, 15_000)
      const { connected, ends } = await told
      await worker.terminate()
      assert.isAtLeast(connected, wanted)
      assert.deepStrictEqual(ends, { "HTTP/1.1 200": clients })
    }))
})
