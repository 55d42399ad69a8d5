/** What users get of the policies, by name; and that what other floors take of them loads nothing unstable. */
import { assert, describe, it } from "@effect/vitest"
import * as policy from "effect-resilience/policy"
import { spawnSync } from "node:child_process"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")

describe("effect-resilience/policy", () => {
  it("gives these names", () => {
    assert.deepStrictEqual(Object.keys(policy).sort(), [
      "AdaptiveLimit",
      "Backoff",
      "BreakerState",
      "BreakerWindow",
      "Bulkhead",
      "Chaos",
      "CircuitBreaker",
      "CircuitBreakerStore",
      "Deadline",
      "Failures",
      "Fallback",
      "Hedge",
      "InvalidPolicyOption",
      "Judge",
      "OutlierEjection",
      "Policy",
      "PolicyConfig",
      "PolicyHttp",
      "PolicyTelemetry",
      "Priority",
      "RateLimiter",
      "RateLimiterState",
      "Retry",
      "RetryBudget",
      "RetryBudgetState",
      "RetryHints",
      "RetrySchedule",
      "Throttle"
    ])
  })
})

/** Loads a file of the sources in a process that refuses what Effect marks unstable. */
const load = (file: string) =>
  spawnSync(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      "--conditions=effect-resilience-source",
      "--input-type=module",
      "-e",
      script
    ],
    { cwd: root, encoding: "utf8", env: { PATH: process.env["PATH"], FILE: file } }
  )

const script = `
  import { registerHooks } from "node:module"
  // By the name that we ask for: the stable modules of Effect load parts of the unstable ones themselves.
  const unstable = /^effect\\/(http|http-api|persistence|sql|observability|cli|rpc|cluster|workflow|ai|reactivity|socket|eventlog)(\\/|$)/
  registerHooks({
    resolve: (specifier, context, next) => {
      if (unstable.test(specifier)) throw new Error("refused: " + specifier)
      return next(specifier, context)
    }
  })
  await import(new URL(process.env.FILE, "file://" + process.cwd() + "/"))
`

describe("what is unstable in Effect", () => {
  it("is not loaded by what other floors take of the policies", { timeout: 60_000 }, () => {
    const { status, stderr } = load("src/policy/index.ts")
    assert.strictEqual(status, 0, stderr)
  })

  it("is loaded by PolicyHttp, and so by what users get", { timeout: 60_000 }, () => {
    for (const file of ["src/policy/http/PolicyHttp.ts", "src/exports/policy.ts"]) {
      assert.include(load(file).stderr, "refused: effect/http/", file)
    }
  })
})
