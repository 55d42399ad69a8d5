/**
 * How an upstream's bytes become frames.
 */
import { makeSseParser } from "../../sse/index.ts"
import type { Framing } from "../Framing.ts"
import { isObject, parseJson } from "../Json.ts"
import { makeErrorLines } from "./ErrorLines.ts"

// A server that closes at once behind its last line has said all of it, if that line is whole.
const isWhole = ({ data }: { readonly data: string }): boolean => data.trim() === "[DONE]" || isObject(parseJson(data))

/**
 * Server-sent events, with an upstream's last one even where no blank line ends it. An error that is told in lines which
 * are no fields is a frame by the name of `error`.
 */
export const sse: Framing = {
  make: ({ maxEventBytes, onFrame }) => {
    const parser = makeSseParser({
      maxEventBytes,
      onEvent: ({ data, event }) => onFrame(event, data),
      isWholeAtEnd: isWhole,
      onIgnored: makeErrorLines(maxEventBytes, (body) => onFrame("error", body))
    })
    return { feed: (chunk) => parser.feed(chunk), end: () => parser.end() }
  }
}

/**
 * JSON Lines: one event a line, and no blank line behind it. The last one counts without its newline, if it is whole. So
 * stream servers that know no server-sent events, and proxies that have taken their fields off.
 */
export const jsonLines: Framing = {
  make: ({ maxEventBytes, onFrame }) => {
    const decoder = new TextDecoder()
    let pending = ""
    let over = false
    const line = (text: string): void => {
      const data = text.trim()
      if (data !== "") onFrame("message", data)
    }
    return {
      feed: (chunk) => {
        if (over) return { maxEventBytes }
        const [first = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n")
        pending += first
        for (const text of others) {
          line(pending)
          pending = text
        }
        over = pending.length > maxEventBytes
        return over ? { maxEventBytes } : undefined
      },
      end: () => {
        if (isWhole({ data: pending })) line(pending)
      }
    }
  }
}
