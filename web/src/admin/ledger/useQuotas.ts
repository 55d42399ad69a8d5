/**
 * What every token may still spend.
 */
import { type Result, ok, isAbsent } from "../Failure.ts"
import type { Api } from "../Api.ts"
import { useLoad } from "../part/useLoad.ts"
import type { Quota } from "../Shapes.ts"

/** So many tokens at most are asked for one by one. */
const mostTokens = 200

/** Relays that tell only one at a time: they are asked for all of them once, and not again. */
const oneByOne = new WeakSet<Api>()

/** All of them at once; of a relay that tells only one at a time, one after the other. */
const quotasOf = async (api: Api, signal: AbortSignal): Promise<Result<ReadonlyArray<Quota>>> => {
  if (!oneByOne.has(api)) {
    const all = await api.quotas(signal)
    if (all._tag === "Ok") return ok(all.value.data)
    if (!isAbsent(all.failure)) return all
    oneByOne.add(api)
  }
  const tokens = await api.tokens(signal)
  if (tokens._tag === "Failed") return tokens
  const quotas: Array<Quota> = []
  for (const { name } of tokens.value.data.slice(0, mostTokens)) {
    const one = await api.quota(name, signal)
    // One that was removed meanwhile is not there; if none is, the part is not.
    if (one._tag === "Failed" && isAbsent(one.failure) && quotas.length > 0) continue
    if (one._tag === "Failed") return one
    quotas.push({ ...one.value, token: name })
  }
  return ok(quotas)
}

/** Reads them, and again. */
export const useQuotas = (api: Api, every?: number) => useLoad("quotas", (signal) => quotasOf(api, signal), every)
