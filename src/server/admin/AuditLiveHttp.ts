/**
 * Who changed what: the handler.
 */
import { Effect, type Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Audit } from "../../operate/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { booksAway } from "./BooksAway.ts"
import { defaultLimit } from "./ListsHttp.ts"

/** Its handler. */
export const AuditLive = HttpApiBuilder.group(
  AdminApi,
  "audit",
  Effect.fnUntraced(function* (handlers) {
    const audit = yield* Audit
    return handlers.handle("list", ({ query }) =>
      Effect.map(booksAway(audit.list({ limit: query.limit ?? defaultLimit, cursor: query.cursor })), (page) => ({
        data: page.rows.map(({ after, before, requestId, ...row }) => ({
          ...row,
          // They were read from JSON.
          before: before as Schema.Json,
          after: after as Schema.Json,
          request_id: requestId
        })),
        next: page.next ?? null
      }))
    )
  })
)
