/**
 * The way to an upstream through an HTTP proxy: `https` through a tunnel that the proxy makes (CONNECT, RFC 9110 9.3.6),
 * `http` as a request that the proxy passes on (absolute form, RFC 9112 3.2.2).
 *
 * Node's own agents can do so by `proxyEnv` from 22.21 on, and before that pass the proxy by without a word; and a
 * request that is given up while its tunnel is made leaves that open. So the tunnel is made here.
 */
import * as Http from "node:http"
import * as Https from "node:https"
import type { Duplex } from "node:stream"
import * as Tls from "node:tls"

/** A proxy: where it is, and the header by which it knows who asks. */
export interface Proxy {
  readonly host: string
  readonly port: number
  readonly authorization: string | undefined
}

/** What a percent-encoded part of a URL says, as bytes: whatever it says, also where that is no UTF-8. */
const bytesOf = (part: string): Buffer =>
  Buffer.from(
    part.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1"
  )

/** Reads the URL of a proxy, which has been checked to be one. */
export const proxyOf = (url: string): Proxy => {
  const { hostname, password, port, username } = new URL(url)
  const credentials = Buffer.concat([bytesOf(username), Buffer.from(":"), bytesOf(password)])
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 80 : Number(port),
    authorization: username === "" && password === "" ? undefined : `Basic ${credentials.toString("base64")}`
  }
}

/** The proxy failed, not the upstream. The message is for people, and names nobody. */
export class ProxyFailed extends Error {
  /** What its connection said, where that is what failed. */
  readonly code: unknown
  constructor(message: string, code?: unknown) {
    super(message)
    this.code = code
  }
}

/** There is no connection to the proxy; `code` is what Node says of it. */
export const unreached = (code: unknown): ProxyFailed => new ProxyFailed("the proxy cannot be reached", code)

/** What an answer of the proxy itself means. */
export const refusedByProxy = (status: number): ProxyFailed =>
  new ProxyFailed(
    status === 407 ? "the proxy wants other credentials (407)" : `the proxy did not connect to the upstream (${status})`
  )

/** Whether an answer to a request in absolute form is the proxy's own, as far as one can see. */
export const isOfProxy = (status: number, headers: Http.IncomingHttpHeaders): boolean =>
  status === 407 || headers["proxy-authenticate"] !== undefined || headers["x-squid-error"] !== undefined

/** A request of its own to make a tunnel, until that is made: what gives it up. */
export interface Pending {
  cancel: (() => void) | undefined
}

/** Options of a request over a `TunnelAgent`. */
export interface TunnelOptions extends Https.RequestOptions {
  readonly pending?: Pending | undefined
}

/** A socket that is destroyed with nothing to say tells nobody that there will be none. */
const stopped = (): Error => new ProxyFailed("the connection was given up")

type Created = (error: Error | null, socket: Duplex) => void

/** An agent whose sockets go through a proxy's tunnel, and are kept as any others are. */
export class TunnelAgent extends Https.Agent {
  private readonly proxy: Proxy
  /** What gives up each tunnel that is being made. */
  private readonly making = new Set<() => void>()

  constructor(proxy: Proxy, options: Https.AgentOptions) {
    super(options)
    this.proxy = proxy
  }

  override createConnection(options: TunnelOptions, created: Created): undefined {
    const { pending } = options
    let cancel: (() => void) | undefined
    /** From here on this ends what is being made; `undefined`: it is made, or has failed. */
    const canEnd = (next: (() => void) | undefined): void => {
      if (cancel !== undefined) this.making.delete(cancel)
      if (next !== undefined) this.making.add(next)
      cancel = next
      if (pending !== undefined) pending.cancel = next
    }
    const fail = (error: Error): void => {
      canEnd(undefined)
      // Nobody looks at the socket of a failure.
      ;(created as (error: Error) => void)(error)
    }
    const host = options.host ?? "localhost"
    const place = `${host.includes(":") ? `[${host}]` : host}:${options.port ?? 443}`
    const request = Http.request({
      host: this.proxy.host,
      port: this.proxy.port,
      method: "CONNECT",
      path: place,
      agent: false,
      headers: {
        host: place,
        ...(this.proxy.authorization === undefined ? {} : { "proxy-authorization": this.proxy.authorization })
      }
    })
    canEnd(() => request.destroy())
    request.on("error", (error: NodeJS.ErrnoException) => fail(unreached(error.code)))
    // Whatever it answers.
    request.on("connect", ({ statusCode = 0 }, socket, head) => {
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy()
        return fail(refusedByProxy(statusCode))
      }
      if (head.length > 0) socket.unshift(head)
      const secure = Tls.connect({ ...(options as Tls.ConnectionOptions), host, socket })
      canEnd(() => secure.destroy(stopped()))
      const failed = (error: Error): void => {
        secure.off("close", closed)
        secure.destroy()
        fail(error)
      }
      const closed = (): void => fail(Object.assign(new Error("closed"), { code: "ECONNRESET" }))
      secure.once("error", failed).once("close", closed)
      secure.once("secureConnect", () => {
        secure.off("error", failed).off("close", closed)
        canEnd(undefined)
        created(null, secure)
      })
    })
    request.end()
    return undefined
  }

  override destroy(): void {
    for (const cancel of this.making) cancel()
    super.destroy()
  }
}
