/**
 * What is wrong now, looked at again and again, whatever view is open: the number beside `Now` is of it.
 */
import type { Api } from "../Api.ts"
import { useQuotas } from "../ledger/useQuotas.ts"
import { type Load, useLoad, valueOf } from "../part/useLoad.ts"
import type { Paged } from "../Paged.ts"
import type { Channel } from "../channels/Channel.ts"
import { type Issue, issuesOf } from "./issues.ts"

/** What is wrong, and the channels, which others need too. */
export const useIssues = (
  api: Api
): {
  readonly issues: ReadonlyArray<Issue>
  readonly channels: readonly [Load<Paged<Channel>>, () => void]
} => {
  const channels = useLoad("channels", api.channels, 10_000)
  const [health] = useLoad("health", api.health, 10_000)
  const [quotas] = useQuotas(api, 60_000)
  const [sum] = useLoad("sum", api.ledgerSum, 60_000)
  return {
    channels,
    issues: issuesOf({
      channels: valueOf(channels[0])?.data ?? [],
      health: valueOf(health),
      quotas: valueOf(quotas) ?? [],
      drift: valueOf(sum)?.drift
    })
  }
}
