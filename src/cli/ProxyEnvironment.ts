/**
 * The proxies of the environment, by the rules of curl: `https_proxy` for https and `http_proxy` for http, the names in
 * capitals where these are not set; `no_proxy` names what is asked without. A loopback address is no exception: who has a
 * model on this machine writes it into `NO_PROXY`.
 */
import { BlockList, isIP } from "node:net"
import type { Environment } from "../settings/index.ts"

/** The first of these variables that is set to something. */
const setOf = (environment: Environment, names: ReadonlyArray<string>): string | undefined =>
  names.find((name) => Object.hasOwn(environment, name) && (environment[name] ?? "") !== "")

const names: { readonly [protocol: string]: ReadonlyArray<string> } = {
  "https:": ["https_proxy", "HTTPS_PROXY"],
  "http:": ["http_proxy", "HTTP_PROXY"]
}

/** What of a port stands behind a name or an address: `example.com:8443`, `[::1]:80`. */
const entryOf = (written: string): { readonly host: string; readonly port: string | undefined } => {
  const [, bracketed, behind] = /^\[(.*)\](?::(\d+))?$/.exec(written) ?? []
  if (bracketed !== undefined) return { host: bracketed, port: behind }
  const [, name, port] = /^([^:]*):(\d+)$/.exec(written) ?? []
  return name === undefined ? { host: written, port: undefined } : { host: name, port }
}

const isInSubnet = (address: string, subnet: string): boolean => {
  const [net = "", bits = ""] = subnet.split("/")
  const family = isIP(net) === 6 ? "ipv6" : "ipv4"
  if (isIP(net) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === "ipv6" ? 128 : 32)) return false
  const list = new BlockList()
  list.addSubnet(net, Number(bits), family)
  return list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4")
}

/**
 * Whether `NO_PROXY` names a host. Its entries stand between commas or spaces: `*` is every host, `example.com`,
 * `.example.com` and `*.example.com` are that domain and all below it, an address is itself, `10.0.0.0/8` a network;
 * behind a colon may stand the one port that is meant.
 */
export const isExempt = (noProxy: string, host: string, port: string): boolean => {
  const bare = host
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase()
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((written) => written !== "")
    .some((written) => {
      if (written === "*") return true
      if (written.includes("/")) return isIP(bare) !== 0 && isInSubnet(bare, written)
      const entry = entryOf(written)
      if (entry.port !== undefined && entry.port !== port) return false
      const domain = entry.host.replace(/^\*?\./, "").replace(/\.$/, "")
      return bare === domain || (domain !== "" && isIP(bare) === 0 && bare.endsWith(`.${domain}`)) || entry.host === "*"
    })
}

/** The proxy through which a URL is asked, and the variable that says so; `undefined`: none. */
export const proxyOfEnvironment = (
  environment: Environment,
  url: URL
): { readonly name: string; readonly value: string } | undefined => {
  const name = setOf(environment, names[url.protocol] ?? [])
  if (name === undefined) return undefined
  const exempt = setOf(environment, ["no_proxy", "NO_PROXY"])
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port
  if (exempt !== undefined && isExempt(environment[exempt] ?? "", url.hostname, port)) return undefined
  const value = environment[name] ?? ""
  // As curl reads it: a host and port alone are an http proxy's.
  return { name, value: value.includes("://") ? value : `http://${value}` }
}
