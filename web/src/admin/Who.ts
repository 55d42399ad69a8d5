/**
 * Who looks: found by the token's fingerprint among the tokens, which the relay shows.
 */
import { useEffect, useState } from "react"
import { about } from "../relay/about.ts"
import type { Api, Reach } from "./Api.ts"
import type { Permission } from "./part/Admin.ts"
import type { Token } from "./tokens/Token.ts"

/** The first eight digits of a key's SHA-256. A browser has no SHA-256 on a page that came without TLS from elsewhere. */
const fingerprintOf = async (key: string): Promise<string | undefined> => {
  const subtle = crypto.subtle as SubtleCrypto | undefined
  if (subtle === undefined) return undefined
  const digest = new Uint8Array(await subtle.digest("SHA-256", new TextEncoder().encode(key)))
  return Array.from(digest.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("")
}

/** The one of some tokens that a key is of. */
export const ownToken = async (key: string, tokens: ReadonlyArray<Token>): Promise<Token | undefined> => {
  const fingerprint = await fingerprintOf(key)
  return fingerprint === undefined ? undefined : tokens.find((token) => token.fingerprint === fingerprint)
}

const reads: Permission = {
  _tag: "Reads",
  why: "You are looking with a viewer’s token. To change something, come with an admin’s."
}

/** Who looks, and whether they may change anything. Where it cannot be found out, the first change that is refused tells. */
export const useWho = (
  api: Api,
  token: string | undefined,
  reach: Reach
): { readonly name: string | undefined; readonly permission: Permission } => {
  const [own, setOwn] = useState<Token>()
  const [refused, setRefused] = useState(false)
  useEffect(() => {
    if (token === undefined) return
    const stop = new AbortController()
    void api.tokens(stop.signal).then(async (result) => {
      if (result._tag === "Ok") setOwn(await ownToken(token, result.value.data))
    })
    return () => stop.abort()
  }, [api, token])
  useEffect(() => {
    if (reach === "readonly") setRefused(true)
  }, [reach])
  const onlyViewer = own !== undefined && own.viewer && !own.admin
  return {
    name: own?.name ?? (about.tokens ? undefined : "this machine"),
    permission: refused || onlyViewer ? reads : { _tag: "Writes" }
  }
}
