/**
 * A configuration that cannot do what it says does not start: what could never be of use is a fault by its path.
 */
import { assert, describe, it } from "@effect/vitest"
import { channel, faultLines, keepFolder, withChannel } from "./kit.ts"

keepFolder()

const linesOf = (fields: object, rest: object = {}) => faultLines(withChannel(fields as never, rest as never))

describe("R13: a base URL", () => {
  it.each([
    ["openai", "https://a.b/v1/messages", "/chat/completions"],
    ["openai", "https://a.b/v1/responses/", "/chat/completions"],
    ["openai", "https://a.b/v1/completions", "/chat/completions"],
    ["openai", "https://a.b/v1/messages?x=1", "/chat/completions"],
    ["anthropic", "https://a.b/v1/chat/completions", "/messages"],
    ["anthropic", "https://a.b/v1/messages/count_tokens", "/messages"],
    ["gemini", "https://a.b/v1/chat/completions", "/models"],
    ["gemini", "https://a.b/v1/models/gemini-2.5-pro:generateContent", "/models"]
  ])("of dialect %s that ends in another path (%s) is told the right one", async (dialect, baseUrl, own) => {
    const right = baseUrl.includes("count_tokens") ? "https://a.b/v1/messages" : "https://a.b/v1"
    assert.deepStrictEqual(await linesOf({ dialect, baseUrl }), [
      `channels[0].baseUrl: expected the URL before, "${right}", as ${own}, which dialect ${dialect} appends, got "${baseUrl}"`
    ])
  })

  it.each([
    ["openai", "https://a.b/v1/chat/completions"],
    ["openai", "https://a.b/v1/chat/completions/?api-version=1"],
    ["anthropic", "https://a.b/v1/messages"],
    ["gemini", "https://a.b/v1beta/models"],
    ["openai", "https://a.b/models"]
  ])(
    "of dialect %s that ends in its own path, or in a word of the vendor's, is right: %s",
    async (dialect, baseUrl) => {
      assert.deepStrictEqual(await linesOf({ dialect, baseUrl }), [])
    }
  )

  it("shows no secret when it tells the right one", async () => {
    const lines = await faultLines(withChannel({ baseUrl: "https://${HOST}/v1/messages" }), { HOST: "hunter2.example" })
    assert.lengthOf(lines, 1)
    assert.notInclude(lines[0], "hunter2")
  })

  it.each(["https://$HOST/v1", "https://a.b/deployments/{name}", "https://a.b/<resource>", "https://$(HOST)/v1"])(
    "with a placeholder is none: %s",
    async (baseUrl) => assert.lengthOf(await linesOf({ baseUrl }), 1)
  )
})

describe("R13: a key", () => {
  it.each([
    "$KEY",
    "$(KEY)",
    "%KEY%",
    "{{KEY}}",
    "{KEY}",
    "<your-key>",
    "os.environ/KEY",
    "process.env.KEY",
    "YOUR_API_KEY",
    "sk-..."
  ])("that is a placeholder is told the way to a variable: %s", async (key) => {
    const expected = 'expected a key, or "${NAME}" for what the environment has under that name, got <redacted>'
    assert.deepStrictEqual(await linesOf({ keys: [key] }, { tokens: [{ name: "a", key }] }), [
      `channels[0].keys[0]: ${expected}`,
      `tokens[0].key: ${expected}`
    ])
    assert.deepStrictEqual(await faultLines(withChannel({ keys: ["${KEY}"] }), { KEY: key }), [
      `channels[0].keys[0]: ${expected}`
    ])
  })

  it.each(["sk-1", "$ecret", "key$", "a{b}", "xxx", "k", "hunter2", "abc...def"])(
    "that only looks odd is right: %s",
    async (key) => {
      assert.deepStrictEqual(await linesOf({ keys: [key] }), [])
    }
  )

  it("that is given twice is one, and so is a header in two cases", async () => {
    assert.deepStrictEqual(await linesOf({ keys: ["k", "l", "k"], headers: { "X-A": "1", "x-a": "2" } }), [
      "channels[0].headers.x-a: is the same header as channels[0].headers.X-A",
      "channels[0].keys[2]: expected another key than channels[0].keys[0], got <redacted>"
    ])
  })

  it("in a header is no placeholder either", async () => {
    const expected = 'expected a header value; a variable of the environment is written "${NAME}", got <redacted>'
    assert.deepStrictEqual(await linesOf({ headers: { "x-key": "$KEY", "x-auth": "Bearer $KEY", "x-price": "5 $" } }), [
      `channels[0].headers.x-auth: ${expected}`,
      `channels[0].headers.x-key: ${expected}`
    ])
  })

  it.each([
    "http://$PROXY_HOST:3128",
    "http://{proxy}:3128",
    "http://me:$PASSWORD@proxy:3128",
    "http://me:<password>@proxy:3128"
  ])("in a proxy is no placeholder either: %s", async (proxy) => assert.lengthOf(await linesOf({ proxy }), 1))

  it("of a proxy may have any of its signs", async () => {
    assert.deepStrictEqual(await linesOf({ proxy: "http://me:pa$$w0rd$@proxy:3128" }), [])
  })

  it("accept-encoding is the relay's own to write", async () => {
    assert.lengthOf(await linesOf({ headers: { "Accept-Encoding": "gzip" } }), 1)
  })
})

describe("R13: a group", () => {
  it("is any name: tokens of it can be made while the relay runs, and channels too", async () => {
    assert.deepStrictEqual(await linesOf({ group: "vip" }), [])
    assert.deepStrictEqual(await linesOf({}, { tokens: [{ name: "a", key: "k1", group: "vip" }] }), [])
    assert.deepStrictEqual(await linesOf({ group: " " }), ['channels[0].group: expected a non-empty string, got " "'])
  })
})

describe("R13: a model", () => {
  it.each([
    ["x", 'chat.model: expected a model that a channel serves, got "x"'],
    ["gpt-*", 'chat.model: expected the name of a model, and no pattern, got "gpt-*"']
  ])("of /chat that no channel serves is a fault: %s", async (model, line) => {
    assert.deepStrictEqual(await linesOf({ models: ["gpt-*"] }, { chat: { model } }), [line])
  })

  it("of /chat that a channel serves is right, also of one that is switched off", async () => {
    assert.deepStrictEqual(await linesOf({ models: ["gpt-*"], enabled: false }, { chat: { model: "gpt-5" } }), [])
    assert.deepStrictEqual(await linesOf({}, { chat: { model: null } }), [])
  })

  it("of a token that no channel serves is a fault, each by itself", async () => {
    const tokens = [
      { name: "a", key: "k1", models: ["gpt-5", "gpt-6", "claude-*", "*-mini"] },
      { name: "b", key: "k2", models: [] },
      { name: "c", key: "k3", models: [], admin: true },
      { name: "e", key: "k5", models: [], viewer: true },
      { name: "d", key: "k4", models: ["*"] }
    ]
    assert.deepStrictEqual(await linesOf({ models: ["gpt-5*", "*-2024"] }, { tokens }), [
      'tokens[0].models[1]: expected a model, or a pattern of models, that a channel serves, got "gpt-6"',
      "tokens[1].models: expected a model, as the token is no admin's and no viewer's, got an empty list"
    ])
  })

  it("of a mapping is one of the channel's, is not hidden by another, and maps to a name", async () => {
    assert.deepStrictEqual(
      await linesOf({
        models: ["gpt-*"],
        modelMapping: { "claude-*": "a", "gpt-5*": "b", "gpt-5-mini": "c", "*-mini": "d", "*": "e", "gpt-4": "f" }
      }),
      [
        'channels[0].modelMapping["claude-*"]: matches none of channels[0].models',
        'channels[0].modelMapping.gpt-4: is never reached: "*" before it matches all that it does',
        'channels[0].modelMapping.gpt-5-mini: is never reached: "gpt-5*" before it matches all that it does'
      ]
    )
    assert.lengthOf(await linesOf({ models: ["gpt-*"], modelMapping: { "gpt-*": "vendor/*" } }), 1)
  })

  it("has no spaces around it, and a text is more than spaces", async () => {
    assert.deepStrictEqual(await linesOf({ models: [" gpt-5"] }), [
      'channels[0].models[0]: expected a model or a pattern of models, without spaces around it, got " gpt-5"'
    ])
    assert.deepStrictEqual(await linesOf({}, { tokens: [{ name: " ", key: "k" }] }), [
      'tokens[0].name: expected a non-empty string, got " "'
    ])
  })
})

describe("R13: a clock", () => {
  it.each([
    ["timeouts.headers", { timeouts: { headers: "11 minutes" } }],
    ["timeouts.firstContent", { timeouts: { firstContent: "11 minutes" } }],
    ["timeouts.idle", { timeouts: { idle: "11 minutes" } }],
    ["retry.waitUpTo", { retry: { waitUpTo: "11 minutes" } }],
    ["retry.hedgeAfter", { retry: { hedgeAfter: "11 minutes" } }],
    ["recovery.waitUpTo", { recovery: { waitUpTo: "11 minutes" } }],
    ["chat.timeout", { chat: { timeout: "11 minutes" } }],
    ["server.heartbeat", { server: { heartbeat: "11 minutes" } }]
  ])("that the whole time always beats is a fault: %s", async (path, rest) => {
    assert.deepStrictEqual(await linesOf({}, rest), [
      `${path}: expected at most timeouts.total (600000 millis), got "11 minutes"`
    ])
  })

  it("that is not written follows the whole time, and one beside a longer one is right", async () => {
    assert.deepStrictEqual(await linesOf({}, { timeouts: { total: "1 second" } }), [])
    assert.deepStrictEqual(await linesOf({}, { timeouts: { total: "1 hour", idle: "11 minutes" } }), [])
    assert.deepStrictEqual(await linesOf({}, { server: { heartbeat: "0 seconds" } }), [])
    assert.lengthOf(await linesOf({}, { timeouts: { total: "1 second", headers: "2 seconds" } }), 1)
  })

  it("of a channel bites before its own time and the whole time", async () => {
    assert.deepStrictEqual(
      await linesOf({
        timeouts: { headers: "2 minutes", idle: "30 seconds", firstContent: "11 minutes", total: "1 minute" }
      }),
      [
        'channels[0].timeouts.firstContent: expected at most timeouts.total (600000 millis), got "11 minutes"',
        'channels[0].timeouts.firstContent: expected at most total beside it (60000 millis), got "11 minutes"',
        'channels[0].timeouts.headers: expected at most total beside it (60000 millis), got "2 minutes"'
      ]
    )
  })

  it("between pieces of an answer that comes in one piece is a fault", async () => {
    assert.deepStrictEqual(await linesOf({ stream: false, timeouts: { idle: "1 second", total: "1 minute" } }), [
      'channels[0].timeouts.idle: expected nothing, as the channel does not stream (total is its clock), got "1 second"'
    ])
  })
})

describe("R13: what is overruled", () => {
  it.each([
    [
      { params: { stream: true } },
      {},
      "channels[0].params.stream: is never sent: channels[0].stream says whether the channel streams"
    ],
    [
      { statusMapping: { 429: 429 } },
      {},
      'channels[0].statusMapping["429"]: expected another status than it is, got 429'
    ],
    [
      {},
      { journal: { onRestart: "resume", storeRequests: false } },
      'journal.onRestart: expected "fail", as journal.storeRequests is false, got "resume"'
    ],
    [
      {},
      { store: { path: "data/relay.db" }, books: { path: "data/../data/relay.db" } },
      'books.path: expected another file than that of the store, got "data/../data/relay.db"'
    ],
    [
      {},
      { books: { path: ".relay/relay.db" } },
      'books.path: expected another file than that of the store, got ".relay/relay.db"'
    ],
    [
      {},
      { store: { path: "/data/books.db" } },
      'store.path: expected another file than that of the books beside it, got "/data/books.db"'
    ],
    [
      {},
      { retry: { statuses: "200-204,299" } },
      'retry.statuses: expected a status beside 200 to 299, which are never retried, got "200-204,299"'
    ]
  ])("is a fault: %j %j", async (fields, rest, line) => {
    assert.deepStrictEqual(await linesOf(fields, rest), [line])
  })

  it.each(["~/relay.db", "~", "$HOME/relay.db", "/data/$(hostname).db"])(
    "a path that no shell will read: %s",
    async (path) => {
      assert.lengthOf(await linesOf({}, { store: { path } }), 1)
    }
  )

  it.each([
    { store: { type: "memory" }, books: { path: ".relay/relay.db" } },
    { store: { path: "/data/books.db" }, books: { type: "memory" } },
    { store: { path: "/data/books.db" }, books: { path: "books.db" } }
  ])("books and store of their own are right: %j", async (rest) => {
    assert.deepStrictEqual(await linesOf({}, rest), [])
  })

  it("what is switched off may keep its settings", async () => {
    assert.deepStrictEqual(
      await linesOf(
        { enabled: false, weight: 0 },
        {
          retry: { times: 0, base: "1 second", cap: "2 seconds" },
          recovery: { mode: "off", maxContinuations: 3 },
          journal: { onRestart: "fail", resumeGrace: "1 second", onDisconnect: "cancel", detachGrace: "1 second" }
        }
      ),
      []
    )
  })
})

describe("two channels that are alike but for their ids", () => {
  it("are two: each has its share and its health", async () => {
    assert.deepStrictEqual(await faultLines(JSON.stringify({ channels: [channel(), channel({ id: "b" })] })), [])
  })
})
