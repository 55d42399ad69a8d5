import { Effect } from "effect"
import { JournalStoreMemory } from "#src/journal/index"
import { journalSuite } from "./suite.ts"

journalSuite({
  name: "memory",
  runs: 150,
  place: Effect.map(JournalStoreMemory.place, ({ owner }) => ({ open: Effect.map(owner, ({ store }) => store) }))
})
