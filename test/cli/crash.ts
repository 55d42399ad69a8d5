import { Effect } from "effect"
import { runMain } from "effect-resilience/cli"

runMain(
  Effect.callback(() => {
    setImmediate(() => {
      throw new Error("a bug with the key sk-hunter2aaaaaaaaaaaaaaaaaaaa")
    })
  })
)
