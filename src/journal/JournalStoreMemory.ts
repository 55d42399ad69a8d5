/**
 * The journal's store in memory: for tests, and for a relay whose answers need not outlive it. It answers at once, and
 * forgets everything with its process.
 */
import { Clock, Effect, Layer } from "effect"
import { type Change, JournalStore, pageBytes, type StreamRecord } from "./JournalStore.ts"

interface Stored {
  record: StreamRecord
  frames: Array<string>
}

const nothing = { ok: true, value: undefined } as const

/** A store in memory. Its epoch is 1; it never fails. */
export const layer: Layer.Layer<JournalStore> = Layer.effect(
  JournalStore,
  Effect.gen(function* () {
    const openedAt = (yield* Clock.Clock).currentTimeMillisUnsafe()
    const streams = new Map<string, Stored>()
    const epoch = 1

    const apply = (change: Change): void => {
      if (change._tag === "Create") {
        const { id, dialect, owner, request, note, createdAt } = change
        const record = { id, dialect, owner, request, note, createdAt, endedAt: null, epoch, length: 0 }
        streams.set(id, { record, frames: [] })
        return
      }
      const stored = streams.get(change.id)
      if (stored === undefined) return
      switch (change._tag) {
        case "Append":
          stored.frames.push(change.frame)
          return
        case "Note":
          stored.record = { ...stored.record, note: change.note }
          return
        case "End":
          stored.record = { ...stored.record, endedAt: change.endedAt }
          return
        case "TakeOver":
          stored.record = { ...stored.record, epoch }
      }
    }

    return JournalStore.of({
      epoch,
      openedAt,
      commit: (changes, done) => {
        for (const change of changes) apply(change)
        done(nothing)
      },
      find: (id, done) => {
        const stored = streams.get(id)
        done({ ok: true, value: stored && { ...stored.record, length: stored.frames.length } })
      },
      page: (id, after, limit, done) => {
        const frames = streams.get(id)?.frames ?? []
        const page: Array<string> = []
        let room = pageBytes
        for (let at = after + 1; at < frames.length && page.length < limit && room > 0; at++) {
          const frame = frames[at] ?? ""
          page.push(frame)
          room -= frame.length
        }
        done({ ok: true, value: page })
      },
      sweep: (framesBefore, streamsBefore, done) => {
        for (const [id, { record, frames }] of streams) {
          if (record.endedAt === null) continue
          if (record.endedAt < streamsBefore) streams.delete(id)
          else if (record.endedAt < framesBefore && frames.length > 0) {
            streams.set(id, { record: { ...record, request: "", note: "" }, frames: [] })
          }
        }
        done(nothing)
      },
      usable: () => true
    })
  })
)
