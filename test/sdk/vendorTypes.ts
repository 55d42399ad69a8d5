/**
 * The vendors' own types as judges of what their upstreams are sent: each body is written down as a value of the type that
 * its SDK takes, and the compiler says what is wrong with it, excess fields too.
 */
import { join } from "node:path"
import ts from "typescript-6"
import type { UpstreamDialectName } from "#src/dialect/index"

/** A body, and of what it is. */
export interface Judged {
  readonly name: string
  readonly dialect: UpstreamDialectName
  readonly body: string
}

const root = join(import.meta.dirname, "../..")
const file = join(import.meta.dirname, "bodies.ts")

// What is beside the types: reasoning of those who speak as OpenAI does, which goes back to whom it came from; and the
// sampling of Claude's models before 4.7, which the newest SDK has no field for. Google's SDK has no type for its body, but
// all of what is in it, with enums where the wire has their words.
const head = `import type { MessageCreateParamsStreaming } from "@anthropic-ai/sdk/resources/messages"
import type { Content, GenerationConfig, SafetySetting, Tool, ToolConfig } from "@google/genai"
import type { ChatCompletionCreateParamsStreaming, ChatCompletionMessageParam } from "openai/resources/chat/completions"
import type { ResponseCreateParamsStreaming } from "openai/resources/responses/responses"
type Message = ChatCompletionMessageParam | (Extract<ChatCompletionMessageParam, { role: "assistant" }> & { reasoning_content: string })
type Openai = Omit<ChatCompletionCreateParamsStreaming, "messages"> & { messages: Array<Message> }
type Responses = ResponseCreateParamsStreaming
type Wire<T> = T extends string ? \`\${T}\` : T extends ReadonlyArray<infer E> ? Array<Wire<E>> : T extends object ? { [F in keyof T]: Wire<T[F]> } : T
type Gemini = Wire<{ contents: Array<Content>; systemInstruction?: Content; tools?: Array<Tool>; toolConfig?: ToolConfig; generationConfig?: GenerationConfig; safetySettings?: Array<SafetySetting> }>
type Anthropic = MessageCreateParamsStreaming & { temperature?: number; top_p?: number; top_k?: number }
`

const typeOf: { readonly [D in UpstreamDialectName]: string } = {
  openai: "Openai",
  responses: "Responses",
  anthropic: "Anthropic",
  gemini: "Gemini"
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2024,
  lib: ["lib.es2024.d.ts"],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  skipLibCheck: true,
  noEmit: true,
  types: []
}

/** What the vendors' types have against these bodies: a line for each fault. */
export const faultsOf = (all: ReadonlyArray<Judged>): ReadonlyArray<string> => {
  const distinct = [...new Map(all.map((one) => [`${one.dialect} ${one.body}`, one])).values()]
  const lines = distinct.map(({ body, dialect }, i) => `export const body${i}: ${typeOf[dialect]} = ${body}`)
  const source = head + lines.join("\n")
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile, readFile } = host
  host.getCurrentDirectory = () => root
  host.fileExists = (name) => name === file || fileExists(name)
  host.readFile = (name) => (name === file ? source : readFile(name))
  host.getSourceFile = (name, version) =>
    name === file ? ts.createSourceFile(name, source, version) : getSourceFile(name, version)
  const program = ts.createProgram([file], options, host)
  const offset = head.split("\n").length - 1
  return program.getSemanticDiagnostics(program.getSourceFile(file)).map((diagnostic) => {
    const said = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ")
    const line = ts.getLineAndCharacterOfPosition(program.getSourceFile(file)!, diagnostic.start ?? 0).line - offset
    const judged = distinct[line]
    return `${judged?.name ?? "head"}: ${said}: ${judged?.body ?? ""}`
  })
}
