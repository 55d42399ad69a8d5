/**
 * Loaded by `--import` into a process that is measured from within: it answers each message of its parent with what only
 * the process itself can know. It keeps nothing alive.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import process from "node:process"

const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()

process.on("message", () => {
  const { heapUsed, rss } = process.memoryUsage()
  const millis = (nanoseconds: number): number => nanoseconds / 1e6
  process.send?.({
    rss,
    heapUsed,
    p50: millis(delay.percentile(50)),
    p99: millis(delay.percentile(99)),
    max: millis(delay.max)
  })
  delay.reset()
})
process.channel?.unref()
