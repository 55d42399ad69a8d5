/**
 * The proxies whose word counts, of the settings.
 */
import type { SettingsService } from "../settings/index.ts"
import { makeNetworks, type Networks } from "./ClientAddressNode.ts"
import { ServerSection } from "./ServerSection.ts"

/** Gives the networks of `server.trustProxy`; read anew only where the list is another one. */
export const trustedProxies = (settings: SettingsService): (() => Networks) => {
  const server = settings.of(ServerSection)
  let list: ReadonlyArray<string> | undefined
  let networks = makeNetworks([])
  return () => {
    const { trustProxy } = server.current
    if (trustProxy !== list) {
      list = trustProxy
      networks = makeNetworks(trustProxy)
    }
    return networks
  }
}
