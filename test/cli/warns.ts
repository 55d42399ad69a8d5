/** A command that Node warns of. */
import { Effect } from "effect"
import { keepSecret, runMain } from "#src/cli/Process"

runMain(
  Effect.gen(function* () {
    yield* keepSecret(["quiet-river-42"])
    process.emitWarning("SQLite is an experimental feature and might change at any time", "ExperimentalWarning")
    process.emitWarning(
      "something of sk-hunter2hunter2hunter2 leaks, and of quiet-river-42",
      "MaxListenersExceededWarning"
    )
    yield* Effect.sleep(20)
    return 0
  })
)
