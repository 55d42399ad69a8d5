// What other floors take: the whole, put together and served. Its routes, guards and readers are inside.
export { type ChatOptions, ChatSection } from "./ChatSection.ts"
export { type OwnAnswer, type OwnRequest, type OwnRoute, OwnRoutes } from "./OwnRoutes.ts"
export * as KnownSecrets from "./KnownSecrets.ts"
export type { Method, RouteShown } from "./Route.ts"
export { defaultParts, layerFrom, type RelayParts, serve, type ServeError, storeLayer } from "./Serve.ts"
export { type ListenFailed, type RunningServer, serveHttp } from "./ServerNode.ts"
export { type ServerOptions, ServerSection } from "./ServerSection.ts"
