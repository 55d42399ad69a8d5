/**
 * One connection to an upstream: a `Client` of undici, which speaks HTTP/1.1 on the socket that is made here. It carries
 * one call at a time, and is kept between calls.
 *
 * Of undici only the client is loaded: the whole package, with its `fetch`, costs 60 ms of CPU and 12 MB.
 */
import type { Socket } from "node:net"
import type { Client, Dispatcher } from "undici"
import { dial, type Goal, type Sessions } from "./DialNode.ts"

/** Makes clients. */
export type MakeClient = typeof Client

/** Where the client is in the package is undici's own affair: where it is no longer there, the whole package is loaded. */
export const loadClient = (): Promise<MakeClient> =>
  import("undici/lib/dispatcher/client.js").then(
    ({ default: client }) => client,
    (cause: unknown) =>
      import("undici").then(
        ({ Client }) => Client,
        () => {
          throw cause
        }
      )
  )

/** What the connections to one origin have in common. */
export interface Shared {
  readonly origin: string
  readonly goal: Goal
  readonly sessions: Sessions
  readonly makeClient: MakeClient
  readonly idleMillis: number
  readonly maxHeaderBytes: number
  /** It carries no call any more, and its socket is closed. */
  readonly onGone: (connection: Connection) => void
}

/** What a connection carries. */
export interface Carried extends Dispatcher.DispatchHandler {
  /** Closed from outside. */
  readonly close: () => void
}

const nobody = (): void => {}

/** A connection. It may be without a socket: one is made when it is asked for something. */
export class Connection {
  private readonly shared: Shared
  private readonly client: Client
  private socket: Socket | undefined
  private giveUp: (() => void) | undefined
  private gone = false
  /** The socket has been asked before. */
  private reused = false
  private readBefore = 0
  /** The head of an answer has not come yet; `held` is what has come of it. */
  private beginning = false
  private held: Buffer | undefined
  /** The status of an interim answer, while nothing has come behind it. */
  interim: number | undefined
  /** What is under way. */
  carried: Carried | undefined
  /** Where it stands among all of its origin. */
  at = 0

  constructor(shared: Shared) {
    const { idleMillis, makeClient, maxHeaderBytes, origin } = shared
    this.shared = shared
    this.client = new makeClient(origin, {
      pipelining: 1,
      allowH2: false,
      // The relay has its clocks.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: idleMillis,
      keepAliveMaxTimeout: idleMillis,
      keepAliveTimeoutThreshold: 1000,
      maxHeaderSize: maxHeaderBytes,
      connect: (_, connected) => {
        this.giveUp = dial(shared.goal, shared.sessions, (error, socket) => {
          this.giveUp = undefined
          if (socket === undefined) return connected(error ?? new Error("closed"), null)
          this.take(socket)
          connected(null, socket)
        })
      }
    })
  }

  /** Whether another call can be made on it. */
  get isOpen(): boolean {
    return !this.gone && this.socket !== undefined && !this.socket.destroyed
  }

  /** A socket that was kept has died before it has answered with a single byte. */
  get diedUnasked(): boolean {
    return this.reused && (this.socket === undefined || this.socket.bytesRead === this.readBefore)
  }

  /** The socket broke. undici takes a reset for the end of a body that ends with its connection. */
  get failure(): Error | undefined {
    return this.socket?.errored ?? undefined
  }

  carry(carried: Carried, options: Dispatcher.DispatchOptions): void {
    this.carried = carried
    this.beginning = true
    this.held = undefined
    this.interim = undefined
    this.readBefore = this.socket?.bytesRead ?? 0
    this.client.dispatch(options, carried)
  }

  /** The call is over, and all of its answer has been read. Whether it can be kept. */
  rest(): boolean {
    this.carried = undefined
    this.reused = true
    // It was answered before it had read the request: the socket would wait for that for ever.
    if (this.socket !== undefined && this.socket.writableLength === 0) return true
    this.close()
    return false
  }

  /** Closes the socket at once; who is carried is told nothing. */
  close(): void {
    if (this.gone) return
    this.gone = true
    this.carried = undefined
    this.giveUp?.()
    this.socket?.destroy()
    this.client.destroy(null, nobody)
    this.shared.onGone(this)
  }

  private take(socket: Socket): void {
    this.socket = socket
    this.reused = false
    this.readBefore = 0
    this.held = undefined
    const read = socket.read
    socket.read = (size) => {
      const bytes: Buffer | null = read.call(socket, size)
      return this.beginning && bytes !== null ? this.withoutInterim(bytes) : bytes
    }
    socket.once("close", () => {
      // A call that has not been sent yet has undici make another socket.
      if (this.socket === socket && this.carried === undefined) this.close()
    })
  }

  /**
   * undici takes a 100 that it has not asked for as a broken answer, where RFC 9110 (15.2) has a client pass over it: what
   * comes before the answer is taken out here. It leaves alone what is not HTTP, and a 101.
   */
  private withoutInterim(bytes: Buffer): Buffer | null {
    let rest = this.held === undefined ? bytes : Buffer.concat([this.held, bytes])
    this.held = undefined
    this.interim = undefined
    while (isInterim(rest)) {
      const end = rest.indexOf("\r\n\r\n")
      if (end < 0 && rest.length < this.shared.maxHeaderBytes) {
        this.held = rest
        return null
      }
      if (end < 0) break
      const status = Number(rest.toString("latin1", 9, 12))
      rest = rest.subarray(end + 4)
      if (rest.length > 0) continue
      this.interim = status
      return null
    }
    this.beginning = false
    return rest
  }
}

const one = 0x31

/** The head of an answer with a status of 1xx; or so little of a head that it may be one. */
const isInterim = (bytes: Buffer): boolean => {
  // HOT: once for each answer; nearly none begins so.
  if (bytes.length > 11 && bytes[9] !== one) return false
  const begun = bytes.toString("latin1", 0, 12)
  if (begun.length === 12) return /^HTTP\/1\.[01] 1(?!01)/.test(begun)
  return /^HTTP\/1\.[01] 1/.test(begun) || "HTTP/1.1 1".startsWith(begun) || "HTTP/1.0 1".startsWith(begun)
}
