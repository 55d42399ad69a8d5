/**
 * What of a configuration is secret, as values: what the program must not let out, wherever it meets it again.
 */
import { Redacted, Result } from "effect"
import type { ConfigurationTree } from "./Environment.ts"
import { keysInQuery } from "./UrlSecrets.ts"

const decoded = (text: string): string =>
  Result.getOrElse(
    Result.try(() => decodeURIComponent(text)),
    () => text
  )

/** The credentials in a URL: as they are written, apart, and as they are meant. */
const credentialsIn = (text: string): ReadonlyArray<string> => {
  const found = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)@/.exec(text)?.[1]
  if (found === undefined) return []
  const colon = found.indexOf(":")
  // A user alone is who it is; what is behind the colon, or stands without one, is what must be known.
  const password = colon < 0 ? found : found.slice(colon + 1)
  const both = `${decoded(colon < 0 ? found : found.slice(0, colon))}:${decoded(password)}`
  return [found, password, decoded(password), ...(colon < 0 ? [] : [both])]
}

/** The keys in the query of a URL. */
const urlKeysIn = (text: string): ReadonlyArray<string> =>
  /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) ? keysInQuery(text) : []

const look = (value: unknown, add: (secret: string) => void): void => {
  if (typeof value === "string") for (const secret of [...credentialsIn(value), ...urlKeysIn(value)]) add(secret)
  if (typeof value !== "object" || value === null) return
  if (Redacted.isRedacted(value)) {
    const secret: unknown = Redacted.value(value)
    if (typeof secret === "string") add(secret)
  } else for (const item of Object.values(value)) look(item, add)
}

/**
 * The secrets of what was read: what came out of the environment, what decodes to `Redacted`, credentials in URLs, and keys
 * in their queries.
 * `values` is what it decodes to.
 */
export const secretValues = (tree: ConfigurationTree, values: ReadonlyMap<string, unknown>): ReadonlySet<string> => {
  const found = new Set(tree.secrets)
  const add = (secret: string): void => void (secret === "" || found.add(secret))
  look(tree.value, add)
  for (const secret of tree.secrets) look(secret, add)
  for (const value of values.values()) look(value, add)
  return found
}
