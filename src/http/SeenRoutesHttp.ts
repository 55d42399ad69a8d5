/**
 * Which methods a path takes: of the routes that were added through a router that remembers them.
 */
import * as FindMyWay from "effect/http/FindMyWay"
import * as HttpRouter from "effect/http/HttpRouter"

/** The methods under which routes were added for a path: what a 405 is made of. */
export interface SeenRoutes {
  readonly allowed: (url: string) => ReadonlyArray<string>
}

/** Of a router that nobody has watched. */
export const nothingSeen: SeenRoutes = { allowed: () => [] }

type Method = "*" | "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "QUERY"

const everyMethod = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

/** A router that remembers which routes were added through it. */
export const remembering = (
  router: HttpRouter.HttpRouter,
  config: Partial<FindMyWay.RouterConfig>
): { readonly router: HttpRouter.HttpRouter; readonly seen: SeenRoutes } => {
  const routes = FindMyWay.make<true>(config)
  const methods = new Set<string>()
  const remember = (method: Method | (string & {}), path: HttpRouter.PathInput): void => {
    const these = method === "*" ? everyMethod : [method]
    for (const one of these) {
      methods.add(one)
      // The router itself refuses what it has twice.
      if (!routes.has(one, path)) routes.on(one, path, true)
      if (path.endsWith("/*")) {
        const bare = path.slice(0, -2) as HttpRouter.PathInput
        if (bare.length > 0 && !routes.has(one, bare)) routes.on(one, bare, true)
      }
    }
  }
  const wrap = (inner: HttpRouter.HttpRouter, prefix: string | undefined): HttpRouter.HttpRouter => ({
    ...inner,
    prefixed: (next) => wrap(inner.prefixed(next), prefix === undefined ? next : HttpRouter.prefixPath(next, prefix)),
    add: (method, path, handler, options) => {
      remember(method, prefix === undefined ? path : (HttpRouter.prefixPath(path, prefix) as HttpRouter.PathInput))
      return inner.add(method, path, handler, options)
    },
    addAll: (added) => {
      for (const { method, path } of added) {
        remember(method, prefix === undefined ? path : (HttpRouter.prefixPath(path, prefix) as HttpRouter.PathInput))
      }
      return inner.addAll(added)
    },
    asHttpEffect: () => inner.asHttpEffect()
  })
  return {
    router: wrap(router, undefined),
    seen: {
      allowed: (url) => {
        const allowed = [...methods].filter((method) => routes.find(method, url) !== undefined)
        return allowed.includes("GET") ? [...allowed, "HEAD"].toSorted() : allowed.toSorted()
      }
    }
  }
}
