/**
 * What every token may still spend. The relay tells it token by token.
 */
import type { Api } from "../Api.ts"
import { isAbsent, ok, type Result } from "../Failure.ts"
import { useLoad } from "../part/useLoad.ts"
import type { Quota } from "../Shapes.ts"

/** So many tokens at most are asked for, and so many at once. */
export const mostQuotas = 200
const atOnce = 4

/** Those of all tokens, in their order. One that was removed meanwhile is left out. */
const quotasOf = async (api: Api, signal: AbortSignal): Promise<Result<ReadonlyArray<Quota>>> => {
  const tokens = await api.tokens(signal)
  if (tokens._tag === "Failed") return tokens
  const names = tokens.value.data.slice(0, mostQuotas).map(({ name }) => name)
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
  return ok(quotas)
}

/** Reads them, and again. */
export const useQuotas = (api: Api, every?: number) => useLoad("quotas", (signal) => quotasOf(api, signal), every)
