/**
 * What docs/telemetry.md lists is what there is: names that dashboards and alerts are built on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PolicyTelemetry } from "effect-resilience/policy"
import { keyStates } from "#src/server/KeyStates"
import { metricsSink } from "effect-resilience/relay"
import { Metrics } from "effect-resilience/telemetry"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../exports/packageJson.ts"

const page = readFileSync(join(root, "docs/telemetry.md"), "utf8")

/** The rows of the table between two marks. */
const rowsOf = (mark: string): ReadonlyArray<ReadonlyArray<string>> =>
  page
    .slice(page.indexOf(`<!-- ${mark} -->`), page.indexOf(`<!-- /${mark} -->`))
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((text) => text.trim()))

const quoted = (text: string): ReadonlyArray<string> => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)

describe("docs/telemetry.md", () => {
  it("has every event of the policies, with its severity", () => {
    const listed = rowsOf("events").flatMap(([, names, severity]) => quoted(names!).map((name) => [name, severity]))
    assert.deepStrictEqual(Object.fromEntries(listed), PolicyTelemetry.eventSeverities)
  })

  it("has the metrics of the policies", () => {
    for (const { id } of [PolicyTelemetry.events, PolicyTelemetry.attemptDuration, PolicyTelemetry.pipelineDuration]) {
      assert.include(page, `\`${id}\``)
    }
  })

  it.effect("has metrics of the relay that there are, of the kind and with the labels that they have", () =>
    Effect.gen(function* () {
      const found = new Map<string, { readonly kind: string; readonly labels: ReadonlyArray<string> }>()
      const note =
        (kind: string) =>
        (name: string, { labels = [] }: { readonly labels?: ReadonlyArray<string> | undefined }) => {
          found.set(name, { kind, labels })
          return { add: () => {}, set: () => {}, observe: () => {} }
        }
      metricsSink({ ...(yield* Metrics), counter: note("counter"), gauge: note("gauge"), histogram: note("histogram") })
      keyStates({ gauge: note("gauge") }, { details: () => [] })
      const rows = rowsOf("relay metrics")
      assert.isAbove(rows.length, 7)
      for (const [, name, kind, labels] of rows) {
        assert.deepStrictEqual(found.get(quoted(name!)[0]!), { kind: kind!, labels: quoted(labels!) }, name)
      }
    }).pipe(Effect.provide(Metrics.layerTest))
  )
})
