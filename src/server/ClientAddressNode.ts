/**
 * Where a request comes from: the address at the other end, or what a proxy that is believed says of it.
 */
import { BlockList, isIP, isIPv4, isIPv6 } from "node:net"
import { isNetwork } from "../account/index.ts"

/** Some networks. */
export interface Networks {
  readonly has: (address: string) => boolean
}

/** Reads networks; what is none is left out. */
export const makeNetworks = (list: ReadonlyArray<string>): Networks => {
  if (list.length === 0) return { has: () => false }
  const networks = new BlockList()
  for (const one of list.filter(isNetwork)) {
    const [address = "", prefix] = one.split("/")
    const family = isIPv4(address) ? "ipv4" : "ipv6"
    if (prefix === undefined) networks.addAddress(address, family)
    else networks.addSubnet(address, Number(prefix), family)
  }
  return { has: (address) => isIP(address) !== 0 && networks.check(address, isIPv4(address) ? "ipv4" : "ipv6") }
}

/** An address that is IPv4 in the clothes of IPv6 (`::ffff:10.0.0.1`), undressed; without a zone. */
const plain = (address: string): string => {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  return mapped?.[1] ?? address.replace(/%.*$/, "")
}

/** An address as proxies write it: with a port, in brackets, in quotes; `undefined` if it is none. */
const written = (text: string): string | undefined => {
  const bare = text.trim().replaceAll('"', "")
  const found = /^\[([^\]]+)\](?::\d+)?$/.exec(bare)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(bare)?.[1] ?? bare
  const address = plain(found)
  return isIP(address) === 0 ? undefined : address
}

/**
 * The address of a client. `forwarded` is `X-Forwarded-For`: each proxy adds at its right whom it was asked by, so from
 * there leftwards the first that is not trusted is the client; what stands left of it anybody may have written. Garbage
 * in the way, or a peer that is not trusted: the peer.
 */
export const clientAddress = (
  peer: string | undefined,
  forwarded: string | undefined,
  trusted: Networks
): string | undefined => {
  const address = peer === undefined ? undefined : plain(peer)
  if (address === undefined || forwarded === undefined || !trusted.has(address)) return address
  let client = address
  for (const text of forwarded.split(",").toReversed()) {
    const one = written(text)
    if (one === undefined) return address
    client = one
    if (!trusted.has(one)) return one
  }
  return client
}

/** What an address is counted as: of IPv6 its /64, since that is what one customer has. */
export const countedAs = (address: string): string => {
  if (!isIPv6(address)) return address
  // A URL's host is the address in its canonical form.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [left = "", right] = canonical.split("::")
  const groups = left === "" ? [] : left.split(":")
  const after = right === undefined || right === "" ? [] : right.split(":")
  const all =
    right === undefined ? groups : [...groups, ...Array<string>(8 - groups.length - after.length).fill("0"), ...after]
  return `${all.slice(0, 4).join(":")}::/64`
}
