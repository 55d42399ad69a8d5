/**
 * What a process says of itself.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Started } from "./process.ts"

/** What `preload.ts` tells: bytes, and how late its event loop was since it was asked last, in milliseconds. */
export interface Inside {
  readonly rss: number
  readonly heapUsed: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Node's flags that make a process answer. */
export const insideFlags = ["--import", new URL("preload.ts", import.meta.url).href]

/** Asks a process that was started with `insideFlags`. Fails when it does not answer within 10 s. */
export const inside = ({ child }: Started): Promise<Inside> => {
  const told = new Promise<Inside>((resolve) => child.once("message", (told) => resolve(told as Inside)))
  child.send("tell")
  const late = new AbortController()
  return Promise.race([
    told,
    sleep(10_000, undefined, { signal: late.signal }).then(() => {
      throw new Error("the process does not answer")
    })
  ]).finally(() => late.abort())
}
