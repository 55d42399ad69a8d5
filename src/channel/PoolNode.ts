/**
 * The sockets that calls to upstreams share: kept alive, and apart for each way to an upstream (a proxy, certificates).
 */
import * as Http from "node:http"
import * as Https from "node:https"
import { createSecureContext, type SecureContextOptions } from "node:tls"
import { Redacted } from "effect"
import { type Proxy, proxyOf, TunnelAgent } from "./TunnelNode.ts"
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

interface Agents {
  readonly kept: Http.Agent
  readonly fresh: Http.Agent
}

/** The agents of one way to upstreams, and the proxy that is on it. */
export interface Way {
  readonly http: Agents
  readonly https: Agents
  readonly proxy: Proxy | undefined
}

/** The sockets of a layer. */
export interface Pool {
  readonly straight: Way
  /**
   * The other ways by what they are, and by the routes that have been asked for. One that is asked no more, after a
   * change of the configuration, stays as a name without sockets: these are closed when they have been idle.
   */
  readonly ways: Map<string, Way>
  readonly known: WeakMap<UpstreamRoute, Way>
  readonly kept: Http.AgentOptions
  readonly maxHeaderBytes: number
  closed: boolean
}

const fresh = { keepAlive: false, noDelay: true } as const

const straightWay = (kept: Http.AgentOptions): Way => ({
  http: { kept: new Http.Agent(kept), fresh: new Http.Agent(fresh) },
  https: { kept: new Https.Agent(kept), fresh: new Https.Agent(fresh) },
  proxy: undefined
})

/** Another way. Throws what is wrong with its certificates, once and not for each socket. */
const makeWay = (kept: Http.AgentOptions, { proxy: url, tls }: UpstreamRoute): Way => {
  const pem = ({ ca, cert, key }: UpstreamRoute["tls"]): SecureContextOptions => ({
    ...(ca && { ca: Redacted.value(ca) }),
    ...(cert && { cert: Redacted.value(cert) }),
    ...(key && { key: Redacted.value(key) })
  })
  const secureContext = createSecureContext(pem(tls))
  const proxy = url === null ? undefined : proxyOf(Redacted.value(url))
  const secured = (options: Http.AgentOptions): Https.Agent =>
    proxy === undefined
      ? new Https.Agent({ ...options, secureContext })
      : new TunnelAgent(proxy, { ...options, secureContext })
  return {
    http: { kept: new Http.Agent(kept), fresh: new Http.Agent(fresh) },
    https: { kept: secured(kept), fresh: secured(fresh) },
    proxy
  }
}

const isStraight = ({ proxy, tls }: UpstreamRoute): boolean => proxy === null && Object.keys(tls).length === 0

/** The way of a route: found by the route itself, and for one that says the same as another, by what it says. */
export const wayOf = (pool: Pool, route: UpstreamRoute | undefined): Way => {
  if (route === undefined) return pool.straight
  const known = pool.known.get(route)
  if (known !== undefined) return known
  const way = isStraight(route) ? pool.straight : wayBySaying(pool, route)
  pool.known.set(route, way)
  return way
}

const wayBySaying = ({ kept, ways }: Pool, route: UpstreamRoute): Way => {
  const { ca, cert, key } = route.tls
  const said = JSON.stringify([route.proxy, ca, cert, key].map((part) => part && Redacted.value(part)))
  const way = ways.get(said) ?? makeWay(kept, route)
  ways.set(said, way)
  return way
}

/** Opens nothing yet. */
export const makePool = (options: Options): Pool => {
  const kept = {
    keepAlive: true,
    noDelay: true,
    // The newest socket first: it is the least likely to be dead, and the others may go.
    scheduling: "lifo",
    maxSockets: options.maxSockets ?? 16_384,
    maxFreeSockets: options.maxFreeSockets ?? 256,
    timeout: options.idleMillis ?? 30_000
  } as const
  return {
    straight: straightWay(kept),
    ways: new Map(),
    known: new WeakMap(),
    kept,
    maxHeaderBytes: options.maxHeaderBytes ?? 65_536,
    closed: false
  }
}

/** Closes all sockets, those that are still being made too. */
export const closePool = (pool: Pool): void => {
  pool.closed = true
  for (const { http, https } of [pool.straight, ...pool.ways.values()]) {
    for (const agent of [http.kept, http.fresh, https.kept, https.fresh]) agent.destroy()
  }
}
