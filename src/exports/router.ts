/**
 * `effect-resilience/router`: the relay's routes on Effect's `HttpRouter`, beside routes of your own. Its services are
 * those of `layerFrom` in `effect-resilience/relay`. It is built on `effect/http`, which Effect 4.1 marks unstable.
 */
import * as RelayRouter from "../server/RelayRouterHttp.ts"

export {
  /** The relay's routes on Effect's `HttpRouter`: `RelayRouter.layer`. */
  RelayRouter
}
