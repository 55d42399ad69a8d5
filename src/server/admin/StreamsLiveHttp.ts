/**
 * Answers that are under way: the handlers.
 */
import { Clock, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { streamFault } from "../../errors/index.ts"
import { Journal, type StreamRecord } from "../../journal/index.ts"
import { decodeNote, Relay, statusOfNote } from "../../relay/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { audited } from "./Audited.ts"
import { defaultLimit } from "./ListsHttp.ts"

const cursorOf = ({ createdAt, id }: StreamRecord): string => `${createdAt}.${id}`

/** What comes after a cursor: where its stream has ended meanwhile, what was begun later. */
const after = (records: ReadonlyArray<StreamRecord>, cursor: string | undefined): ReadonlyArray<StreamRecord> => {
  if (cursor === undefined) return records
  const at = records.findIndex((record) => cursorOf(record) === cursor)
  if (at >= 0) return records.slice(at + 1)
  const createdAt = Number.parseInt(cursor, 10)
  return records.filter((record) => record.createdAt > createdAt)
}

/** How many are looked at first; then twice as many, until a page is full. */
const firstLook = 1_000

/** Their handlers. */
export const StreamsLive = HttpApiBuilder.group(
  AdminApi,
  "streams",
  Effect.fnUntraced(function* (handlers) {
    const journal = yield* Journal
    const relay = yield* Relay

    const shown = (record: StreamRecord, now: number) => {
      const { createdAt, id, length, owner, writer } = record
      const note = decodeNote(record.note)
      const state: "started" | "streaming" | "unknown" =
        note === undefined ? "unknown" : note.shown === undefined ? "started" : "streaming"
      return {
        stream_id: id,
        request_id: note?.requestId ?? "",
        token: owner,
        group: note?.group ?? "",
        model: note?.model ?? "",
        state,
        channel: note?.open?.channel ?? null,
        attempts: note?.pursuit.attempts ?? 0,
        created_at: createdAt,
        age_ms: Math.max(0, now - createdAt),
        events: length,
        readers: writer === "me" ? (journal.live(id)?.readers() ?? 0) : null,
        writer
      }
    }

    const page = Effect.fnUntraced(function* (limit: number, cursor: string | undefined) {
      // One more says whether there is another page.
      for (let look = cursor === undefined ? limit + 1 : Math.max(firstLook, limit + 1); ; look *= 2) {
        const records = yield* journal.unended(look)
        const found = after(records, cursor)
        if (found.length > limit || records.length < look) return found
      }
    })

    return handlers
      .handle("list", ({ query: { cursor, limit = defaultLimit } }) =>
        Effect.gen(function* () {
          const found = yield* page(limit, cursor)
          const now = yield* Clock.currentTimeMillis
          const listed = found.slice(0, limit)
          const last = listed.at(-1)
          return {
            data: listed.map((record) => shown(record, now)),
            next: found.length > limit && last !== undefined ? cursorOf(last) : null
          }
        })
      )
      .handle("cancel", ({ params: { id }, payload }) =>
        Effect.gen(function* () {
          const position = yield* journal.locate(id, undefined)
          const reason = payload?.reason
          const code = payload?.code ?? (reason === undefined ? 12007 : 12008)
          const fault = streamFault({ code, side: "server", path: [], message: reason })
          const cancelled = yield* relay.cancel(position, fault)
          if (!cancelled) {
            const { record } = yield* journal.locate(id, undefined)
            return { stream_id: id, status: statusOfNote(record.note) }
          }
          const { owner } = position.record
          const model = decodeNote(position.record.note)?.model ?? ""
          const before = { token: owner, model, status: statusOfNote(position.record.note) }
          yield* audited({
            what: "stream.cancel",
            path: `streams/${id}`,
            before,
            after: { ...before, status: "cancelled" }
          })
          // The same words as of one that had ended so before, and another status.
          return HttpServerResponse.jsonUnsafe({ stream_id: id, status: "cancelled" }, { status: 202 })
        })
      )
  })
)
