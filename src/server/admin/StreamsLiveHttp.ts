/**
 * Answers that are under way: the handlers.
 */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Journal } from "../../journal/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { defaultLimit } from "./ListsHttp.ts"

/** Its handlers. */
export const StreamsLive = HttpApiBuilder.group(
  AdminApi,
  "streams",
  Effect.fnUntraced(function* (handlers) {
    const journal = yield* Journal
    return handlers.handle("list", ({ query }) =>
      Effect.map(journal.unended(query.limit ?? defaultLimit), (records) => ({
        data: records.map(({ createdAt, id, length, owner, writer }) => ({
          stream_id: id,
          token: owner,
          created_at: createdAt,
          events: length,
          writer
        })),
        next: null
      }))
    )
  })
)
