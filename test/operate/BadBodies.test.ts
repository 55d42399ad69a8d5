/**
 * What is wrong in a configuration or a body of the admin API, each with its exact path and words: of tokens, groups,
 * rate limits, the server and the audit.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { decodeConfiguration } from "#src/cli/index"
import { keepLog } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { adminOf, faultsIn } from "./admin.ts"

keepLog()

const long = "x".repeat(257)
const base = { channels: [channelOf("a", "http://127.0.0.1:9")] }

describe("a configuration that is wrong is refused, with the path of each fault and what was expected", () => {
  const linesOf = (more: object): ReadonlyArray<string> => {
    const decoded = decodeConfiguration({ ...base, ...more }, {}, "relay.yaml")
    return Result.isFailure(decoded) ? decoded.failure.lines : []
  }
  const wrong: ReadonlyArray<readonly [what: string, sections: object, lines: ReadonlyArray<string>]> = [
    ["tokens that are no list", { tokens: { a: "key" } }, ["tokens: expected a list, got an object"]],
    ["a token that is no object", { tokens: ["key-of-a"] }, ["tokens[0]: expected an object, got <redacted>"]],
    [
      "a token of nothing",
      { tokens: [{}] },
      [
        "tokens[0].key: expected a key without spaces and control characters, got nothing",
        "tokens[0].name: expected a non-empty string, got nothing"
      ]
    ],
    [
      "a token without a name",
      { tokens: [{ key: "key-of-a" }] },
      ["tokens[0].name: expected a non-empty string, got nothing"]
    ],
    [
      "a token without a key",
      { tokens: [{ name: "a" }] },
      ["tokens[0].key: expected a key without spaces and control characters, got nothing"]
    ],
    [
      "an empty name",
      { tokens: [{ name: "", key: "key-of-a" }] },
      ['tokens[0].name: expected a non-empty string, got ""']
    ],
    [
      "a name of spaces",
      { tokens: [{ name: "  ", key: "key-of-a" }] },
      ['tokens[0].name: expected a non-empty string, got "  "']
    ],
    [
      "a name that is too long",
      { tokens: [{ name: long, key: "key-of-a" }] },
      [
        'tokens[0].name: expected a name of at most 256 characters, got "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'
      ]
    ],
    [
      "a name that is a number",
      { tokens: [{ name: 5, key: "key-of-a" }] },
      ["tokens[0].name: expected a non-empty string, got 5"]
    ],
    [
      "a key with a space",
      { tokens: [{ name: "a", key: "key of a" }] },
      ["tokens[0].key: expected a key without spaces and control characters, got <redacted>"]
    ],
    [
      "a key that is a number",
      { tokens: [{ name: "a", key: 12345678 }] },
      ["tokens[0].key: expected a key without spaces and control characters, got <redacted>"]
    ],
    [
      "an empty key",
      { tokens: [{ name: "a", key: "" }] },
      ["tokens[0].key: expected a key without spaces and control characters, got <redacted>"]
    ],
    [
      "a key that is a variable's name",
      { tokens: [{ name: "a", key: "$ALICE_KEY" }] },
      ['tokens[0].key: expected a key, or "${NAME}" for what the environment has under that name, got <redacted>']
    ],
    [
      "a variable that is not set",
      { tokens: [{ name: "a", key: "${ALICE_KEY}" }] },
      ["tokens[0].key: the environment variable ALICE_KEY is not set"]
    ],
    [
      "two tokens of one name",
      {
        tokens: [
          { name: "a", key: "one" },
          { name: "a", key: "two" }
        ]
      },
      ['tokens[1].name: expected another name than tokens[0].name, got "a"']
    ],
    [
      "two tokens of one key",
      {
        tokens: [
          { name: "a", key: "one" },
          { name: "b", key: "one" }
        ]
      },
      ["tokens[1].key: expected another key than tokens[0].key, got <redacted>"]
    ],
    [
      "models that are no list",
      { tokens: [{ name: "a", key: "key-of-a", models: "m" }] },
      ['tokens[0].models: expected a list, got "m"']
    ],
    [
      "an empty pattern",
      { tokens: [{ name: "a", key: "key-of-a", models: [""] }] },
      ['tokens[0].models[0]: expected a model or a pattern of models, without spaces around it, got ""']
    ],
    [
      "a pattern with spaces around it",
      { tokens: [{ name: "a", key: "key-of-a", models: [" m"] }] },
      ['tokens[0].models[0]: expected a model or a pattern of models, without spaces around it, got " m"']
    ],
    [
      "a model that nobody serves",
      { tokens: [{ name: "a", key: "key-of-a", models: ["claude-*"] }] },
      ['tokens[0].models[0]: expected a model, or a pattern of models, that a channel serves, got "claude-*"']
    ],
    [
      "no model, of who neither administers nor looks",
      { tokens: [{ name: "a", key: "key-of-a", models: [] }] },
      ["tokens[0].models: expected a model, as the token is no admin's and no viewer's, got an empty list"]
    ],
    [
      "a model that is a number",
      { tokens: [{ name: "a", key: "key-of-a", models: ["m", 5] }] },
      ["tokens[0].models[1]: expected a model or a pattern of models, without spaces around it, got 5"]
    ],
    [
      "admin in words",
      { tokens: [{ name: "a", key: "key-of-a", admin: "yes" }] },
      ['tokens[0].admin: expected true or false, got "yes"']
    ],
    [
      "viewer in words",
      { tokens: [{ name: "a", key: "key-of-a", viewer: "no" }] },
      ['tokens[0].viewer: expected true or false, got "no"']
    ],
    [
      "viewer as a number",
      { tokens: [{ name: "a", key: "key-of-a", viewer: 1 }] },
      ["tokens[0].viewer: expected true or false, got 1"]
    ],
    [
      "enabled in words",
      { tokens: [{ name: "a", key: "key-of-a", enabled: "on" }] },
      ['tokens[0].enabled: expected true or false, got "on"']
    ],
    [
      "a moment without a zone",
      { tokens: [{ name: "a", key: "key-of-a", expiresAt: "2027-01-31T00:00:00" }] },
      ['tokens[0].expiresAt: expected a moment such as "2027-01-31T00:00:00Z", got "2027-01-31T00:00:00"']
    ],
    [
      "a moment that is a day",
      { tokens: [{ name: "a", key: "key-of-a", expiresAt: "2027-01-31" }] },
      ['tokens[0].expiresAt: expected a moment such as "2027-01-31T00:00:00Z", got "2027-01-31"']
    ],
    [
      "a moment that is none",
      { tokens: [{ name: "a", key: "key-of-a", expiresAt: "2027-13-31T00:00:00Z" }] },
      ['tokens[0].expiresAt: expected a moment such as "2027-01-31T00:00:00Z", got "2027-13-31T00:00:00Z"']
    ],
    [
      "a moment as a number",
      { tokens: [{ name: "a", key: "key-of-a", expiresAt: 1900000000000 }] },
      ['tokens[0].expiresAt: expected a moment such as "2027-01-31T00:00:00Z", got 1900000000000']
    ],
    [
      "a moment that is nothing",
      { tokens: [{ name: "a", key: "key-of-a", expiresAt: null }] },
      ['tokens[0].expiresAt: expected a moment such as "2027-01-31T00:00:00Z", got null']
    ],
    [
      "a concurrency of none",
      { tokens: [{ name: "a", key: "key-of-a", concurrency: 0 }] },
      ["tokens[0].concurrency: expected an integer of at least 1, got 0"]
    ],
    [
      "a concurrency of a part",
      { tokens: [{ name: "a", key: "key-of-a", concurrency: 1.5 }] },
      ["tokens[0].concurrency: expected an integer of at least 1, got 1.5"]
    ],
    [
      "a concurrency in words",
      { tokens: [{ name: "a", key: "key-of-a", concurrency: "3" }] },
      ['tokens[0].concurrency: expected an integer of at least 1, got "3"']
    ],
    [
      "addresses that are no list",
      { tokens: [{ name: "a", key: "key-of-a", addresses: "10.0.0.0/8" }] },
      ['tokens[0].addresses: expected a list, got "10.0.0.0/8"']
    ],
    [
      "a host name for an address",
      { tokens: [{ name: "a", key: "key-of-a", addresses: ["localhost"] }] },
      [
        'tokens[0].addresses[0]: expected an address such as "10.0.0.1", or a network such as "10.0.0.0/8", got "localhost"'
      ]
    ],
    [
      "a network of too many bits",
      { tokens: [{ name: "a", key: "key-of-a", addresses: ["10.0.0.0/33", "::1/129"] }] },
      [
        'tokens[0].addresses[0]: expected an address such as "10.0.0.1", or a network such as "10.0.0.0/8", got "10.0.0.0/33"',
        'tokens[0].addresses[1]: expected an address such as "10.0.0.1", or a network such as "10.0.0.0/8", got "::1/129"'
      ]
    ],
    [
      "a network without bits",
      { tokens: [{ name: "a", key: "key-of-a", addresses: ["10.0.0.0/"] }] },
      [
        'tokens[0].addresses[0]: expected an address such as "10.0.0.1", or a network such as "10.0.0.0/8", got "10.0.0.0/"'
      ]
    ],
    [
      "an address that is none",
      { tokens: [{ name: "a", key: "key-of-a", addresses: ["256.0.0.1"] }] },
      [
        'tokens[0].addresses[0]: expected an address such as "10.0.0.1", or a network such as "10.0.0.0/8", got "256.0.0.1"'
      ]
    ],
    [
      "a misspelt key",
      { tokens: [{ name: "a", key: "key-of-a", modles: ["m"] }] },
      ['tokens[0].modles: unknown key, did you mean "models"?']
    ],
    [
      "a key of nobody's",
      { tokens: [{ name: "a", key: "key-of-a", colour: "red" }] },
      ["tokens[0].colour: unknown key"]
    ],
    [
      "a fingerprint, which is the relay's to say",
      { tokens: [{ name: "a", key: "key-of-a", fingerprint: "00000000" }] },
      ["tokens[0].fingerprint: unknown key"]
    ],
    [
      "an empty group of a token",
      { tokens: [{ name: "a", key: "key-of-a", group: "" }] },
      ['tokens[0].group: expected a non-empty string, got ""']
    ],
    [
      "a group of spaces of a token",
      { tokens: [{ name: "a", key: "key-of-a", group: " " }] },
      ['tokens[0].group: expected a non-empty string, got " "']
    ],
    [
      "a group of a token that is a number",
      { tokens: [{ name: "a", key: "key-of-a", group: 1 }] },
      ["tokens[0].group: expected a non-empty string, got 1"]
    ],
    [
      "a group of a token that is too long",
      { tokens: [{ name: "a", key: "key-of-a", group: long }] },
      [
        'tokens[0].group: expected a name of at most 256 characters, got "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'
      ]
    ],
    [
      "several groups of a token",
      { tokens: [{ name: "a", key: "key-of-a", group: ["gold", "silver"] }] },
      ["tokens[0].group: expected a non-empty string, got a list"]
    ],
    [
      "a misspelt group of a token",
      { tokens: [{ name: "a", key: "key-of-a", groups: "gold" }] },
      ['tokens[0].groups: unknown key, did you mean "group"?']
    ],
    [
      "an empty group of a channel",
      { channels: [channelOf("a", "http://127.0.0.1:9", { group: "" })] },
      ['channels[0].group: expected a non-empty string, got ""']
    ],
    [
      "a group of a channel that is a number",
      { channels: [channelOf("a", "http://127.0.0.1:9", { group: 7 })] },
      ["channels[0].group: expected a non-empty string, got 7"]
    ],
    [
      "a group of a channel that is too long",
      { channels: [channelOf("a", "http://127.0.0.1:9", { group: long })] },
      [
        'channels[0].group: expected a name of at most 256 characters, got "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'
      ]
    ],
    [
      "several groups of a channel",
      { channels: [channelOf("a", "http://127.0.0.1:9", { group: ["a"] })] },
      ["channels[0].group: expected a non-empty string, got a list"]
    ],
    ["a rate limit that is a number", { rateLimit: 60 }, ["rateLimit: expected an object, or null, got 60"]],
    ["a rate limit that is a list", { rateLimit: [] }, ["rateLimit: expected an object, or null, got an empty list"]],
    [
      "requests of none",
      { rateLimit: { requests: 0 } },
      ["rateLimit.requests: expected an integer of at least 1, or null, got 0"]
    ],
    [
      "requests below none",
      { rateLimit: { requests: -1 } },
      ["rateLimit.requests: expected an integer of at least 1, or null, got -1"]
    ],
    [
      "requests of a part",
      { rateLimit: { requests: 0.5 } },
      ["rateLimit.requests: expected an integer of at least 1, or null, got 0.5"]
    ],
    [
      "requests in words",
      { rateLimit: { requests: "60" } },
      ['rateLimit.requests: expected an integer of at least 1, or null, got "60"']
    ],
    [
      "tokens of none",
      { rateLimit: { tokens: 0 } },
      ["rateLimit.tokens: expected an integer of at least 1, or null, got 0"]
    ],
    [
      "tokens in words",
      { rateLimit: { tokens: "many" } },
      ['rateLimit.tokens: expected an integer of at least 1, or null, got "many"']
    ],
    [
      "a time that is a number",
      { rateLimit: { per: 60 } },
      ['rateLimit.per: expected a duration above zero such as "5 seconds" (at most 24 days), got 60']
    ],
    [
      "a time of none",
      { rateLimit: { per: "0 seconds" } },
      ['rateLimit.per: expected a duration above zero such as "5 seconds" (at most 24 days), got "0 seconds"']
    ],
    [
      "a time without a unit",
      { rateLimit: { per: "60" } },
      ['rateLimit.per: expected a duration above zero such as "5 seconds" (at most 24 days), got "60"']
    ],
    [
      "a time that is too long",
      { rateLimit: { per: "30 days" } },
      ['rateLimit.per: expected a duration above zero such as "5 seconds" (at most 24 days), got "30 days"']
    ],
    [
      "a time that is nothing",
      { rateLimit: { per: null } },
      ['rateLimit.per: expected a duration above zero such as "5 seconds" (at most 24 days), got null']
    ],
    [
      "who is counted, otherwise",
      { rateLimit: { by: "ip" } },
      ['rateLimit.by: expected "token" or "address", got "ip"']
    ],
    [
      "a misspelt key of a rate limit",
      { rateLimit: { request: 5 } },
      ['rateLimit.request: unknown key, did you mean "requests"?']
    ],
    [
      "a rate limit of a token that is nothing",
      { tokens: [{ name: "a", key: "key-of-a", rateLimit: null }] },
      ["tokens[0].rateLimit: expected an object, got null"]
    ],
    [
      "a rate limit of a token by somebody",
      { tokens: [{ name: "a", key: "key-of-a", rateLimit: { by: "token" } }] },
      ["tokens[0].rateLimit.by: unknown key"]
    ],
    [
      "a rate limit of a token of none",
      { tokens: [{ name: "a", key: "key-of-a", rateLimit: { requests: 0, per: "1 fortnight" } }] },
      [
        'tokens[0].rateLimit.per: expected a duration above zero such as "5 seconds" (at most 24 days), got "1 fortnight"',
        "tokens[0].rateLimit.requests: expected an integer of at least 1, or null, got 0"
      ]
    ],
    ["a server that is a list", { server: [] }, ["server: expected an object, got an empty list"]],
    [
      "a port beyond the last",
      { server: { port: 65536 } },
      ["server.port: expected an integer from 0 to 65535, got 65536"]
    ],
    ["a port below the first", { server: { port: -1 } }, ["server.port: expected an integer from 0 to 65535, got -1"]],
    ["a port in words", { server: { port: "8080" } }, ['server.port: expected an integer from 0 to 65535, got "8080"']],
    [
      "a host that anybody reaches, without tokens",
      { server: { host: "0.0.0.0" } },
      ['server.host: expected a loopback host (127.0.0.0/8, ::1, localhost), as there are no tokens, got "0.0.0.0"']
    ],
    [
      "a host with a scheme",
      { server: { host: "http://localhost" } },
      ['server.host: expected a host name or an IP address, got "http://localhost"']
    ],
    ["an empty host", { server: { host: "" } }, ['server.host: expected a host name or an IP address, got ""']],
    [
      "an origin with a path",
      { server: { origins: ["https://example.com/app"] } },
      ['server.origins[0]: expected an origin such as "https://example.com", got "https://example.com/app"']
    ],
    [
      "an origin without a scheme",
      { server: { origins: ["example.com"] } },
      ['server.origins[0]: expected an origin such as "https://example.com", got "example.com"']
    ],
    [
      "any origin",
      { server: { origins: ["*"] } },
      ['server.origins[0]: expected an origin such as "https://example.com", got "*"']
    ],
    [
      "origins that are no list",
      { server: { origins: "https://example.com" } },
      ['server.origins: expected a list, got "https://example.com"']
    ],
    [
      "a proxy by its name",
      { server: { trustProxy: ["proxy.example.com"] } },
      [
        'server.trustProxy[0]: expected an address such as "10.0.0.1", or a network such as "10.0.0.0/8", got "proxy.example.com"'
      ]
    ],
    ["all proxies", { server: { trustProxy: true } }, ["server.trustProxy: expected a list, got true"]],
    [
      "a grace of none",
      { server: { shutdownGrace: "0 seconds" } },
      ['server.shutdownGrace: expected a duration above zero such as "5 seconds" (at most 24 days), got "0 seconds"']
    ],
    [
      "a grace as a number",
      { server: { shutdownGrace: 30 } },
      ['server.shutdownGrace: expected a duration above zero such as "5 seconds" (at most 24 days), got 30']
    ],
    [
      "a heartbeat below none",
      { server: { heartbeat: "-1 seconds" } },
      [
        'server.heartbeat: expected a duration such as "5 seconds", or "0 seconds" for none (at most 24 days), got "-1 seconds"'
      ]
    ],
    [
      "a reader's grace for ever",
      { server: { readerGrace: "Infinity" } },
      ['server.readerGrace: expected a duration above zero such as "5 seconds" (at most 24 days), got "Infinity"']
    ],
    [
      "bodies of no size",
      { server: { maxBodyBytes: 0 } },
      ["server.maxBodyBytes: expected an integer of at least 1, got 0"]
    ],
    [
      "bodies in words",
      { server: { maxBodyBytes: "10 MB" } },
      ['server.maxBodyBytes: expected an integer of at least 1, got "10 MB"']
    ],
    [
      "a name with a comma",
      { server: { name: "a,b" } },
      ['server.name: expected a name of 1 to 256 printable characters without commas, got "a,b"']
    ],
    [
      "an empty name of a server",
      { server: { name: "" } },
      ['server.name: expected a name of 1 to 256 printable characters without commas, got ""']
    ],
    ["debug in words", { server: { debug: "on" } }, ['server.debug: expected true or false, got "on"']],
    ["a page in words", { server: { page: "yes" } }, ['server.page: expected true or false, got "yes"']],
    ["a misspelt key of a server", { server: { prot: 80 } }, ['server.prot: unknown key, did you mean "port"?']],
    ["an audit that is nothing", { audit: null }, ["audit: expected an object, got null"]],
    [
      "an audit that is kept for no time",
      { audit: { retention: "0 days" } },
      ['audit.retention: expected a duration above zero such as "10 minutes", got "0 days"']
    ],
    [
      "an audit that is kept for a number",
      { audit: { retention: 400 } },
      ['audit.retention: expected a duration above zero such as "10 minutes", got 400']
    ],
    [
      "an audit that is kept for ever",
      { audit: { retention: "forever" } },
      ['audit.retention: expected a duration above zero such as "10 minutes", got "forever"']
    ],
    ["a misspelt key of an audit", { audit: { retain: "1 day" } }, ["audit.retain: unknown key"]],
    [
      "all that is wrong at once",
      { server: { port: -1 }, tokens: [{ name: "", key: "a b", viewer: 1 }], rateLimit: { requests: 0 } },
      [
        "rateLimit.requests: expected an integer of at least 1, or null, got 0",
        "server.port: expected an integer from 0 to 65535, got -1",
        "tokens[0].key: expected a key without spaces and control characters, got <redacted>",
        'tokens[0].name: expected a non-empty string, got ""',
        "tokens[0].viewer: expected true or false, got 1"
      ]
    ]
  ]
  it.each(wrong)("%s", (_, sections, lines) => {
    assert.deepStrictEqual(
      linesOf(sections),
      lines.map((line) => `relay.yaml: ${line}`)
    )
  })
})

describe("a body, a query or a path of the admin API that is wrong is refused, with each field at once", () => {
  let relay: RunningRelay
  let admin: ReturnType<typeof adminOf>
  beforeAll(async () => {
    relay = await startRelay({ ...base, tokens: [{ name: "ops", key: "ops-secret-token", admin: true }] })
    admin = adminOf(relay.url, "ops-secret-token")
    await admin("POST", "tokens", { name: "a-token" })
  })
  afterAll(() => relay.close())

  const wrong: ReadonlyArray<
    readonly [
      what: string,
      method: string,
      path: string,
      body: unknown,
      status: number,
      faults: ReadonlyArray<readonly [field: string, code: string, message: string]>
    ]
  > = [
    ["a new token of nothing", "POST", "tokens", {}, 422, [["name", "missing", "Missing key"]]],
    ["a list for a new token", "POST", "tokens", [], 422, [["", "type", "Expected object"]]],
    ["a text for a new token", "POST", "tokens", '"alice"', 422, [["", "type", "Expected object"]]],
    ["no JSON", "POST", "tokens", "{name: alice}", 400, []],
    ["an empty body", "POST", "tokens", "", 400, []],
    [
      "a key of one's own",
      "POST",
      "tokens",
      { name: "n", key: "er-mine" },
      422,
      [["key", "unexpected", "Expected no excess property"]]
    ],
    ["an empty name", "POST", "tokens", { name: "" }, 422, [["name", "invalid", "Expected a non-empty string"]]],
    ["a name of spaces", "POST", "tokens", { name: " " }, 422, [["name", "invalid", "Expected a non-empty string"]]],
    ["a name that is a number", "POST", "tokens", { name: 5 }, 422, [["name", "type", "Expected a non-empty string"]]],
    [
      "a name that is too long",
      "POST",
      "tokens",
      { name: long },
      422,
      [["name", "invalid", "Expected a name of at most 256 characters"]]
    ],
    [
      "a name that no path has",
      "POST",
      "tokens",
      { name: ".." },
      422,
      [["name", "invalid", 'Expected another name than "." and ".."']]
    ],
    [
      "models that are no list",
      "POST",
      "tokens",
      { name: "n", models: "m" },
      422,
      [["models", "type", "Expected a list"]]
    ],
    [
      "a model that is none",
      "POST",
      "tokens",
      { name: "n", models: ["m", "", " m", 5] },
      422,
      [
        ["models[1]", "invalid", "Expected a model or a pattern of models, without spaces around it"],
        ["models[2]", "invalid", "Expected a model or a pattern of models, without spaces around it"],
        ["models[3]", "type", "Expected a model or a pattern of models, without spaces around it"]
      ]
    ],
    [
      "no model",
      "POST",
      "tokens",
      { name: "n", models: [] },
      422,
      [["models", "invalid", "Expected a model, as the token is no admin's and no viewer's, got an empty list"]]
    ],
    [
      "an empty group",
      "POST",
      "tokens",
      { name: "n", group: "" },
      422,
      [["group", "invalid", "Expected a non-empty string"]]
    ],
    [
      "a group that is a list",
      "POST",
      "tokens",
      { name: "n", group: ["a"] },
      422,
      [["group", "type", "Expected a non-empty string"]]
    ],
    [
      "rights in words",
      "POST",
      "tokens",
      { name: "n", admin: "yes", viewer: 1, enabled: null },
      422,
      [
        ["admin", "type", "Expected true or false"],
        ["viewer", "type", "Expected true or false"],
        ["enabled", "type", "Expected true or false"]
      ]
    ],
    [
      "a moment without a zone",
      "POST",
      "tokens",
      { name: "n", expiresAt: "2027-01-31T00:00:00" },
      422,
      [["expiresAt", "invalid", 'Expected a moment such as "2027-01-31T00:00:00Z"']]
    ],
    [
      "a moment as a number",
      "POST",
      "tokens",
      { name: "n", expiresAt: 1900000000000 },
      422,
      [["expiresAt", "type", 'Expected a moment such as "2027-01-31T00:00:00Z", or null']]
    ],
    [
      "a rate limit that is a number",
      "POST",
      "tokens",
      { name: "n", rateLimit: 60 },
      422,
      [["rateLimit", "type", "Expected an object, or null"]]
    ],
    [
      "a rate limit that is wrong in all",
      "POST",
      "tokens",
      { name: "n", rateLimit: { requests: 0, tokens: "x", per: "5", by: "token" } },
      422,
      [
        ["rateLimit.by", "unexpected", "Expected no excess property"],
        ["rateLimit.requests", "invalid", "Expected an integer of at least 1"],
        ["rateLimit.tokens", "type", "Expected an integer of at least 1"],
        ["rateLimit.per", "invalid", 'Expected a duration above zero such as "5 seconds" (at most 24 days)']
      ]
    ],
    [
      "a concurrency of none",
      "POST",
      "tokens",
      { name: "n", concurrency: 0 },
      422,
      [["concurrency", "invalid", "Expected an integer of at least 1"]]
    ],
    [
      "a concurrency in words",
      "POST",
      "tokens",
      { name: "n", concurrency: "3" },
      422,
      [["concurrency", "type", "Expected an integer of at least 1"]]
    ],
    [
      "addresses that are none",
      "POST",
      "tokens",
      { name: "n", addresses: ["10.0.0.1", "localhost", "10.0.0.0/33"] },
      422,
      [
        ["addresses[1]", "invalid", "Expected an address, or a network in the CIDR form"],
        ["addresses[2]", "invalid", "Expected an address, or a network in the CIDR form"]
      ]
    ],
    [
      "a quota of a part",
      "POST",
      "tokens",
      { name: "n", quota: { balance: 0.5 } },
      422,
      [["quota.balance", "invalid", "Expected an integer from 0 to 1000000000000"]]
    ],
    [
      "a budget that is wrong",
      "POST",
      "tokens",
      { name: "n", quota: { budget: { amount: -1, per: "week" } } },
      422,
      [
        ["quota.budget.amount", "invalid", "Expected an integer from 0 to 1000000000000"],
        ["quota.budget.per", "type", 'Expected "day" or "month"']
      ]
    ],
    [
      "a budget that lacks all",
      "POST",
      "tokens",
      { name: "n", quota: { budget: {} } },
      422,
      [
        ["quota.budget.amount", "missing", "Missing key"],
        ["quota.budget.per", "missing", "Missing key"]
      ]
    ],
    [
      "fields of nobody's",
      "POST",
      "tokens",
      { name: "n", colour: "red", fingerprint: "0", source: "file" },
      422,
      [
        ["colour", "unexpected", "Expected no excess property"],
        ["fingerprint", "unexpected", "Expected no excess property"],
        ["source", "unexpected", "Expected no excess property"]
      ]
    ],
    [
      "another name",
      "PATCH",
      "tokens/a-token",
      { name: "b" },
      422,
      [["name", "unexpected", "Expected no excess property"]]
    ],
    [
      "a key",
      "PATCH",
      "tokens/a-token",
      { key: "er-mine" },
      422,
      [["key", "unexpected", "Expected no excess property"]]
    ],
    [
      "what cannot be taken away",
      "PATCH",
      "tokens/a-token",
      { models: null, group: null, admin: null, viewer: null, enabled: null },
      422,
      [
        ["models", "type", "Expected a list"],
        ["group", "type", "Expected a non-empty string"],
        ["admin", "type", "Expected true or false"],
        ["viewer", "type", "Expected true or false"],
        ["enabled", "type", "Expected true or false"]
      ]
    ],
    [
      "a time that is too long",
      "POST",
      "tokens",
      { name: "n", rateLimit: { per: "30 days" } },
      422,
      [["rateLimit.per", "invalid", 'Expected a duration above zero such as "5 seconds" (at most 24 days)']]
    ],
    [
      "wrong kinds",
      "PATCH",
      "tokens/a-token",
      { expiresAt: 5, rateLimit: "x", concurrency: "x", addresses: "x", quota: 5 },
      422,
      [
        ["expiresAt", "type", 'Expected a moment such as "2027-01-31T00:00:00Z", or null'],
        ["rateLimit", "type", "Expected an object, or null"],
        ["concurrency", "type", "Expected an integer of at least 1"],
        ["addresses", "type", "Expected a list, or null"],
        ["quota", "type", "Expected an object, or null"]
      ]
    ],
    [
      "no model any more",
      "PATCH",
      "tokens/a-token",
      { models: [] },
      422,
      [["models", "invalid", "Expected a model, as the token is no admin's and no viewer's, got an empty list"]]
    ],
    ["nothing at all", "PATCH", "tokens/a-token", "", 400, []],
    [
      "a grace as a number",
      "POST",
      "tokens/a-token/rotate",
      { grace: 60 },
      422,
      [["grace", "type", 'Expected a duration such as "10 minutes", or "0 seconds" for none']]
    ],
    [
      "a grace below none",
      "POST",
      "tokens/a-token/rotate",
      { grace: "-1 seconds" },
      422,
      [["grace", "invalid", 'Expected a duration such as "10 minutes", or "0 seconds" for none']]
    ],
    [
      "a misspelt grace",
      "POST",
      "tokens/a-token/rotate",
      { graze: "1 day" },
      422,
      [["graze", "unexpected", "Expected no excess property"]]
    ],
    ["a code in words", "DELETE", "streams/x", { code: "1" }, 422, [["code", "type", "Expected an integer"]]],
    [
      "a reason that is none",
      "DELETE",
      "streams/x",
      { reason: 5 },
      422,
      [["reason", "type", "Expected a text of at most 1024 characters"]]
    ],
    [
      "a reason that is too long",
      "DELETE",
      "streams/x",
      { reason: "x".repeat(1025) },
      422,
      [["reason", "invalid", "Expected a text of at most 1024 characters"]]
    ],
    ["no rows", "GET", "audit?limit=0", undefined, 422, [["limit", "invalid", "Expected a value between 1 and 1000"]]],
    [
      "too many rows",
      "GET",
      "audit?limit=1001",
      undefined,
      422,
      [["limit", "invalid", "Expected a value between 1 and 1000"]]
    ],
    ["rows in words", "GET", "tokens?limit=all", undefined, 422, [["limit", "invalid", "Expected an integer"]]],
    [
      "an empty cursor",
      "GET",
      "tokens?cursor=",
      undefined,
      422,
      [["cursor", "invalid", "Expected the `next` of another page"]]
    ],
    [
      "a filter of nobody's",
      "GET",
      "tokens?name=a&limit=2.5",
      undefined,
      422,
      [
        ["name", "unexpected", "Expected no excess property"],
        ["limit", "invalid", "Expected an integer"]
      ]
    ],
    [
      "a filter of streams of nobody's",
      "GET",
      "streams?model=m",
      undefined,
      422,
      [["model", "unexpected", "Expected no excess property"]]
    ]
  ]
  it.each(wrong)("%s: %s %s", async (_, method, path, body, status, faults) => {
    const refused = await admin(method, path, body)
    assert.strictEqual(refused.status, status)
    assert.deepStrictEqual(faultsIn(refused), faults)
    if (status === 422) {
      const { message } = (refused.body as { readonly error: { readonly message: string } }).error
      const many = faults.length === 1 ? "1 field is" : `${faults.length} fields are`
      assert.isTrue(message.startsWith(`${many} not valid.`), message)
    }
  })

  it.each([
    ["POST", "tokens", `{"name":${"[".repeat(64)}${"]".repeat(64)}}`],
    ["PATCH", "settings", `{"retry.times":${'{"a":'.repeat(64)}1${"}".repeat(64)}}`]
  ])("%s %s: what is nested deeper than 64 levels is 400, and no fault of a field", async (method, path, text) => {
    const refused = await admin(method, path, text)
    assert.strictEqual(refused.status, 400)
    const { details, message, reason } = (refused.body as { error: Record<string, unknown> }).error
    assert.deepStrictEqual(
      [reason, message, details],
      ["bad_request_body", "the body is nested deeper than 64 levels", undefined]
    )
  })

  it("and changes nothing", async () => {
    const { data } = (await admin("GET", "tokens")).body as { readonly data: ReadonlyArray<{ readonly name: string }> }
    assert.deepStrictEqual(
      data.map(({ name }) => name),
      ["ops", "a-token"]
    )
    const audit = (await admin("GET", "audit")).body as { readonly data: ReadonlyArray<object> }
    assert.lengthOf(audit.data, 1)
  })
})
