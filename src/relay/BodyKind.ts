/**
 * What the body of a good answer is, by its first bytes. Its label is a hint: proxies stream under any label, and tell
 * errors under the label of a stream.
 */

import { isObject, parseJson } from "../dialect/index.ts"

/** Events, one value at its end (JSON, or what is neither), or not known yet. */
export type BodyKind = "stream" | "whole" | "unknown"

const fields = ["data", "event", "id", "retry"]

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13) || code === 0xfeff

/** How far a field's name may go before its colon, in characters. */
const longestName = 64

/**
 * The kind of a body that begins so.
 *
 * @param start As much as has come; a byte that is no character may stand in it as any other one.
 * @param labelled Whether its label says that it is a stream: then any field may come first, as events allow.
 */
export const bodyKind = (start: string, labelled: boolean): BodyKind => {
  let at = 0
  while (at < start.length && isSpace(start.charCodeAt(at))) at++
  const first = start[at]
  if (first === undefined) return "unknown"
  if (first === ":") return "stream"
  const rest = start.slice(at, at + longestName)
  const name = /^[\w-]*/.exec(rest)![0]
  const next = rest[name.length]
  if (next === undefined && rest.length < longestName) {
    return name !== "" && (labelled || fields.some((field) => field.startsWith(name))) ? "unknown" : "whole"
  }
  return next === ":" && (labelled || fields.includes(name)) ? "stream" : "whole"
}

/** What comes behind a whole object on the first line: more of them, events, or nothing that is read line by line. */
export type LinesKind = "lines" | "events" | "neither"

/**
 * What a body is read as that begins so, and is not known as events: as lines of JSON, an event each, where a whole object
 * on its first line has another one behind it, or the terminator; as events where a field is behind it, so that the object
 * stands before them. `undefined` while that is not known.
 */
export const linesKind = (start: string): LinesKind | undefined => {
  const begun = start.trimStart()
  if (begun !== "" && !begun.startsWith("{")) return "neither"
  const end = begun.indexOf("\n")
  if (end < 0) return undefined
  if (!isObject(parseJson(begun.slice(0, end)))) return "neither"
  const rest = begun.slice(end).trimStart()
  if (rest === "") return undefined
  if (rest.startsWith("{") || rest.startsWith("[DONE]".slice(0, rest.length))) return "lines"
  const kind = bodyKind(rest, false)
  return kind === "unknown" ? undefined : kind === "stream" ? "events" : "neither"
}
