/**
 * The connections that calls to upstreams share: kept alive, and apart for each way to an upstream (a proxy,
 * certificates) and each origin.
 */
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls"
import { Redacted } from "effect"
import { Unmade } from "./Broken.ts"
import { Connection, type MakeClient, type Shared } from "./ConnectionNode.ts"
import { type Proxy, proxyOf } from "./TunnelNode.ts"
import type { UpstreamRoute } from "./Upstream.ts"

/** How the sockets are kept. */
export interface Options {
  /** The most sockets to one origin; more calls wait for one. 16,384 when absent. */
  readonly maxSockets?: number | undefined
  /** The most idle sockets that are kept for one origin. 256 when absent. */
  readonly maxFreeSockets?: number | undefined
  /** How long an idle socket is kept, in milliseconds. 30,000 when absent. */
  readonly idleMillis?: number | undefined
  /** The most bytes of a response's headers. 65,536 when absent. */
  readonly maxHeaderBytes?: number | undefined
}

/** What waits for a connection. */
export interface Waiter {
  readonly isWaiting: boolean
  readonly begin: (connection: Connection) => void
  readonly close: () => void
}

type Bounds = { readonly [K in keyof Options]-?: number }

/** The connections to one origin by one way. */
export class Origin {
  private readonly bounds: Bounds
  private readonly shared: Shared
  private readonly all: Array<Connection> = []
  /** The newest last: it is taken first, since it is the least likely to be dead, and the others may go. */
  private readonly idle: Array<Connection> = []
  private readonly waiting: Array<Waiter> = []

  constructor(bounds: Bounds, makeClient: MakeClient, place: Pick<Shared, "goal" | "origin">) {
    this.bounds = bounds
    this.shared = {
      ...place,
      makeClient,
      sessions: { session: undefined },
      idleMillis: bounds.idleMillis,
      maxHeaderBytes: bounds.maxHeaderBytes,
      onGone: (connection) => this.gone(connection)
    }
  }

  /** Has a call begun on a connection: one that was kept, if that will do; else on a new one, or when there is room for one. */
  take(waiter: Waiter, fresh: boolean): void {
    for (let kept = fresh ? undefined : this.idle.pop(); kept !== undefined; kept = this.idle.pop()) {
      if (kept.isOpen) return waiter.begin(kept)
    }
    if (this.all.length >= this.bounds.maxSockets) return void this.waiting.push(waiter)
    const connection = new Connection(this.shared)
    connection.at = this.all.push(connection) - 1
    waiter.begin(connection)
  }

  /** A connection's call is over. */
  give(connection: Connection): void {
    if (!connection.rest()) return
    const next = this.next()
    if (next !== undefined) return next.begin(connection)
    if (this.idle.length < this.bounds.maxFreeSockets) this.idle.push(connection)
    else connection.close()
  }

  close(): void {
    for (const waiter of this.waiting.splice(0)) waiter.close()
    // One that is closed leaves.
    for (let last = this.all.at(-1); last !== undefined; last = this.all.at(-1)) {
      last.carried?.close()
      last.close()
    }
  }

  private next(): Waiter | undefined {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      if (next.isWaiting) return next
    }
    return undefined
  }

  private gone(connection: Connection): void {
    const last = this.all.pop()
    if (last !== undefined && last !== connection) {
      this.all[connection.at] = last
      last.at = connection.at
    }
    const kept = this.idle.lastIndexOf(connection)
    if (kept >= 0) this.idle.splice(kept, 1)
    const next = this.next()
    if (next !== undefined) this.take(next, false)
  }
}

/** Where a request goes, as its URL says. */
export interface Target {
  readonly url: string
  readonly origin: Origin
  /** What is asked for: a path, or the whole URL where a proxy passes the request on. */
  readonly path: string
  /** What the upstream, and a proxy that passes the request on, must be told. */
  readonly headers: ReadonlyArray<string>
  readonly passedOn: boolean
}

/** A way to upstreams: by which proxy, and with which certificates. */
interface Way {
  readonly context: SecureContext | undefined
  readonly proxy: Proxy | undefined
  readonly origins: Map<string, Origin>
  /** The last target: nearly always the next one. A URL costs more to read than all the rest of a request's head. */
  last: Target | undefined
}

/** The connections of a layer. */
export class Pool {
  private readonly bounds: Bounds
  private readonly makeClient: MakeClient
  private readonly straight: Way = { context: undefined, proxy: undefined, origins: new Map(), last: undefined }
  /**
   * The other ways by what they are, and by the routes that have been asked for. One that is asked no more, after a
   * change of the configuration, stays as a name without sockets: these are closed when they have been idle.
   */
  private readonly ways = new Map<string, Way>()
  private readonly known = new WeakMap<UpstreamRoute, Way>()
  closed = false

  /** Opens nothing yet. */
  constructor(options: Options, makeClient: MakeClient) {
    this.makeClient = makeClient
    this.bounds = {
      maxSockets: options.maxSockets ?? 16_384,
      maxFreeSockets: options.maxFreeSockets ?? 256,
      idleMillis: options.idleMillis ?? 30_000,
      maxHeaderBytes: options.maxHeaderBytes ?? 65_536
    }
  }

  /** Where a request goes. Throws what is wrong with the certificates of its route. */
  targetOf(url: string, route: UpstreamRoute | undefined): Target | Unmade {
    const way = this.wayOf(route)
    if (way.last?.url === url) return way.last
    const target = this.read(way, url)
    if (!(target instanceof Unmade)) way.last = target
    return target
  }

  /** Closes all sockets, those that are still being made too. */
  close(): void {
    this.closed = true
    for (const { origins } of [this.straight, ...this.ways.values()])
      for (const origin of origins.values()) origin.close()
  }

  private read(way: Way, text: string): Target | Unmade {
    const url = URL.parse(text)
    if (url === null) return new Unmade("ERR_INVALID_URL")
    const { host, origin, pathname, protocol, search } = url
    switch (protocol) {
      case "https:":
        return { url: text, origin: this.originOf(way, origin), path: pathname + search, headers: [], passedOn: false }
      case "http:": {
        const { proxy } = way
        if (proxy === undefined) {
          return {
            url: text,
            origin: this.originOf(way, origin),
            path: pathname + search,
            headers: [],
            passedOn: false
          }
        }
        const { authorization, host: at, port } = proxy
        const headers = authorization === undefined ? [] : ["proxy-authorization", authorization]
        return {
          url: text,
          origin: this.originOf(way, `http://${at.includes(":") ? `[${at}]` : at}:${port}`),
          path: origin + pathname + search,
          headers: ["host", host, ...headers],
          passedOn: true
        }
      }
      default:
        return new Unmade("ERR_INVALID_PROTOCOL")
    }
  }

  private originOf({ context, origins, proxy }: Way, name: string): Origin {
    const known = origins.get(name)
    if (known !== undefined) return known
    const { hostname, port, protocol } = new URL(name)
    const isSecure = protocol === "https:"
    const goal = {
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? (isSecure ? 443 : 80) : Number(port),
      secure: isSecure ? { context } : undefined,
      tunnel: isSecure ? proxy : undefined
    }
    const origin = new Origin(this.bounds, this.makeClient, { origin: name, goal })
    origins.set(name, origin)
    return origin
  }

  /** The way of a route: found by the route itself, and for one that says the same as another, by what it says. */
  private wayOf(route: UpstreamRoute | undefined): Way {
    if (route === undefined) return this.straight
    const known = this.known.get(route)
    if (known !== undefined) return known
    const way = isStraight(route) ? this.straight : this.wayBySaying(route)
    this.known.set(route, way)
    return way
  }

  private wayBySaying(route: UpstreamRoute): Way {
    const { ca, cert, key } = route.tls
    const said = JSON.stringify([route.proxy, ca, cert, key].map((part) => part && Redacted.value(part)))
    const way = this.ways.get(said) ?? makeWay(route)
    this.ways.set(said, way)
    return way
  }
}

/** Another way. Throws what is wrong with its certificates, once and not for each socket. */
const makeWay = ({ proxy: url, tls: { ca, cert, key } }: UpstreamRoute): Way => {
  const pem: SecureContextOptions = {
    ...(ca && { ca: Redacted.value(ca) }),
    ...(cert && { cert: Redacted.value(cert) }),
    ...(key && { key: Redacted.value(key) })
  }
  return {
    context: createSecureContext(pem),
    proxy: url === null ? undefined : proxyOf(Redacted.value(url)),
    origins: new Map(),
    last: undefined
  }
}

const isStraight = ({ proxy, tls }: UpstreamRoute): boolean => proxy === null && Object.keys(tls).length === 0
