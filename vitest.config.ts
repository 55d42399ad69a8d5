import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

const report = process.env.VITEST_REPORT

export default defineConfig({
  // The package is tested as its users import it, but from the sources: no build comes first.
  resolve: { conditions: ["effect-resilience-source"] },
  ssr: { resolve: { conditions: ["effect-resilience-source"], externalConditions: ["effect-resilience-source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    // The page that a relay serves at `/` is built if its sources have changed since: in a moment or two, else in none.
    globalSetup: ["scripts/buildPage.ts"],
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    // Real sockets and processes share two cores in CI: a test may be late there once, and the report says so.
    retry: process.env.CI === "true" ? 1 : 0,
    // Many tests wait for a clock or a process: on two cores two files at a time take little more processor than one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    execArgv: ["--disable-warning=ExperimentalWarning"]
  }
})
