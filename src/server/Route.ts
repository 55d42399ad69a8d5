/**
 * The routes: which method and path mean what. Pure; the list is the contract's.
 */

/** What a request asks for. */
export type Route =
  | { readonly _tag: "ChatCompletions" }
  | { readonly _tag: "Models" }
  | { readonly _tag: "Model"; readonly id: string }
  | { readonly _tag: "Chat" }
  | { readonly _tag: "ReadStream"; readonly id: string }
  | { readonly _tag: "CancelStream"; readonly id: string }
  | { readonly _tag: "Metrics" }
  | { readonly _tag: "Live" }
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Page" }

/** The answer of the table. */
export type Matched =
  | { readonly _tag: "Found"; readonly route: Route }
  | { readonly _tag: "NotFound" }
  | { readonly _tag: "MethodNotAllowed"; readonly allow: ReadonlyArray<string> }

interface Entry {
  readonly pattern: RegExp
  readonly methods: { readonly [method: string]: (parameter: string) => Route }
}

const table: ReadonlyArray<Entry> = [
  { pattern: /^\/v1\/chat\/completions$/, methods: { POST: () => ({ _tag: "ChatCompletions" }) } },
  { pattern: /^\/v1\/models$/, methods: { GET: () => ({ _tag: "Models" }) } },
  { pattern: /^\/v1\/models\/(.+)$/, methods: { GET: (id) => ({ _tag: "Model", id }) } },
  { pattern: /^\/chat$/, methods: { GET: () => ({ _tag: "Chat" }), POST: () => ({ _tag: "Chat" }) } },
  {
    pattern: /^\/streams\/([^/]+)$/,
    methods: { GET: (id) => ({ _tag: "ReadStream", id }), DELETE: (id) => ({ _tag: "CancelStream", id }) }
  },
  { pattern: /^\/metrics$/, methods: { GET: () => ({ _tag: "Metrics" }) } },
  { pattern: /^\/health\/live$/, methods: { GET: () => ({ _tag: "Live" }) } },
  { pattern: /^\/health\/ready$/, methods: { GET: () => ({ _tag: "Ready" }) } },
  { pattern: /^\/$/, methods: { GET: () => ({ _tag: "Page" }) } }
]

/** The routes that begin nothing and read no stream. */
const free: ReadonlySet<RegExp> = new Set(
  table.filter(({ pattern }) => !/chat|streams/.test(pattern.source)).map(({ pattern }) => pattern)
)

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Finds the route of a request. */
export const matchRoute = (method: string, path: string): Matched => {
  for (const { methods, pattern } of table) {
    const found = pattern.exec(path)
    if (found === null) continue
    const parameter = decode(found[1] ?? "")
    if (parameter === undefined) return { _tag: "NotFound" }
    // What can be asked for can be asked about, where an answer costs nothing: balancers and probes do.
    const make = methods[method === "HEAD" && free.has(pattern) ? "GET" : method]
    return make === undefined
      ? { _tag: "MethodNotAllowed", allow: Object.keys(methods) }
      : { _tag: "Found", route: make(parameter) }
  }
  return { _tag: "NotFound" }
}

/** The routes that speak the OpenAI dialect: their errors do too. */
export const isDialectPath = (path: string): boolean => path === "/v1" || path.startsWith("/v1/")
