/**
 * What the clients read and write in the same way: JSON that may be none, the code of an error's body, an id as a header,
 * and the address at which a stream is cancelled.
 */
import { fields } from "./Reconnect.ts"

/** What is short, an error's body or the answer to a cancellation, and does not come in so many milliseconds is not waited for. */
export const patience = 2_000

/**
 * The most bytes of one event: an answer's last event holds the whole of it. The longest that a relay makes is of 8 Mi
 * characters, of six bytes each where JSON escapes them all.
 */
export const maxEventBytes = 67_108_864

/** Data as JSON, or `undefined` where it is none. */
export const parseJson = (data: string): unknown => {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

/** The code in an error's body, the relay's own or a model vendor's; `""` where there is none. */
export const errorCode = (body: string): string => {
  const json = fields(parseJson(body))
  const { code, reason = code } = fields(json["error"] ?? json)
  return typeof reason === "string" ? reason : ""
}

/** An id as a header can hold it: its UTF-8, a character a byte, which is what `EventSource` sends. */
export const headerOf = (id: string): string => String.fromCharCode(...new TextEncoder().encode(id))

/**
 * Where a stream is cancelled: `{streamsUrl}/{id}`, by default `/streams/{id}` of the origin that was asked. A token in
 * the query goes with it.
 */
export const cancelAddress = (asked: URL, id: string, streamsUrl = "/streams"): string => {
  const url = new URL(streamsUrl, asked)
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${id}`
  const token = asked.searchParams.get("token")
  if (token !== null) url.searchParams.set("token", token)
  return url.href
}
