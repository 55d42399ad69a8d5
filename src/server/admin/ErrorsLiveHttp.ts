/**
 * What failed: the handlers.
 */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { NotFound, stackless } from "../../errors/index.ts"
import { errorFields, ErrorLog, type ErrorRow } from "../../operate/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { booksAway } from "./BooksAway.ts"
import { type Cell, csvOf } from "./Csv.ts"
import { defaultLimit, pageIn } from "./ListsHttp.ts"

/** A row as a line of a table: what is no single value is JSON. */
const cells = (row: ErrorRow): { readonly [F in keyof ErrorRow]-?: Cell } =>
  Object.fromEntries(
    errorFields.map((field) => {
      const value = row[field] ?? null
      return [field, typeof value === "object" && value !== null ? JSON.stringify(value) : value]
    })
  ) as { readonly [F in keyof ErrorRow]-?: Cell }

/** How long a question waits for what was told before it to be written, in milliseconds. */
const settledWithin = 2_000

/** Its handlers. */
export const ErrorsLive = HttpApiBuilder.group(
  AdminApi,
  "errors",
  Effect.fnUntraced(function* (handlers) {
    const log = yield* ErrorLog
    // Whoever asks after an answer finds its rows.
    const settled = Effect.timeoutOption(log.flush, settledWithin)
    return handlers
      .handle("search", ({ query: { format, limit = defaultLimit, status, ...filter } }) =>
        Effect.map(
          Effect.andThen(settled, booksAway(log.search({ ...filter, status_code: status, limit }))),
          ({ next, rows }) =>
            format === "csv"
              ? HttpServerResponse.text(csvOf(errorFields, rows.map(cells)), {
                  contentType: "text/csv; charset=utf-8",
                  headers: {
                    "content-disposition": 'attachment; filename="errors.csv"',
                    ...(next === undefined ? {} : { "x-next-cursor": next })
                  }
                })
              : { data: rows, next: next ?? null }
        )
      )
      .handle("request", ({ params, query }) =>
        Effect.flatMap(Effect.andThen(settled, booksAway(log.ofRequest(params.request_id))), (rows) =>
          rows.length === 0
            ? Effect.fail(stackless(() => new NotFound({ message: "nothing failed for such a request" })))
            : Effect.succeed(pageIn(rows, query))
        )
      )
  })
)
