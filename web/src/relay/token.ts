/**
 * The token that the page asks with: kept as long as its window, and never in an address.
 */
import { useCallback, useState } from "react"

const name = "effect-resilience.token"

/** The token, if there is one, and what sets it; `undefined` forgets it. */
export const useToken = (): readonly [string | undefined, (token: string | undefined) => void] => {
  const [token, setToken] = useState(() => sessionStorage.getItem(name) ?? undefined)
  const set = useCallback((next: string | undefined) => {
    if (next === undefined) sessionStorage.removeItem(name)
    else sessionStorage.setItem(name, next)
    setToken(next)
  }, [])
  return [token, set]
}
