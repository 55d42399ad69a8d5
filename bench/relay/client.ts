/**
 * The client of the relay's benchmarks: HTTP/1.1 written by hand on plain sockets, so that the load takes little of the
 * core that it shares with the upstream. It sends one request, and reads one chunked answer to its end; connections are
 * used again.
 */
import { connect, type Socket } from "node:net"
import { performance } from "node:perf_hooks"

/** The time, as the upstream writes it into its events: epoch milliseconds with fractions. */
export const now = (): number => performance.timeOrigin + performance.now()

/** What came of a request. */
export interface Answer {
  /** Content events: those that the upstream numbers, not the first and last that open and close its answer. */
  readonly events: number
  /** From the request to the first byte of the body, in milliseconds. */
  readonly firstAfter: number
  /** From the request to the end, in milliseconds. */
  readonly took: number
  /** It had its end. */
  readonly whole: boolean
}

/** How answers are had. */
export interface Client {
  /** `onDelay` is told how old each event was; without it events are only counted. */
  readonly ask: (model: string, onDelay?: (millis: number) => void) => Promise<Answer>
  readonly close: () => void
}

/** Where answers are had, and what a request carries beside the usual. */
export interface Target {
  readonly name: string
  readonly port: number
  readonly headers?: { readonly [name: string]: string }
}

const mark = '"content":"'
const markBytes = Buffer.from(mark)
const doneBytes = Buffer.from("[DONE]")

/** Counts the marks in bytes without making text of them; the upstream's first event has one with nothing in it. */
const count = (bytes: Buffer): number => {
  let found = 0
  for (let at = bytes.indexOf(markBytes); at >= 0; at = bytes.indexOf(markBytes, at + markBytes.length)) {
    if (bytes[at + markBytes.length] !== 0x22) found++
  }
  return found
}

/** A server closes a connection that was idle for long just when it is used again: nothing of the request was read. */
class ClosedIdle extends Error {}

/** A connection with at most one answer on it. */
class Connection {
  #socket: Socket
  #rest: Buffer = Buffer.alloc(0)
  #inBody = false
  #left = 0
  #tail: Buffer = Buffer.alloc(0)
  #asked = 0
  #answers = 0
  #first = 0
  #events = 0
  #onDelay: ((millis: number) => void) | undefined
  #resolve: ((answer: Answer) => void) | undefined
  #reject: ((error: Error) => void) | undefined

  constructor(port: number, onFree: (connection: Connection) => void) {
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true })
    this.#socket.on("data", (bytes) => {
      if (this.#read(bytes)) onFree(this)
    })
    this.#socket.on("error", (error) => this.#fail(error))
    this.#socket.on("close", () => this.#fail(new Error("the connection was closed")))
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable
  }

  send(request: string, onDelay: ((millis: number) => void) | undefined): Promise<Answer> {
    this.#asked = now()
    this.#first = 0
    this.#events = 0
    this.#inBody = false
    this.#left = 0
    this.#onDelay = onDelay
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#socket.write(request, "latin1")
    })
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #fail(error: Error): void {
    const isIdle = this.#answers > 0 && !this.#inBody && this.#rest.length === 0
    this.#reject?.(isIdle ? new ClosedIdle() : error)
    this.#resolve = this.#reject = undefined
    this.#socket.destroy()
  }

  /** Takes bytes, and says whether the answer is at its end. */
  #read(bytes: Buffer): boolean {
    let data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    this.#rest = Buffer.alloc(0)
    if (!this.#inBody) {
      const end = data.indexOf("\r\n\r\n")
      if (end < 0) return this.#keep(data)
      const head = data.toString("latin1", 0, end)
      if (!head.startsWith("HTTP/1.1 200 ") || !/^transfer-encoding: *chunked$/im.test(head)) {
        this.#fail(new Error(`an answer that is none: ${data.toString("latin1", 0, 500)}`))
        return false
      }
      this.#inBody = true
      data = data.subarray(end + 4)
    }
    while (data.length > 0) {
      if (this.#left > 0) {
        // The last two bytes of what is left end the chunk, and are no payload.
        const taken = data.subarray(0, this.#left)
        this.#take(taken)
        this.#left -= taken.length
        data = data.subarray(taken.length)
        continue
      }
      const line = data.indexOf("\r\n")
      if (line < 0) return this.#keep(data)
      const size = Number.parseInt(data.toString("latin1", 0, line), 16)
      if (size === 0) {
        if (data.length < line + 4) return this.#keep(data)
        const at = now()
        this.#answers++
        const whole = this.#tail.includes(doneBytes)
        this.#tail = Buffer.alloc(0)
        this.#resolve?.({ events: this.#events, firstAfter: this.#first - this.#asked, took: at - this.#asked, whole })
        this.#resolve = this.#reject = undefined
        return true
      }
      this.#left = size + 2
      data = data.subarray(line + 2)
    }
    return false
  }

  #keep(data: Buffer): false {
    this.#rest = Buffer.from(data)
    return false
  }

  #take(bytes: Buffer): void {
    const at = now()
    if (this.#first === 0) this.#first = at
    if (this.#onDelay === undefined) this.#events += count(bytes)
    else {
      const text = bytes.toString("latin1")
      for (const found of text.matchAll(/"content":"(\d+\.?\d*) "/g)) {
        this.#events++
        this.#onDelay(at - Number(found[1]))
      }
    }
    if (bytes.length >= 40) this.#tail = bytes.subarray(-40)
    else if (bytes.length > 0) this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-40)
  }
}

/** A client of one subject. */
export const makeClient = ({ headers = {}, port }: Target): Client => {
  const free: Array<Connection> = []
  const all = new Set<Connection>()
  const lines = Object.entries({
    host: `127.0.0.1:${port}`,
    "content-type": "application/json",
    accept: "text/event-stream",
    ...headers
  })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")
  const take = (): Connection => {
    for (let found = free.pop(); found !== undefined; found = free.pop()) {
      if (found.isOpen) return found
      all.delete(found)
    }
    const made = new Connection(port, (connection) => void free.push(connection))
    all.add(made)
    return made
  }
  return {
    ask: (model, onDelay) => {
      const body = JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "bench" }] })
      const request = `POST /v1/chat/completions HTTP/1.1\r\n${lines}content-length: ${body.length}\r\n\r\n${body}`
      const send = (): Promise<Answer> =>
        take()
          .send(request, onDelay)
          .catch((error: unknown) => {
            if (error instanceof ClosedIdle) return send()
            throw error
          })
      return send()
    },
    close: () => {
      for (const connection of all) connection.destroy()
      all.clear()
      free.length = 0
    }
  }
}
