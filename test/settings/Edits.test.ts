/**
 * What was said by hand and kept: as much of it counts as the file allows, also a file that has changed since.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import { ChannelSection, TimeoutsSection } from "#src/channel/index"
import { decodeConfiguration } from "#src/cli/index"
import { RetrySection } from "#src/relay/index"
import {
  type Addition,
  type Change,
  Edits,
  fillIn,
  formatPath,
  Settings,
  type SettingsFile,
  settingsFile,
  type SettingsService
} from "#src/settings/index"

const channel = (id: string, more: object = {}) => ({
  id,
  dialect: "openai",
  baseUrl: "https://api.example.com/v1",
  keys: [`sk-of-${id}`],
  models: ["m"],
  ...more
})
const settingsOf = (input: object, environment: Record<string, string> = {}): SettingsService =>
  Result.getOrThrow(decodeConfiguration(input, environment, "test")).settings
const file = (more: object = {}) => ({ channels: [channel("primary"), channel("backup")], ...more })
const change = (path: string, value: unknown): Change => ({ _tag: "Change", path, value })
const addition = (id: string, more: object = {}): Addition => ({
  _tag: "Addition",
  list: "channels",
  entry: channel(id, more)
})
const ids = (settings: SettingsService) => settings.of(ChannelSection).current.map(({ id }) => id)
const saidOf = (settings: SettingsService, path: string) => settings.list().find((one) => one.path === path)

describe("edits that were kept", () => {
  it("all count where the file allows it, and nobody is told more than once", () => {
    const settings = settingsOf(file())
    let told = 0
    settings.of(ChannelSection).subscribe(() => told++)
    const left = settings.adopt([
      addition("third", { priority: 3 }),
      change("channels.third.priority", 7),
      change("timeouts.idle", "1 second")
    ])
    assert.deepStrictEqual(left, [])
    assert.deepStrictEqual(ids(settings), ["primary", "backup", "third"])
    assert.strictEqual(settings.of(ChannelSection).current[2]?.priority, 7)
    assert.strictEqual(settings.of(TimeoutsSection).current.idle, 1000)
    assert.strictEqual(told, 1)
  })

  it("are none at nearly every start, and then the file is not read once more", () => {
    const known = settingsFile({ sections: [TimeoutsSection] })
    let read = 0
    const counted: SettingsFile = { ...known, decode: (tree) => (read++, known.decode(tree)) }
    const settings = Result.getOrThrow(Settings.make(counted, { timeouts: { idle: "5 seconds" } }))
    assert.strictEqual(read, 1)
    assert.deepStrictEqual(settings.adopt([]), [])
    assert.strictEqual(read, 1)
    settings.adopt([change("timeouts.idle", "1 second")])
    assert.deepStrictEqual(settings.adopt([]), [])
    assert.strictEqual(settings.of(TimeoutsSection).current.idle, 5000)
    settings.adopt([change("timeouts.idle", "soon")])
    assert.deepStrictEqual(settings.adopt([]), [])
    assert.deepStrictEqual(settings.edits().leftOut, [])
  })

  it("are left out where the file has made them wrong, and say why; the others count", () => {
    const settings = settingsOf(file({ retry: { base: "1 minute", cap: "2 minutes" } }))
    const left = settings.adopt([
      change("retry.cap", "10 seconds"),
      change("timeouts.idle", "1 second"),
      change("timeouts.nothing", 1),
      change("server.port", 1),
      change("channels.gone.priority", 1),
      addition("backup"),
      addition("third", { dialect: "morse" })
    ])
    assert.deepStrictEqual(
      left.map(({ edit, faults }) => [
        edit._tag === "Change" ? edit.path : Edits.nameOf(settings.edits().edited.file, edit),
        faults.map(({ message, path }) => `${formatPath(path)}: ${message}`)
      ]),
      [
        ["retry.cap", ['retry.base: expected at most retry.cap (10000 millis), got "1 minute"']],
        ["timeouts.nothing", ["timeouts.nothing: there is no such setting"]],
        ["server.port", ["server.port: can only be changed by a restart"]],
        ["channels.gone.priority", ["channels.gone.priority: there is none of that id in channels"]],
        ["backup", ["channels.backup: the file has one of that name"]],
        ["third", ['channels.third.dialect: expected "openai" or "responses" or "anthropic" or "gemini", got "morse"']]
      ]
    )
    assert.strictEqual(settings.of(RetrySection).current.cap, 120_000)
    assert.strictEqual(settings.of(TimeoutsSection).current.idle, 1000)
    assert.deepStrictEqual(ids(settings), ["primary", "backup"])
  })

  it("that need each other count together", () => {
    const settings = settingsOf(file({ retry: { cap: "10 seconds" } }))
    assert.deepStrictEqual(settings.adopt([change("retry.base", "1 minute"), change("retry.cap", "2 minutes")]), [])
    assert.strictEqual(settings.of(RetrySection).current.base, 60_000)
  })

  it("that were left out count again when the file allows it; those that count are never given up for them", () => {
    const settings = settingsOf(file({ retry: { base: "1 minute", cap: "2 minutes" } }))
    settings.adopt([change("retry.cap", "10 seconds"), change("channels.third.priority", 5)])
    Effect.runSync(settings.reload(fillIn({ channels: [channel("third")] }, {})))
    assert.strictEqual(settings.of(RetrySection).current.cap, 10_000)
    assert.strictEqual(settings.of(ChannelSection).current[0]?.priority, 5)
    const lines = Effect.runSync(
      Effect.flip(settings.reload(fillIn(file({ retry: { base: "1 minute", cap: "2 minutes" } }), {})))
    ).lines
    assert.deepStrictEqual(lines, ['settings: retry.base: expected at most retry.cap (10000 millis), got "1 minute"'])
    assert.deepStrictEqual(settings.edits().leftOut, [])
  })

  it("are told by the names that were said, also within an entry that was added", () => {
    const settings = settingsOf(file())
    const current = settings.edits().edited
    const faults = Result.match(Edits.add(current, "channels", channel("third", { weight: -1, keys: ["a b"] })), {
      onSuccess: () => [],
      onFailure: (all) => all.map(({ message, path }) => `${formatPath(path)}: ${message}`)
    })
    assert.deepStrictEqual(faults, [
      "channels.third.keys[0]: expected a key without spaces and control characters, got <redacted>",
      "channels.third.weight: expected a number of at least 0, got -1"
    ])
  })

  it("say nothing of the environment", () => {
    const settings = settingsOf(file())
    const lines = Effect.runSync(Effect.flip(settings.change({ "recovery.prompt": "go on, ${HOME}" }))).lines
    assert.deepStrictEqual(lines, [
      "settings: recovery.prompt: a variable of the environment can only be named in the file"
    ])
    Effect.runSync(settings.change({ "recovery.prompt": "go on, $${HOME}" }))
    assert.strictEqual(saidOf(settings, "recovery.prompt")?.value, "go on, ${HOME}")
  })

  it("an entry that is replaced loses the changes of what it says anew, and one that is removed all of them", () => {
    const settings = settingsOf(file())
    settings.adopt([
      addition("third"),
      change("channels.third.priority", 7),
      change("channels.third.weight", 3),
      change("channels.third.timeouts.idle", "1 second")
    ])
    const replaced = Result.getOrThrow(
      Edits.replace(settings.edits().edited, {
        list: "channels",
        name: "third",
        entry: channel("third", { priority: 1, timeouts: {} }),
        fields: ["priority", "timeouts"]
      })
    )
    settings.adopt(replaced.edits)
    const { priority, timeouts, weight } = settings.of(ChannelSection).current[2]!
    assert.deepStrictEqual([priority, weight, timeouts], [1, 3, {}])
    const removed = Result.getOrThrow(Edits.remove(settings.edits().edited, "channels", "third"))
    assert.deepStrictEqual(removed.edits, [])
  })
})

describe("the list of settings", () => {
  it("says of each what it is, what it would be, who has said it, and whether it may be changed", () => {
    const settings = settingsOf(file({ timeouts: { idle: "3 seconds" } }))
    Effect.runSync(settings.change({ "timeouts.total": "1 hour", "channels.backup.weight": 4 }))
    const said = (path: string) => {
      const found = saidOf(settings, path)
      return found && [found.value, found.default, found.source, found.changeable]
    }
    assert.deepStrictEqual(said("timeouts.idle"), ["3 seconds", "60 seconds", "file", true])
    assert.deepStrictEqual(said("timeouts.total"), ["1 hour", "10 minutes", "admin", true])
    assert.deepStrictEqual(said("timeouts.headers"), ["30 seconds", "30 seconds", "default", true])
    assert.deepStrictEqual(said("retry.budget.ratio"), [0.2, 0.2, "default", true])
    assert.deepStrictEqual(said("server.port"), [8080, 8080, "default", false])
    assert.deepStrictEqual(said("channels.backup.weight"), [4, 1, "admin", true])
    assert.deepStrictEqual(said("channels.backup.models"), [["m"], undefined, "file", true])
    assert.deepStrictEqual(said("channels.backup.dialect"), ["openai", undefined, "file", false])
    assert.deepStrictEqual(said("rateLimit.requests"), [null, null, "default", true])
    assert.isTrue(settings.list().every(({ description }) => description !== ""))
    assert.strictEqual(new Set(settings.list().map(({ path }) => path)).size, settings.list().length)
  })

  it("shows a default that follows another value as it is", () => {
    const settings = settingsOf(file())
    Effect.runSync(settings.change({ "breaker.open": "1 minute" }))
    assert.strictEqual(saidOf(settings, "breaker.cap")?.value, "1 minute")
  })

  it("shows no secret: nothing of the environment, no key, no header, no password of a URL", () => {
    const settings = settingsOf(
      {
        recovery: { prompt: "${PROMPT}" },
        sensitiveWords: { words: ["bluebird"] },
        tokens: [{ name: "alice", key: "planted-token" }],
        channels: [
          channel("a", {
            keys: ["${KEY}", "planted-key"],
            models: ["m", "${MODEL}"],
            headers: { "x-trace": "planted-header" },
            proxy: "http://user:planted-password@proxy:3128",
            baseUrl: "https://api.example.com/v1?api-key=planted-query"
          })
        ]
      },
      { KEY: "planted-environment", MODEL: "planted-model", PROMPT: "planted-prompt" }
    )
    settings.adopt([addition("b", { keys: ["planted-added"] })])
    const text = JSON.stringify(settings.list())
    assert.notInclude(text, "planted")
    const valueOf = (path: string) => saidOf(settings, path)?.value
    assert.deepStrictEqual(valueOf("channels.a.models"), ["m", null])
    assert.deepStrictEqual(
      ["channels.a.keys", "channels.b.keys", "channels.a.baseUrl", "recovery.prompt", "tokens.alice.key"].map(valueOf),
      [null, null, null, null, null]
    )
    assert.deepStrictEqual(valueOf("sensitiveWords.words"), ["bluebird"], "who may change them sees them")
    assert.strictEqual(saidOf(settings, "channels.b.priority")?.source, "default")
    assert.strictEqual(saidOf(settings, "channels.b.dialect")?.source, "admin")
  })
})

describe("change and reset", () => {
  const leaves: ReadonlyArray<readonly [path: string, value: fc.Arbitrary<unknown>]> = [
    ["timeouts.idle", fc.constantFrom("1 second", "2 seconds")],
    ["retry.times", fc.nat(9)],
    ["retry.budget.ratio", fc.constantFrom(0, 0.5)],
    ["breaker.open", fc.constantFrom("1 second", "10 seconds")],
    ["rateLimit.requests", fc.integer({ min: 1, max: 100 })],
    ["chat.model", fc.constantFrom("m", null)],
    ["sensitiveWords.words", fc.array(fc.constantFrom("a", "b"))],
    ["channels.backup.models", fc.constant(["m", "n"])],
    ["channels.backup.timeouts.idle", fc.constant("1 second")]
  ]
  const changes = fc
    .uniqueArray(fc.nat(leaves.length - 1), { minLength: 1 })
    .chain((at) => fc.record(Object.fromEntries(at.map((index) => [leaves[index]![0], leaves[index]![1]]))))

  it("one after the other are nothing: of every value, and in any order", () => {
    fc.assert(
      fc.property(changes, fc.infiniteStream(fc.nat()), (values, chance) => {
        const settings = settingsOf(file({ timeouts: { idle: "3 seconds" } }))
        const before = settings.list()
        Effect.runSync(settings.change(values))
        const paths = Object.keys(values)
        assert.deepStrictEqual(
          settings
            .list()
            .filter(({ source }) => source === "admin")
            .map(({ path }) => path)
            .toSorted(),
          paths.toSorted()
        )
        while (paths.length > 0) {
          const at = (chance.next().value as number) % paths.length
          Effect.runSync(settings.reset(paths.splice(at, 1)))
        }
        assert.deepStrictEqual(settings.list(), before)
      }),
      { numRuns: 50 }
    )
  })
})
