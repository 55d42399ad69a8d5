/**
 * The vendors' own types as judges of what their upstreams are sent: each body is written down as a value of the type that
 * its SDK takes, and the compiler says what is wrong with it, excess fields too.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { UpstreamDialectName } from "#src/dialect/index"

/** A body, and of what it is. */
export interface Judged {
  readonly name: string
  readonly dialect: UpstreamDialectName
  readonly body: string
}

const root = join(import.meta.dirname, "../..")

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

const compilerOptions = {
  target: "ES2024",
  lib: ["ES2024"],
  module: "NodeNext",
  moduleResolution: "NodeNext",
  strict: true,
  skipLibCheck: true,
  noEmit: true,
  types: []
}

/** What the compiler says of a file with these lines, each fault in one line, and where it is, counted from 0. */
const toldOf = (source: string): ReadonlyArray<readonly [line: number, said: string]> => {
  // Where the packages are found.
  mkdirSync(join(root, ".scratch"), { recursive: true })
  const folder = mkdtempSync(join(root, ".scratch/bodies-"))
  try {
    writeFileSync(join(folder, "bodies.ts"), source)
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["bodies.ts"] }))
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    const { status, stderr, stdout } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
      encoding: "utf8",
      maxBuffer: 1 << 28
    })
    const told = stdout.split(/\n(?=\S)/).flatMap((fault) => {
      const found = /bodies\.ts\((\d+),\d+\): (.*)$/s.exec(fault.trim())
      return found === null ? [] : [[Number(found[1]) - 1, found[2]!.replaceAll(/\s*\n\s*/g, " ")] as const]
    })
    if (told.length === 0 && status !== 0) throw new Error(`the compiler ended with ${status}: ${stdout}${stderr}`)
    return told
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the vendors' types have against these bodies: a line for each fault. */
export const faultsOf = (all: ReadonlyArray<Judged>): ReadonlyArray<string> => {
  const distinct = [...new Map(all.map((one) => [`${one.dialect} ${one.body}`, one])).values()]
  const lines = distinct.map(({ body, dialect }, i) => `export const body${i}: ${typeOf[dialect]} = ${body}`)
  const offset = head.split("\n").length - 1
  return toldOf(head + lines.join("\n")).map(([line, said]) => {
    const judged = distinct[line - offset]
    return `${judged?.name ?? "head"}: ${said}: ${judged?.body ?? ""}`
  })
}
