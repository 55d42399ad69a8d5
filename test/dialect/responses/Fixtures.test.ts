/**
 * What OpenAI writes on its Responses route passes to a Responses client with every field but ids, model and times, and is
 * read by the SDK's helper as what was sent.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import type { JsonObject } from "#src/dialect/Json"
import { decodeAll, jsonOf, lastOf, play, sdkReads, wholeOf } from "./kit.ts"

const good = [
  "text",
  "cached",
  "tools",
  "parallelTools",
  "reasoning",
  "reasoningTools",
  "reasoningSealed",
  "refusal",
  "incomplete",
  "contentFilter",
  "search",
  "unknown"
] as const

const eventsOf = (name: string): ReadonlyArray<JsonObject> =>
  readFileSync(new URL(`./fixtures/${name}.sse`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice(6)) as JsonObject)

// Ids are ours, and so are the model's name and the times, and whether an answer is kept is asked of us. Padding is for who
// listens on the way from the upstream.
const ours: ReadonlySet<string> = new Set([
  "id",
  "item_id",
  "model",
  "created_at",
  "completed_at",
  "sequence_number",
  "store",
  "obfuscation"
])

const withoutOurs = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutOurs)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => !ours.has(field))
      .map(([field, inner]) => [field, withoutOurs(inner)])
  )
}

describe("what a Responses upstream streams", () => {
  it.each(good)("%s: passes to a Responses client with every field", (name) => {
    const { payloads, verdict } = play(decodeAll(eventsOf(name)))
    assert.strictEqual(verdict._tag, "Complete")
    const told = jsonOf(payloads)
    assert.deepStrictEqual(told.map(withoutOurs), eventsOf(name).map(withoutOurs))
    assert.deepStrictEqual(
      told.map((event) => event["sequence_number"]),
      told.map((_, seq) => seq)
    )
  })

  it.each(good)("%s: has items under ids of ours, each the same in all of its events", (name) => {
    const told = jsonOf(play(decodeAll(eventsOf(name))).payloads)
    const sent = eventsOf(name)
    const renamed = new Map<unknown, unknown>()
    for (const [at, event] of told.entries()) {
      const theirs = sent[at]!
      const pairs = [
        [theirs["item_id"], event["item_id"]],
        [(theirs["item"] as JsonObject | undefined)?.["id"], (event["item"] as JsonObject | undefined)?.["id"]]
      ]
      for (const [from, to] of pairs) {
        if (from === undefined) continue
        assert.strictEqual(to, renamed.get(from) ?? to)
        renamed.set(from, to)
      }
    }
    assert.strictEqual(new Set(renamed.values()).size, renamed.size)
  })

  it.each(good.filter((name) => name !== "unknown"))("%s: is put together by OpenAI's helper", async (name) => {
    const { payloads } = play(decodeAll(eventsOf(name)))
    const { output } = await sdkReads(payloads)
    const sent = (eventsOf(name).at(-1)!["response"] as JsonObject)["output"]
    // The helper adds what it has parsed.
    const plain = JSON.parse(
      JSON.stringify(output, (field, value: unknown) =>
        field === "parsed" || field === "parsed_arguments" ? undefined : value
      )
    ) as unknown
    assert.deepStrictEqual(withoutOurs(plain), withoutOurs(sent))
  })

  it.each(good)("%s: is the same asked for whole", (name) => {
    const { payloads } = play(decodeAll(eventsOf(name)))
    assert.deepStrictEqual(wholeOf(payloads), lastOf(payloads))
  })
})

describe("what a Responses upstream fails with", () => {
  const failures = [
    { name: "failed", tag: "BadResponseStatusCode" },
    { name: "error", tag: "ChannelRateLimited" }
  ] as const

  it.each(failures)("$name: ends in response.failed and error, behind what was shown", ({ name, tag }) => {
    const { payloads, verdict } = play(decodeAll(eventsOf(name)))
    assert.strictEqual(verdict._tag === "Broken" ? verdict.error._tag : verdict._tag, tag)
    const told = jsonOf(payloads)
    const text = told.map(({ delta }) => (typeof delta === "string" ? delta : "")).join("")
    assert.strictEqual(text, "Once upon")
    assert.deepStrictEqual(
      told.slice(-2).map(({ type }) => type),
      ["response.failed", "error"]
    )
  })
})
