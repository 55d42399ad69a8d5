/**
 * Events for the clients of Google's that know no field of an event but `data`. `google-genai` for Python (`_api_client.py`)
 * and `go-genai` (`api_client.go`) take every other line for JSON and raise it, an id or a comment too; the older
 * `@google/generative-ai`, which LangChain JS has, reads nothing more behind one. So they are sent neither, and cannot come
 * back for the rest of an answer: they have no way to do so.
 *
 * An error is written as Google itself breaks off a stream, a line of JSON without `data:`. In an event of its own
 * `go-genai` and `@google/generative-ai` would take it for an answer that says nothing, and end well. The line behind it is
 * what `google-genai` raises, which takes a line of JSON for such an answer too.
 */
import type { BareEvents } from "../Dialect.ts"
import { isObject, parseJson } from "../Json.ts"
import { apiClient } from "./ApiClient.ts"

// A frame is an event and its id, each one line and an empty one. Texts may have other ends of lines in them.
const besideEvents = /(?<=^|\n\n)(?:id: [^\n]*|data: (\{"error":[^\n]*))\n\n/g

const messageOf = (json: string): string => {
  const body = parseJson(json)
  const error = isObject(body) ? body["error"] : undefined
  const message = isObject(error) ? error["message"] : undefined
  return typeof message === "string" ? message.replaceAll(/\s+/g, " ") : "the answer failed"
}

/** Events without ids, an error and a heartbeat as these clients read them. */
export const bareEvents: BareEvents = {
  looksAt: apiClient,
  // That of `@google/genai` knows its events.
  isFor: (client) => client !== undefined && !client.includes("gl-node/"),
  show: (frames) =>
    frames.replaceAll(besideEvents, (_, error: string | undefined) =>
      error === undefined ? "" : `${error}\n\n: ${messageOf(error)}\n\n`
    ),
  // A comment would be an error, and programs read the text of whatever comes.
  heartbeat: 'data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"index":0}]}\n\n'
}
