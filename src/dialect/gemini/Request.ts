/**
 * What `models/{model}:generateContent`, `:streamGenerateContent` and `:countTokens` are asked. Checked is what the relay
 * reads, and what Google itself takes in no other form; the rest is the upstream's to judge, and unknown fields pass.
 */
import { Result } from "effect"
import type { BadRequestBody, InvalidRequest } from "../../errors/index.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { type AnswerRequest, type Asking, lazily, measure } from "../Request.ts"
import {
  checked,
  checkField,
  checkModelName,
  checkName,
  type Complain,
  type Kind,
  makeComplaints,
  readObject
} from "../RequestCheck.ts"
import { askedOfGemini } from "./Asked.ts"
import { type GeminiMethod, readMethod } from "./Method.ts"
import { fieldOf, isGiven, listIn, objectIn, spelled, textIn } from "./Spelling.ts"
import { contentTokens } from "./TokenEstimate.ts"

const checkOptional = (
  object: JsonObject,
  fields: { readonly [field: string]: Kind },
  prefix: string,
  complain: Complain
): void => {
  for (const [field, kind] of Object.entries(fields)) {
    const { name, value } = spelled(object, field)
    if (isGiven(value)) checkField(value, prefix + name, kind, complain)
  }
}

const optional: { readonly [field: string]: Kind } = {
  systemInstruction: "textOrObject",
  tools: "array",
  toolConfig: "object",
  generationConfig: "object",
  safetySettings: "array",
  cachedContent: "string",
  labels: "object"
}

const configFields: { readonly [field: string]: Kind } = {
  stopSequences: "array",
  responseMimeType: "string",
  responseSchema: "object",
  responseModalities: "array",
  candidateCount: "integer",
  maxOutputTokens: "integer",
  temperature: "number",
  topP: "number",
  topK: "number",
  seed: "integer",
  presencePenalty: "number",
  frequencyPenalty: "number",
  responseLogprobs: "boolean",
  logprobs: "integer",
  thinkingConfig: "object"
}

const checkConfig = (config: JsonObject, path: string, complain: Complain): void => {
  checkOptional(config, configFields, `${path}.`, complain)
  const stop = spelled(config, "stopSequences")
  for (const [i, sequence] of listIn(config, "stopSequences").entries()) {
    checkField(sequence, `${path}.${stop.name}[${i}]`, "string", complain)
  }
  const { name, value } = spelled(config, "candidateCount")
  if (Number.isInteger(value) && ((value as number) < 1 || (value as number) > 128)) {
    complain(`${path}.${name}`, "must be from 1 to 128", (value as number) < 1 ? "too_small" : "too_large")
  }
}

/** The parts that are read: a part of another kind is the upstream's to judge. */
const checkPart = (part: unknown, path: string, complain: Complain): void => {
  if (!checkField(part, path, "object", complain) || !isObject(part)) return
  checkOptional(
    part,
    {
      text: "string",
      thought: "boolean",
      thoughtSignature: "string",
      inlineData: "object",
      fileData: "object",
      functionCall: "object",
      functionResponse: "object"
    },
    `${path}.`,
    complain
  )
  for (const kind of ["functionCall", "functionResponse"]) {
    const { name, value } = spelled(part, kind)
    if (!isObject(value)) continue
    checkField(value["name"], `${path}.${name}.name`, "string", complain)
    checkName(value["name"], `${path}.${name}.name`, complain)
    checkOptional(value, { id: "string", args: "object", response: "object" }, `${path}.${name}.`, complain)
  }
  const { name, value } = spelled(part, "inlineData")
  if (isObject(value)) checkField(value["data"], `${path}.${name}.data`, "string", complain)
}

const roles: ReadonlySet<unknown> = new Set([undefined, null, "", "user", "model", "function", "tool"])

const checkContents = ({ name, value }: ReturnType<typeof spelled>, complain: Complain): void => {
  if (!checkField(value, name, "array", complain)) return
  const list = value as ReadonlyArray<unknown>
  if (list.length === 0) complain(name, "must not be empty", "too_short")
  for (const [i, content] of list.entries()) {
    const path = `${name}[${i}]`
    if (!checkField(content, path, "object", complain) || !isObject(content)) continue
    if (!roles.has(content["role"])) complain(`${path}.role`, "expected user or model", "invalid_value")
    const { parts } = content
    // A content that the model has left empty is sent back by clients.
    if (!isGiven(parts) || !checkField(parts, `${path}.parts`, "array", complain)) continue
    for (const [j, part] of (parts as ReadonlyArray<unknown>).entries()) {
      checkPart(part, `${path}.parts[${j}]`, complain)
    }
  }
}

const checkTools = ({ name: field, value }: ReturnType<typeof spelled>, complain: Complain): void => {
  for (const [i, tool] of (Array.isArray(value) ? (value as ReadonlyArray<unknown>) : []).entries()) {
    if (!checkField(tool, `${field}[${i}]`, "object", complain) || !isObject(tool)) continue
    const { name, value: list } = spelled(tool, "functionDeclarations")
    const path = `${field}[${i}].${name}`
    if (!isGiven(list) || !checkField(list, path, "array", complain)) continue
    for (const [j, declaration] of (list as ReadonlyArray<unknown>).entries()) {
      if (!checkField(declaration, `${path}[${j}]`, "object", complain) || !isObject(declaration)) continue
      checkField(declaration["name"], `${path}[${j}].name`, "string", complain)
      checkName(declaration["name"], `${path}[${j}].name`, complain)
    }
  }
}

const check = (body: JsonObject, complain: Complain): void => {
  checkContents(spelled(body, "contents"), complain)
  checkOptional(body, optional, "", complain)
  checkTools(spelled(body, "tools"), complain)
  const config = spelled(body, "generationConfig")
  if (isObject(config.value)) checkConfig(config.value, config.name, complain)
}

const wantsJson = (config: JsonObject): boolean =>
  textIn(config, "responseMimeType") === "application/json" ||
  ["responseSchema", "responseJsonSchema", "_responseJsonSchema"].some(
    (field) => isObject(fieldOf(config, field)) && textIn(config, "responseMimeType") !== "text/x.enum"
  )

/** The request whose tokens are counted: it may stand whole in a field of its own. */
export const countedRequest = (body: JsonObject): JsonObject => objectIn(body, "generateContentRequest") ?? body

const deliveryOf = (method: GeminiMethod, query: string): AnswerRequest["delivery"] =>
  method !== "streamGenerateContent"
    ? "whole"
    : new URLSearchParams(query).get("alt")?.toLowerCase() === "sse"
      ? "stream"
      : "list"

/**
 * Checks a request. `asking.parameter` is the path behind `models/`, which names the model and what is asked of it; whether
 * a stream comes as events or as a list says `alt=sse` in the query. All that is wrong is told at once; every fault is a 400.
 */
export const parseGeminiRequest = (asking: Asking): Result.Result<AnswerRequest, InvalidRequest | BadRequestBody> =>
  Result.flatMap(readObject(asking.body ?? ""), (body) => {
    const { complain, details } = makeComplaints()
    const named = readMethod(asking.parameter)
    const method = named._tag === "Known" ? named.method : "generateContent"
    const model = named._tag === "Known" ? named.model : ""
    const counting = method === "countTokens"
    const request = counting ? countedRequest(body) : body
    checkModelName(model, complain)
    check(request, complain)
    return checked(details, () => {
      const config = objectIn(request, "generationConfig") ?? {}
      const choices = fieldOf(config, "candidateCount")
      return {
        dialect: "gemini",
        operation: counting ? "count" : "generate",
        model,
        delivery: deliveryOf(method, asking.query),
        includeUsage: true,
        choices: typeof choices === "number" ? choices : 1,
        timeoutMillis: undefined,
        json: wantsJson(config),
        asking,
        body,
        messageLength: measure(listIn(request, "contents").map(saidIn)).messageLength,
        inputEstimate: lazily(() => contentTokens(request)),
        asked: lazily(() => askedOfGemini(request))
      }
    })
  })

const saidIn = (content: unknown): string =>
  (isObject(content) ? listIn(content, "parts") : [])
    .map((part) => (isObject(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .join("")
