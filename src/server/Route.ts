/**
 * The route table: a row says all that there is to say of a route, so that HEAD, CORS, `allow`, who may ask, how errors are
 * told, the banner and the README follow from it. The rows themselves are in `routes/`, one file a concern.
 */
import type { Effect } from "effect"
import type { Caller } from "../account/index.ts"
import { type Envelope, clientDialects } from "../dialect/index.ts"
import type { ResilienceError } from "../errors/index.ts"
import type { Exchange } from "./Exchange.ts"

/** The methods that routes have. HEAD and OPTIONS follow from them. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"

/** Who may ask: anybody, who has a token, who may read what operators see, or who may change it. */
export type Access = "anybody" | "token" | "viewer" | "admin"

/** One route. */
export interface Route {
  readonly method: Method
  /** `{id}` is one step of the path, `{id*}` one or more; what stands there is the handler's parameter, decoded. */
  readonly path: string
  /** Who may ask. A route that does not say it does not compile. */
  readonly access: Access
  /** How errors are told; by the request's headers and query where several dialects share a route. */
  readonly envelope: Envelope | { readonly by: (asker: Pick<Exchange, "header" | "query">) => Envelope }
  /** What it gives, in a few words: for the banner and the README. */
  readonly shows: string
  /** HEAD is answered too, as GET is and without a body: where an answer costs nothing. */
  readonly head?: true
  /** A method that no row of its path has is its handler's to answer: it knows what is allowed there. */
  readonly others?: true
  /** A query parameter that may hold the token: for who cannot send a header. */
  readonly credentialInQuery?: "token" | "key"
  /** It tells nothing, so it may be asked from anywhere, also on a relay without tokens. */
  readonly unguarded?: true
  /** It is a page for people: other sites may link to it, also on a relay without tokens. */
  readonly page?: true
  /** It begins answers: what it refuses is counted with answers that ended badly. */
  readonly generates?: true
  readonly handle: (exchange: Exchange, caller: Caller, parameter: string) => Effect.Effect<void, ResilienceError>
}

/** A route as people read of it. */
export type RouteShown = Pick<Route, "method" | "path" | "shows" | "access">

/** The answer of the table. */
export type Matched =
  | { readonly _tag: "Found"; readonly route: Route; readonly parameter: string }
  | { readonly _tag: "NotFound" }
  | { readonly _tag: "MethodNotAllowed"; readonly allow: ReadonlyArray<Method>; readonly route: Route }

/** Finds the route of a request. */
export interface RouteTable {
  readonly match: (method: string, path: string) => Matched
  /** The methods of all routes, for CORS. */
  readonly methods: ReadonlyArray<Method>
}

const patternOf = (path: string): RegExp =>
  new RegExp(
    `^${path
      .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
      .replace(/\{\w+\\\*\}/g, "(.+)")
      .replace(/\{\w+\}/g, "([^/]+)")}$`
  )

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Makes the table of some rows. Of two rows that fit a path the first counts. */
export const makeRouteTable = (routes: ReadonlyArray<Route>): RouteTable => {
  const byPath = new Map<string, { readonly pattern: RegExp; readonly rows: Array<Route> }>()
  for (const route of routes) {
    const known = byPath.get(route.path)
    if (known === undefined) byPath.set(route.path, { pattern: patternOf(route.path), rows: [route] })
    else known.rows.push(route)
  }
  // Paths without a parameter are looked up; the rest, few, are tried one after the other.
  const plain = new Map([...byPath].filter(([path]) => !path.includes("{")))
  const parametric = [...byPath].filter(([path]) => path.includes("{")).map(([, entry]) => entry)

  const answer = (rows: ReadonlyArray<Route>, method: string, parameter: string): Matched => {
    const wanted = method === "HEAD" ? "GET" : method
    const route = rows.find((row) => row.method === wanted) ?? rows.find(({ others }) => others === true)
    return route === undefined || (method === "HEAD" && route.head !== true)
      ? {
          _tag: "MethodNotAllowed",
          allow: rows.map((row) => row.method),
          // Where dialects share a path, who is told is seen by the row that all of them have.
          route: rows.find((row) => row.method === "GET") ?? rows[0]!
        }
      : { _tag: "Found", route, parameter }
  }

  return {
    methods: [...new Set(routes.map(({ method }) => method))],
    match: (method, path) => {
      const exact = plain.get(path)
      if (exact !== undefined) return answer(exact.rows, method, "")
      for (const { pattern, rows } of parametric) {
        const found = pattern.exec(path)
        if (found === null) continue
        const parameter = decode(found[1] ?? "")
        return parameter === undefined ? { _tag: "NotFound" } : answer(rows, method, parameter)
      }
      return { _tag: "NotFound" }
    }
  }
}

/** How errors are told of a request that found this row. */
export const envelopeOf = ({ envelope }: Route, asker: Pick<Exchange, "header" | "query">): Envelope =>
  typeof envelope === "function" ? envelope : envelope.by(asker)

/** Our own body, or `application/problem+json` where it is asked for. */
export const standard: Envelope = clientDialects.chat.failure

/** How errors are told where no row fits: by where in the tree it was looked for, and by whose client. */
export const envelopeAt = (path: string, asker: Pick<Exchange, "header">): Envelope =>
  path === "/v1/messages" || path.startsWith("/v1/messages/")
    ? clientDialects.anthropic.failure
    : path === "/v1beta" || path.startsWith("/v1beta/")
      ? clientDialects.gemini.failure
      : path === "/v1" || path.startsWith("/v1/")
        ? (asker.header("anthropic-version") === undefined ? clientDialects.openai : clientDialects.anthropic).failure
        : standard
