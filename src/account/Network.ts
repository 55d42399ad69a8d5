/**
 * Networks, as people write them.
 */
import { isIP } from "node:net"

/** Whether a text is an address, or a network in the CIDR form (`10.0.0.0/8`, `2001:db8::/32`). */
export const isNetwork = (text: string): boolean => {
  const [address = "", prefix, ...more] = text.split("/")
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}
