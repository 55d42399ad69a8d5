/**
 * Opens many answers at once, whose readers are slow or read nothing at all, and says what that takes of the relay: while
 * they are open, and when all of them were read and are forgotten.
 *
 * Most answers come a word at a time and stay open as long as is needed. One in 150 is a flood of 8 MB, more than the
 * system's own buffers hold, and nobody reads it: of these the relay is to have a page each.
 */
import { readdirSync, readFileSync } from "node:fs"
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { channelOf } from "../support/relay.ts"
import { commandFile, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { type Running, startNode } from "../support/spawnNode.ts"
import { chunk, ending, startWireUpstream, streaming, type WireCall } from "../support/wireUpstream.ts"

/** What to open. */
export interface SlowReadersOptions {
  readonly streams: number
  readonly store: "memory" | "sqlite"
  readonly say?: (line: string) => void
}

/** What was seen. Sizes are bytes. */
export interface SlowReadersReport {
  readonly floods: number
  /** What the relay had resident before, and at most while all were open. */
  readonly before: number
  readonly most: number
  /** Readers that did not get all of their answer, each event once. */
  readonly notWhole: number
  /** What was in use once the garbage was collected, outside the heap too: before, with all open, and after. */
  readonly usedBefore: number
  readonly usedOpen: number
  readonly usedAfter: number
  /** Answers under way, and files open, in the end; and files open before. */
  readonly activeAfter: number
  readonly filesBefore: number
  readonly filesAfter: number
}

/** The words of an answer, a flood's pieces, and how long a piece is. */
const words = 20
const pieces = 800
const piece = "x".repeat(10_000)
/**
 * Whoever reads is cut when it is over, in milliseconds: longer where there are more floods, of which the first has ended when
 * the last one is still written.
 */
const retentionOf = (streams: number): number => 8000 + streams * 4

const residentOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024

const filesOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

const isFlood = ({ messages }: WireCall): boolean => String(messages[0]?.content).includes("flood")

/** Its connection is not kept: what is open in the end is somebody's. */
const begin = ({ response }: WireCall): void => {
  response.setHeader("connection", "close")
  streaming(response)
}

/** Says the first word, and all the others once it is told to end. */
const drip = (call: WireCall, over: Promise<void>): void => {
  const { response } = call
  begin(call)
  response.write(chunk("word "))
  void over.then(async () => {
    for (let n = 1; n < words; n++) {
      response.write(chunk("word "))
      await sleep(20)
    }
    response.end(ending)
  })
}

const flood = (call: WireCall): void => {
  const { response } = call
  begin(call)
  let said = 0
  const more = (): void => {
    while (said < pieces && !response.closed) if (said++ < pieces && !response.write(chunk(piece))) break
    if (said === pieces) response.end(ending)
    else if (!response.closed) response.once("drain", more)
  }
  more()
}

interface SlowReader {
  /** The first bytes have come. */
  readonly begun: Promise<void>
  /** Reads on; gives whether all of it came, each event once and in order. */
  readonly readAll: () => Promise<boolean>
}

/** A reader that takes what comes first, and then nothing until it is told to. */
const slowReader = (port: number, message: string, events: number): SlowReader => {
  const begun = Promise.withResolvers<void>()
  const over = Promise.withResolvers<boolean>()
  const socket = connect(port, "127.0.0.1", () =>
    socket.write(
      `GET /chat?message=${message}&model=m HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n\r\n`
    )
  )
  let next = 0
  let isWhole = true
  let isEnded = false
  let rest = ""
  socket.setEncoding("latin1")
  socket.on("data", (text: string) => {
    if (next === 0) socket.pause()
    begun.resolve()
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      const seq = /^id: [^.]+\.(\d+)/.exec(line)?.[1]
      if (seq !== undefined) isWhole &&= Number(seq) === next++
      if (line.startsWith("event: done")) isEnded = true
    }
  })
  socket.on("error", () => {})
  socket.once("close", () => {
    begun.resolve()
    over.resolve(isWhole && isEnded && next === events)
  })
  return {
    begun: begun.promise,
    readAll: () => {
      socket.resume()
      return over.promise
    }
  }
}

/** What is in use, once all that is not was collected. */
const makeUsed = (relay: Running) => {
  let asked = 0
  return async (): Promise<number> => {
    relay.kill("SIGUSR2")
    const said = await relay.printed(`memory ${++asked} `)
    const [, found] = new RegExp(`^memory ${asked} (.*) end$`, "m").exec(said) ?? []
    const { arrayBuffers, heapUsed } = JSON.parse(found ?? "{}") as { arrayBuffers: number; heapUsed: number }
    return heapUsed + arrayBuffers
  }
}

/** Opens them. */
export const runSlowReaders = async ({
  say = () => {},
  store,
  streams
}: SlowReadersOptions): Promise<SlowReadersReport> => {
  const retention = retentionOf(streams)
  const folder = temporaryFolder()
  const over = Promise.withResolvers<void>()
  let end = false
  const upstream = await startWireUpstream((call) =>
    end ? drip(call, Promise.resolve()) : isFlood(call) ? flood(call) : drip(call, over.promise)
  )
  const file = writeConfiguration(folder.path, {
    server: { port: 0, readerGrace: "10 minutes" },
    store: store === "memory" ? { type: store } : { type: store, path: `${folder.path}/relay.db` },
    // What floods keep is more than the default, beyond which those that ended first are forgotten.
    journal: { retention: `${retention} millis`, maxBytes: 4_000_000_000 },
    timeouts: { idle: "10 minutes", firstContent: "10 minutes", headers: "10 minutes", total: "20 minutes" },
    chat: { timeout: "20 minutes" },
    channels: [channelOf("a", upstream.url, { models: ["m"] })]
  })
  const telling = new URL("telling.ts", import.meta.url).href
  const relay = startNode(commandFile, ["relay", "--config", file], {}, undefined, [
    "--disable-warning=ExperimentalWarning",
    "--import",
    telling
  ])
  try {
    const banner = await relay.printed("curl -N")
    const port = Number(/^listening on http:\/\/[^\s:]+:(\d+)/m.exec(banner)?.[1])
    const active = async (): Promise<number> =>
      Number(/^active_streams (\d+)$/m.exec(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())?.[1])
    const used = makeUsed(relay)
    // What is made with the first requests is not theirs.
    end = true
    const warm = Array.from({ length: 20 }, () => slowReader(port, "warm", words + 2))
    await Promise.all(warm.map(({ begun }) => begun))
    await Promise.all(warm.map(({ readAll }) => readAll()))
    end = false
    await sleep(1.5 * retention)
    const usedBefore = await used()
    const before = residentOf(relay.pid)
    const filesBefore = filesOf(relay.pid)
    say(`before: ${Math.round(before / 1e6)} MB resident, ${Math.round(usedBefore / 1e6)} MB in use`)

    let most = before
    const watch = setInterval(() => {
      most = Math.max(most, residentOf(relay.pid))
    }, 100)
    const floods = Math.ceil(streams / 150)
    const readers: Array<SlowReader> = []
    for (let n = 0; n < streams; n++) {
      // Last, as they are over soon: what is kept of them is kept for a while.
      const isFlood = n >= streams - floods
      readers.push(slowReader(port, isFlood ? "flood" : "drip", (isFlood ? pieces : words) + 2))
      // It is about what is open, and not about a storm of requests.
      if (n % 50 === 49) await Promise.all(readers.slice(-50).map(({ begun }) => begun))
    }
    await Promise.all(readers.map(({ begun }) => begun))
    // The floods come as fast as the store takes them.
    const flooding = upstream.calls.filter(isFlood)
    while (flooding.some(({ closedAt }) => closedAt === undefined)) await sleep(100)
    // Their ends, which have all of their text again, are written after that.
    while ((await active()) > streams - floods) await sleep(100)
    // What lets go of a call that has ended waits a second.
    await sleep(2500)
    const usedOpen = await used()
    say(`${streams} open, ${floods} of them floods: ${Math.round(usedOpen / 1e6)} MB in use`)

    over.resolve()
    const whole = await Promise.all(readers.map(({ readAll }) => readAll()))
    clearInterval(watch)
    await sleep(1.5 * retention)
    // What is kept of ended streams is forgotten when it is swept, at times.
    const limit = performance.now() + 30_000
    let usedAfter = await used()
    while (performance.now() < limit && usedAfter > usedBefore * 1.2) {
      await sleep(1000)
      usedAfter = await used()
    }
    say(`after: ${Math.round(usedAfter / 1e6)} MB in use`)
    return {
      floods,
      before,
      most,
      notWhole: whole.filter((one) => !one).length,
      usedBefore,
      usedOpen,
      usedAfter,
      activeAfter: await active(),
      filesBefore,
      filesAfter: filesOf(relay.pid)
    }
  } finally {
    relay.kill("SIGKILL")
    await Promise.all([relay.ended, upstream.close()])
    folder.remove()
  }
}

/** What is wrong with what was seen, in words. */
export const faultsOf = ({ store, streams }: SlowReadersOptions, report: SlowReadersReport): ReadonlyArray<string> => {
  const { activeAfter, before, filesAfter, filesBefore, floods, most, notWhole, usedAfter, usedBefore, usedOpen } =
    report
  // An open answer; and for one that nobody reads a page, and what the socket has of it. (The last event of a flood has all
  // of its text again: a reader that has come so far holds a piece of that, too, and no more.)
  // A store in memory has what was said, and all of it again in the last event.
  const kept = store === "memory" ? floods * 2.2 * pieces * piece.length : 0
  const open = usedBefore + streams * 40_000 + floods * 300_000 + 5_000_000 + kept
  // What the collector has not come to yet, the text of the floods while they are written, and what is under way to the store.
  const resident = before + streams * 80_000 + floods * 20_000_000 + 150_000_000 + kept
  // Where the rows are of what was read last is remembered, up to some 8 MB; and that a stream was there.
  const after = usedBefore * 1.1 + Math.min(streams * 1500, 12_000_000)
  const faults: ReadonlyArray<readonly [boolean, string]> = [
    [usedOpen > open, `${usedOpen} bytes are in use with all open, and at most ${open} may be`],
    [most > resident, `${most} bytes were resident, and at most ${resident} may be`],
    [notWhole > 0, `${notWhole} readers did not get all of their answer`],
    [usedAfter > after, `${usedAfter} bytes are in use, and were ${usedBefore} before`],
    [activeAfter > 0, `${activeAfter} answers are under way`],
    [filesAfter > filesBefore + 20, `${filesAfter} files are open, and were ${filesBefore} before`]
  ]
  return faults.flatMap(([isOne, what]) => (isOne ? [what] : []))
}
