/**
 * What is secret is said where it is declared, and nowhere else: a section that nobody has heard of keeps its secrets
 * too.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import {
  declare,
  type Environment,
  Fields,
  fillIn,
  formatPath,
  Settings,
  type SettingsService,
  settingsFile
} from "#src/settings/index"

const { integer, list, optional, record, required, secret, secretText, section, someList, someText, text } = Fields

const place = secretText("a URL of redis", (value) => value.startsWith("redis://"))
const file = settingsFile({
  sections: [
    declare({
      name: "store",
      description: "A store of later.",
      schema: section({
        url: required(place, "Where it is."),
        name: optional(
          text("a short name", (value) => value.length < 5),
          "What it is called."
        ),
        also: optional(secret(someList(place, "a list of URLs")), "More of them."),
        by: optional(record(place, "a name"), "By name."),
        tries: optional(integer(1), "How often."),
        who: optional(secret(section({ key: required(someText, "What.") })), "Who.")
      }),
      absent: undefined,
      changes: { _tag: "Restart" }
    })
  ]
})

const lines = (store: unknown): ReadonlyArray<string> => {
  const faults = Result.getOrThrow(Result.flip(Settings.make(file, { store })))
  return faults.map(({ message, path }) => `${formatPath(path)}: ${message}`)
}

describe("a fault", () => {
  it.each([
    [{ url: "hush" }, "store.url: expected a URL of redis, got <redacted>"],
    [{ url: 5 }, "store.url: expected a URL of redis, got <redacted>"],
    [{ url: ["hush"] }, "store.url: expected a URL of redis, got a list"],
    [{ url: "redis://x", also: "hush" }, "store.also: expected a list of URLs, got <redacted>"],
    [{ url: "redis://x", also: ["hush"] }, "store.also[0]: expected a URL of redis, got <redacted>"],
    [{ url: "redis://x", by: { a: "hush" } }, "store.by.a: expected a URL of redis, got <redacted>"],
    [{ url: "redis://x", who: "hush" }, "store.who: expected an object, got <redacted>"],
    [{ url: "redis://x", who: { key: "x", kee: "hush" } }, 'store.who.kee: unknown key, did you mean "key"?'],
    [{ url: "redis://x", name: "no secret" }, 'store.name: expected a short name, got "no secret"'],
    [{ url: "redis://x", tries: 0 }, "store.tries: expected an integer of at least 1, got 0"],
    [{ url: "redis://x", name: "https://u:hush@x" }, "store.name: expected a short name, got <redacted>"]
  ])("of %j tells no secret", (store, line) => {
    assert.deepStrictEqual(lines(store), [line])
  })
})

describe("S5: the secrets of settings, as values", () => {
  const keys = declare({
    name: "keys",
    description: "Keys.",
    schema: section({ list: required(list(Fields.Secret), "Some."), note: optional(someText, "Words.") }),
    absent: undefined,
    changes: { _tag: "Reload" }
  })
  const proxy = declare({
    name: "proxy",
    description: "A proxy.",
    schema: section({ url: optional(someText, "Where.") }),
    absent: {},
    changes: { _tag: "AnyTime", fields: "all" }
  })
  const made = (written: { readonly [section: string]: unknown }, environment: Environment = {}) =>
    Result.getOrThrow(Settings.make(settingsFile({ sections: [keys, proxy] }), fillIn(written, environment)))
  const secretsOf = (settings: SettingsService) => [...settings.secrets.current].toSorted()

  it("are keys, what came out of the environment, and credentials in URLs; nothing else", () => {
    const settings = made(
      {
        keys: { list: ["literal-key", "${KEY}"], note: "a ${PART} of a note" },
        proxy: { url: "http://user:p%40ss@proxy:3128/?x=1" }
      },
      { KEY: "key-of-environment", PART: "part" }
    )
    assert.deepStrictEqual(secretsOf(settings), [
      "key-of-environment",
      "literal-key",
      "p%40ss",
      "p@ss",
      "part",
      "user:p%40ss",
      "user:p@ss"
    ])
  })
  it("of a URL that came out of the environment are its credentials too", () => {
    const settings = made({ keys: { list: [] }, proxy: { url: "${PROXY}" } }, { PROXY: "http://me:word@proxy" })
    assert.deepStrictEqual(secretsOf(settings), ["http://me:word@proxy", "me:word", "word"])
  })
  it.effect("are told when they change, before the section that has them", () =>
    Effect.gen(function* () {
      const settings = made({ keys: { list: ["first-key"] } })
      const told: Array<string> = []
      settings.secrets.subscribe((secrets) => told.push([...secrets].join(" ")))
      settings.of(keys).subscribe(() => told.push("the section"))
      yield* settings.reload(fillIn({ keys: { list: ["second-key"] } }, {}))
      assert.deepStrictEqual(told, ["second-key", "the section"])
    })
  )
})
