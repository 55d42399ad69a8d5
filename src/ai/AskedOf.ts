/**
 * What a program asks of a `LanguageModel`, in the words that all dialects share.
 */
import * as Base64 from "effect/encoding/Base64"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import {
  type AnswerRequest,
  type Asked,
  lazily,
  type Meaning,
  measure,
  nothingAsked,
  type Part,
  type Turn
} from "../dialect/index.ts"
import { metadataKey } from "./AiErrors.ts"

/** What was signed and must go back to whoever signed it, in a part's metadata and options under `effect-resilience`. */
export interface Signed {
  readonly by: string
  readonly value: string
  readonly sealed: boolean
}

const signedOf = (options: Prompt.ProviderOptions): Signed | undefined => {
  const own = options[metadataKey]
  if (typeof own !== "object" || own === null || Array.isArray(own)) return undefined
  const { by, sealed, value } = own as { readonly [field: string]: unknown }
  return typeof by === "string" && typeof value === "string" ? { by, value, sealed: sealed === true } : undefined
}

/** What is read of a prompt, and what of it no dialect has words for. */
interface Reading {
  readonly meanings: Array<Meaning>
}

const fileOf = (part: Prompt.FilePart, path: string, { meanings }: Reading): ReadonlyArray<Part> => {
  const { data, fileName: name, mediaType } = part
  const isImage = mediaType.startsWith("image/")
  const url =
    data instanceof URL ? data.href : typeof data === "string" && /^https?:\/\//i.test(data) ? data : undefined
  if (url !== undefined && !url.startsWith("data:")) {
    if (isImage) return [{ _tag: "Image", path, mediaType: undefined, source: { url } }]
    // Nobody fetches it on the program's behalf.
    meanings.push({ path, value: url })
    return []
  }
  const said = url ?? (data instanceof Uint8Array ? Base64.encode(data) : String(data))
  const { base64, type } = said.startsWith("data:") ? inDataUrl(said) : { base64: said, type: "" }
  if (!isImage) return [{ _tag: "File", path, mediaType, name, base64 }]
  // `image/*` is Effect's word for any image, and vendors look whether one is what it is called.
  const known = mediaType !== "image/*" ? mediaType : type.startsWith("image/") ? type : imageType(base64)
  return [{ _tag: "Image", path, mediaType: known, source: { base64 } }]
}

/** What a data URL holds, and what it calls it. */
const inDataUrl = (url: string): { readonly base64: string; readonly type: string } => {
  const comma = url.indexOf(",")
  const [type = "", ...parameters] = url.slice("data:".length, comma).split(";")
  const rest = url.slice(comma + 1)
  if (parameters.at(-1)?.toLowerCase() === "base64") return { base64: rest, type }
  // What is no percent-encoding stands for itself, as in browsers.
  const bytes = rest.split(/(%[0-9a-f]{2})/i).flatMap((part, at) =>
    // Every second part is one.
    at % 2 === 1 ? [Number.parseInt(part.slice(1), 16)] : [...new TextEncoder().encode(part)]
  )
  return { base64: Base64.encode(Uint8Array.from(bytes)), type }
}

/** The kinds of images that vendors take, by how their bytes begin, in base64. */
const images = [
  ["iVBORw0KGgo", "image/png"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"]
] as const

const imageType = (base64: string): string => images.find(([begins]) => base64.startsWith(begins))?.[1] ?? "image/jpeg"

const resultOf = (part: Prompt.ToolResultPart, path: string, reading: Reading): Part => {
  const { id, isFailure: failed, modelOutput, name, result } = part
  const parts: ReadonlyArray<Part> =
    modelOutput === undefined
      ? [{ _tag: "Text", text: typeof result === "string" ? result : (JSON.stringify(result) ?? "") }]
      : modelOutput.flatMap(
          (output, at): ReadonlyArray<Part> =>
            output.type === "text"
              ? [{ _tag: "Text", text: output.text }]
              : fileOf(output, `${path}.modelOutput[${at}]`, reading)
        )
  return { _tag: "ToolResult", path, id, name, parts, failed }
}

const partOf = (
  part: Prompt.AssistantMessagePart | Prompt.ToolMessagePart | Prompt.UserMessagePart,
  path: string,
  reading: Reading
): ReadonlyArray<Part> => {
  switch (part.type) {
    case "text":
      return [{ _tag: "Text", text: part.text }]
    case "file":
      return fileOf(part, path, reading)
    case "reasoning":
      return [{ _tag: "Reasoning", text: part.text, signed: signedOf(part.options) }]
    case "tool-call": {
      if (part.providerExecuted) {
        reading.meanings.push({ path, value: part.name })
        return []
      }
      const { id, name, params } = part
      return [{ _tag: "ToolCall", path, id, name, input: JSON.stringify(params ?? {}), signed: signedOf(part.options) }]
    }
    case "tool-result":
      if (!part.providerExecuted) return [resultOf(part, path, reading)]
      reading.meanings.push({ path, value: part.name })
      return []
    // What was asked of a person, and answered, was for the program: the call and its result are all of it.
    case "tool-approval-request":
    case "tool-approval-response":
      return []
  }
}

const turnOf = (message: Prompt.Message, at: number, reading: Reading): Turn => {
  if (message.role === "system") return { role: "system", parts: [{ _tag: "Text", text: message.content }] }
  const all: ReadonlyArray<Prompt.AssistantMessagePart | Prompt.ToolMessagePart | Prompt.UserMessagePart> =
    message.content
  return {
    // What a tool gave is said to the model, as what a user says is.
    role: message.role === "assistant" ? "assistant" : "user",
    parts: all.flatMap((part, index) => partOf(part, `prompt[${at}].content[${index}]`, reading))
  }
}

const toolsOf = (tools: ReadonlyArray<Tool.Any>, { meanings }: Reading): Asked["tools"] =>
  tools.flatMap((tool, at) => {
    const path = `tools[${at}]`
    if (Tool.isProviderDefined(tool)) {
      meanings.push({ path, value: tool.name })
      return []
    }
    return [
      {
        path,
        name: tool.name,
        description: Tool.getDescription(tool),
        schema: { ...Tool.getJsonSchema(tool) },
        strict: Tool.getStrictMode(tool)
      }
    ]
  })

const choiceOf = (choice: LanguageModel.ToolChoice<string>): Asked["toolChoice"] =>
  typeof choice === "string" ? choice : "tool" in choice ? { name: choice.tool } : (choice.mode ?? "auto")

/** What is asked, and how its schemas are put. */
export const askedOf = (
  { prompt, responseFormat, toolChoice, tools }: LanguageModel.ProviderOptions,
  codec: LanguageModel.CodecTransformer
): Asked => {
  const reading: Reading = { meanings: [] }
  const turns = prompt.content.map((message, at) => turnOf(message, at, reading))
  const leading = turns.findIndex(({ role }) => role !== "system")
  const start = leading < 0 ? turns.length : leading
  const asked = toolsOf(tools, reading)
  return {
    ...nothingAsked,
    system: turns.slice(0, start).flatMap(({ parts }) => parts),
    turns: turns.slice(start).filter(({ parts }) => parts.length > 0),
    tools: asked,
    toolChoice: asked.length === 0 ? undefined : choiceOf(toolChoice as LanguageModel.ToolChoice<string>),
    format:
      responseFormat.type === "text"
        ? { _tag: "Text" }
        : {
            _tag: "Json",
            path: "schema",
            schema: { ...codec(responseFormat.schema).jsonSchema },
            name: responseFormat.objectName,
            strict: true
          },
    meanings: reading.meanings
  }
}

/**
 * A request as the dialects take it. It is no client's own: every dialect puts it in its words from what is asked.
 */
export const requestOf = (
  options: LanguageModel.ProviderOptions,
  about: {
    readonly model: string
    readonly stream: boolean
    readonly codec: LanguageModel.CodecTransformer
  }
): AnswerRequest => ({
  dialect: "chat",
  operation: "generate",
  model: about.model,
  delivery: about.stream ? "stream" : "whole",
  includeUsage: true,
  choices: 1,
  timeoutMillis: undefined,
  json: options.responseFormat.type === "json",
  asking: { parameter: "", query: "", headers: {}, body: undefined },
  body: {},
  ...measure(options.prompt.content.map(({ content }) => content)),
  asked: lazily(() => askedOf(options, about.codec))
})
