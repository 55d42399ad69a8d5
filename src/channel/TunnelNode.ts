/**
 * The way to an upstream through an HTTP proxy: `https` through a tunnel that the proxy makes (CONNECT, RFC 9110 9.3.6),
 * `http` as a request that the proxy passes on (absolute form, RFC 9112 3.2.2).
 */
import type { Duplex } from "node:stream"
import { leanHttp } from "../http/LeanHttpNode.ts"
import { ProxyFailed } from "./Broken.ts"

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

/** There is no connection to the proxy; `code` is what Node says of it. */
export const unreached = (code: unknown): ProxyFailed => new ProxyFailed("the proxy cannot be reached", code)

/** What an answer of the proxy itself means. */
export const refusedByProxy = (status: number): ProxyFailed =>
  new ProxyFailed(
    status === 407 ? "the proxy wants other credentials (407)" : `the proxy did not connect to the upstream (${status})`
  )

/** Whether an answer to a request in absolute form is the proxy's own, as far as one can see. */
export const isOfProxy = (status: number, headers: { readonly [name: string]: unknown }): boolean =>
  status === 407 || headers["proxy-authenticate"] !== undefined || headers["x-squid-error"] !== undefined

/** Has a proxy make a tunnel. Gives what ends that while it is made; after that, nobody is called. */
export const openTunnel = (
  proxy: Proxy,
  to: { readonly host: string; readonly port: number },
  opened: (error: Error | null, socket: Duplex | undefined) => void
): (() => void) => {
  const place = `${to.host.includes(":") ? `[${to.host}]` : to.host}:${to.port}`
  let given = false
  const give = (error: Error | null, socket?: Duplex): void => {
    if (given) return
    given = true
    opened(error, socket)
  }
  const request = leanHttp.request({
    host: proxy.host,
    port: proxy.port,
    method: "CONNECT",
    path: place,
    agent: false,
    headers: {
      host: place,
      ...(proxy.authorization === undefined ? {} : { "proxy-authorization": proxy.authorization })
    }
  })
  request.on("error", (error: NodeJS.ErrnoException) => give(unreached(error.code)))
  // Whatever it answers.
  request.on("connect", ({ statusCode = 0 }, socket, head) => {
    if (statusCode < 200 || statusCode > 299) {
      socket.destroy()
      return give(refusedByProxy(statusCode))
    }
    if (head.length > 0) socket.unshift(head)
    give(null, socket)
  })
  request.end()
  return () => {
    given = true
    request.destroy()
  }
}
