import { makeRequestGuard } from "#src/http/Host"
import { assert, describe, it } from "@effect/vitest"
import {
  hostAllowed,
  isLoopback,
  normaliseOrigin,
  originAllowed,
  parseHost,
  requestAllowed
} from "effect-resilience/http"
import * as fc from "fast-check"

describe("a Host header", () => {
  const table: ReadonlyArray<readonly [string, ReturnType<typeof parseHost>]> = [
    ["localhost", { name: "localhost", port: undefined }],
    ["LOCALHOST:8080", { name: "localhost", port: 8080 }],
    ["127.0.0.1:80", { name: "127.0.0.1", port: 80 }],
    ["[::1]:8080", { name: "::1", port: 8080 }],
    ["[::1]", { name: "::1", port: undefined }],
    ["a.example.com", { name: "a.example.com", port: undefined }],
    ["", undefined],
    ["localhost:", undefined],
    ["localhost:99999", undefined],
    ["localhost:8080/x", undefined],
    ["user@localhost", undefined],
    ["localhost, evil.example", undefined],
    ["::1", undefined]
  ]
  for (const [header, host] of table) {
    it(JSON.stringify(header), () => assert.deepStrictEqual(parseHost(header), host))
  }
})

describe("loopback", () => {
  const yes = [
    "localhost",
    "LocalHost.",
    "a.localhost",
    "127.0.0.1",
    "127.255.255.255",
    "::1",
    "[::1]",
    "::ffff:127.0.0.1"
  ]
  const no = [
    "0.0.0.0",
    "::",
    "localhost.evil.example",
    "notlocalhost",
    "127.0.0.1.evil.example",
    "128.0.0.1",
    "127.0.0.256",
    ""
  ]
  for (const name of yes) it(`${name} is`, () => assert.isTrue(isLoopback(name)))
  for (const name of no) it(`${JSON.stringify(name)} is not`, () => assert.isFalse(isLoopback(name)))
})

describe("an origin", () => {
  it("is read as browsers send it", () => {
    assert.strictEqual(normaliseOrigin("HTTPS://App.Example.com:443/"), "https://app.example.com")
    assert.strictEqual(normaliseOrigin("http://localhost:3000"), "http://localhost:3000")
    assert.isUndefined(normaliseOrigin("null"))
    assert.isUndefined(normaliseOrigin("file:///x"))
    assert.isUndefined(normaliseOrigin(""))
  })
})

describe("the guard of a server without tokens", () => {
  const guard = { port: 8080, origins: ["https://app.example.com", "http://dev.example.com:3000/"] }

  const hosts: ReadonlyArray<readonly [string | undefined, boolean]> = [
    [undefined, true],
    ["localhost:8080", true],
    ["127.0.0.1:8080", true],
    ["[::1]:8080", true],
    ["localhost:9090", true],
    ["app.example.com", true],
    ["app.example.com:443", true],
    ["app.example.com:444", false],
    ["dev.example.com:3000", true],
    ["dev.example.com", false],
    ["evil.example", false],
    ["evil.example:8080", false],
    ["localhost.evil.example:8080", false],
    ["", false]
  ]
  for (const [host, allowed] of hosts) {
    it(`Host ${JSON.stringify(host)}: ${allowed ? "answered" : "refused"}`, () => {
      assert.strictEqual(hostAllowed(host, guard), allowed)
    })
  }

  const origins: ReadonlyArray<readonly [string | undefined, string, boolean]> = [
    [undefined, "localhost:8080", true],
    ["http://localhost:8080", "localhost:8080", true],
    ["http://127.0.0.1:8080", "localhost:8080", true],
    ["http://[::1]:8080", "[::1]:8080", true],
    ["http://localhost:9090", "localhost:9090", true],
    ["http://localhost:3000", "localhost:8080", false],
    ["http://localhost", "localhost:8080", false],
    ["https://app.example.com", "localhost:8080", true],
    ["http://app.example.com", "localhost:8080", false],
    ["http://dev.example.com:3000", "localhost:8080", true],
    ["https://evil.example", "localhost:8080", false],
    ["http://localhost.evil.example:8080", "localhost:8080", false],
    ["http://evil.example:8080", "evil.example:8080", false],
    ["null", "localhost:8080", false],
    ["", "localhost:8080", false],
    ["garbage", "localhost:8080", false]
  ]
  for (const [origin, host, allowed] of origins) {
    it(`Origin ${JSON.stringify(origin)} at ${host}: ${allowed ? "answered" : "refused"}`, () => {
      assert.strictEqual(originAllowed(origin, host, guard), allowed)
    })
  }

  it("needs both", () => {
    assert.isTrue(requestAllowed({ host: "localhost:8080", origin: "http://localhost:8080" }, guard))
    assert.isFalse(requestAllowed({ host: "evil.example" }, guard))
    assert.isFalse(requestAllowed({ host: "localhost:8080", origin: "https://evil.example" }, guard))
  })

  describe("S4: a request without an Origin", () => {
    const from = (site: string | undefined, more: object = {}) => ({
      host: "localhost:8080",
      ...(site === undefined ? {} : { "sec-fetch-site": site }),
      ...more
    })
    const opens = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }
    const image = { "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }
    /** Whether anything else, and whether a page, may be given to it. */
    const table: ReadonlyArray<readonly [object, boolean, boolean]> = [
      [from(undefined), true, true],
      [from("none", opens), true, true],
      [from("same-origin", image), true, true],
      [from("cross-site"), false, false],
      [from("cross-site", image), false, false],
      [from("Cross-Site", image), false, false],
      [from("same-site", image), false, false],
      [from("cross-site", opens), false, true],
      [from("same-site", opens), false, true],
      [from("cross-site", { "sec-fetch-mode": "navigate" }), false, true],
      [from("cross-site", { "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }), false, false],
      [from("cross-site", { "sec-fetch-mode": "navigate", "sec-fetch-dest": "object" }), false, false],
      [from("of the moon", image), true, true],
      [from(undefined, { referer: "https://evil.example/page" }), false, true],
      [from(undefined, { referer: "http://localhost:3000/page" }), false, true],
      [from(undefined, { referer: "http://localhost:8080/" }), true, true],
      [from(undefined, { referer: "https://app.example.com/a?b" }), true, true],
      [from(undefined, { referer: "about:client" }), true, true],
      [from("same-origin", { referer: "https://evil.example/" }), true, true],
      [from("same-origin", { host: "evil.example" }), false, false]
    ]
    for (const [source, otherwise, page] of table) {
      it(JSON.stringify(source), () => {
        assert.strictEqual(requestAllowed(source, guard), otherwise)
        assert.strictEqual(requestAllowed(source, { ...guard, page: true }), page)
      })
    }
  })

  it("S4: an Origin decides, whatever site the browser says it is of", () => {
    const headers = { host: "localhost:8080", "sec-fetch-site": "cross-site" }
    assert.isTrue(requestAllowed({ ...headers, origin: "https://app.example.com" }, guard))
    assert.isTrue(requestAllowed({ ...headers, origin: "http://127.0.0.1:8080" }, guard))
    assert.isFalse(
      requestAllowed({ ...headers, "sec-fetch-site": "same-origin", origin: "https://evil.example" }, guard)
    )
  })
})

describe("a guard that remembers its last answer", () => {
  it("says of each request what is said of it alone", () => {
    const origin = fc.constantFrom(
      undefined,
      "http://localhost:8080",
      "https://app.example.com",
      "https://evil.example"
    )
    const source = fc.record({
      host: fc.constantFrom(undefined, "localhost:8080", "evil.example"),
      origin,
      "sec-fetch-site": fc.constantFrom(undefined, "same-origin", "cross-site"),
      "sec-fetch-mode": fc.constantFrom(undefined, "navigate"),
      "sec-fetch-dest": fc.constantFrom(undefined, "document", "image"),
      referer: origin
    })
    const origins: ReadonlyArray<ReadonlyArray<string>> = [[], ["https://app.example.com"]]
    const guard = fc.record({
      port: fc.constantFrom(8080, 80),
      origins: fc.constantFrom(...origins),
      page: fc.constantFrom(undefined, true)
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(source, guard), { minLength: 1 }), (asked) => {
        const allowed = makeRequestGuard()
        // Each is asked twice, and the one before it once more.
        for (const [at, [from, to]] of asked.entries()) {
          const [before, its] = asked[Math.max(0, at - 1)]!
          assert.strictEqual(allowed(before, its), requestAllowed(before, its))
          assert.strictEqual(allowed(from, to), requestAllowed(from, to))
          assert.strictEqual(allowed({ ...from }, { ...to }), requestAllowed(from, to))
        }
      })
    )
  })
})
