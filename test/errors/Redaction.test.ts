import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { redactText, redactValue, Unauthorized } from "effect-resilience/errors"
import * as fc from "fast-check"

describe("redactText takes out", () => {
  const cases: ReadonlyArray<readonly [name: string, text: string, expected: string]> = [
    ["keys by their shape", "Incorrect API key provided: sk-proj-abc123.", "Incorrect API key provided: ***."],
    ["masked keys", "key sk-****************wxyz is dead", "key *** is dead"],
    ["other shapes of keys", "key-123abc AIzaSyD-abcdefghij ghp_abcdefgh12 gsk_abcdef", "*** *** *** ***"],
    ["JSON web tokens", "t eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig-natu_re", "t ***"],
    [
      "api_key: x",
      "api_key: x, apiKey=y, x-api-key: z, OPENAI_API_KEY=w",
      "api_key: ***, apiKey=***, x-api-key: ***, OPENAI_API_KEY=***"
    ],
    ["secrets in JSON", '{"api_key":"foo bar","password": "p","n":1}', '{"api_key":"***","password": "***","n":1}'],
    ["secrets in JSON in JSON", '{\\"password\\":\\"abc\\"}', '{\\"password\\":\\"***\\"}'],
    ["bearer tokens", "sent Bearer abc.def-ghi to it", "sent Bearer *** to it"],
    [
      "authorization",
      "authorization: Basic dXNlcjpwYXNz\nAuthorization: abc",
      "authorization: ***\nAuthorization: ***"
    ],
    ["basic credentials", "with Basic dXNlcjpwYXNz1w== at", "with Basic *** at"],
    ["cookies, to the end of the line", "Set-Cookie: a=b; c=d\nnext", "Set-Cookie: ***\nnext"],
    ["queries", "GET /chat?token=abcd1234efgh", "GET /chat?token=***"],
    ["URLs", "see https://api.example.com:8443/v1/x?key=1#a (http://h/(x)).", "see https://*** (http://***))."],
    ["URLs with credentials", "redis://u:p@cache:6379/0", "redis://***"],
    ["bare domains", "api.openai.com/v1/chat and EU.EXAMPLE.COM:443, upstream.internal", "*** and ***, ***"],
    ["local ports", "localhost:3000/x", "***"],
    ["IPv4, with ports", "10.0.0.1:8080 and 192.168.1.254.", "*** and ***."],
    ["IPv6, with ports and zones", "[2001:db8::1]:443, fe80::1%eth0, ::ffff:10.0.0.1, ::1", "***, ***, ***, ***"],
    ["full IPv6", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "***"],
    ["e-mail addresses", "mail a.b+c@example.co.uk or jürgen@müller.de", "mail ***@*** or ***@***"],
    ["the host in Node's errors", "getaddrinfo ENOTFOUND upstream-a", "getaddrinfo ENOTFOUND ***"],
    [
      "the address in Node's errors",
      "connect ECONNREFUSED ::1:4001; connect ECONNREFUSED db:5432",
      "connect ECONNREFUSED ***; connect ECONNREFUSED ***"
    ]
  ]
  for (const [name, text, expected] of cases) {
    it(name, () => {
      assert.strictEqual(redactText(text), expected)
      assert.strictEqual(redactText(expected), expected, "what is redacted stays as it is")
    })
  }
})

describe("redactText leaves", () => {
  const texts = [
    "gpt-4.1 took 3.5 s; claude-3.5-sonnet@20240620 1.2 s",
    "see index.ts, node.js, main.py, lib.rs, README.md, server.log and data.json",
    "response.created, choices[0].delta.content, Effect.succeed, e.g. this, i.e. that",
    "at 12:34:56 on 2026-11-22T12:34:56.789Z, 1:2",
    "Bearer token is required; basic understanding; bearer authentication failed",
    "key-value store, unexpected token: }, the sort key: name",
    "max_tokens: 4096, tokens: 5, token_count=12, prompt_tokens=7",
    "This model's maximum context length is 8192 tokens.",
    "(request id: req_011CSHoEeqs5C35K2UUqR7Fy)",
    "[ttstream error, code=12007] [server-side stream] [canceled path: A -> B] x",
    "std::string a::b version 1.2.3",
    "Zażółć gęślą jaźń 😀 50% @home",
    ""
  ]
  for (const text of texts) it(JSON.stringify(text), () => assert.strictEqual(redactText(text), text))
})

describe("redactText", () => {
  it("finds a key, an address or a password wherever it stands between words", () => {
    const secret = fc.constantFrom(
      "sk-live-0a1b2c3d",
      "https://host.example/path?q=1",
      "10.20.30.40",
      "someone@example.org",
      "Bearer s3cr3t-t0ken",
      "password=hunter2"
    )
    const leak = /0a1b2c3d|host\.example|path|10\.20|someone|s3cr3t|hunter2/
    const word = fc.constantFrom("the", "upstream", "said", "-", "", "error,", "code=5", "(", "a.b", "\n", '"x"')
    fc.assert(
      fc.property(fc.array(word), secret, fc.array(word), (before, found, after) => {
        assert.notMatch(redactText([...before, found, ...after].join(" ")), leak)
      }),
      { numRuns: 2000 }
    )
  })

  it("takes time in proportion to the text, whatever it says", () => {
    const units = [
      "a",
      "a.",
      "a-",
      "1.",
      "1:",
      ":",
      "@a",
      "a@",
      "a@a.",
      "sk-",
      "key-",
      "bearer ",
      "basic ",
      "api_key ",
      "api_key: ",
      "https://",
      "cookie:",
      "x-",
      "a_",
      "token=a",
      "%",
      "\\",
      '"',
      "eyJaaaaaaaa.",
      "abcd:",
      " ",
      "localhost:",
      "a.com",
      "ENOTFOUND ",
      "[::",
      "é"
    ]
    for (const unit of units) {
      const input = unit.repeat(Math.ceil(100_000 / unit.length))
      const start = performance.now()
      redactText(input)
      // Linear takes some 50 ms; quadratic would take minutes.
      assert.isBelow(performance.now() - start, 5000, JSON.stringify(unit))
    }
  }, 120_000)
})

describe("redactValue", () => {
  it("goes by structure first", () => {
    const headers = new Headers({ authorization: "abc", accept: "text/html" })
    assert.deepStrictEqual(
      redactValue({
        key: Redacted.make("s3cret", { label: "s3cret" }),
        Authorization: "abc",
        api_key: ["abc"],
        apiKey: { nested: "abc" },
        "x-api-key": 5,
        accessToken: "abc",
        client_secret: "abc",
        password: "abc",
        "set-cookie": "abc",
        token: null,
        secret: undefined,
        headers,
        map: new Map([["password", "abc"]])
      }),
      {
        key: "<redacted>",
        Authorization: "<redacted>",
        api_key: "<redacted>",
        apiKey: "<redacted>",
        "x-api-key": "<redacted>",
        accessToken: "<redacted>",
        client_secret: "<redacted>",
        password: "<redacted>",
        "set-cookie": "<redacted>",
        token: null,
        secret: undefined,
        headers: { accept: "text/html", authorization: "<redacted>" },
        map: { password: "<redacted>" }
      }
    )
  })

  it("goes by text last, keys included, and leaves the rest as it is", () => {
    assert.deepStrictEqual(
      redactValue({
        "https://a.example/x": ["at 10.0.0.1", 1, true, null, 2n],
        total_tokens: 5,
        tokenCount: 6,
        model: "gpt-4.1"
      }),
      { "https://***": ["at ***", 1, true, null, 2n], total_tokens: 5, tokenCount: 6, model: "gpt-4.1" }
    )
    assert.deepStrictEqual(
      redactValue([
        new Date(0),
        new Date(NaN),
        new URL("http://a.example/x"),
        new Uint8Array(3),
        new Set([1]),
        Symbol("x"),
        () => 1
      ]),
      ["1970-01-01T00:00:00.000Z", "<invalid date>", "http://***", "<3 bytes>", [1], "<symbol>", "<function>"]
    )
  })

  it("shows an error's name, message, cause and fields, and no stack", () => {
    const error = Object.assign(new TypeError("at 10.0.0.1", { cause: new Error("sk-abcdef") }), {
      code: "E",
      token: "x"
    })
    assert.deepStrictEqual(redactValue(error), {
      name: "TypeError",
      message: "at ***",
      cause: { name: "Error", message: "***" },
      code: "E",
      token: "<redacted>"
    })
    assert.deepInclude(redactValue(new Unauthorized({ message: "token sk-abcdef" })), {
      _tag: "Unauthorized",
      message: "token ***"
    })
  })

  it("is bounded in depth, and safe in circles", () => {
    const circle: Record<string, unknown> = { name: "a" }
    circle["self"] = [circle]
    assert.deepStrictEqual(redactValue(circle), { name: "a", self: ["<circular>"] })
    const shared = { x: 1 }
    assert.deepStrictEqual(redactValue([shared, shared]), [{ x: 1 }, { x: 1 }])
    assert.deepStrictEqual(redactValue({ a: { b: { c: 1 } } }, { maxDepth: 2 }), { a: { b: "<deep>" } })
    let deep: unknown = "end"
    for (let i = 0; i < 10_000; i++) deep = { deep }
    assert.include(JSON.stringify(redactValue(deep)), "<deep>")
  })

  it("keeps a prototype for a field", () => {
    const value: unknown = JSON.parse('{"__proto__":{"polluted":true},"a":1}')
    const out = redactValue(value)
    assert.isUndefined((out as { polluted?: boolean }).polluted)
    assert.strictEqual(JSON.stringify(out), '{"__proto__":{"polluted":true},"a":1}')
  })
})
