/**
 * Names and ids as OpenAI takes them. Other vendors allow more: a name with dots, an id of any length.
 */
import { createHash } from "node:crypto"

const digest = (text: string): string => createHash("sha256").update(text).digest("hex")

const maxName = 64
const maxId = 40

/** A name of at most 64 letters, digits, `_` and `-`: the same for the same one. */
export const fitName = (name: string): string => {
  if (/^[\w-]{1,64}$/.test(name)) return name
  const mark = `_${digest(name).slice(0, 8)}`
  return name.replaceAll(/[^\w-]/g, "_").slice(0, maxName - mark.length) + mark
}

/** An id of at most 40 characters: the same for the same one. */
export const fitId = (id: string): string =>
  id.length > 0 && id.length <= maxId ? id : `call_${digest(id).slice(0, 24)}`

/** Makes names fit, and knows what they were. */
export interface Fitting {
  readonly fit: (name: string) => string
  /** The names that were changed, by what they became; `undefined` where none was. */
  readonly names: () => ReadonlyMap<string, string> | undefined
}

/** Begins to make the names of a request fit. */
export const makeFitting = (): Fitting => {
  let changed: Map<string, string> | undefined
  return {
    fit: (name) => {
      const fit = fitName(name)
      if (fit !== name) (changed ??= new Map()).set(fit, name)
      return fit
    },
    names: () => changed
  }
}
