/**
 * The Gemini CLI's kind of requests, by Google's SDK as it has it: functions by JSON Schema, thoughts that it shows and does
 * not keep, texts of its history put together, tokens counted.
 */
import { type Content, type GenerateContentConfig, GoogleGenAI, type Part } from "@google/genai"
import { headersOf } from "../question.ts"
import { longPrompt, type Program, type Session, type Told, tools } from "./program.ts"

const model = "gemini-2.5-pro"

const config: GenerateContentConfig = {
  systemInstruction: longPrompt,
  temperature: 0,
  topP: 0.95,
  topK: 64,
  thinkingConfig: { includeThoughts: true, thinkingBudget: 8192 },
  tools: [
    {
      functionDeclarations: tools.map(({ description, name, schema }) => ({
        name,
        description,
        parametersJsonSchema: schema
      }))
    }
  ]
}

const isText = (part: Part | undefined): part is Part & { text: string } =>
  part?.text !== undefined && part.functionCall === undefined && part.thoughtSignature === undefined

/** As it keeps an answer. */
const kept = (parts: ReadonlyArray<Part>): Array<Part> => {
  const made: Array<Part> = []
  for (const part of parts) {
    const last = made.at(-1)
    if (part.thought === true || part.text === "") continue
    if (isText(last) && isText(part)) made[made.length - 1] = { text: last.text + part.text }
    else made.push(part)
  }
  return made
}

const open = (url: string): Session => {
  let seen: Told["headers"] = {}
  const { models } = new GoogleGenAI({
    apiKey: "key-of-client",
    httpOptions: {
      baseUrl: url,
      headers: { "user-agent": "GeminiCLI/0.40.0/gemini-2.5-pro (linux; x64)" },
      fetch: async (...request: Parameters<typeof fetch>) => {
        const response = await fetch(...request)
        seen = headersOf(response.headers)
        return response
      }
    }
  })
  const contents: Array<Content> = [
    { role: "user", parts: [{ text: "This is the Gemini CLI. The folder is /repo." }] },
    { role: "model", parts: [{ text: "Got it." }] }
  ]

  const ask = async (parts: Array<Part>): Promise<Told> => {
    contents.push({ role: "user", parts })
    const told: Array<Part> = []
    let finished = false
    for await (const chunk of await models.generateContentStream({ model, contents, config })) {
      const candidate = chunk.candidates?.[0]
      told.push(...(candidate?.content?.parts ?? []))
      finished ||= candidate?.finishReason !== undefined
    }
    if (!finished) throw new Error("Model stream ended without a finish reason.")
    contents.push({ role: "model", parts: kept(told) })
    return {
      text: told.map((part) => (part.thought === true ? "" : (part.text ?? ""))).join(""),
      calls: told.flatMap(({ functionCall: call }) =>
        call === undefined ? [] : [{ id: call.id ?? "", name: call.name ?? "", input: call.args }]
      ),
      headers: seen
    }
  }

  return {
    say: (text) => ask([{ text }]),
    give: (results) =>
      ask(
        results.map(({ call, output }) => ({
          functionResponse: { id: call.id, name: call.name, response: { output } }
        }))
      ),
    count: async () => (await models.countTokens({ model, contents })).totalTokens ?? 0
  }
}

/** The Gemini CLI. */
export const geminiCli: Program = { name: "the Gemini CLI", dialect: "gemini", open, unsaid: [] }
