/**
 * Changes of settings against a small model of them: whatever is changed, taken back or read again, and in whatever
 * order, the settings are those of a file that says so; and what a file may not say changes nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import { BreakerSection, ChannelSection, TimeoutsSection } from "#src/channel/index"
import { decodeConfiguration } from "#src/cli/index"
import { RetrySection } from "#src/relay/index"
import { ChatSection } from "#src/server/index"
import { fillIn, type SettingsService } from "#src/settings/index"
import { shareOfRuns } from "../support/share.ts"

const ids = ["a", "b", "c"]
const channelsOf = (present: ReadonlyArray<string>) =>
  present.map((id) => ({ id, dialect: "openai", baseUrl: "http://x/v1", keys: [], models: ["m"] }))

const duration = fc.constantFrom("1 second", "5 seconds", "1 minute", "0 seconds", "soon", 5)
const leaves: ReadonlyArray<readonly [path: string, value: fc.Arbitrary<unknown>]> = [
  ["timeouts.idle", duration],
  ["retry.base", duration],
  ["retry.cap", duration],
  ["retry.times", fc.constantFrom(0, 1, -1)],
  ["retry.budget.ratio", fc.constantFrom(0, 0.5, -1)],
  ["breaker.open", duration],
  ["breaker.cap", duration],
  ["chat.model", fc.constantFrom("m", "x", null, "")],
  ...ids.flatMap(
    (id) =>
      [
        [`channels.${id}.priority`, fc.constantFrom(1, 2, "high")],
        [`channels.${id}.enabled`, fc.boolean()],
        [`channels.${id}.timeouts.idle`, duration]
      ] as const
  )
]
const values = fc
  .uniqueArray(fc.nat(leaves.length - 1), { minLength: 1, maxLength: 3 })
  .chain((at) => fc.record(Object.fromEntries(at.map((index) => [leaves[index]![0], leaves[index]![1]]))))

type Step =
  | { readonly _tag: "Change"; readonly values: { readonly [path: string]: unknown } }
  | { readonly _tag: "Reset"; readonly path: string }
  | { readonly _tag: "Reload"; readonly file: { readonly [section: string]: unknown } }

const file = fc.record({
  channels: fc.subarray(ids, { minLength: 1 }).map(channelsOf),
  retry: fc.constantFrom({}, { base: "2 seconds" }, { base: "1 second", cap: "3 seconds" }, { times: -1 })
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Change" as const), values }) },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant("Reset" as const),
      path: fc.constantFrom(...leaves.map(([path]) => path))
    })
  },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Reload" as const), file }) }
)

const valuesOf = (settings: SettingsService) => {
  const { statuses: _, ...retry } = settings.of(RetrySection).current
  return {
    timeouts: settings.of(TimeoutsSection).current,
    breaker: settings.of(BreakerSection).current,
    chat: settings.of(ChatSection).current,
    channels: settings.of(ChannelSection).current,
    retry
  }
}

/** What a file and the changes to it say together, as one file. */
const merged = (base: { readonly [section: string]: unknown }, changes: ReadonlyMap<string, unknown>): object => {
  const tree = structuredClone(base) as { [section: string]: unknown }
  for (const [path, value] of changes) {
    const steps = path.split(".")
    let at: { [key: string]: unknown } = tree
    if (steps[0] === "channels") {
      const entries = tree["channels"] as Array<{ [key: string]: unknown }>
      const entry = entries.find(({ id }) => id === steps[1])
      if (entry === undefined) continue
      at = entry
      steps.splice(0, 2)
    }
    for (const one of steps.slice(0, -1)) at = (at[one] ??= {}) as { [key: string]: unknown }
    at[steps.at(-1)!] = value
  }
  return tree
}

describe("settings that change", () => {
  it("are always those of one file that is right, and a step that is refused changes nothing", {
    timeout: 120_000
  }, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let base: { readonly [section: string]: unknown } = { channels: channelsOf(["a", "b"]) }
        let changes = new Map<string, unknown>()
        const settings = Result.getOrThrow(decodeConfiguration(base, {}, "test")).settings
        for (const one of steps) {
          const next = new Map(changes)
          let nextBase = base
          let unknown = false
          const isAway = (path: string) =>
            path.startsWith("channels.") &&
            !(base["channels"] as ReadonlyArray<{ id: string }>).some(({ id }) => path.startsWith(`channels.${id}.`))
          if (one._tag === "Reload") nextBase = one.file
          else if (one._tag === "Reset") {
            unknown = isAway(one.path) && !changes.has(one.path)
            next.delete(one.path)
          } else {
            for (const [path, value] of Object.entries(one.values)) {
              unknown ||= isAway(path)
              next.delete(path)
              next.set(path, value)
            }
          }
          const said = decodeConfiguration(merged(nextBase, next), {}, "test")
          const effect =
            one._tag === "Change"
              ? settings.change(one.values)
              : one._tag === "Reset"
                ? settings.reset([one.path])
                : settings.reload(fillIn(one.file, {}))
          const before = valuesOf(settings)
          const result = Effect.runSync(Effect.result(effect))
          assert.strictEqual(Result.isSuccess(result), !unknown && Result.isSuccess(said))
          if (Result.isFailure(result)) {
            assert.deepStrictEqual(valuesOf(settings), before)
            continue
          }
          base = nextBase
          changes = next
          assert.deepStrictEqual(valuesOf(settings), valuesOf(Result.getOrThrow(said).settings))
        }
      }),
      { numRuns: shareOfRuns(200) }
    )
  })
})
