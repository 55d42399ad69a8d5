/**
 * Which field of the body an upstream has refused. It names one in `param`, or only in words.
 */
import type { ResilienceError } from "../../errors/index.ts"

/** An upstream says which one of a list it refused; whoever refuses one refuses each. */
export const generally = (path: string): string => path.replaceAll(/\[\d+\]|\.\d+(?=\.|$)/g, "[]")

const before = String.raw`(?:^|[\s'"\`(])`
const after = String.raw`(?=$|[\s'"\`),:;]|\.(?:\s|$))`

const names = (words: string, path: string): boolean =>
  new RegExp(before + path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`) + after).test(words)

/**
 * The one of `fields` that a failure names; `undefined` where it names none, or is no refusal of the request.
 *
 * @param status The upstream's own.
 * @param fields Paths in the body, `[]` for any of a list.
 */
export const refusedField = (
  error: ResilienceError,
  status: number | undefined,
  fields: ReadonlyArray<string>
): string | undefined => {
  if (status !== 400 || fields.length === 0) return undefined
  const { message, param } = error.upstream ?? {}
  if (param !== undefined && param !== null && param !== "") {
    const path = generally(param)
    return fields.find((field) => field === path || path.startsWith(`${field}.`))
  }
  return message === undefined ? undefined : fields.find((field) => names(generally(message), field))
}
