import { Effect } from "effect"
import { runMain } from "#src/cli/index"

runMain(
  Effect.callback(() => {
    setImmediate(() => {
      throw new Error("a bug with the key sk-hunter2aaaaaaaaaaaaaaaaaaaa")
    })
  })
)
