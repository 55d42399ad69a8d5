/**
 * The ways to upstreams, as they are written: proxies of channels and of the environment, certificates in files.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import { ChannelSection } from "#src/channel/index"
import { loadConfiguration } from "#src/cli/index"
import { isExempt } from "#src/cli/ProxyEnvironment"
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { accepted, faultLines, firstChannel, folder, keepFolder, load, withChannel } from "./kit.ts"

keepFolder()

const expected = 'expected an http proxy such as "http://user:password@host:3128", got <redacted>'

const proxyIn = async (environment: { readonly [name: string]: string }, fields: object = {}) => {
  const [first] = (await accepted(withChannel(fields as never), environment)).channels
  return first?.proxy == null ? null : Redacted.value(first.proxy)
}

describe("R16: the proxy of a channel", () => {
  it.each([
    "host:3128",
    "https://host:1",
    "socks5://host:1",
    "http://",
    "http://host:1/path",
    "http://host:1?a=b",
    "http://$HOST:1",
    "http://us er:hunter2@host:1",
    "",
    5
  ])("is a URL of http, and no fault tells it: %j", async (proxy) => {
    assert.deepStrictEqual(await faultLines(withChannel({ proxy })), [`channels[0].proxy: ${expected}`])
  })

  it.each(["http://host:3128", "http://host", "HTTP://user:p%40ss%zz@host:3128/", "http://[::1]:3128"])(
    "is secret from then on: %s",
    async (proxy) => {
      const { proxy: read } = await firstChannel({ proxy })
      assert.strictEqual(read && Redacted.value(read), proxy)
      assert.notInclude(JSON.stringify(await firstChannel({ proxy })), "host")
    }
  )

  it("wins over the environment's, and over NO_PROXY", async () => {
    const environment = { HTTPS_PROXY: "http://other:1", NO_PROXY: "*" }
    assert.strictEqual(await proxyIn(environment, { proxy: "http://own:1" }), "http://own:1")
  })
})

describe("R16: the environment", () => {
  const https = "https://api.example.com/v1"
  const http = "http://api.example.com/v1"
  it.each([
    [{}, https, null],
    [{ HTTPS_PROXY: "http://a:1" }, https, "http://a:1"],
    [{ https_proxy: "http://b:1", HTTPS_PROXY: "http://a:1" }, https, "http://b:1"],
    [{ https_proxy: "", HTTPS_PROXY: "http://a:1" }, https, "http://a:1"],
    [{ HTTPS_PROXY: "a:1" }, https, "http://a:1"],
    [{ HTTP_PROXY: "http://a:1" }, https, null],
    [{ HTTP_PROXY: "http://a:1" }, http, "http://a:1"],
    [{ HTTPS_PROXY: "http://a:1" }, http, null],
    [{ HTTP_PROXY: "http://a:1" }, "http://127.0.0.1:11434/v1", "http://a:1"],
    [{ HTTP_PROXY: "http://a:1", NO_PROXY: "127.0.0.1,localhost" }, "http://127.0.0.1:11434/v1", null],
    [{ HTTPS_PROXY: "http://a:1", NO_PROXY: "example.com" }, https, null],
    [{ HTTPS_PROXY: "http://a:1", no_proxy: "other", NO_PROXY: "example.com" }, https, "http://a:1"]
  ] as const)("%j: %s is asked through %s", async (environment, baseUrl, proxy) => {
    assert.strictEqual(await proxyIn(environment, { baseUrl }), proxy)
  })

  it.each([
    ["*", "a.b", "443", true],
    ["x, *", "a.b", "443", true],
    ["example.com", "example.com", "443", true],
    ["example.com", "api.example.com", "443", true],
    ["example.com", "badexample.com", "443", false],
    [".example.com", "example.com", "443", true],
    [".example.com", "api.example.com", "443", true],
    ["*.example.com", "api.example.com", "443", true],
    ["EXAMPLE.com.", "api.example.COM.", "443", true],
    ["example.com:8443", "example.com", "8443", true],
    ["example.com:8443", "example.com", "443", false],
    ["10.0.0.0/8", "10.1.2.3", "443", true],
    ["10.0.0.0/8", "11.1.2.3", "443", false],
    ["10.0.0.0/99", "10.1.2.3", "443", false],
    ["fd00::/8", "[fd00::1]", "443", true],
    ["10.0.0.0/8", "10.example", "443", false],
    ["1.2.3.4", "1.2.3.4", "443", true],
    ["3.4", "1.2.3.4", "443", false],
    ["::1", "[::1]", "443", true],
    ["[::1]:443", "[::1]", "443", true],
    ["[::1]:443", "[::1]", "80", false],
    ["a b\tc", "b", "80", true],
    ["", "a", "80", false],
    [".", "a", "80", false],
    [",,", "a", "80", false]
  ])("NO_PROXY %j names %s:%s: %s", (noProxy, host, port, named) => {
    assert.strictEqual(isExempt(noProxy, host, port), named)
  })

  it("that names no http proxy is a fault by its name, where it is needed, and is not told", async () => {
    const environment = { HTTPS_PROXY: "socks5://user:hunter2@host:1", HTTP_PROXY: "nonsense ://" }
    assert.deepStrictEqual(await faultLines(withChannel({}), environment), [`HTTPS_PROXY: ${expected}`])
    assert.deepStrictEqual(await faultLines(withChannel({}), { ...environment, NO_PROXY: "*" }), [])
  })

  it("S16: and so does a key in the query of a base URL, as it is written and as it is meant", async () => {
    const baseUrl = "https://a.b/v1?api-version=2024-06-01&api-key=hunter2%2Fmore&design=round&X-Amz-Signature=sss"
    const { settings } = Result.getOrThrow(await load(withChannel({ baseUrl })))
    assert.deepStrictEqual([...settings.secrets.current].toSorted(), ["hunter2%2Fmore", "hunter2/more", "sss"])
  })

  it("stays secret", async () => {
    const configuration = Result.getOrThrow(await load(withChannel({}), { HTTPS_PROXY: "http://u:hunter2@host:1" }))
    assert.notInclude(JSON.stringify(configuration.settings.of(ChannelSection).current), "hunter2")
    assert.includeMembers([...configuration.settings.secrets.current], ["hunter2", "u:hunter2"])
  })
})

const fixtures = fileURLToPath(new URL("../fixtures/tls/", import.meta.url))
const pem = (name: string): string => readFileSync(join(fixtures, `${name}.pem`), "utf8")

describe("R16: certificates of a channel", () => {
  const tlsOf = async (tls: object) => {
    const read = (await firstChannel({ tls })).tls
    return Object.fromEntries(Object.entries(read).map(([part, text]) => [part, Redacted.value(text)]))
  }
  const whole = { ca: pem("ca"), cert: pem("client"), key: pem("client-key") }

  it("are read from files, by paths from the configuration file, or are written there", async () => {
    mkdirSync(join(folder, "tls"), { recursive: true })
    for (const name of ["ca", "client", "client-key"])
      copyFileSync(join(fixtures, `${name}.pem`), join(folder, "tls", `${name}.pem`))
    assert.deepStrictEqual(
      await tlsOf({ ca: "tls/ca.pem", cert: "./tls/client.pem", key: "tls/client-key.pem" }),
      whole
    )
    assert.deepStrictEqual(await tlsOf({ ca: join(fixtures, "ca.pem") }), { ca: whole.ca })
    assert.deepStrictEqual(await tlsOf(whole), whole)
    assert.deepStrictEqual(await tlsOf({}), {})
  })

  it("that cannot be used are faults by their paths, and nothing of them is told", async () => {
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text)
      return name
    }
    execFileSync("openssl", [
      "pkcs8",
      "-topk8",
      "-in",
      join(fixtures, "client-key.pem"),
      "-passout",
      "pass:hunter2",
      "-out",
      join(folder, "locked.pem")
    ])
    const cert = join(fixtures, "client.pem")
    const key = join(fixtures, "client-key.pem")
    const path = "expected the path of a PEM file, or its text"
    const begin = `(paths begin in ${folder})`
    const cases: ReadonlyArray<readonly [tls: object, faults: ReadonlyArray<string>]> = [
      [{ ca: "none.pem" }, [`ca: ${path}: no such file ${begin}`]],
      [{ ca: "." }, [`ca: ${path}: a directory, not a file ${begin}`]],
      [{ ca: file("text.pem", "hunter2") }, ["ca: expected certificates in PEM, and there is none"]],
      [
        { ca: file("bad.pem", "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n") },
        ["ca: expected certificates in PEM, and one cannot be read"]
      ],
      [{ ca: key }, ["ca: expected certificates in PEM, and there is none"]],
      [{ cert, key: cert }, ["key: expected a private key in PEM"]],
      [{ cert, key: "locked.pem" }, ["key: expected a private key without a passphrase"]],
      [{ cert, key: join(fixtures, "server-key.pem") }, ["key: expected the private key of cert, got another's"]],
      [{ cert }, ["key: expected the path of a PEM file: a certificate and its key go together, got nothing"]],
      [{ key }, ["cert: expected the path of a PEM file: a certificate and its key go together, got nothing"]],
      [{ ca: 5 }, ["ca: expected the path of a PEM file, or its text, got <redacted>"]],
      [{ ca: "" }, ["ca: expected the path of a PEM file, or its text, got <redacted>"]]
    ]
    for (const [tls, faults] of cases) {
      const lines = await faultLines(withChannel({ tls }))
      assert.deepStrictEqual(
        lines,
        faults.map((fault) => `channels[0].tls.${fault}`)
      )
      assert.notInclude(lines.join(), "hunter2")
    }
  })

  it("are for https", async () => {
    assert.deepStrictEqual(await faultLines(withChannel({ baseUrl: "http://a/v1", tls: { ca: pem("ca") } })), [
      "channels[0].tls.ca: expected nothing, as baseUrl is http, got <redacted>"
    ])
  })

  it("of a file in another folder are beside it", async () => {
    mkdirSync(join(folder, "other"), { recursive: true })
    copyFileSync(join(fixtures, "ca.pem"), join(folder, "other", "ca.pem"))
    const file = join(folder, "other", "relay.yaml")
    writeFileSync(file, withChannel({ tls: { ca: "ca.pem" } }))
    assert.isTrue(Result.isSuccess(await Effect.runPromise(Effect.result(loadConfiguration(file, {})))))
  })
})
