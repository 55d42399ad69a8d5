import { defineConfig } from "vitest/config"

const report = process.env.VITEST_REPORT

export default defineConfig({
  // The package is tested as its users import it, but from the sources: no build comes first.
  resolve: { conditions: ["effect-resilience-source"] },
  ssr: { resolve: { conditions: ["effect-resilience-source"], externalConditions: ["effect-resilience-source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    execArgv: ["--disable-warning=ExperimentalWarning"]
  }
})
