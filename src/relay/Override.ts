/**
 * What a channel adds to a request is the channel's: an upstream that refuses a parameter or a header of its `params` or
 * `headers` blames neither the client, who has not written it, nor another channel, which does not send it.
 */
import type { Channel } from "../channel/index.ts"
import { isObject, type JsonObject, refusedField } from "../dialect/index.ts"
import {
  ChannelHeaderOverrideInvalid,
  ChannelParamOverrideInvalid,
  type ResilienceError,
  stackless
} from "../errors/index.ts"

/** The paths of what is set, or removed, down to its last fields. */
const pathsOf = (params: Readonly<JsonObject>, how: "set" | "removed", before = ""): ReadonlyArray<string> =>
  Object.entries(params).flatMap(([field, value]) => {
    const path = `${before}${field}`
    if (value === null) return how === "removed" ? [path] : []
    if (isObject(value) && Object.keys(value).length > 0) return pathsOf(value, how, `${path}.`)
    return how === "set" ? [path] : []
  })

/** The parameter that a refusal names: one that was sent, or one that was taken away and is missed. */
const refusedParam = (error: ResilienceError, params: Readonly<JsonObject>, sent: string): string | undefined => {
  const removed = pathsOf(params, "removed")
  const missed = removed.map((path) => `"${path.slice(path.lastIndexOf(".") + 1)}"`).join()
  return refusedField(error, 400, pathsOf(params, "set"), sent) ?? refusedField(error, 400, removed, missed)
}

const escaped = (name: string): string => name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** A header that is called one, in quotes or by the word; a name of two parts is a word of nothing else. */
const namesHeader = (words: string, name: string): boolean => {
  const word = escaped(name)
  const bare = name.includes("-")
    ? `(?:^|[^\\w-])${word}(?![\\w-])`
    : `['"\`]${word}['"\`] header|\\b${word} header|header:? ['"\`]?${word}\\b`
  return new RegExp(bare, "i").test(words)
}

/**
 * A failure, told as the channel's where an upstream refused what the channel had added; else as it is. `sent` is the body
 * that was sent.
 */
export const overrideOf = (
  error: ResilienceError,
  { headers, params }: Pick<Channel, "headers" | "params">,
  sent: string
): ResilienceError => {
  const { upstream } = error
  if (upstream === undefined || (error._tag !== "InvalidRequest" && error._tag !== "ChannelInvalidKey")) return error
  const words = upstream.message ?? ""
  const header = Object.keys(headers).find((name) => namesHeader(words, name))
  if (header !== undefined) {
    return stackless(
      () =>
        new ChannelHeaderOverrideInvalid({ message: `the channel's header ${header} was refused: ${words}`, upstream })
    )
  }
  // A key that was refused says nothing of the body.
  const field = error._tag === "InvalidRequest" ? refusedParam(error, params, sent) : undefined
  return field === undefined
    ? error
    : stackless(
        () =>
          new ChannelParamOverrideInvalid({
            message: `the channel's parameter ${field} was refused: ${words}`,
            upstream
          })
      )
}
