/**
 * How the socket of a connection is made: straight, over TLS, and through a proxy's tunnel.
 */
import * as Net from "node:net"
import type { Duplex } from "node:stream"
import * as Tls from "node:tls"
import { openTunnel, type Proxy } from "./TunnelNode.ts"

/** Where a connection goes. */
export interface Goal {
  readonly host: string
  readonly port: number
  /** Without: no TLS. */
  readonly secure: { readonly context: Tls.SecureContext | undefined } | undefined
  /** The proxy that makes a tunnel to it. */
  readonly tunnel: Proxy | undefined
}

/** What TLS remembers of one goal, so that the next connection costs one round trip less. */
export interface Sessions {
  session: Buffer | undefined
}

/** Told once. */
export type Dialled = (error: Error | null, socket: Net.Socket | undefined) => void

/** How long a silent socket is left before the kernel asks whether the other side is there. */
const probeAfterMillis = 1000

const tuned = <S extends Net.Socket>(socket: S): S => {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, probeAfterMillis)
  return socket
}

/** Waits until a socket is connected, or will not be. Gives what ends it while it is made. */
const connected = <S extends Net.Socket>(socket: S, event: "connect" | "secureConnect", dialled: Dialled) => {
  const made = (): void => {
    forget()
    dialled(null, socket)
  }
  const failed = (error: Error): void => {
    forget()
    socket.destroy()
    dialled(error, undefined)
  }
  const closed = (): void => failed(Object.assign(new Error("closed"), { code: "ECONNRESET" }))
  const forget = (): void => void socket.off(event, made).off("error", failed).off("close", closed)
  socket.once(event, made).once("error", failed).once("close", closed)
  return (): void => {
    forget()
    // What it still has to say goes nowhere.
    socket.on("error", () => {}).destroy()
  }
}

const secured = (
  { host, port }: Goal,
  context: Tls.SecureContext | undefined,
  sessions: Sessions,
  dialled: Dialled,
  under?: Duplex
): (() => void) => {
  const socket = Tls.connect({
    host,
    port,
    // An address is no name that a server could be asked by.
    servername: Net.isIP(host) === 0 ? host : "",
    ALPNProtocols: ["http/1.1"],
    ...(context && { secureContext: context }),
    ...(sessions.session && { session: sessions.session }),
    ...(under && { socket: under })
  })
  socket.on("session", (session) => (sessions.session = session))
  return connected(under === undefined ? tuned(socket) : socket, "secureConnect", (error, made) => {
    // It may be why.
    if (error !== null) sessions.session = undefined
    dialled(error, made)
  })
}

/** Makes a socket. Gives what ends that while it is made: nobody is told anything after. */
export const dial = (goal: Goal, sessions: Sessions, dialled: Dialled): (() => void) => {
  const { host, port, secure, tunnel } = goal
  if (secure === undefined) return connected(tuned(Net.connect({ host, port })), "connect", dialled)
  if (tunnel === undefined) return secured(goal, secure.context, sessions, dialled)
  let cancel = openTunnel(tunnel, goal, (error, socket) => {
    if (socket === undefined) dialled(error, undefined)
    else cancel = secured(goal, secure.context, sessions, dialled, socket)
  })
  return () => cancel()
}
