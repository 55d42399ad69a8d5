/**
 * Settings that change while a program runs: checked as the file is, all or nothing, seen at once, and taken back.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { BreakerSection, ChannelSection, TimeoutsSection } from "#src/channel/index"
import { decodeConfiguration } from "#src/cli/index"
import { RetrySection } from "#src/relay/index"
import { ServerSection } from "#src/server/index"
import { TokensSection } from "#src/account/index"
import { type ConfigurationFaults, fillIn, type Section, type SettingsService } from "#src/settings/index"

const channel = (id: string, more: object = {}) => ({
  id,
  dialect: "openai",
  baseUrl: "https://api.example.com/v1",
  keys: ["sk-secret"],
  models: ["m"],
  ...more
})

const file = (more: object = {}) => ({ channels: [channel("primary"), channel("backup")], ...more })

const settingsOf = (input: object): SettingsService =>
  Result.getOrThrow(decodeConfiguration(input, {}, "test")).settings

const refusal = (effect: Effect.Effect<void, ConfigurationFaults>): ReadonlyArray<string> =>
  Effect.runSync(Effect.flip(effect)).lines.map((line) => line.replace(/^settings: /, ""))

const priorities = (settings: SettingsService) =>
  settings.of(ChannelSection).current.map(({ id, priority }) => [id, priority])

describe("a change", () => {
  it("is seen by whoever holds the cell, and told to who subscribed, once", () => {
    const settings = settingsOf(file())
    const timeouts = settings.of(TimeoutsSection)
    const told: Array<number> = []
    const end = timeouts.subscribe(({ idle }) => void told.push(idle))
    Effect.runSync(settings.change({ "timeouts.idle": "1 second" }))
    assert.strictEqual(timeouts.current.idle, 1000)
    assert.strictEqual(timeouts.current.total, 600_000)
    Effect.runSync(settings.change({ "retry.times": 0 }))
    end()
    Effect.runSync(settings.change({ "timeouts.idle": "2 seconds" }))
    assert.deepStrictEqual(told, [1000])
  })

  it("of several values is seen as one: no listener sees half of it", () => {
    const settings = settingsOf(file())
    const [timeouts, retry] = [settings.of(TimeoutsSection), settings.of(RetrySection)]
    const seen: Array<readonly [number, number]> = []
    for (const cell of [timeouts, retry]) {
      cell.subscribe(() => void seen.push([timeouts.current.idle, retry.current.times]))
    }
    Effect.runSync(settings.change({ "timeouts.idle": "1 second", "retry.times": 7 }))
    assert.deepStrictEqual(seen, [
      [1000, 7],
      [1000, 7]
    ])
  })

  it("names an entry of a list by its id, wherever it stands", () => {
    const settings = settingsOf(file())
    Effect.runSync(settings.change({ "channels.backup.priority": 5, "channels.primary.enabled": false }))
    assert.deepStrictEqual(
      settings.of(ChannelSection).current.map(({ enabled, id, priority }) => [id, priority, enabled]),
      [
        ["primary", 0, false],
        ["backup", 5, true]
      ]
    )
  })

  it("that is wrong changes nothing, and every fault is told by the path that was said", () => {
    const settings = settingsOf(file())
    const before = settings.of(TimeoutsSection).current
    assert.deepStrictEqual(
      refusal(
        settings.change({
          "timeouts.idle": "1 second",
          "timeouts.total": 5,
          "channels.backup.weight": -1,
          "channels.backup.timeouts.idle": "never"
        })
      ),
      [
        'channels.backup.timeouts.idle: expected a duration above zero such as "5 seconds" (at most 24 days), got "never"',
        "channels.backup.weight: expected a number of at least 0, got -1",
        'timeouts.total: expected a duration above zero such as "5 seconds" (at most 24 days), got 5'
      ]
    )
    assert.strictEqual(settings.of(TimeoutsSection).current, before)
  })

  it("obeys the rules over several fields", () => {
    const settings = settingsOf(file({ retry: { base: "1 second", cap: "10 seconds" } }))
    assert.deepStrictEqual(refusal(settings.change({ "retry.base": "1 minute" })), [
      'retry.base: expected at most retry.cap (10000 millis), got "1 minute"'
    ])
    Effect.runSync(settings.change({ "retry.base": "1 minute", "retry.cap": "2 minutes" }))
    assert.strictEqual(settings.of(RetrySection).current.base, 60_000)
  })

  it("lets a default follow it, as the file does", () => {
    const settings = settingsOf(file())
    Effect.runSync(settings.change({ "breaker.open": "1 minute" }))
    const { cap, open } = settings.of(BreakerSection).current
    assert.deepStrictEqual([open, cap], [60_000, 60_000])
  })

  it.each([
    ["timeout.idle", "there is no such setting, did you mean timeouts?"],
    ["timeouts.idel", "there is no such setting, did you mean idle?"],
    ["timeouts", "name one of its values"],
    ["retry.budget", "name one of its values"],
    ["server.port", "can only be changed by a restart"],
    ["server.__proto__", "there is no such setting"],
    ["__proto__.x", "there is no such setting"],
    ["", "there is no such setting"],
    ["tokens.alice.admin", "there is none of that name in tokens"],
    ["channels.other.priority", "there is none of that id in channels"],
    ["channels.primary", "name one of its values"],
    ["channels.primary.keys", "can only be changed in the file"],
    ["channels.primary.timeouts", "name one of its values"],
    ["channels.primary.modelMapping.gpt-4", "can only be changed in the file"],
    ["channels.0.priority", "there is none of that id in channels"],
    ["prices.gpt-4o", "name prices, with all that is to be in it"],
    ["prices.gpt-4o.input", "name prices, with all that is to be in it"],
    ["prices.gpt-4.1", "name prices, with all that is to be in it"]
  ])("of %s is refused: %s", (path, message) => {
    const settings = settingsOf(file())
    const [line, ...more] = refusal(settings.change({ [path]: 1 }))
    assert.strictEqual(line?.split(": ").at(-1), message)
    assert.deepStrictEqual(more, [])
    assert.deepStrictEqual(refusal(settings.reset([path])).length, 1)
  })

  it("takes an object value by value, and takes all of it back by its own path", () => {
    const settings = settingsOf(file())
    const clocks = () => settings.of(ChannelSection).current[0]!.timeouts
    const before = clocks()
    Effect.runSync(settings.change({ "channels.primary.timeouts": { idle: "7 seconds", headers: "3 seconds" } }))
    assert.deepInclude(clocks(), { idle: 7000, headers: 3000 })
    assert.deepStrictEqual(
      refusal(settings.change({ "channels.primary.timeouts": { idle: "soon", idel: "1 second" } })).length,
      2
    )
    Effect.runSync(settings.reset(["channels.primary.timeouts"]))
    assert.deepStrictEqual(clocks(), before)
  })

  it("never tells a secret", () => {
    const settings = settingsOf(file({ tokens: [{ name: "alice", key: "er-secret" }] }))
    const lines = [
      ...refusal(settings.change({ "channels.primary.keys": ["sk-new secret"] })),
      ...refusal(settings.reload(fillIn(file({ tokens: [{ name: "alice", key: "a secret with spaces" }] }), {})))
    ]
    assert.strictEqual(lines.length, 2)
    for (const line of lines) assert.notInclude(line, "secret")
  })

  it("is taken back: the file's value counts again, or the default", () => {
    const settings = settingsOf(file({ timeouts: { idle: "3 seconds" } }))
    Effect.runSync(settings.change({ "timeouts.idle": "1 second", "timeouts.total": "1 hour" }))
    Effect.runSync(settings.reset(["timeouts.idle", "timeouts.total"]))
    const { idle, total } = settings.of(TimeoutsSection).current
    assert.deepStrictEqual([idle, total], [3000, 600_000])
  })

  it("cannot be taken back where what is left breaks a rule", () => {
    const settings = settingsOf(file({ retry: { base: "1 second", cap: "2 seconds" } }))
    Effect.runSync(settings.change({ "retry.base": "3 seconds", "retry.cap": "4 seconds" }))
    assert.deepStrictEqual(refusal(settings.reset(["retry.cap"])), [
      'retry.base: expected at most retry.cap (2000 millis), got "3 seconds"'
    ])
    assert.strictEqual(settings.of(RetrySection).current.cap, 4000)
  })
})

describe("another reading of the file", () => {
  it("replaces what it says; what was changed by hand wins still", () => {
    const settings = settingsOf(file())
    Effect.runSync(settings.change({ "channels.backup.priority": 5 }))
    const next = {
      channels: [channel("new"), channel("backup", { priority: 1 })],
      tokens: [{ name: "alice", key: "k" }],
      timeouts: { idle: "1 second" }
    }
    Effect.runSync(settings.reload(fillIn(next, {})))
    assert.deepStrictEqual(priorities(settings), [
      ["new", 0],
      ["backup", 5]
    ])
    assert.deepStrictEqual(
      settings.of(TokensSection).current.map(({ name }) => name),
      ["alice"]
    )
    assert.strictEqual(settings.of(TimeoutsSection).current.idle, 1000)
    Effect.runSync(settings.reset(["channels.backup.priority"]))
    assert.deepStrictEqual(priorities(settings)[1], ["backup", 1])
  })

  it("keeps the changes of an entry that is away until it is back", () => {
    const settings = settingsOf(file())
    Effect.runSync(settings.change({ "channels.backup.priority": 5 }))
    Effect.runSync(settings.change({ "channels.backup.weight": 5 }))
    Effect.runSync(settings.reload(fillIn({ channels: [channel("primary")] }, {})))
    assert.deepStrictEqual(priorities(settings), [["primary", 0]])
    assert.strictEqual(refusal(settings.change({ "channels.backup.priority": 6 })).length, 1)
    Effect.runSync(settings.reset(["channels.backup.weight"]))
    Effect.runSync(settings.reload(fillIn(file(), {})))
    assert.deepStrictEqual(priorities(settings)[1], ["backup", 5])
    assert.strictEqual(settings.of(ChannelSection).current[1]?.weight, 1)
  })

  it("with a fault changes nothing", () => {
    const settings = settingsOf(file())
    const before = settings.of(ChannelSection).current
    const lines = refusal(settings.reload(fillIn({ timeouts: { idle: "1 second" }, channels: [{ id: "x" }] }, {})))
    assert.include(lines, "channels[0].baseUrl: expected a URL, got nothing")
    assert.strictEqual(settings.of(ChannelSection).current, before)
    assert.strictEqual(settings.of(TimeoutsSection).current.idle, 60_000)
  })

  it("tells nobody whose section says the same", () => {
    const mapped = (mapping: string) => ({
      channels: [channel("a", { models: ["*"], modelMapping: new Map(JSON.parse(mapping)) })]
    })
    const settings = settingsOf(mapped('[["5","x"],["4","y"]]'))
    let told = 0
    const sections: ReadonlyArray<Section<unknown>> = [TimeoutsSection, BreakerSection, ChannelSection]
    for (const section of sections) settings.of(section).subscribe(() => told++)
    Effect.runSync(settings.reload(fillIn(mapped('[["5","x"],["4","y"]]'), {})))
    assert.strictEqual(told, 0)
    Effect.runSync(settings.reload(fillIn(mapped('[["4","y"],["5","x"]]'), {})))
    assert.strictEqual(told, 1, "the order of patterns means something")
    assert.deepStrictEqual(settings.of(ChannelSection).current[0]?.modelMapping, [
      ["4", "y"],
      ["5", "x"]
    ])
  })

  it("says of each value that needs a restart that it does, and changes nothing", () => {
    const settings = settingsOf(file())
    const next = file({
      server: { port: 1, host: "localhost" },
      store: { type: "memory" },
      timeouts: { idle: "1 second" }
    })
    assert.deepStrictEqual(refusal(settings.reload(fillIn(next, {}))), [
      "server.host: can only be changed by a restart",
      "server.port: can only be changed by a restart",
      "store.path: can only be changed by a restart",
      "store.type: can only be changed by a restart",
      "store.wait: can only be changed by a restart"
    ])
    assert.strictEqual(settings.of(TimeoutsSection).current.idle, 60_000)
    // A default that is written out is what it was.
    Effect.runSync(settings.reload(fillIn(file({ server: { port: 8080 } }), {})))
    assert.strictEqual(settings.of(ServerSection).current.port, 8080)
  })

  it("of a variable that is missing is refused by its path", () => {
    const settings = settingsOf(file())
    const next = { channels: [channel("a", { keys: ["${MISSING}"] })] }
    assert.deepStrictEqual(refusal(settings.reload(fillIn(next, {}))), [
      "channels[0].keys[0]: the environment variable MISSING is not set"
    ])
  })

  it("may not take the last token away where others can reach the relay", () => {
    const settings = settingsOf(file({ server: { host: "0.0.0.0" }, tokens: [{ name: "alice", key: "k" }] }))
    assert.deepStrictEqual(refusal(settings.reload(fillIn(file({ server: { host: "0.0.0.0" } }), {}))), [
      'server.host: expected a loopback host (127.0.0.0/8, ::1, localhost), as there are no tokens, got "0.0.0.0"'
    ])
  })
})
