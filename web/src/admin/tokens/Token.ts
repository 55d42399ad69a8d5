/**
 * A token, as the page has it. Pure.
 */
import { fieldsOf, flagOf, idOf, momentOf, numberOf, textOf, textsOf } from "../Decode.ts"

/** A token. Its key is in no answer but the one that made it. */
export interface Token {
  readonly name: string
  readonly fingerprint: string | undefined
  readonly models: ReadonlyArray<string>
  readonly group: string
  readonly admin: boolean
  readonly viewer: boolean
  readonly enabled: boolean
  readonly expiresAt: number | undefined
  readonly rateLimit:
    | { readonly requests: number | undefined; readonly tokens: number | undefined; readonly per: string }
    | undefined
  readonly concurrency: number | undefined
  readonly addresses: ReadonlyArray<string>
  readonly source: string | undefined
}

/** A row of `GET /admin/tokens`. */
export const tokenOf = (value: unknown): Token => {
  const token = fieldsOf(value)
  const limit = fieldsOf(token["rateLimit"])
  return {
    name: idOf(token["name"]),
    fingerprint: textOf(token["fingerprint"]),
    models: textsOf(token["models"]),
    group: textOf(token["group"]) ?? "default",
    admin: flagOf(token["admin"], false),
    viewer: flagOf(token["viewer"], false),
    enabled: flagOf(token["enabled"], true),
    expiresAt: momentOf(token["expiresAt"]),
    rateLimit:
      Object.keys(limit).length === 0
        ? undefined
        : {
            requests: numberOf(limit["requests"]),
            tokens: numberOf(limit["tokens"]),
            per: textOf(limit["per"]) ?? "1 minute"
          },
    concurrency: numberOf(token["concurrency"]),
    addresses: textsOf(token["addresses"]),
    source: textOf(token["source"])
  }
}

/** A new key, shown once. */
export const newKeyOf = (value: unknown): { readonly name: string; readonly key: string } => {
  const token = fieldsOf(value)
  return { name: idOf(token["name"]), key: textOf(token["key"]) ?? "" }
}
