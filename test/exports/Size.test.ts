/**
 * What a program pays for one policy is held to its limit, by the script that prints the table.
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"

it("P18: a bundle of one policy weighs what it may, and less than 45 kB", () => {
  const script = fileURLToPath(new URL("../../scripts/bundleSizes.ts", import.meta.url))
  // It ends with 1 where one is over its limit.
  const table = execFileSync(process.execPath, ["--disable-warning=ExperimentalWarning", script], { encoding: "utf8" })
  const weights = [...table.matchAll(/'(?:Retry|CircuitBreaker|Hedge|Policy)'\D+(\d+(?:\.\d)?) of \d+ kB/g)].map(
    ([, weight]) => Number(weight)
  )
  assert.lengthOf(weights, 4)
  for (const weight of weights) assert.isBelow(weight, 45)
}, 60_000)
