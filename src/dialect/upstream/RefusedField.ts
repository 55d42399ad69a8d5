/**
 * Which field of the body an upstream has refused. It names one in `param`, or only in words, which may be its own.
 */
import type { ResilienceError } from "../../errors/index.ts"
import { meantByGoogle } from "./GoogleRefusal.ts"

/** An upstream says which one of a list it refused; whoever refuses one refuses each. */
export const generally = (path: string): string => path.replaceAll(/\[\d+\]|\.\d+(?=\.|$)/g, "[]")

const before = String.raw`(?:^|[\s'"\`(])`
const after = String.raw`(?=$|[\s'"\`),:;]|\.(?:\s|$))`

const escaped = (path: string): string => path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

// `user` and `store` are words, too: alone they say nothing, as in "must end with a user message".
const asName = (word: string): string =>
  [
    `['"\`]${word}['"\`]`,
    `^${word}:`,
    `\\b(?:argument|field|input|key|parameter|property)s?\\b(?: supplied)?:? ${word}${after}`,
    `${before}${word} (?:is|are|does|may|can|must) ?(?:not|n't|no longer|deprecated|unsupported)\\b`
  ].join("|")

const names = (words: string, path: string): boolean =>
  new RegExp(/^[a-z]+$/.test(path) ? asName(path) : before + escaped(path) + after, "i").test(words)

/** Whether a body holds a field: of what it does not, leaving it out would change nothing. */
const holds = (body: string, path: string): boolean => body.includes(`"${path.slice(path.lastIndexOf(".") + 1)}"`)

/**
 * The one of `refusable` that a failure names; `undefined` where it names none, or is no refusal of the request.
 *
 * @param status The upstream's own.
 * @param refusable Paths in the body, `[]` for any of a list.
 * @param body What it was sent.
 */
export const refusedField = (
  error: ResilienceError,
  status: number | undefined,
  refusable: ReadonlyArray<string>,
  body: string
): string | undefined => {
  if ((status !== 400 && status !== 422) || refusable.length === 0) return undefined
  const fields = refusable.filter((field) => holds(body, field))
  const { message, param } = error.upstream ?? {}
  if (param !== undefined && param !== null && param !== "") {
    const path = generally(param)
    return fields.find((field) => isIn(path, field))
  }
  if (message === undefined) return undefined
  const meant = meantByGoogle(message).find((field) => fields.includes(field))
  if (meant !== undefined) return meant
  const [, place, words] = /^([\w[\].]+): (.+)$/s.exec(message) ?? []
  return place === undefined || !/[.[]/.test(place)
    ? fields.find((field) => names(generally(message), field))
    : within(generally(place), words ?? "", fields)
}

// "Your organization must be verified to stream this model", "… does not support 'wav' when stream=true", "streaming is not
// supported with this model", "… is not available in streaming mode".
const noStreams =
  /\b(?:verified|allowed|able) to stream\b|\bstream ?= ?true\b|\b(?:does|do|is|are|can) ?not\b[^.]{0,80}\bstream(?:ing)?\b(?!_)|\bstream(?:ing)?\b(?!_)[^.]{0,80}\b(?:is|are) (?:not|un)/i

/** Whether a refusal is of the stream that was asked for. `body` is what was sent. */
export const refusesStream = (error: ResilienceError, body: string): boolean => {
  if (!/"stream":true/.test(body)) return false
  const { message, param } = error.upstream ?? {}
  return param === "stream" || (!isNamed(param, "stream_options") && noStreams.test(message ?? ""))
}

const isNamed = (param: string | null | undefined, field: string): boolean =>
  param !== undefined && param !== null && isIn(generally(param), field)

/** Whether a path leads to a field, or into it. */
const isIn = (path: string, field: string): boolean =>
  path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[]`)

/** Who says where it is wrong is believed: `messages.1.content.0: … in thinking block` is not about `thinking`. */
const within = (path: string, words: string, fields: ReadonlyArray<string>): string | undefined =>
  fields.find((field) => isIn(path, field)) ??
  fields.find((field) => field.startsWith(`${path}.`) && names(words, field.slice(path.length + 1)))
