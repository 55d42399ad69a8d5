/**
 * What an upstream is sent when an SDK asks: the words of its own vendor, as that vendor's types take them. What it has no
 * words for is told as dropped if it is a hint, and else it is not asked at all.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Script } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { aiGoogle, aiResponses } from "./aiSdk.ts"
import { googleSdk } from "./googleSdk.ts"
import type { Client, Question, Turn } from "./question.ts"
import { share } from "../support/share.ts"
import { clients, dialects } from "./sdks.ts"
import { faultsOf, type Judged } from "./vendorTypes.ts"
import { type Body, bodiesOf, modelOf, withWorld, worldsInTurn } from "./world.ts"

const inTurn = worldsInTurn()

interface Case {
  readonly name: string
  readonly question: Question
  /** Fields of the body, by the channel's dialect; the same whoever asks. */
  readonly sends: { readonly [D in UpstreamDialectName]: Body | "nothing: it has no words for it" }
  /** What is told as dropped where a client of another dialect asks a channel of this one. */
  readonly dropped?: { readonly [D in UpstreamDialectName]?: string | ((client: Client) => string | undefined) }
  /** Who can ask it: SDKs leave out what they have no words for. */
  readonly by?: (client: Client) => boolean
}

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
const pdf = "JVBERi0xLjQKJSVFT0YK"
const schema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false
}
const weather = { name: "weather", description: "The weather of a city", schema }
const clock = { name: "clock", description: "The time", schema: { type: "object", properties: {} } }
const call = { call: "weather", id: "call_1", input: { city: "Oslo" } } as const
const result = { id: "call_1", name: "weather" } as const

const user = (...says: Turn["says"]): Turn => ({ role: "user", says })
const assistant = (...says: Turn["says"]): Turn => ({ role: "assistant", says })

const openaiTool = ({ description, name, schema }: typeof weather | typeof clock) => ({
  type: "function",
  function: { name, description, parameters: schema }
})
const anthropicTool = ({ description, name, schema }: typeof weather | typeof clock) => ({
  name,
  description,
  input_schema: schema
})
const responsesTool = ({ description, name, schema }: typeof weather | typeof clock) => ({
  type: "function",
  name,
  description,
  parameters: schema,
  strict: false
})
const responsesCall = { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Oslo"}' }
const openaiCall = { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } }
const anthropicCall = { type: "tool_use", id: "call_1", name: "weather", input: { city: "Oslo" } }

const geminiTool = ({ description, name, schema }: typeof weather | typeof clock) => ({
  name,
  description,
  parametersJsonSchema: schema
})
const geminiTools = (...tools: ReadonlyArray<typeof weather | typeof clock>) => [
  { functionDeclarations: tools.map(geminiTool) }
]
const geminiChoice = (mode: string, ...names: ReadonlyArray<string>) => ({
  functionCallingConfig: { mode, ...(names.length === 0 ? {} : { allowedFunctionNames: names }) }
})
const geminiCall = {
  functionCall: { id: "call_1", name: "weather", args: { city: "Oslo" } },
  thoughtSignature: "skip_thought_signature_validator"
}
const geminiResult = (response: object) => ({ functionResponse: { id: "call_1", name: "weather", response } })
const content = (role: "user" | "model", ...parts: ReadonlyArray<object>) => ({ role, parts })
const inline = (mimeType: string, data: string) => ({ inlineData: { mimeType, data } })

/** One call at a time is a hint to Gemini. */
const once = ({ dialect }: Client): string | undefined =>
  dialect === "anthropic" ? "tool_choice.disable_parallel_tool_use" : "parallel_tool_calls"

const topK = ({ dialect }: Client): string => (dialect === "gemini" ? "generationConfig.topK" : "top_k")

const speaks =
  (...dialects: ReadonlyArray<Client["dialect"]>) =>
  (client: Client): boolean =>
    dialects.includes(client.dialect)
// What goes through as it is are the words of its SDK, and two providers for `ai` have some of their own.
const writesAsItLikes = (client: Client, dialect: UpstreamDialectName): boolean =>
  client.dialect === dialect && (client === aiResponses || client === aiGoogle)
/** Google has no words for one call at a time. */
const canAskForOne = speaks("openai", "responses", "anthropic")
const isAiOfOpenai = ({ name }: Client): boolean => name.startsWith("ai + @ai-sdk/openai")
const isPlain = ({ name }: Client): boolean => !name.startsWith("ai ")

const cases: ReadonlyArray<Case> = [
  {
    name: "a text of the system",
    question: { system: ["Be kind."] },
    sends: {
      openai: {
        messages: [
          { role: "system", content: "Be kind." },
          { role: "user", content: "hello" }
        ]
      },
      responses: { instructions: "Be kind.", input: [{ role: "user", content: "hello" }] },
      anthropic: { system: "Be kind.", messages: [{ role: "user", content: "hello" }] },
      gemini: { systemInstruction: { parts: [{ text: "Be kind." }] }, contents: [content("user", { text: "hello" })] }
    }
  },
  {
    name: "turns, and a later text of the system",
    by: (client) => speaks("openai")(client),
    question: { turns: [user("one"), assistant("two"), { role: "system", says: ["Be brief."] }, user("three")] },
    sends: {
      openai: {
        messages: [
          { role: "user", content: "one" },
          { role: "assistant", content: "two" },
          { role: "system", content: "Be brief." },
          { role: "user", content: "three" }
        ]
      },
      responses: {
        input: [
          { role: "user", content: "one" },
          { role: "assistant", content: "two" },
          { role: "system", content: "Be brief." },
          { role: "user", content: "three" }
        ]
      },
      anthropic: {
        messages: [
          { role: "user", content: "one" },
          { role: "assistant", content: "two" },
          {
            role: "user",
            content: [
              { type: "text", text: "Be brief." },
              { type: "text", text: "three" }
            ]
          }
        ]
      },
      gemini: {
        contents: [
          content("user", { text: "one" }),
          content("model", { text: "two" }),
          content("user", { text: "Be brief." }, { text: "three" })
        ]
      }
    }
  },
  {
    name: "tools, of which the model may choose",
    // The SDK of responses says whether each is strict, and Google's provider for `ai` has a schema of its own.
    by: (client) => client !== aiGoogle && (!speaks("responses")(client) || !isPlain(client)),
    question: { tools: [weather, clock], toolChoice: "auto" },
    sends: {
      openai: { tools: [weather, clock].map(openaiTool), tool_choice: "auto" },
      responses: { tools: [weather, clock].map(responsesTool), tool_choice: "auto" },
      anthropic: { tools: [weather, clock].map(anthropicTool), tool_choice: { type: "auto" } },
      gemini: { tools: geminiTools(weather, clock), toolConfig: geminiChoice("AUTO") }
    }
  },
  {
    name: "tools, of which the model must choose one",
    by: canAskForOne,
    question: { tools: [weather, clock], toolChoice: "required", oneCallAtATime: true },
    sends: {
      openai: { tool_choice: "required", parallel_tool_calls: false },
      responses: { tool_choice: "required", parallel_tool_calls: false },
      anthropic: { tool_choice: { type: "any", disable_parallel_tool_use: true } },
      gemini: { toolConfig: geminiChoice("ANY") }
    },
    dropped: { gemini: once }
  },
  {
    name: "one tool, which the model must use",
    question: { tools: [weather, clock], toolChoice: { name: "weather" } },
    sends: {
      openai: { tool_choice: { type: "function", function: { name: "weather" } } },
      responses: { tool_choice: { type: "function", name: "weather" } },
      anthropic: { tool_choice: { type: "tool", name: "weather" } },
      gemini: { toolConfig: geminiChoice("ANY", "weather") }
    }
  },
  {
    name: "tools, of which the model may use none now",
    question: { tools: [weather], toolChoice: "none" },
    sends: {
      openai: { tool_choice: "none" },
      responses: { tool_choice: "none" },
      anthropic: { tool_choice: { type: "none" } },
      gemini: { toolConfig: geminiChoice("NONE") }
    }
  },
  {
    name: "tools, of which the model may use one at a time",
    by: canAskForOne,
    question: { tools: [weather], oneCallAtATime: true },
    sends: {
      openai: { parallel_tool_calls: false },
      responses: { parallel_tool_calls: false },
      anthropic: { tool_choice: { type: "auto", disable_parallel_tool_use: true } },
      gemini: { tools: geminiTools(weather) }
    },
    dropped: { gemini: once }
  },
  {
    name: "a call, and its result before more words",
    question: {
      tools: [weather],
      turns: [user("weather?"), assistant("I look.", call), user({ ...result, result: "sunny" }, "and?")]
    },
    sends: {
      openai: {
        messages: [
          { role: "user", content: "weather?" },
          { role: "assistant", content: "I look.", tool_calls: [openaiCall] },
          { role: "tool", tool_call_id: "call_1", content: "sunny" },
          { role: "user", content: "and?" }
        ]
      },
      responses: {
        input: [
          { role: "user", content: "weather?" },
          { role: "assistant", content: "I look." },
          responsesCall,
          { type: "function_call_output", call_id: "call_1", output: "sunny" },
          { role: "user", content: "and?" }
        ]
      },
      anthropic: {
        messages: [
          { role: "user", content: "weather?" },
          { role: "assistant", content: [{ type: "text", text: "I look." }, anthropicCall] },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "call_1", content: "sunny" },
              { type: "text", text: "and?" }
            ]
          }
        ]
      },
      gemini: {
        contents: [
          content("user", { text: "weather?" }),
          content("model", { text: "I look." }, geminiCall),
          content("user", geminiResult({ output: "sunny" }), { text: "and?" })
        ]
      }
    }
  },
  {
    name: "the result of a call that failed",
    // The providers of OpenAI and of Google for `ai` do not say that it did.
    by: (client) => !isAiOfOpenai(client) && client !== aiGoogle,
    question: {
      tools: [weather],
      turns: [user("weather?"), assistant(call), user({ ...result, result: "no net", failed: true })]
    },
    sends: {
      openai: {
        messages: [
          { role: "user", content: "weather?" },
          { role: "assistant", content: null, tool_calls: [openaiCall] },
          { role: "tool", tool_call_id: "call_1", content: "Error: no net" }
        ]
      },
      responses: {
        input: [
          { role: "user", content: "weather?" },
          responsesCall,
          { type: "function_call_output", call_id: "call_1", output: "Error: no net" }
        ]
      },
      anthropic: {
        messages: [
          { role: "user", content: "weather?" },
          { role: "assistant", content: [anthropicCall] },
          {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: "call_1", content: "no net", is_error: true }]
          }
        ]
      },
      gemini: {
        contents: [
          content("user", { text: "weather?" }),
          content("model", geminiCall),
          content("user", geminiResult({ error: "no net" }))
        ]
      }
    }
  },
  {
    name: "an image",
    question: { turns: [user("What is it?", { image: png, mediaType: "image/png" })] },
    sends: {
      openai: {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is it?" },
              { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } }
            ]
          }
        ]
      },
      responses: {
        input: [
          {
            role: "user",
            content: [
              { type: "input_text", text: "What is it?" },
              { type: "input_image", image_url: `data:image/png;base64,${png}`, detail: "auto" }
            ]
          }
        ]
      },
      anthropic: {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is it?" },
              { type: "image", source: { type: "base64", media_type: "image/png", data: png } }
            ]
          }
        ]
      },
      gemini: { contents: [content("user", { text: "What is it?" }, inline("image/png", png))] }
    }
  },
  {
    name: "an image that is elsewhere",
    // Google's provider for `ai` fetches it itself.
    by: (client) => client !== aiGoogle,
    question: { turns: [user({ imageUrl: "https://images.example/cat.png" }, "What is it?")] },
    sends: {
      openai: {
        messages: [
          {
            role: "user",
            content: [
              { type: "image_url", image_url: { url: "https://images.example/cat.png" } },
              { type: "text", text: "What is it?" }
            ]
          }
        ]
      },
      responses: {
        input: [
          {
            role: "user",
            content: [
              { type: "input_image", image_url: "https://images.example/cat.png", detail: "auto" },
              { type: "input_text", text: "What is it?" }
            ]
          }
        ]
      },
      anthropic: {
        messages: [
          {
            role: "user",
            content: [
              { type: "image", source: { type: "url", url: "https://images.example/cat.png" } },
              { type: "text", text: "What is it?" }
            ]
          }
        ]
      },
      gemini: "nothing: it has no words for it"
    }
  },
  {
    name: "a PDF",
    by: speaks("openai", "responses", "anthropic"),
    question: { turns: [user({ pdf, name: "paper.pdf" }, "Sum up.")] },
    sends: {
      openai: {
        messages: [
          {
            role: "user",
            content: [
              {
                type: "file",
                file: { filename: "paper.pdf", file_data: `data:application/pdf;base64,${pdf}` }
              },
              { type: "text", text: "Sum up." }
            ]
          }
        ]
      },
      responses: {
        input: [
          {
            role: "user",
            content: [
              { type: "input_file", filename: "paper.pdf", file_data: `data:application/pdf;base64,${pdf}` },
              { type: "input_text", text: "Sum up." }
            ]
          }
        ]
      },
      anthropic: {
        messages: [
          {
            role: "user",
            content: [
              {
                type: "document",
                source: { type: "base64", media_type: "application/pdf", data: pdf },
                title: "paper.pdf"
              },
              { type: "text", text: "Sum up." }
            ]
          }
        ]
      },
      gemini: { contents: [content("user", inline("application/pdf", pdf), { text: "Sum up." })] }
    }
  },
  {
    name: "a PDF without a name, as Google's clients send it",
    by: speaks("gemini"),
    question: { turns: [user({ pdf, name: "" }, "Sum up.")] },
    sends: {
      openai: {
        messages: [
          {
            role: "user",
            content: [
              { type: "file", file: { filename: "file.pdf", file_data: `data:application/pdf;base64,${pdf}` } },
              { type: "text", text: "Sum up." }
            ]
          }
        ]
      },
      responses: {
        input: [
          {
            role: "user",
            content: [
              { type: "input_file", filename: "file.pdf", file_data: `data:application/pdf;base64,${pdf}` },
              { type: "input_text", text: "Sum up." }
            ]
          }
        ]
      },
      anthropic: {
        messages: [
          {
            role: "user",
            content: [
              { type: "document", source: { type: "base64", media_type: "application/pdf", data: pdf } },
              { type: "text", text: "Sum up." }
            ]
          }
        ]
      },
      gemini: { contents: [content("user", inline("application/pdf", pdf), { text: "Sum up." })] }
    }
  },
  {
    name: "the most tokens",
    by: ({ name }) => name !== "ai + @ai-sdk/openai",
    question: { maxTokens: 77 },
    sends: {
      openai: { max_completion_tokens: 77 },
      responses: { max_output_tokens: 77 },
      anthropic: { max_tokens: 77 },
      gemini: { maxOutputTokens: 77 }
    }
  },
  {
    name: "no word of the most tokens",
    by: speaks("openai", "responses", "gemini"),
    question: {},
    sends: {
      openai: {},
      responses: { background: false, store: false },
      anthropic: { max_tokens: 8192 },
      gemini: { contents: [content("user", { text: "hello" })] }
    }
  },
  {
    name: "stop sequences",
    by: speaks("openai", "anthropic", "gemini"),
    question: { stop: ["END", "FIN"] },
    sends: {
      openai: { stop: ["END", "FIN"] },
      responses: "nothing: it has no words for it",
      anthropic: { stop_sequences: ["END", "FIN"] },
      gemini: { stopSequences: ["END", "FIN"] }
    }
  },
  {
    name: "JSON by a schema",
    by: (client) => client !== aiGoogle,
    question: { schema },
    sends: {
      openai: {},
      responses: {},
      anthropic: { output_config: { format: { type: "json_schema", schema } } },
      gemini: { responseMimeType: "application/json", responseJsonSchema: schema }
    }
  },
  {
    name: "an effort of a client of chat completions",
    by: speaks("openai"),
    question: { effort: "low" },
    sends: {
      openai: { reasoning_effort: "low" },
      responses: { reasoning: { effort: "low", summary: "auto" }, include: ["reasoning.encrypted_content"] },
      anthropic: { output_config: { effort: "low" }, thinking: { type: "adaptive", display: "summarized" } },
      gemini: { thinkingConfig: { thinkingLevel: "LOW", includeThoughts: true } }
    }
  },
  {
    name: "an effort of a client of responses",
    by: (client) => speaks("responses")(client) && isPlain(client),
    question: { effort: "low" },
    sends: {
      openai: { reasoning_effort: "low" },
      responses: { reasoning: { effort: "low" }, include: ["reasoning.encrypted_content"] },
      anthropic: { output_config: { effort: "low" }, thinking: { type: "adaptive", display: "summarized" } },
      gemini: { thinkingConfig: { thinkingLevel: "LOW", includeThoughts: true } }
    }
  },
  {
    name: "an effort of a client of messages",
    by: speaks("anthropic"),
    question: { effort: "high" },
    sends: {
      openai: { reasoning_effort: "high" },
      responses: { reasoning: { effort: "high", summary: "auto" }, include: ["reasoning.encrypted_content"] },
      anthropic: { output_config: { effort: "high" }, thinking: { type: "adaptive" } },
      gemini: { thinkingConfig: { thinkingLevel: "HIGH", includeThoughts: true } }
    }
  },
  {
    name: "an effort of a client of Google's",
    by: speaks("gemini"),
    question: { effort: "low" },
    sends: {
      openai: { reasoning_effort: "low" },
      responses: { reasoning: { effort: "low", summary: "auto" }, include: ["reasoning.encrypted_content"] },
      anthropic: { output_config: { effort: "low" }, thinking: { type: "adaptive", display: "summarized" } },
      gemini: { thinkingConfig: { thinkingLevel: "LOW", includeThoughts: true } }
    }
  },
  {
    name: "a temperature, and who it is for",
    by: speaks("openai", "responses", "anthropic"),
    question: { temperature: 0.5, user: "u1" },
    sends: {
      openai: { temperature: 0.5, user: "u1" },
      responses: { temperature: 0.5, user: "u1" },
      anthropic: { temperature: 0.5, metadata: { user_id: "u1" } },
      gemini: { temperature: 0.5 }
    },
    dropped: { gemini: ({ dialect }) => (dialect === "anthropic" ? "metadata.user_id" : "user") }
  },
  {
    name: "a temperature that only OpenAI has",
    by: speaks("openai"),
    question: { temperature: 1.5 },
    sends: {
      openai: { temperature: 1.5 },
      responses: { temperature: 1.5 },
      anthropic: {},
      gemini: { temperature: 1.5 }
    },
    dropped: { anthropic: "temperature" }
  },
  {
    name: "hints of a client of chat completions",
    by: (client) => speaks("openai")(client) && isPlain(client),
    question: {
      topP: 0.9,
      seed: 7,
      fields: { frequency_penalty: 0.5, logit_bias: { "50256": -100 }, service_tier: "flex", verbosity: "low" }
    },
    sends: {
      responses: { top_p: 0.9, service_tier: "flex", text: { verbosity: "low" } },
      openai: { top_p: 0.9, seed: 7, frequency_penalty: 0.5, logit_bias: { "50256": -100 }, verbosity: "low" },
      anthropic: { top_p: 0.9 },
      gemini: { topP: 0.9, seed: 7, frequencyPenalty: 0.5 }
    },
    dropped: {
      responses: "seed,frequency_penalty,logit_bias",
      gemini: "logit_bias,service_tier,verbosity",
      anthropic: "seed,frequency_penalty,logit_bias,service_tier,verbosity"
    }
  },
  {
    name: "hints of a client of messages",
    by: (client) => speaks("anthropic")(client) && isPlain(client),
    question: {
      topK: 7,
      topP: 0.9,
      fields: { cache_control: { type: "ephemeral" }, service_tier: "standard_only" }
    },
    sends: {
      openai: { top_p: 0.9 },
      responses: { top_p: 0.9 },
      anthropic: { top_k: 7, top_p: 0.9, cache_control: { type: "ephemeral" }, service_tier: "standard_only" },
      gemini: { topK: 7, topP: 0.9 }
    },
    dropped: {
      openai: "top_k,cache_control,service_tier",
      responses: "top_k,cache_control,service_tier",
      gemini: "cache_control,service_tier"
    }
  },
  {
    name: "hints of a client of Google's",
    by: (client) => client === googleSdk,
    question: {
      topK: 7,
      topP: 0.9,
      seed: 7,
      fields: { safetySettings: [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }] }
    },
    sends: {
      openai: { top_p: 0.9, seed: 7 },
      responses: { top_p: 0.9 },
      anthropic: { top_k: 7, top_p: 0.9 },
      gemini: {
        topK: 7,
        topP: 0.9,
        seed: 7,
        safetySettings: [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }]
      }
    },
    dropped: {
      openai: "safetySettings,generationConfig.topK",
      responses: "safetySettings,generationConfig.topK,generationConfig.seed",
      anthropic: "safetySettings,generationConfig.seed"
    }
  },
  {
    name: "hints that `ai` takes from every program",
    by: (client) => speaks("anthropic", "gemini")(client) && !isPlain(client),
    question: { topK: 7, temperature: 0.5 },
    sends: {
      openai: { temperature: 0.5 },
      responses: { temperature: 0.5 },
      anthropic: { temperature: 0.5, top_k: 7 },
      gemini: { topK: 7, temperature: 0.5 }
    },
    dropped: { openai: topK, responses: topK }
  }
]

const answerTo = ({ schema, toolChoice }: Question): Script.Script => {
  if (toolChoice === "required" || typeof toolChoice === "object") {
    return Script.answer([Script.toolCall({ id: "call_2", name: "weather", input: ['{"city":"Oslo"}'] })])
  }
  return Script.answer(schema === undefined ? "yes" : '{"city":"Oslo"}')
}

// `ai` writes a single text as a list, where its vendor takes both.
const plainText = (content: unknown): unknown => {
  const [only, ...more] = Array.isArray(content)
    ? (content as ReadonlyArray<{ readonly [field: string]: unknown }>)
    : []
  return only !== undefined && more.length === 0 && isText(only["type"]) ? only["text"] : content
}

/** As a client of Google's says it itself: it may send a call without a signature, and the relay adds none. */
const unmarked = (sent: Body): Body =>
  JSON.parse(JSON.stringify(sent), (field, value: unknown) =>
    field === "thoughtSignature" ? undefined : value
  ) as Body

const isText = (type: unknown): boolean => type === "text" || type === "input_text" || type === "output_text"

const plain = ({ generationConfig, ...body }: Body): Body => ({
  ...body,
  // What is in it is looked at field by field.
  ...(generationConfig as object | undefined),
  ...(body["system"] === undefined ? {} : { system: plainText(body["system"]) }),
  ...plainField(body, "messages"),
  ...plainField(body, "input")
})

const plainField = (body: Body, field: "input" | "messages"): Body =>
  Array.isArray(body[field])
    ? {
        [field]: (body[field] as ReadonlyArray<Body>).map(({ content, ...message }) => ({
          ...message,
          ...(content === undefined ? {} : { content: plainText(content) })
        }))
      }
    : {}

const judged: Array<Judged> = []

describe.each(cases.map((row, nth) => ({ ...row, nth })))("$name", ({ by, dropped, nth, question, sends }) => {
  const asked = clients.filter((client) => by === undefined || by(client))
  const rows = asked.flatMap((client) =>
    dialects.flatMap((dialect) => {
      const sent = sends[dialect]
      return typeof sent === "string" || writesAsItLikes(client, dialect)
        ? []
        : [{ client, dialect, sent, name: client.name }]
    })
  )
  it.each(share(rows, nth))("$name, over $dialect", ({ client, dialect, name, sent }) =>
    inTurn({ a: { dialect, plays: [answerTo(question)] } }, {}, async ({ relay, upstreams }) => {
      const answer = await client.ask({ url: relay.url, delivery: "whole", question })
      assert.isUndefined(answer.raised, answer.raised?.message)
      const bodies = bodiesOf(upstreams["a"]!)
      assert.lengthOf(bodies, 1)
      assert.deepInclude(plain(bodies[0]!), {
        ...(client.dialect === "gemini" && dialect === "gemini" ? unmarked(sent) : sent),
        ...(dialect === "gemini" ? {} : { model: modelOf[dialect], stream: true })
      })
      const told = client.dialect === dialect ? undefined : dropped?.[dialect]
      assert.strictEqual(answer.headers["x-dropped"], typeof told === "function" ? told(client) : told)
      judged.push({ name, dialect, body: upstreams["a"]!.calls()[0]!.body })
    })
  )
})

interface Unsaid {
  readonly name: string
  readonly client: Client["dialect"]
  readonly question: Question
  readonly paths: ReadonlyArray<string>
}

const unsaid: ReadonlyArray<Unsaid> = [
  { name: "two answers at once", client: "openai", question: { fields: { n: 2 } }, paths: ["n"] },
  {
    name: "log probabilities and any JSON",
    client: "openai",
    question: { fields: { logprobs: true, response_format: { type: "json_object" } } },
    paths: ["logprobs", "response_format"]
  },
  {
    name: "a prediction, and a field that nobody knows",
    client: "openai",
    question: { fields: { prediction: { type: "content", content: "x" }, x_new: 1 } },
    paths: ["prediction", "x_new"]
  },
  {
    name: "a tool of the vendor's own",
    client: "anthropic",
    question: {
      fields: {
        tools: [
          { name: "clock", input_schema: { type: "object" } },
          { type: "web_search_20250305", name: "web_search" }
        ]
      }
    },
    paths: ["tools[1]"]
  },
  {
    name: "an image in the result of a call",
    client: "anthropic",
    question: {
      tools: [weather],
      turns: [user("weather?"), assistant(call), user({ ...result, result: "see", image: png })]
    },
    paths: ["messages[2].content[0].content[1]"]
  },
  {
    name: "more stop sequences than four",
    client: "anthropic",
    question: { stop: ["a", "b", "c", "d", "e"] },
    paths: ["stop_sequences"]
  },
  {
    name: "a tool of OpenAI's own, and what it holds",
    client: "responses",
    question: { fields: { tools: [{ type: "web_search" }], conversation: "conv_1" } },
    paths: ["tools[0]", "conversation"]
  },
  {
    name: "how likely Google's words are",
    client: "gemini",
    question: { fields: { responseLogprobs: true } },
    paths: ["generationConfig.responseLogprobs"]
  },
  {
    name: "any JSON of Google's",
    client: "gemini",
    question: { fields: { responseMimeType: "application/json" } },
    paths: ["generationConfig.responseMimeType"]
  },
  {
    name: "a tool of Google's own, and what it holds",
    client: "gemini",
    question: { fields: { tools: [{ googleSearch: {} }], cachedContent: "cachedContents/1" } },
    paths: ["tools[0].googleSearch", "cachedContent"]
  },
  { name: "servers of tools", client: "anthropic", question: { fields: { mcp_servers: [] } }, paths: ["mcp_servers"] }
]

describe.each(unsaid)("what cannot be said: $name", ({ client: dialect, paths, question }) => {
  const other = dialect === "anthropic" ? "openai" : "anthropic"
  const who = clients.filter((client) => client.dialect === dialect && isPlain(client))

  it.each(who)("$name is told the paths, and no upstream is asked", (client) =>
    inTurn({ a: { dialect: other, plays: [Script.answer("yes")] } }, {}, async ({ relay, upstreams }) => {
      const { headers, raised } = await client.ask({ url: relay.url, delivery: "stream", question })
      const type = client.dialect === "gemini" ? "INVALID_ARGUMENT" : "invalid_request_error"
      assert.deepInclude(raised, { code: "convert_request_failed", status: 400, type })
      for (const path of paths) assert.include(raised?.message, path)
      assert.strictEqual(headers["x-should-retry"], "false")
      assert.lengthOf(upstreams["a"]!.calls(), 0)
    })
  )

  it.each(who)("$name is answered by a channel that can say it", (client) =>
    inTurn(
      { a: { dialect: other, plays: [Script.answer("no")] }, b: { dialect, plays: [Script.answer("yes")] } },
      {},
      async ({ relay, upstreams }) => {
        const { headers, raised, text } = await client.ask({ url: relay.url, delivery: "stream", question })
        assert.isUndefined(raised, raised?.message)
        assert.strictEqual(text, "yes")
        assert.strictEqual(headers["x-attempts"], "b=200")
        assert.lengthOf(upstreams["a"]!.calls(), 0)
      }
    )
  )
})

describe("onUnsupported: drop", () => {
  it.each(clients.filter(isPlain))("asks without what cannot be said, and tells it: $name", (client) => {
    const { paths, question } = unsaid.find(({ client: dialect }) => dialect === client.dialect)!
    const dialect = client.dialect === "anthropic" ? "openai" : "anthropic"
    const upstream = { dialect, plays: [Script.answer("yes")], channel: { onUnsupported: "drop" } } as const
    return withWorld({ a: upstream }, {}, async ({ relay, upstreams }) => {
      const { headers, raised, text } = await client.ask({ url: relay.url, delivery: "stream", question })
      assert.isUndefined(raised, raised?.message)
      assert.strictEqual(text, "yes")
      assert.strictEqual(headers["x-dropped"], paths.join(","))
      judged.push({ name: client.name, dialect, body: upstreams["a"]!.calls()[0]!.body })
    })
  })
})

interface Refused {
  readonly client: Client["dialect"]
  readonly question: Question
  /** How the vendor of the channel refuses it. */
  readonly says: object
  readonly field: string
  readonly dropped: string
}

const refused: ReadonlyArray<Refused> = [
  {
    client: "openai",
    question: { temperature: 0.5 },
    says: {
      type: "error",
      error: { type: "invalid_request_error", message: "`temperature` is deprecated for this model." }
    },
    field: "temperature",
    dropped: "temperature"
  },
  {
    client: "anthropic",
    question: { effort: "low" },
    says: {
      error: {
        message: "Unrecognized request argument supplied: reasoning_effort",
        type: "invalid_request_error",
        param: null,
        code: null
      }
    },
    field: "reasoning_effort",
    dropped: "output_config.effort"
  },
  {
    client: "gemini",
    question: { effort: "low" },
    says: {
      error: {
        message: "Unrecognized request argument supplied: reasoning_effort",
        type: "invalid_request_error",
        param: null,
        code: null
      }
    },
    field: "reasoning_effort",
    dropped: "generationConfig.thinkingConfig"
  }
]

describe.each(refused)(
  "a model that refuses $field of a client of $client",
  ({ client: dialect, dropped, field, question, says }) => {
    const who = clients.filter((client) => client.dialect === dialect)
    it.each(who)("is asked without it, and from then on: $name", (client) => {
      const plays = [Script.status(400, { body: says }), Script.answer("yes")]
      const channel = dialect === "openai" ? "anthropic" : "openai"
      return withWorld({ a: { dialect: channel, plays } }, {}, async ({ relay, upstreams }) => {
        for (const asked of [2, 3]) {
          const { headers, raised, text } = await client.ask({ url: relay.url, delivery: "stream", question })
          assert.isUndefined(raised, raised?.message)
          assert.strictEqual(text, "yes")
          assert.strictEqual(headers["x-dropped"], dropped)
          assert.lengthOf(upstreams["a"]!.calls(), asked)
        }
        const [first, ...others] = bodiesOf(upstreams["a"]!)
        assert.property(first, field)
        for (const body of others) assert.notProperty(body, field)
      })
    })
  }
)

describe("an image in the result of a call", () => {
  // What speaks chat completions has no words for it, and Google's provider for `ai` writes it beside its call.
  const who = clients.filter((client) => speaks("responses", "anthropic", "gemini")(client) && client !== aiGoogle)
  it.each(who)("goes to who can take it: $name", (client) =>
    withWorld({ a: { dialect: "anthropic", plays: [Script.answer("yes")] } }, {}, async ({ relay, upstreams }) => {
      const question = {
        tools: [weather],
        turns: [user("weather?"), assistant(call), user({ ...result, result: "see", image: png })]
      }
      const { raised } = await client.ask({ url: relay.url, delivery: "whole", question })
      assert.isUndefined(raised, raised?.message)
      const [, , last] = bodiesOf(upstreams["a"]!)[0]!["messages"] as ReadonlyArray<Body>
      assert.deepStrictEqual(last?.["content"], [
        {
          type: "tool_result",
          tool_use_id: "call_1",
          content: [
            { type: "text", text: "see" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: png } }
          ]
        }
      ])
    })
  )
})

afterAll(() => {
  assert.deepStrictEqual(faultsOf(judged), [], "what the vendors' types have against these bodies")
})
