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

/** Whether a guarded server may answer a request with these headers, by both rules. */
export const requestAllowed = (
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
  guard: Guard
): boolean => hostAllowed(headers.host, guard) && originAllowed(headers.origin, headers.host, guard)
