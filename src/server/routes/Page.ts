/**
 * The page at `/`.
 */
import { Effect } from "effect"
import { clientDialects } from "../../dialect/index.ts"
import { respond } from "../Exchange.ts"
import type { Route } from "../Route.ts"
import { page } from "./PageHtml.ts"

/** The page. */
export const pageRoutes: ReadonlyArray<Route> = [
  {
    method: "GET",
    path: "/",
    access: "anybody",
    envelope: clientDialects.chat.failure,
    shows: "a page to try it",
    head: true,
    page: true,
    handle: (exchange) =>
      Effect.sync(() =>
        respond(
          exchange,
          200,
          {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": page.policy,
            "cache-control": "no-store"
          },
          page.html
        )
      )
  }
]
