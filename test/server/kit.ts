/**
 * What the tests of the server share: a relay between two scripted upstreams, and waiting for what will hold.
 */
import { assert } from "@effect/vitest"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { keepLog } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import type { SseEvent } from "../support/sse.ts"

keepLog()

/** A relay in front of `a`, which is asked first, and `b`. */
export interface World {
  readonly relay: RunningRelay
  readonly a: FaultServer
  readonly b: FaultServer
}

/** Runs a test with a relay of its own. `channels` are more fields of each. */
export const withRelay = async (
  {
    channels,
    ...sections
  }: {
    readonly channels?: { readonly a?: object; readonly b?: object }
    readonly [section: string]: unknown
  },
  run: (world: World) => Promise<void>
): Promise<void> => {
  const [a, b] = await Promise.all([startFaultServer(), startFaultServer()])
  const relay = await startRelay({
    channels: [
      channelOf("a", a.url, { priority: 1, ...channels?.a }),
      channelOf("b", b.url, { priority: 0, ...channels?.b })
    ],
    ...sections
  })
  try {
    await run({ relay, a, b })
  } finally {
    await relay.close()
    await Promise.all([a.close(), b.close()])
  }
}

/** Waits until something holds; fails when it does not in time. */
export const until = async (holds: () => boolean | Promise<boolean>, millis = 5000): Promise<void> => {
  const end = performance.now() + millis
  while (!(await holds())) {
    if (performance.now() > end) return assert.fail("it did not come to hold")
    await sleep(10)
  }
}

/** Waits so many milliseconds. */
export const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** The stream that an answer's first event names. */
export const streamIdOf = (events: ReadonlyArray<SseEvent>): string => String(events[0]?.json?.["stream_id"])

/** A request of the OpenAI dialect. */
export const completion = (more: object = {}) => ({
  model: "m",
  stream: true,
  messages: [{ role: "user", content: "hello" }],
  ...more
})
