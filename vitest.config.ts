import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const report = process.env.VITEST_REPORT

/** What these promise is measured by the clock, in fractions of a second: they run behind the others, one at a time. */
const timed = ["test/server/Released.test.ts", "test/server/Shutdown.test.ts"]

/** What these do stays with the worker: they import other tests' files, or make a browser's globals. */
const alone = [
  "test/policy/TodaysClock.test.ts",
  "test/client/useRetryStreaming.test.ts",
  "test/client/useRetryStreaming18.test.ts"
]

/**
 * What takes half a minute or more, the longest first: it begins before all others, so that nobody waits for it at the end.
 * Many of these are small, and would come last where nobody knows how long they took.
 */
const slow = [
  "kill/Kill",
  "web/Admin",
  "web/Tour",
  "server/FaultSuite",
  "examples",
  "sdk/Errors",
  "docs/hover",
  "memory/SlowReaders",
  "sdk/Matrix",
  "account/Ledger",
  "exports/Loader",
  "server/StuckReaders",
  "sdk/Cuts",
  "sdk/LangChain",
  "web/Demo",
  "web/AdminRelay",
  "relay/life/TerminalRaces",
  "relay/life/PutDown",
  "books/BooksPostgres",
  "server/Promoted",
  "server/Refused",
  "server/Stopped",
  "sdk/Recorded"
]

class SlowFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = slow.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return at < 0 ? slow.length : at
    }
    return (await super.sort(files)).sort((one, other) => place(one) - place(other))
  }
}

export default defineConfig({
  // The package is tested as its users import it, but from the sources. Only processes of the command are of a build.
  resolve: { conditions: ["effect-resilience-source"] },
  ssr: { resolve: { conditions: ["effect-resilience-source"], externalConditions: ["effect-resilience-source"] } },
  test: {
    projects: [
      {
        extends: true,
        // A worker loads Effect and our sources once, and not for each file: half of all the time went there.
        test: {
          name: "all",
          include: ["test/**/*.test.ts"],
          exclude: [...timed, ...alone],
          isolate: false,
          sequence: { groupOrder: 0 }
        }
      },
      { extends: true, test: { name: "alone", include: alone, sequence: { groupOrder: 0 } } },
      {
        extends: true,
        test: { name: "timed", include: timed, maxWorkers: 1, fileParallelism: false, sequence: { groupOrder: 1 } }
      }
    ],
    // The page that a relay serves at `/`, and the command in one piece, are built if their sources have changed since.
    globalSetup: ["scripts/buildPage.ts", "scripts/bundleCommand.ts"],
    sequence: { sequencer: SlowFirst },
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    // Real sockets and processes share two cores in CI: a test may be late there once, and the report says so.
    retry: process.env.CI === "true" ? 1 : 0,
    // Many tests wait for a clock or a process: on two cores three files at a time rest for little.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    execArgv: ["--disable-warning=ExperimentalWarning"]
  }
})
