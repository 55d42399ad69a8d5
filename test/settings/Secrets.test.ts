/**
 * What is secret is said where it is declared, and nowhere else: a section that nobody has heard of keeps its secrets
 * too.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { declare, Fields, formatPath, Settings, settingsFile } from "#src/settings/index"

const { integer, optional, record, required, secret, secretText, section, someList, someText, text } = Fields

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
