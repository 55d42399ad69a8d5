// A process that lives on when nobody catches a rejection, and is ended in order by an exception.
import { Deferred, Effect } from "effect"
import { printOut, runMain } from "#src/cli/index"
import { takeUncaught } from "#src/cli/Process"

runMain(
  Effect.scoped(
    Effect.gen(function* () {
      const thrown = yield* Deferred.make<void>()
      yield* takeUncaught(({ _tag }) => {
        if (_tag === "Exception") Deferred.doneUnsafe(thrown, Effect.void)
      })
      void Promise.reject(new Error("nobody caught sk-hunter2aaaaaaaaaaaaaaaaaaaa"))
      yield* Effect.sleep("50 millis")
      yield* printOut("it lives on")
      setImmediate(() => {
        throw new Error("a bug")
      })
      yield* Deferred.await(thrown)
      yield* printOut("and ends in order")
      return 1
    })
  )
)
