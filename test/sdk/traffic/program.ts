/**
 * What programs that write code send, as they send it: a prompt of many pages, forty tools, results of 100 kB. The texts are
 * made up; what stands where is as the programs have it.
 */

/** A call of a tool, as a program was given it. */
export interface Called {
  readonly id: string
  readonly name: string
  readonly input: unknown
}

/** What a program was told in one turn. */
export interface Told {
  readonly text: string
  readonly calls: ReadonlyArray<Called>
  readonly headers: { readonly [name: string]: string | undefined }
}

/** What a tool has given. */
export interface Result {
  readonly call: Called
  readonly output: string
}

/** A program in the middle of its work. It keeps what was said as it would. */
export interface Session {
  readonly say: (text: string) => Promise<Told>
  readonly give: (results: ReadonlyArray<Result>) => Promise<Told>
  /** How many tokens it has said so far; `undefined` where it never asks. */
  readonly count: (() => Promise<number>) | undefined
}

/** A program. */
export interface Program {
  readonly name: string
  readonly dialect: "anthropic" | "responses" | "gemini"
  readonly open: (url: string) => Session
  /** What of its request other vendors' channels have no words for. */
  readonly unsaid: ReadonlyArray<string>
}

const filler = (about: string, length: number): string => {
  const line = `- ${about}: prefer what is there, say what you did, and ask before you delete anything.\n`
  return line.repeat(Math.ceil(length / line.length)).slice(0, length)
}

/** What it is told of its work: some twenty pages. */
export const longPrompt = `# How to work\n\n${filler("Code", 24_000)}\n# End of the prompt`

/** What a tool has read: 100 kB, with all that texts have in them. */
export const longResult = (name: string): string =>
  `${`  12→const a = "\\u00e9 👩‍🚀 \u2028 <b>";\t// ${name}\r\n`.repeat(2_200).slice(0, 100_000)}\n<end of ${name}>`

/** One of its forty tools. */
export interface ToolOf {
  readonly name: string
  readonly description: string
  readonly schema: { readonly [field: string]: unknown }
}

const schema = (properties: object, required: ReadonlyArray<string>) => ({
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties,
  required,
  additionalProperties: false
})

const path = { type: "string", description: "The absolute path to the file" }

/** Three that are called, and as many that servers bring as make forty. */
export const tools: ReadonlyArray<ToolOf> = [
  {
    name: "Read",
    description: filler("Reads a file", 900),
    schema: schema({ file_path: path, offset: { type: "integer", exclusiveMinimum: 0 } }, ["file_path"])
  },
  {
    name: "Edit",
    description: filler("Edits a file", 900),
    schema: schema(
      { file_path: path, old_string: { type: "string" }, replace_all: { type: "boolean", default: false } },
      ["file_path", "old_string"]
    )
  },
  {
    name: "Bash",
    description: filler("Runs a command", 1_800),
    schema: schema({ command: { type: "string" }, timeout: { type: "number" } }, ["command"])
  },
  ...Array.from({ length: 37 }, (_, i) => ({
    name: `mcp__server-${i % 5}__tool_${i}`,
    description: filler(`Tool ${i}`, 300),
    schema: schema(
      { kind: { enum: ["a", "b"] }, of: { anyOf: [{ type: "string" }, { type: "null" }] }, n: { type: "integer" } },
      ["kind"]
    )
  }))
]

/** Whose keeps nothing of this: what a program knows itself by. */
export const sessionId = "0b0f3a7e-53d8-4c9e-9d51-7a4f6b1c2d3e"
