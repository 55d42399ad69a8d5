/**
 * Where a channel's requests go.
 */

/** A query without the parameters that another one has too. */
const without = (query: string, other: string): string => {
  const names = new URLSearchParams(other)
  return query
    .split("&")
    .filter((part) => [...new URLSearchParams(part).keys()].every((name) => !names.has(name)))
    .join("&")
}

/**
 * The base URL with a dialect's path behind it. A slash at its end, and a base URL that already ends in the path, are both
 * right; its query is kept, and each of its parameters stands in the place of one of that name in `query`.
 *
 * ```ts import.meta.vitest
 * import { endpointOf } from "effect-resilience/dialect"
 *
 * endpointOf("https://a.example/v1/", "/chat/completions") // => "https://a.example/v1/chat/completions"
 * endpointOf("https://a.example/v1?api-version=1", "/models/m:go") // => "https://a.example/v1/models/m:go?api-version=1"
 * endpointOf("https://a.example/v1?beta=true", "/messages", "beta=true") // => "https://a.example/v1/messages?beta=true"
 * endpointOf("https://a.example/v1/chat/completions", "/chat/completions") // => "https://a.example/v1/chat/completions"
 * ```
 */
export const endpointOf = (baseUrl: string, path: string, query = ""): string => {
  const mark = baseUrl.indexOf("?")
  const written = mark < 0 ? baseUrl : baseUrl.slice(0, mark)
  const base = written.endsWith("/") ? written.replace(/\/+$/, "") : written
  const own = mark < 0 ? "" : baseUrl.slice(mark + 1)
  const queries = [own, own === "" ? query : without(query, own)].filter((part) => part !== "")
  return `${base.endsWith(path) ? base : base + path}${queries.length === 0 ? "" : `?${queries.join("&")}`}`
}
