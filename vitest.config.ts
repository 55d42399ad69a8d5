import { defineConfig } from "vitest/config"

export default defineConfig({
  // The package is tested as its users import it, but from the sources: no build comes first.
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"], externalConditions: ["source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    execArgv: ["--disable-warning=ExperimentalWarning"]
  }
})
