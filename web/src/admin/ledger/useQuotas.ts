/**
 * What every token may still spend, and every group that has a quota. Of tokens the relay tells it one by one.
 */
import type { Api } from "../Api.ts"
import { isAbsent, ok, type Result } from "../Failure.ts"
import { useLoad } from "../part/useLoad.ts"
import type { Quota } from "./Quota.ts"

/** So many tokens at most are asked for, and so many at once. */
const mostQuotas = 200
const atOnce = 4

/** Those of groups, then those of tokens, in their order. One that was removed meanwhile is left out. */
const quotasOf = async (api: Api, signal: AbortSignal): Promise<Result<ReadonlyArray<Quota>>> => {
  const tokens = await api.tokens(signal)
  if (tokens._tag === "Failed") return tokens
  const names = tokens.value.data.slice(0, mostQuotas).map(({ name }) => name)
  const groups = await api.groups(signal)
  // A relay of before has no such list.
  if (groups._tag === "Failed" && !isAbsent(groups.failure)) return groups
  const quotas: Array<Quota> = []
  for (let at = 0; at < names.length; at += atOnce) {
    const some = await Promise.all(names.slice(at, at + atOnce).map((name) => api.quota(name, signal)))
    for (const one of some) {
      if (one._tag === "Ok") quotas.push(one.value)
      else if (!isAbsent(one.failure)) return one
    }
    // None of the first is there: the part is not.
    const [first] = some
    if (quotas.length === 0 && first?._tag === "Failed") return first
  }
  return ok(groups._tag === "Ok" ? [...groups.value.data, ...quotas] : quotas)
}

/** Reads them, and again. */
export const useQuotas = (api: Api, every?: number) => useLoad("quotas", (signal) => quotasOf(api, signal), every)
