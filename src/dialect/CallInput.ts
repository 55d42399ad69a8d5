/**
 * The input of a tool call, which is an object to some vendors and the text of one to others. Upstreams that put one
 * vendor's answer in the words of another mix the two up, and a call without its input is another call.
 */
import { printJson } from "./ExactNumbers.ts"
import { isObject, parseJson } from "./Json.ts"

/** As a value: a text is read, and one that is no object is an empty one. Anything else stays as it is. */
export const inputValue = (input: unknown): unknown => {
  if (typeof input !== "string") return input
  const read = parseJson(input)
  return isObject(read) ? read : {}
}

/** As a text, numbers to the digit. A text stays as it is. */
export const inputText = (input: unknown): string =>
  typeof input === "string" ? input : isObject(input) ? printJson(input) : ""
