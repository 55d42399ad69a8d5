/**
 * Threads. `node:worker_threads` is loaded with the first, which a relay with everything in memory never starts: 1.5 ms and
 * 0.8 MB.
 */
import process from "node:process"
import type { Worker } from "node:worker_threads"

/** Starts a thread. The flags of this process (a loader, an inspector) are not the thread's. */
export const startWorker = (module: URL, workerData?: unknown): Worker => {
  const { Worker } = process.getBuiltinModule("node:worker_threads")
  return new Worker(module, { workerData, execArgv: ["--disable-warning=ExperimentalWarning"] })
}
