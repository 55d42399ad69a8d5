/**
 * Who a request says it is for, and where it comes from. A server that listens on loopback without tokens is open to
 * every page that its user's browser shows, directly or by DNS rebinding; these rules close both ways. Pure.
 */

/** A `Host` header, read. `name` is in lower case, an IPv6 address without its brackets. */
export interface Host {
  readonly name: string
  readonly port: number | undefined
}

/** What a guarded server answers to. */
export interface Guard {
  /** The port that it listens on. */
  readonly port: number
  /** Other origins that may ask, such as `https://app.example.com`. */
  readonly origins: ReadonlyArray<string>
  /** Whether what is asked for is a page for people, to which any site may link. Default: no. */
  readonly page?: boolean | undefined
}

/** What a request says of whom it is for and where it comes from: headers of these names. */
export interface RequestSource {
  readonly host?: string | undefined
  readonly origin?: string | undefined
  readonly "sec-fetch-site"?: string | undefined
  readonly "sec-fetch-mode"?: string | undefined
  readonly "sec-fetch-dest"?: string | undefined
  readonly referer?: string | undefined
}

const hostPattern = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/

/** Reads a `Host` header (`name`, `name:port`, `[::1]:port`); `undefined` if it is none. */
export const parseHost = (header: string): Host | undefined => {
  const found = hostPattern.exec(header.trim().toLowerCase())
  if (found === null) return undefined
  const port = found[3] === undefined ? undefined : Number(found[3])
  return port !== undefined && port > 65_535 ? undefined : { name: found[1] ?? found[2]!, port }
}

/**
 * Whether a host's name or address is of this machine alone: `localhost` and what is under it, 127.0.0.0/8, `::1`. A
 * final dot, and the brackets of an IPv6 address, change nothing. `0.0.0.0` and `::` are not.
 */
export const isLoopback = (name: string): boolean => {
  const bare = name
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "")
  return (
    bare === "localhost" ||
    bare.endsWith(".localhost") ||
    bare === "::1" ||
    bare === "0:0:0:0:0:0:0:1" ||
    /^(?:::ffff:)?127(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(bare)
  )
}

/** An origin in the form that browsers send (`https://name`, `http://name:8080`); `undefined` if it is none. */
export const normaliseOrigin = (origin: string): string | undefined => {
  const url = URL.parse(origin)
  return url !== null && (url.protocol === "http:" || url.protocol === "https:") ? url.origin : undefined
}

/**
 * Whether a guarded server may answer to this `Host`: a loopback name on any port (it may have been forwarded; a foreign
 * page cannot send one), or the host of one of `origins`. Without the header, which every browser sends: yes.
 */
export const hostAllowed = (header: string | undefined, { origins }: Pick<Guard, "origins">): boolean => {
  if (header === undefined) return true
  const host = parseHost(header)
  if (host === undefined) return false
  if (isLoopback(host.name)) return true
  return origins.some((one) => {
    const origin = URL.parse(one)
    // Read by the origin's own scheme, so that its default port may be there or not.
    return origin !== null && URL.parse(`${origin.protocol}//${header.trim()}`)?.host === origin.host
  })
}

/**
 * Whether a guarded server may answer a request from this `Origin`: none (no browser, or no page), one of `origins`,
 * itself (a loopback name on its own port), or the very host that was asked. `null` (a file, a sandboxed frame) is not.
 */
export const originAllowed = (
  origin: string | undefined,
  host: string | undefined,
  { origins, port }: Guard
): boolean => {
  if (origin === undefined) return true
  const normal = normaliseOrigin(origin)
  if (normal === undefined) return false
  if (origins.some((one) => normaliseOrigin(one) === normal)) return true
  const url = new URL(normal)
  if (!isLoopback(url.hostname)) return false
  const itsPort = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port)
  return itsPort === port || (host !== undefined && url.host === host.trim().toLowerCase())
}

/** A whole window goes there: no picture, script or frame of another page. */
const opensPage = ({ "sec-fetch-dest": dest, "sec-fetch-mode": mode }: RequestSource): boolean =>
  mode?.toLowerCase() === "navigate" && (dest === undefined || dest.toLowerCase() === "document")

/**
 * Whether a guarded server may answer where no `Origin` says who asks: browsers send none with a picture, a script or a
 * link. `Sec-Fetch-Site` says then whether another site's page asks (`cross-site`), or one of another port of this machine
 * (`same-site`); such a page may only open a window on a `page`. A browser too old for it sends its page as `Referer`.
 */
const siteAllowed = (source: RequestSource, guard: Guard): boolean => {
  const site = source["sec-fetch-site"]?.toLowerCase()
  if (site === undefined) {
    return guard.page === true || source.referer === undefined || refererAllowed(source.referer, source.host, guard)
  }
  return (site !== "cross-site" && site !== "same-site") || (guard.page === true && opensPage(source))
}

// A page of no site at all (`about:client`, a local file) has nothing that could be compared.
const refererAllowed = (referer: string, host: string | undefined, guard: Guard): boolean => {
  const origin = normaliseOrigin(referer)
  return origin === undefined || originAllowed(origin, host, guard)
}

/**
 * `requestAllowed` of a server, which remembers its last answer: what a server is asked says nearly always the same of whom
 * it is for and where it comes from, and to read that takes microseconds. `guard` is what it answers to now.
 */
export const makeRequestGuard = (): ((source: RequestSource, guard: Guard) => boolean) => {
  let last: { readonly source: RequestSource; readonly guard: Guard; readonly allowed: boolean } | undefined
  return (source, guard) => {
    if (last !== undefined && sameSource(last.source, source) && sameGuard(last.guard, guard)) return last.allowed
    last = { source, guard, allowed: requestAllowed(source, guard) }
    return last.allowed
  }
}

const sameSource = (one: RequestSource, other: RequestSource): boolean =>
  one.host === other.host &&
  one.origin === other.origin &&
  one["sec-fetch-site"] === other["sec-fetch-site"] &&
  one["sec-fetch-mode"] === other["sec-fetch-mode"] &&
  one["sec-fetch-dest"] === other["sec-fetch-dest"] &&
  one.referer === other.referer

const sameGuard = (one: Guard, other: Guard): boolean =>
  one.port === other.port && one.origins === other.origins && one.page === other.page

/**
 * Whether a guarded server may answer a request with these headers: by its host, and by its origin or, where it names
 * none, by what else its browser says of the page that asks. A client that is no browser says nothing, and is answered.
 *
 * ```ts import.meta.vitest
 * import { requestAllowed } from "effect-resilience/http"
 *
 * const guard = { port: 8080, origins: ["https://app.example.com"] }
 * requestAllowed({ host: "localhost:8080" }, guard) // => true
 * requestAllowed({ host: "localhost:8080", "sec-fetch-site": "cross-site" }, guard) // => false
 * requestAllowed({ host: "localhost:8080", "sec-fetch-site": "cross-site", origin: "https://app.example.com" }, guard)
 * // => true
 * ```
 */
export const requestAllowed = (source: RequestSource, guard: Guard): boolean =>
  hostAllowed(source.host, guard) &&
  (source.origin === undefined ? siteAllowed(source, guard) : originAllowed(source.origin, source.host, guard))
