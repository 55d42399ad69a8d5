import { Effect } from "effect"
import { runMain } from "#src/cli/index"
import { keepSecret } from "#src/cli/Process"

runMain(
  Effect.andThen(
    keepSecret(["quiet-river-42"]),
    Effect.callback<number>(() => {
      setImmediate(() => {
        throw new Error("a bug with the key sk-hunter2aaaaaaaaaaaaaaaaaaaa, and with quiet-river-42")
      })
    })
  )
)
