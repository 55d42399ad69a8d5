import { assert, describe, it } from "@effect/vitest"
import { accepted, faultLines, keepFolder, withChannel } from "./kit.ts"

keepFolder()

/** The path of a value in a configuration that is else right, and values that are refused or accepted there. */
const placed = (path: string, value: unknown): string => {
  const [section, ...rest] = path.split(".")
  if (section === "channel")
    return withChannel(rest.reduceRight<object>((inner, key) => ({ [key]: inner }), value as object) as never)
  const inner = rest.reduceRight((within, key) => ({ [key]: within }), value)
  return withChannel({}, { [section!]: inner })
}

describe("values", () => {
  const duration = [
    0,
    5,
    "0 seconds",
    "-1 second",
    "Infinity",
    "5",
    "5s",
    "5 fortnights",
    "",
    null,
    {},
    "30 days",
    "P1D"
  ]
  // S6: what is kept and told again has an end, in a file too.
  const long = "x".repeat(257)
  const count = [-1, 1.5, "1", null, Number.MAX_VALUE, true]
  it.each([
    ["server.host", ["", 5, "a b", "http://x"], ["127.0.0.2", "::1", "localhost"]],
    ["server.port", [-1, 65_536, 1.5, "8080", null], [0, 65_535]],
    ["server.name", ["", "a\nb", 5, long], ["my relay"]],
    [
      "server.origins",
      ["*", ["*"], ["http://a/"], ["http://a/b"], ["a.b"], ["ftp://a"], ["null"]],
      [["https://a.b:8443"], []]
    ],
    ["server.shutdownGrace", duration, ["200 millis", "1.5 seconds", "24 days"]],
    ["server.heartbeat", duration.filter((value) => value !== "0 seconds"), ["0 seconds", "0 millis", "1 second"]],
    ["server.readerGrace", duration, ["1 second"]],
    ["server.maxBodyBytes", [0, ...count], [1]],
    ["server.debug", ["true", 1, null], [true, false]],
    ["chat.model", ["", 5, long], [null, "gpt-5"]],
    ["chat.maxMessage", [0, ...count], [1]],
    ["chat.timeout", duration, ["1 minute"]],
    ["store", [5, [], "sqlite"], [{ type: "memory" }, { path: "x.db" }]],
    ["store.path", ["", ":memory:", 5, "a\0b"], ["/a/b"]],
    ["store.wait", duration, ["1 second"]],
    ["journal.retention", ["0 seconds", 5, "Infinity"], ["30 days", "52 weeks"]],
    ["journal.onDisconnect", ["abort", true], ["cancel", "detach"]],
    ["journal.detachGrace", duration, ["1 second"]],
    ["timeouts.headers", duration, ["1 second"]],
    ["timeouts.total", duration, ["1 second"]],
    ["retry.times", count, [0, 5]],
    ["retry.base", duration, ["1 millis"]],
    ["retry.factor", [0, 0.5, -1, "2"], [1, 1.5]],
    ["retry.jitter", ["some", true], ["none", "full", "equal", "proportional"]],
    ["retry.sameChannel", count, [0]],
    ["retry.waitUpTo", duration, ["1 second"]],
    [
      "retry.statuses",
      ["", "99", "600", "503-500", "500-", "5xx", "500,,501", "500-700", 500, "-500"],
      ["500", " 401 , 500 - 503 "]
    ],
    ["retry.budget.ratio", [-0.1, "1", null], [0, 0.5, 2]],
    ["retry.budget.minPerSecond", [-1], [0, 0.5]],
    ["recovery.mode", ["on", true], ["off", "continue"]],
    ["recovery.maxContinuations", count, [0, 9]],
    ["recovery.prompt", ["", 5], [null, "Go on after: {partial}"]],
    ["breaker.window", duration, ["1 second"]],
    ["breaker.minimum", [0, ...count], [1]],
    ["breaker.failureRate", [0, 1.01, -1, "0.5"], [0.01, 1]],
    ["breaker.probes", [0, ...count], [1]],
    ["channel.id", ["", "A", "a_b", "x".repeat(65), 5], ["a-1", "x".repeat(64)]],
    [
      "channel.baseUrl",
      ["x", "", "ftp://x", "http://", "http://x#", "http://a:b@x", "http://a b", 5],
      ["http://[::1]:80/v1", "HTTPS://X", "http://x?a", "http://x?", "http://x/v1?api-version=2024-06-01&a=b"]
    ],
    ["channel.keys", ["k", [""], ["a b"], ["a\n"], [5], null], [[], ["sk-1"]]],
    ["channel.keyMode", ["round"], ["random"]],
    ["channel.models", [[], [""], "m", [5], [long]], [["*"], ["gpt-*", "a"]]],
    [
      "channel.modelMapping",
      [[], { "": "a" }, { "gpt-5": "" }, { "gpt-5": 5 }, { "gpt-5": long }],
      [{}, { "gpt-*": "a" }]
    ],
    ["channel.priority", ["1", null], [-1, 0.5, 1000]],
    ["channel.weight", [-1, "1"], [0, 0.5]],
    ["channel.group", ["", long], ["default"]],
    ["channel.continuation", ["maybe"], ["auto", "prefill", "message", "none"]],
    ["channel.stream", ["no"], [false]],
    [
      "channel.statusMapping",
      [{ 200: 500 }, { 500: 204 }, { 99: 500 }, { 500: 600 }, { "5xx": 500 }, { 500: "503" }],
      [{ 429: 503 }]
    ],
    ["channel.params", [[], "x"], [{ a: null, b: { c: [1] } }]],
    [
      "channel.headers",
      [
        { Authorization: "x" },
        { HOST: "x" },
        { "content-length": "1" },
        { "transfer-encoding": "x" },
        { "a b": "x" },
        { "x-a": "a\r\nb" },
        { "x-a": 5 },
        { length: "1" }
      ],
      [{ "x-a": "b c" }]
    ],
    ["channel.timeouts", [{ idle: "0 seconds" }, { other: "1 second" }], [{ idle: "1 second" }]]
  ] as const)("of %s", async (path, refused, fine) => {
    for (const value of refused) {
      const lines = await faultLines(placed(path, value))
      const place = path.replace("channel.", "channels[0].")
      assert.lengthOf(lines, 1, JSON.stringify(value))
      assert.isTrue(lines[0]?.startsWith(place), `${lines[0]} for ${JSON.stringify(value)}`)
    }
    for (const value of fine) {
      assert.deepStrictEqual(await faultLines(placed(path, value)), [], JSON.stringify(value))
    }
  })

  it("of a model are names of as many characters as a client may use", async () => {
    const model = "🚀".repeat(256)
    assert.deepStrictEqual(await faultLines(withChannel({ models: ["*"] }, { chat: { model } })), [])
  })

  it("are told as expected and got", async () => {
    assert.deepStrictEqual(await faultLines(withChannel({ baseUrl: "x" })), [
      'channels[0].baseUrl: expected a URL, got "x"'
    ])
  })

  it("of durations become milliseconds", async () => {
    const { timeouts } = await accepted(
      withChannel({}, { timeouts: { headers: "1.5 seconds", firstContent: "1 nano", idle: "2 hours", total: "1 day" } })
    )
    assert.deepStrictEqual(timeouts, { headers: 1500, firstContent: 1, idle: 7_200_000, total: 86_400_000 })
  })

  it("of a base URL keep the query, behind a path without slashes at its end", async () => {
    const { channels } = await accepted(withChannel({ baseUrl: "https://a.b/v1//?api-version=2024-06-01" }))
    assert.strictEqual(channels[0]?.baseUrl, "https://a.b/v1?api-version=2024-06-01")
  })

  it("of origins become those that browsers send", async () => {
    const { server } = await accepted(withChannel({}, { server: { origins: ["HTTPS://Example.com:443"] } }))
    assert.deepStrictEqual(server.origins, ["https://example.com"])
  })

  it("of status ranges are merged", async () => {
    const { retry } = await accepted(withChannel({}, { retry: { statuses: "500-503, 502-510 ,401" } }))
    assert.deepStrictEqual([400, 401, 402, 499, 500, 505, 510, 511].filter(retry.statuses), [401, 500, 505, 510])
    // A status that no range can name is left out by none.
    assert.deepStrictEqual([0, 99, 600, 999].filter(retry.statuses), [0, 99, 600, 999])
  })

  it("of modelMapping keep the order of the file, also for keys that look like integers", async () => {
    const text = `
channels:
  - id: a
    dialect: openai
    baseUrl: http://localhost:1
    keys: []
    models: ["*"]
    modelMapping: { "gpt-*": x, 4: y, "1": z, o3: w }
`
    const [first] = (await accepted(text)).channels
    assert.deepStrictEqual(first?.modelMapping, [
      ["gpt-*", "x"],
      ["4", "y"],
      ["1", "z"],
      ["o3", "w"]
    ])
  })
})
