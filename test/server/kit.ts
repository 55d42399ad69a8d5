/**
 * What the tests of the server share: a relay between two scripted upstreams, and waiting for what will hold.
 */
import { assert } from "@effect/vitest"
import { connect } from "node:net"
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

/**
 * Waits until something holds; fails when it does not in time. What costs more to ask is asked less often: a page and a relay
 * have other things to do than to answer that.
 */
export const until = async (holds: () => boolean | Promise<boolean>, millis = 5000): Promise<void> => {
  const end = performance.now() + millis
  for (;;) {
    const asked = performance.now()
    if (await holds()) return
    const told = performance.now()
    if (told > end) return assert.fail("it did not come to hold")
    await sleep(Math.min(Math.max(10, 4 * (told - asked)), 100))
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

/** Sends bytes as they are, and gives all that comes back until the connection ends, or falls silent. */
export const sendRaw = (port: number, parts: string | ReadonlyArray<string>, quietMillis = 400): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    let text = ""
    let timer: ReturnType<typeof setTimeout> | undefined
    const end = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(text)
    }
    const quiet = (): void => {
      clearTimeout(timer)
      timer = setTimeout(end, quietMillis)
    }
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
      quiet()
    })
    socket.on("error", end)
    socket.on("close", end)
    const write = async (): Promise<void> => {
      for (const part of typeof parts === "string" ? [parts] : parts) {
        socket.write(Buffer.from(part, "latin1"))
        await sleep(20)
      }
      quiet()
    }
    socket.once("connect", () => void write())
  })

/** The status, headers and body of a raw response. */
export const parseRaw = (text: string) => {
  const [head = "", body = ""] = text.split("\r\n\r\n", 2)
  const [first = "", ...lines] = head.split("\r\n")
  return {
    status: Number(first.split(" ")[1]),
    headers: Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()])
    ) as { readonly [name: string]: string | undefined },
    body
  }
}
