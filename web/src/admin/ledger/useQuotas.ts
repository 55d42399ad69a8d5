/**
 * What every token may still spend, and every group that has a quota.
 */
import type { Api } from "../Api.ts"
import { ok, type Result } from "../Failure.ts"
import type { Paged } from "../Paged.ts"
import { useLoad } from "../part/useLoad.ts"
import type { Quota } from "./Quota.ts"

/** Those of groups, then those of tokens, in their order; `next` where there are more tokens. */
const quotasOf = async (api: Api, signal: AbortSignal): Promise<Result<Paged<Quota>>> => {
  const [groups, tokens] = await Promise.all([api.groups(signal), api.quotas(signal)])
  if (groups._tag === "Failed") return groups
  if (tokens._tag === "Failed") return tokens
  return ok({ data: [...groups.value.data, ...tokens.value.data], next: tokens.value.next })
}

/** Reads them, and again. */
export const useQuotas = (api: Api, every?: number) => useLoad("quotas", (signal) => quotasOf(api, signal), every)
