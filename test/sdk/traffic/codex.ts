/**
 * Codex's kind of requests, which it makes without an SDK: nothing is kept by the server, sealed thoughts are sent back, and
 * what it sends back are the items that it was told are done, without their ids.
 */
import { read } from "../../support/sse.ts"
import { longPrompt, type Program, type Session, sessionId, type Told, tools } from "./program.ts"

interface Item {
  readonly [field: string]: unknown
  readonly type: string
}

const functions = tools.map(({ description, name, schema }) => ({
  type: "function",
  name,
  description,
  strict: false,
  parameters: schema
}))

const vendorsOwn = [
  {
    type: "custom",
    name: "apply_patch",
    description: "Edits files by a patch.",
    format: { type: "grammar", syntax: "lark", definition: 'start: "*** Begin Patch" LF hunk+ "*** End Patch" LF?' }
  },
  { type: "web_search", external_web_access: true }
]

const message = (role: string, text: string): Item => ({
  type: "message",
  role,
  content: [{ type: "input_text", text }]
})

/** As it keeps an item: what is known of its kind, and no id. */
const kept = ({
  arguments: input,
  call_id: id,
  content,
  encrypted_content: sealed,
  name,
  summary,
  type
}: Item): Item => {
  switch (type) {
    case "reasoning":
      return { type, summary, encrypted_content: sealed }
    case "function_call":
      return { type, name, arguments: input, call_id: id }
    default:
      return { type, role: "assistant", content }
  }
}

const textIn = ({ content, type }: Item): string =>
  type === "message" ? (content as ReadonlyArray<{ readonly text: string }>).map(({ text }) => text).join("") : ""

const open = (url: string): Session => {
  const input: Array<Item> = [
    message("developer", "<permissions instructions>\nThe sandbox is read-only.\n</permissions instructions>"),
    message("user", "<environment_context>\n  <cwd>/repo</cwd>\n  <shell>bash</shell>\n</environment_context>")
  ]

  const ask = async (...more: ReadonlyArray<Item>): Promise<Told> => {
    input.push(...more)
    const { events, headers, status, text } = await read(`${url}/v1/responses`, {
      headers: {
        authorization: "Bearer key-of-client",
        accept: "text/event-stream",
        originator: "codex_cli_rs",
        "user-agent": "codex_cli_rs/0.130.0 (Debian 13; x86_64) xterm",
        session_id: sessionId
      },
      body: {
        model: "gpt-5.1-codex",
        instructions: longPrompt,
        input,
        tools: [...functions, ...vendorsOwn],
        tool_choice: "auto",
        parallel_tool_calls: true,
        reasoning: { effort: "medium", summary: "auto" },
        store: false,
        stream: true,
        include: ["reasoning.encrypted_content"],
        prompt_cache_key: sessionId,
        text: { verbosity: "low" },
        client_metadata: { "x-codex-installation-id": sessionId }
      }
    })
    // It looks at the type in the data, and an answer without its end is none.
    if (status !== 200 || events.at(-1)?.json?.["type"] !== "response.completed") throw new Error(text)
    const items = events.flatMap(({ json }) =>
      json?.["type"] === "response.output_item.done" ? [json["item"] as Item] : []
    )
    input.push(...items.map(kept))
    return {
      text: items.map(textIn).join(""),
      calls: items.flatMap(({ arguments: said, call_id: id, name, type }) =>
        type === "function_call"
          ? [{ id: String(id), name: String(name), input: JSON.parse(String(said)) as unknown }]
          : []
      ),
      headers: Object.fromEntries(Object.entries(headers).map(([field, value]) => [field, String(value)]))
    }
  }

  return {
    say: (text) => ask(message("user", text)),
    give: (results) =>
      ask(...results.map(({ call, output }) => ({ type: "function_call_output", call_id: call.id, output }))),
    count: undefined
  }
}

/** Codex. */
export const codex: Program = {
  name: "Codex",
  dialect: "responses",
  open,
  unsaid: ["tools[40]", "tools[41]", "client_metadata"]
}
