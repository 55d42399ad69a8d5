/**
 * Loaded by `--import` into a process that is looked at from outside: at SIGUSR2 it collects its garbage and prints how much
 * memory is left in use.
 */
import process from "node:process"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void
let told = 0

process.on("SIGUSR2", () => {
  collect()
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage()
  process.stdout.write(`memory ${++told} ${JSON.stringify({ rss, heapUsed, arrayBuffers })} end\n`)
})
