import { Context, Effect, Layer } from "effect"
import { JournalStore, JournalStoreMemory } from "#src/journal/index"
import { journalSuite } from "./suite.ts"

journalSuite({
  name: "memory",
  runs: 150,
  place: Effect.map(Layer.build(Layer.fresh(JournalStoreMemory.layer)), (context) => ({
    open: Effect.succeed(Context.get(context, JournalStore))
  }))
})
