/**
 * Failures that are told between the events of a stream, in lines that server-sent events have no place for: a field
 * `error`, as servers of one's own write it, or a bare body of JSON, on one line or on many, as Google and proxies break
 * off. Behind it the stream may end as well as any other.
 */
import { parseJson } from "../Json.ts"
import { nothingScanned, scanJson } from "../JsonScan.ts"
import { isErrorBody } from "./Body.ts"

const field = "error:"

const isBegun = (text: string): boolean => text.startsWith("{") || text.startsWith("[")

/**
 * Takes the lines of a stream that are no fields, and gives the body of each error that they tell. What is no error says
 * nothing, and neither does what is longer than `maxLength`. Nothing is kept but a body that has begun.
 */
export const makeErrorLines = (maxLength: number, onError: (body: string) => void): ((line: string) => void) => {
  let body = ""
  let isNamed = false
  let scan = nothingScanned()
  const judge = (): void => {
    const said = parseJson(body)
    const isError = isNamed ? isErrorBody({ error: said === undefined ? body : said }, true) : isErrorBody(said, true)
    if (isError) onError(body)
    body = ""
  }
  return (line) => {
    const names = line.startsWith(field)
    const text = names ? line.slice(field.length).trim() : line
    // A body within another one is indented.
    if (names || isBegun(text)) {
      body = text
      isNamed = names
      scan = nothingScanned()
      if (!isBegun(text)) return judge()
    } else if (body === "") return
    else body += `\n${text}`
    scanJson(scan, text)
    if (scan.whole) judge()
    else if (body.length > maxLength) body = ""
  }
}
