import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import { decodeConfiguration, loadConfiguration, type ConfigurationFaults } from "#src/cli/index"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { accepted, channel, faultLines, firstChannel, folder, keepFolder, load, optionsOf, withChannel } from "./kit.ts"

keepFolder()

describe("defaults", () => {
  it("are those of the contract", async () => {
    const { channels, retry, ...options } = await accepted(withChannel({}))
    assert.deepStrictEqual(options, {
      server: {
        host: "127.0.0.1",
        port: 8080,
        name: "effect-resilience",
        origins: [],
        trustProxy: [],
        shutdownGrace: 30_000,
        heartbeat: 15_000,
        readerGrace: 60_000,
        maxBodyBytes: 10_485_760,
        page: true,
        debug: false
      },
      chat: { model: null, maxMessage: 2000, timeout: 300_000 },
      store: { type: "sqlite", path: ".relay/relay.db", wait: 30_000 },
      journal: {
        retention: 600_000,
        idempotencyRetention: 86_400_000,
        onDisconnect: "detach",
        detachGrace: 60_000,
        maxBytes: 268_435_456,
        onRestart: "resume",
        storeRequests: true,
        resumeGrace: 30_000,
        takeOverAtOnce: 8
      },
      timeouts: { headers: 30_000, firstContent: 30_000, idle: 60_000, total: 600_000 },
      recovery: { mode: "continue", maxContinuations: 2, waitUpTo: 10_000, prompt: null },
      breaker: { window: 30_000, minimum: 5, failureRate: 0.5, open: 5_000, cap: 30_000, probes: 1 },
      tokens: []
    })
    const { statuses, ...rest } = retry
    assert.deepStrictEqual(rest, {
      times: 3,
      keysPerChannel: 2,
      hedgeAfter: null,
      base: 200,
      factor: 2,
      cap: 10_000,
      jitter: "full",
      sameChannel: 1,
      waitUpTo: 3000,
      budget: { ratio: 0.2, minPerSecond: 10 }
    })
    const left = Array.from({ length: 500 }, (_, index) => index + 100).filter((status) => !statuses(status))
    const successes = Array.from({ length: 100 }, (_, index) => index + 200)
    assert.deepStrictEqual(left, [...successes, 400, 408, 504, 524])
    assert.deepStrictEqual(channels, [
      {
        id: "primary",
        dialect: "openai",
        baseUrl: "https://api.example.com/v1",
        keys: [],
        keyMode: "polling",
        models: ["gpt-5"],
        modelMapping: [],
        priority: 0,
        weight: 1,
        group: "default",
        continuation: "auto",
        stream: true,
        onUnsupported: "skip",
        statusMapping: {},
        contextTokens: null,
        params: {},
        headers: {},
        timeouts: {},
        proxy: null,
        tls: {},
        enabled: true,
        disable: true
      }
    ])
  })

  it("of tokens", async () => {
    const { tokens } = await accepted(withChannel({}, { tokens: [{ name: "alice", key: "k" }] }))
    assert.deepStrictEqual(
      tokens.map(({ key, ...token }) => ({ ...token, key: Redacted.value(key) })),
      [{ name: "alice", key: "k", models: ["*"], group: "default", admin: false, viewer: false, enabled: true }]
    )
  })
})

describe("the whole file", () => {
  it("is YAML or JSON, with anchors", async () => {
    const { channels } = await accepted(`
channels:
  - &first { id: a, dialect: openai, baseUrl: http://localhost:1/, keys: [], models: [m] }
  - { <<: *first, id: b }
`)
    assert.deepStrictEqual(
      channels.map(({ id, baseUrl }) => [id, baseUrl]),
      [
        ["a", "http://localhost:1"],
        ["b", "http://localhost:1"]
      ]
    )
    assert.strictEqual((await firstChannel({ baseUrl: "https://a.b/v1//" })).baseUrl, "https://a.b/v1")
  })

  it.each([
    ["nothing", "", ["expected an object, got nothing: it is empty"]],
    ["a comment", "# later\n", ["expected an object, got nothing: it is empty"]],
    ["a list", "[1]", ["expected an object, got a list"]],
    ["a word", "hello", ['expected an object, got "hello"']],
    ["no channels", "{}", ["channels: expected a list of at least one channel, got nothing"]],
    ["empty channels", "channels: []", ["channels: expected a list of at least one channel, got an empty list"]],
    ["two documents", "a: 1\n---\nb: 2\n", ["line 2, column 1: more than one document"]],
    ["an unknown alias", "channels: *other\n", ["line 1, column 11: an alias without its anchor before it"]],
    ["an unknown tag", "channels: !secret x\n", ["line 1, column 11: unresolved tag"]],
    ["a missing bracket", "server: {\nchannels: 1\n", undefined]
  ])("with %s is a fault", async (_, text, expected) => {
    const lines = await faultLines(text)
    if (expected === undefined) assert.match(lines[0] ?? "", /^line 2, column 1: /)
    else assert.deepStrictEqual(lines, expected)
  })

  const plain = "is no plain data: texts, numbers, true, false, null, lists and objects are"
  const merges = "<< takes an object that has an anchor, or a list of them"
  it.each([
    ["set", "channels: !!set {hunter2}", [`line 1, column 17: !!set ${plain}`]],
    ["set of another name", "channels: !<tag:yaml.org,2002:set> {x}", [`line 1, column 36: !!set ${plain}`]],
    ["binary", "channels:\n  - keys: [!!binary aHVudGVyMg==]", [`line 2, column 21: !!binary ${plain}`]],
    ["omap", "server: !!omap [port: 1]", [`line 1, column 16: !!omap ${plain}`]],
    ["timestamp", "server: !!timestamp 2001-01-01", [`line 1, column 21: !!timestamp ${plain}`]],
    ["merged number", "<<: 5\nchannels: []", [`line 1, column 1: ${merges}`]],
    ["merged alias of a text", "a: &a hunter2\nb: { <<: *a }", [`line 2, column 6: ${merges}`]],
    ["merged list of texts", "b: { <<: [x] }", [`line 1, column 6: ${merges}`]],
    ["merged nothing", "b: { <<: }", [`line 1, column 6: ${merges}`]],
    ["merging twice", "a: &a {}\nb: { <<: *a, <<: *a }", undefined],
    ["loop in a list", "channels: &a [*a]", ["line 1, column 15: an alias of what it stands in"]],
    ["loop in an object", "server: &a { port: { x: *a } }", ["line 1, column 25: an alias of what it stands in"]],
    ["loop by a merge", "server: &a { <<: *a }", ["line 1, column 18: an alias of what it stands in"]]
  ])("S16: that has a %s says so, by its place, and shows nothing of it", async (_, text, expected) => {
    const lines = await faultLines(text)
    if (expected === undefined) assert.include(lines, 'b["<<"]: given twice, on line 2 and on line 2')
    else assert.deepStrictEqual(lines, expected)
    assert.notInclude(lines.join(), "hunter2")
  })

  it("S16: that is nested deeper than can be read says so", async () => {
    for (const [open, close] of [
      ["[", "]"],
      ["{a: ", "}"]
    ] as const) {
      const lines = await faultLines(`channels: ${open.repeat(20_000)}${close.repeat(20_000)}`)
      assert.isNotEmpty(lines)
      for (const line of lines) assert.match(line, /^line 1, column \d+: nested too deep$/)
    }
  })

  it("S16: with more aliases than it can have says so, at once", async () => {
    const steps = "bcdefghi".split("").map((name, at) => `${name}: &${name} [${`*${"abcdefgh"[at]},`.repeat(9)}]`)
    assert.deepStrictEqual(await faultLines(`a: &a [x]\n${steps.join("\n")}\n`), ["too many aliases"])
  })

  it.each([
    ["__proto__: { port: 1 }", "__proto__"],
    ["channels: [{ __proto__: { id: x } }]", "channels[0].__proto__"],
    ["channels: [{ params: { a: { __proto__: 1 } } }]", "channels[0].params.a.__proto__"],
    ["channels: [{ modelMapping: { __proto__: x } }]", "channels[0].modelMapping.__proto__"],
    ["server: { <<: { __proto__: { port: 1 } } }", "server.__proto__"]
  ])("S16: with the key __proto__ is a fault there: %s", async (text, path) => {
    assert.include(await faultLines(text), `${path}: cannot be a key`)
  })

  it.each(["constructor", "toString", "hasOwnProperty"])(
    "S16: with the key %s is as with any unknown one",
    async (key) => {
      assert.include(await faultLines(`{ ${key}: 1 }`), `${key}: unknown key`)
      assert.include(await faultLines(`server: { ${key}: 1 }`), `server.${key}: unknown key`)
      const { channels } = await accepted(
        withChannel({ models: ["*"], modelMapping: { [key]: "x" }, params: { [key]: 1 } })
      )
      assert.deepStrictEqual(channels[0]?.modelMapping, [[key, "x"]])
      assert.isTrue(Object.hasOwn(channels[0]?.params ?? {}, key))
    }
  )

  it("S16: a key in the query of a base URL is never told", async () => {
    for (const query of [
      "key=hunter2",
      "a=b&api-key=hunter2",
      "code=hunter2",
      "X-Amz-Signature=hunter2",
      "access_token=hunter2"
    ]) {
      const lines = await faultLines(withChannel({ baseUrl: `https://a.b/v1/messages?${query}` }))
      assert.lengthOf(lines, 1)
      assert.notInclude(lines[0], "hunter2")
    }
    assert.include(
      (await faultLines(withChannel({ baseUrl: "https://a.b/v1?api-version=2024-06-01#x" }))).join(),
      'got "https://a.b/v1?api-version=2024-06-01#x"'
    )
  })

  it("S15: quotes no book: keys and values of any length are cut in its faults", async () => {
    const book = "n".repeat(1_000_000)
    const lines = await faultLines(
      withChannel({ [book]: 1, priority: book, params: 5 }, { [book]: 1, server: { [book]: 1 } })
    )
    assert.lengthOf(lines, 5)
    for (const line of lines) assert.isBelow(line.length, 500)
  })

  it("that gives a key twice is a fault at both lines, with its other faults", async () => {
    const lines = await faultLines(`${withChannel({})}`.replace('"id"', '"weight":-1,"weight":-2,\n"id"'))
    assert.deepStrictEqual(lines, [
      "channels[0].weight: given twice, on line 1 and on line 1",
      "channels[0].weight: expected a number of at least 0, got -2"
    ])
    const yaml = `${withChannel({}).slice(0, -1)},\n"server": {\n"port": 1,\n"port": 2}}`
    assert.deepStrictEqual(await faultLines(yaml), ["server.port: given twice, on line 3 and on line 4"])
  })

  it("that cannot be read says why", async () => {
    const failure = async (file: string) =>
      (await Effect.runPromise(Effect.flip(loadConfiguration(file, {})))).lines.join()
    assert.strictEqual(await failure(join(folder, "none.yaml")), `${join(folder, "none.yaml")}: no such file`)
    assert.strictEqual(await failure(folder), `${folder}: a directory, not a file`)
    writeFileSync(join(folder, "latin"), Buffer.from([0x61, 0x3a, 0xff]))
    assert.strictEqual(await failure(join(folder, "latin")), `${join(folder, "latin")}: not UTF-8 text`)
  })
})

describe("the environment", () => {
  it("fills strings, whole or in part, and is secret", async () => {
    const text = withChannel({
      keys: ["${FIRST}", "sk-${SECOND}"],
      baseUrl: "https://${HOST}/v1",
      params: { literal: "$${FIRST} $5 ${FIRST}${FIRST}" }
    })
    const result = Result.getOrThrow(await load(text, { FIRST: "one", SECOND: "two", HOST: "api.example.com" }))
    const [first] = optionsOf(result).channels
    assert.deepStrictEqual(first?.keys.map(Redacted.value), ["one", "sk-two"])
    assert.strictEqual(first?.baseUrl, "https://api.example.com/v1")
    assert.deepStrictEqual(first?.params, { literal: "${FIRST} $5 oneone" })
    assert.notInclude(JSON.stringify(optionsOf(result).channels), "sk-two")
    assert.deepStrictEqual([...result.secrets].toSorted(), ["api.example.com", "one", "two"])
  })

  it("is a fault by its name where a variable is unset, empty or no name", async () => {
    assert.deepStrictEqual(
      await faultLines(withChannel({ keys: ["${NONE}", "${EMPTY}", "a${", "${}", "${a b}"] }), { EMPTY: "" }),
      [
        "channels[0].keys[0]: the environment variable NONE is not set",
        "channels[0].keys[1]: the environment variable EMPTY is empty",
        ...[2, 3, 4].map(
          (index) =>
            `channels[0].keys[${index}]: "\${" needs the name of a variable and "}"; a literal "\${" is written "$\${"`
        )
      ]
    )
  })

  it("is never printed", async () => {
    const lines = await faultLines(
      JSON.stringify({
        server: { host: "${S}", port: "${S}", name: "${S}\n" },
        retry: { statuses: "${S}" },
        tokens: [{ name: "a", key: "${S} " }, "hunter2", { name: "b", key: 12345678 }],
        channels: [
          channel({ baseUrl: "${S}", id: "${S}", keys: "hunter2", headers: { "x-key": "hunter2\n" } }),
          channel({ id: "b", baseUrl: "https://user:hunter2@x", keys: ["hunter2 ", 12345678] })
        ]
      }),
      { S: "hunter2 and more" }
    )
    assert.lengthOf(lines, 14)
    for (const line of lines) {
      assert.notMatch(line, /hunter2|12345678/)
      assert.match(line, /got <redacted>$/)
    }
  })

  it("PORT overrides server.port, and is checked", async () => {
    const text = withChannel({}, { server: { port: 1 } })
    assert.strictEqual((await accepted(text, { PORT: "9000" })).server.port, 9000)
    assert.strictEqual((await accepted(text, { PORT: "" })).server.port, 1)
    for (const port of ["-1", "65536", "80x", "1e3", " 80"]) {
      assert.deepStrictEqual(await faultLines(text, { PORT: port }), [
        `PORT: expected an integer from 0 to 65535, got "${port}"`
      ])
    }
  })
})

describe("keys", () => {
  it("that are unknown are faults, with the one that was meant", async () => {
    assert.deepStrictEqual(
      await faultLines(withChannel({ baseURL: "http://x", zzz: 1 }, { sever: {}, timeouts: { ilde: "1 second" } })),
      [
        'channels[0].baseURL: unknown key, did you mean "baseUrl"?',
        "channels[0].zzz: unknown key",
        'sever: unknown key, did you mean "server"?',
        'timeouts.ilde: unknown key, did you mean "idle"?'
      ]
    )
  })

  it("of a later version are refused", async () => {
    const store = { type: "redis", url: "redis://x", prefix: "p", lease: "5 seconds", cluster: false }
    const lines = await faultLines(withChannel({}, { store, workers: 2, otlp: { url: null } }))
    assert.deepStrictEqual(
      lines,
      [
        "store.type: redis is not in this version",
        ...["store.url", "store.prefix", "store.lease", "store.cluster", "workers", "otlp"].map(
          (key) => `${key}: not in this version`
        )
      ].toSorted()
    )
    for (const dialect of ["openai", "responses", "anthropic", "gemini"]) {
      assert.deepStrictEqual(await faultLines(withChannel({ dialect })), [])
    }
  })

  it("that are missing are faults", async () => {
    assert.deepStrictEqual(await faultLines("channels: [{}]\ntokens: [{}]\n"), [
      "channels[0].baseUrl: expected a URL, got nothing",
      'channels[0].dialect: expected "openai" or "responses" or "anthropic" or "gemini", got nothing',
      "channels[0].id: expected an id of a-z, 0-9 and -, 1 to 64 characters, got nothing",
      "channels[0].keys: expected a list, got nothing",
      "channels[0].models: expected a list of at least one model or pattern, got nothing",
      "tokens[0].key: expected a key without spaces and control characters, got nothing",
      "tokens[0].name: expected a non-empty string, got nothing"
    ])
  })
})

describe("rules between keys", () => {
  it("who gives no tokens does not go on by them", async () => {
    for (const dialect of ["openai", "responses", "anthropic"]) {
      assert.deepStrictEqual(await faultLines(withChannel({ dialect, continuation: "token" })), [
        `channels[0].continuation: expected another mode, since ${dialect} gives no tokens, got "token"`
      ])
    }
    assert.deepStrictEqual(await faultLines(withChannel({ dialect: "gemini", continuation: "token" })), [])
  })

  it("ids, names and keys are unique", async () => {
    const lines = await faultLines(
      JSON.stringify({
        channels: [channel(), channel({ id: "b" }), channel()],
        tokens: [
          { name: "a", key: "k1" },
          { name: "b", key: "k2" },
          { name: "a", key: "k2" }
        ]
      })
    )
    assert.deepStrictEqual(lines, [
      'channels[2].id: expected another id than channels[0].id, got "primary"',
      "tokens[2].key: expected another key than tokens[1].key, got <redacted>",
      'tokens[2].name: expected another name than tokens[0].name, got "a"'
    ])
  })

  it("without tokens the host is loopback", async () => {
    const server = { host: "0.0.0.0" }
    for (const tokens of [undefined, []]) {
      assert.deepStrictEqual(await faultLines(withChannel({}, { server, ...(tokens && { tokens }) })), [
        'server.host: expected a loopback host (127.0.0.0/8, ::1, localhost), as there are no tokens, got "0.0.0.0"'
      ])
    }
    assert.deepStrictEqual(await faultLines(withChannel({}, { server, tokens: [{ name: "a", key: "k" }] })), [])
  })

  it("a delay is not above its cap; a default follows what was written", async () => {
    assert.deepStrictEqual(
      await faultLines(
        withChannel(
          {},
          { retry: { base: "20 seconds", cap: "2 seconds" }, breaker: { open: "1 minute", cap: "1 second" } }
        )
      ),
      [
        'breaker.open: expected at most breaker.cap (1000 millis), got "1 minute"',
        'retry.base: expected at most retry.cap (2000 millis), got "20 seconds"'
      ]
    )
    const { breaker, retry } = await accepted(
      withChannel({}, { retry: { base: "20 seconds" }, breaker: { cap: "1 second" } })
    )
    assert.deepStrictEqual([retry.base, retry.cap, breaker.open, breaker.cap], [20_000, 20_000, 1000, 1000])
  })

  it("are told beside the faults of single keys", async () => {
    const lines = await faultLines(
      JSON.stringify({ server: { host: "0.0.0.0", port: -1 }, channels: [channel({ weight: -1 }), channel()] })
    )
    assert.deepStrictEqual(
      lines.map((line) => line.split(":")[0]),
      ["channels[0].weight", "channels[1].id", "server.host", "server.port"]
    )
  })
})

describe("a plain object", () => {
  it("S16: with what JSON cannot say is a fault there", () => {
    const loop: Array<unknown> = []
    loop.push(loop, loop)
    const input = {
      server: new Set(["hunter2"]),
      chat: new Date(0),
      store: () => {},
      journal: 5n,
      retry: Symbol("hunter2"),
      tokens: loop,
      channels: [channel({ keys: [new Uint8Array(3)] })]
    }
    const { lines } = Result.getOrThrow(Result.flip(decodeConfiguration(input, {}, "example")))
    assert.deepStrictEqual(lines.toSorted(), [
      "example: channels[0].keys[0]: expected plain data, got a Uint8Array",
      "example: chat: expected plain data, got a Date",
      "example: journal: expected plain data, got a bigint",
      "example: retry: expected plain data, got a symbol",
      "example: server: expected plain data, got a Set",
      "example: store: expected plain data, got a function",
      "example: tokens[0]: nested deeper than 64, or within itself",
      "example: tokens[1]: nested deeper than 64, or within itself"
    ])
  })

  it("is decoded as a file is", () => {
    const decoded = decodeConfiguration({ channels: [channel()] }, { PORT: "0" }, "example")
    assert.strictEqual(optionsOf(Result.getOrThrow(decoded)).server.port, 0)
    const refused = decodeConfiguration({ channels: [channel({ id: 5 })] }, {}, "example")
    const faults: ConfigurationFaults = Result.getOrThrow(Result.flip(refused))
    assert.deepStrictEqual(faults.lines, [
      "example: channels[0].id: expected an id of a-z, 0-9 and -, 1 to 64 characters, got 5"
    ])
  })
})
