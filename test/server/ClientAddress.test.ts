/**
 * Where a request comes from, with and without proxies.
 */
import { assert, describe, it } from "@effect/vitest"
import { clientAddress, countedAs, makeNetworks } from "#src/server/ClientAddressNode"

const trusted = makeNetworks(["10.0.0.0/8", "::1", "2001:db8:ffff::/48"])

describe("whose address a request has", () => {
  it.each([
    ["203.0.113.9", undefined, "203.0.113.9"],
    ["203.0.113.9", "198.51.100.7", "203.0.113.9"],
    ["10.0.0.2", undefined, "10.0.0.2"],
    ["10.0.0.2", "198.51.100.7", "198.51.100.7"],
    ["::ffff:10.0.0.2", "198.51.100.7", "198.51.100.7"],
    ["10.0.0.2", "1.1.1.1, 198.51.100.7, 10.0.0.3", "198.51.100.7"],
    ["10.0.0.2", "198.51.100.7:4711", "198.51.100.7"],
    ["10.0.0.2", '"[2001:db8::7]:4711"', "2001:db8::7"],
    ["10.0.0.2", "unknown", "10.0.0.2"],
    ["10.0.0.2", "198.51.100.7, garbage, 10.0.0.3", "10.0.0.2"],
    ["10.0.0.2", "", "10.0.0.2"],
    ["10.0.0.2", "10.0.0.5, 10.0.0.4", "10.0.0.5"],
    ["::1", "2001:db8::7, 2001:db8:ffff::1", "2001:db8::7"],
    [undefined, "198.51.100.7", undefined]
  ])("peer %s, X-Forwarded-For %s: %s", (peer, forwarded, expected) => {
    assert.strictEqual(clientAddress(peer, forwarded, trusted), expected)
  })
})

describe("what an address is counted as", () => {
  it.each([
    ["198.51.100.7", "198.51.100.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::1", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"]
  ])("%s is %s", (address, expected) => {
    assert.strictEqual(countedAs(address), expected)
  })
})
