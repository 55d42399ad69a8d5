/**
 * A conversation that another dialect's client sent, as Gemini's contents.
 */
import { isExact } from "../ExactNumbers.ts"
import { type FitNames, makeFitNames, type NameRule } from "../FitNames.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { kindOfMedia } from "../MediaKind.ts"
import type { Asked, Part, Turn } from "../Request.ts"
import { generationOf } from "./Models.ts"
import { unsignedCall } from "./Signed.ts"

/** A content of a conversation. */
export interface Content {
  readonly role: string
  readonly parts: ReadonlyArray<unknown>
}

/** What became of a conversation. */
export interface CrossedContents {
  readonly system: ReadonlyArray<JsonObject>
  readonly contents: ReadonlyArray<Content>
  /** Paths of what there are no words for. */
  readonly unsaid: ReadonlyArray<string>
  /** Paths of what is said less well than it was. */
  readonly dropped: ReadonlyArray<string>
  /** Names of tools. */
  readonly names: FitNames
  /** What holds numbers that are to be printed as they were written. */
  readonly exact: ReadonlyArray<JsonObject>
}

/** What a target takes. */
export interface ContentOptions {
  readonly model: string
  /** Ids of calls and of their responses; Vertex has none. */
  readonly ids: boolean
  /** What Gemini has signed. */
  readonly signatures: boolean
}

/** What Gemini takes as the name of a function. */
const nameRule: NameRule = { longest: 64, unfit: /[^a-zA-Z0-9_.-]/g, unfitFirst: /^[^a-zA-Z_]/ }

interface Sink extends ContentOptions {
  readonly unsaid: Array<string>
  readonly dropped: Array<string>
  readonly names: FitNames
  readonly exact: Array<JsonObject>
  /** The names of the calls so far, by id. */
  readonly called: Map<string, string>
}

const imageTypes: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"])

const inline = (mimeType: string, data: string): JsonObject => ({ inlineData: { mimeType, data } })

const imagePart = ({ mediaType, source }: Extract<Part, { readonly _tag: "Image" }>): JsonObject | undefined => {
  // Google fetches no URL that is not its own, and neither does the relay.
  if ("url" in source) return undefined
  const kind = kindOfMedia(mediaType, source.base64)
  return imageTypes.has(kind) ? inline(kind, source.base64) : undefined
}

const filePart = ({ base64, mediaType }: Extract<Part, { readonly _tag: "File" }>): JsonObject | undefined => {
  const kind = kindOfMedia(mediaType, base64)
  return kind === "application/pdf" || kind.startsWith("text/") ? inline(kind, base64) : undefined
}

/** One part, unless there are no words for it. */
const known = (part: JsonObject | undefined, path: string, sink: Sink): ReadonlyArray<JsonObject> => {
  if (part !== undefined) return [part]
  sink.unsaid.push(path)
  return []
}

const reasoningPart = (
  { signed, text }: Extract<Part, { readonly _tag: "Reasoning" }>,
  { signatures }: Sink
): ReadonlyArray<JsonObject> => {
  if (!signatures || signed?.by !== "gemini" || signed.value === "") return []
  return [{ text, ...(text === "" ? {} : { thought: true }), thoughtSignature: signed.value }]
}

const argsOf = (call: Extract<Part, { readonly _tag: "ToolCall" }>, sink: Sink): JsonObject => {
  if (call.input.trim() === "") return {}
  const args = parseJson(call.input)
  if (isObject(args)) {
    if (isExact(args)) sink.exact.push(args)
    return args
  }
  sink.dropped.push(call.path ?? "tool_calls")
  return {}
}

const callPart = (call: Extract<Part, { readonly _tag: "ToolCall" }>, sink: Sink): ReadonlyArray<JsonObject> => {
  const { id, name, signed } = call
  sink.called.set(id, name)
  const signature = sink.signatures && signed?.by === "gemini" && signed.value !== "" ? signed.value : unsignedCall
  return [
    {
      functionCall: {
        ...(sink.ids && id !== "" ? { id } : {}),
        name: sink.names.fit(name),
        args: argsOf(call, sink)
      },
      thoughtSignature: signature
    }
  ]
}

/** Gemini takes images inside a response since its third generation; before that they stand behind it. */
const takesParts = (model: string): boolean => (generationOf(model) ?? 0) >= 3

const resultParts = (result: Extract<Part, { readonly _tag: "ToolResult" }>, sink: Sink): ReadonlyArray<JsonObject> => {
  const { failed, id, name, parts } = result
  const text = parts.flatMap((part) => (part._tag === "Text" ? [part.text] : [])).join("\n")
  const shown = parts.flatMap((part) =>
    part._tag === "Image"
      ? known(imagePart(part), part.path, sink)
      : part._tag === "File"
        ? known(filePart(part), part.path, sink)
        : []
  )
  const inside = shown.length > 0 && takesParts(sink.model)
  const response: JsonObject = {
    functionResponse: {
      ...(sink.ids && id !== "" ? { id } : {}),
      name: sink.names.fit(sink.called.get(id) ?? name ?? id),
      response: failed ? { error: text } : { output: text },
      ...(inside ? { parts: shown } : {})
    }
  }
  return inside ? [response] : [response, ...shown]
}

const partsOf = (part: Part, sink: Sink): ReadonlyArray<JsonObject> => {
  switch (part._tag) {
    case "Text":
    case "Refusal":
      return part.text === "" ? [] : [{ text: part.text }]
    case "Image":
      return known(imagePart(part), part.path, sink)
    case "File":
      return known(filePart(part), part.path, sink)
    case "Reasoning":
      return reasoningPart(part, sink)
    case "ToolCall":
      return callPart(part, sink)
    case "ToolResult":
      return resultParts(part, sink)
  }
}

const roleOf = (turn: Turn, part: Part): "user" | "model" =>
  turn.role === "assistant" && part._tag !== "ToolResult" ? "model" : "user"

const isResponse = (part: JsonObject): boolean => part["functionResponse"] !== undefined

/** A conversation as contents that alternate: neighbours of one role are merged, and empty texts left out. */
export const crossedContents = (
  { system, toolChoice, tools, turns }: Asked,
  options: ContentOptions
): CrossedContents => {
  const calls = turns.flatMap(({ parts }) => parts.filter((part) => part._tag === "ToolCall"))
  const sink: Sink = {
    ...options,
    unsaid: [],
    dropped: [],
    exact: [],
    called: new Map(),
    names: makeFitNames(
      [
        ...tools.map(({ name }) => name),
        ...calls.map(({ name }) => name),
        ...(typeof toolChoice === "object" ? [toolChoice.name] : [])
      ],
      nameRule
    )
  }
  const runs: Array<{ readonly role: "user" | "model"; readonly parts: Array<JsonObject> }> = []
  for (const turn of turns) {
    for (const part of turn.parts) {
      const role = roleOf(turn, part)
      const said = partsOf(part, sink)
      if (said.length === 0) continue
      const last = runs.at(-1)
      if (last?.role === role) last.parts.push(...said)
      else runs.push({ role, parts: [...said] })
    }
  }
  return {
    system: system.flatMap((part) => partsOf(part, sink)),
    // Responses come before all else that a user says: they answer the calls of the content before.
    contents: runs.map(({ parts, role }) => ({
      role,
      parts: parts.some(isResponse)
        ? [...parts.filter(isResponse), ...parts.filter((part) => !isResponse(part))]
        : parts
    })),
    unsaid: sink.unsaid,
    dropped: sink.dropped,
    names: sink.names,
    exact: sink.exact
  }
}
