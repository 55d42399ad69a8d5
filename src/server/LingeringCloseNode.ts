/**
 * Closing a connection whose client is still sending. Closed at once, it is reset where something was not read, and a
 * reset may take the answer with it before the client has seen it. So the answer is ended, and what still comes is read and
 * forgotten, for a while and up to a bound.
 */
import type { IncomingMessage } from "node:http"
import { Socket } from "node:net"

/** What is forgotten of one connection, in bytes, and how long. */
const most = { bytes: 64 * 1024 * 1024, millis: 10_000 }

/**
 * How long nothing may come, in milliseconds: of a body that is still sent, whose line may stall; and of what was no
 * request, when its sender has had time to read so.
 */
const silence = { ofBody: 3_000, ofGarbage: 1_000 }

/** Counts what is forgotten of a connection that is closed. */
interface Lingering {
  readonly forget: (bytes: number) => void
  /** The answer is whole: nothing more is sent, and the time begins. */
  readonly begin: () => void
}

const lingerings = new WeakMap<Socket, Lingering>()

const makeLingering = (socket: Socket, silentMillis: number, full: () => void): Lingering => {
  let left = most.bytes
  let began: number | undefined
  let timer: NodeJS.Timeout | undefined
  return {
    forget: (bytes) => {
      left -= bytes
      if (began === undefined) {
        if (left < 0) full()
      } else if (left < 0 || performance.now() - began > most.millis) socket.destroy()
      else timer?.refresh()
    },
    begin: () => {
      began = performance.now()
      socket.end()
      if (left < 0) return void socket.destroy()
      timer = setTimeout(() => socket.destroy(), silentMillis).unref()
      socket.once("close", () => clearTimeout(timer))
    }
  }
}

/** Whether a connection has its last answer: what still comes on it is nobody's request. */
export const isLingering = (socket: Socket): boolean => lingerings.has(socket)

/** Forgets what came on such a connection, and is no part of a request. */
export const forget = (socket: Socket, bytes: number): void => lingerings.get(socket)?.forget(bytes)

/** Ends a connection behind what was written to it, with an answer that is no `ServerResponse`. */
export const endLingering = (socket: Socket): void => {
  const lingering = makeLingering(socket, silence.ofGarbage, () => {})
  lingerings.set(socket, lingering)
  lingering.begin()
}

/**
 * Makes the close of a request's connection a lingering one: to be called when its answer begins, says
 * `connection: close`, and the request has not come whole. From then on its body is forgotten.
 */
export const lingerBehind = (request: IncomingMessage): void => {
  const { socket } = request
  const lingering = makeLingering(socket, silence.ofBody, () => request.pause())
  lingerings.set(socket, lingering)
  const close = (): void => Socket.prototype.destroySoon.call(socket)
  let answered = false
  request.removeAllListeners("data")
  request.on("data", (chunk: Uint8Array) => lingering.forget(chunk.length))
  request.on("end", () => {
    if (answered) close()
  })
  request.resume()
  // What `node:http` calls once the last answer of a connection is written.
  socket.destroySoon = () => {
    answered = true
    if (request.complete) close()
    else lingering.begin()
  }
}
