/**
 * The body of a `generateContent` in words that all dialects share: what another dialect's channel is asked.
 */
import { isObject, type JsonObject } from "../Json.ts"
import type { Asked, Effort, Hint, HintName, Meaning, Tool } from "../Request.ts"
import { textsOf, turnsOf } from "./AskedContents.ts"
import { jsonSchemaOf } from "./OpenApiSchema.ts"
import { camelOf, fieldOf, isGiven, listIn, objectIn, spelled, type Spelled, textIn } from "./Spelling.ts"

/** Collects what has no words of its own. */
interface Aside {
  readonly hint: (name: HintName, path: string, value: unknown) => void
  readonly meaning: (path: string, value: unknown) => void
}

/** At the top of the body. */
const topHints: { readonly [field: string]: HintName } = {
  safetySettings: "safetySettings",
  labels: "labels",
  serviceTier: "serviceTier",
  store: "store"
}

const topCarried: ReadonlySet<string> = new Set([
  "model",
  "contents",
  "systemInstruction",
  "tools",
  "toolConfig",
  "generationConfig"
])

/** In `generationConfig`. */
const hints: { readonly [field: string]: HintName } = {
  temperature: "temperature",
  topP: "topP",
  topK: "topK",
  presencePenalty: "presencePenalty",
  frequencyPenalty: "frequencyPenalty",
  seed: "seed",
  mediaResolution: "imageDetail"
}

const carried: ReadonlySet<string> = new Set([
  "maxOutputTokens",
  "stopSequences",
  "responseMimeType",
  "responseSchema",
  "responseJsonSchema",
  "_responseJsonSchema",
  "thinkingConfig"
])

const isText = (modality: unknown): boolean => typeof modality === "string" && modality.toUpperCase() === "TEXT"

/** Fields that say nothing with these values, and are a meaning with any other. */
const silent: { readonly [field: string]: (value: unknown) => boolean } = {
  candidateCount: (value) => value === 1,
  responseLogprobs: (value) => value === false,
  logprobs: (value) => value === 0,
  responseModalities: (value) => Array.isArray(value) && value.length > 0 && value.every(isText),
  enableEnhancedCivicAnswers: (value) => value === false,
  audioTimestamp: (value) => value === false
}

const readAsides = (
  object: JsonObject,
  prefix: string,
  known: { readonly hints: typeof hints; readonly carried: ReadonlySet<string>; readonly silent: typeof silent },
  { hint, meaning }: Aside
): void => {
  for (const [written, value] of Object.entries(object)) {
    const field = written === "_responseJsonSchema" ? written : camelOf(written)
    if (known.carried.has(field) || !isGiven(value)) continue
    const path = prefix + written
    if (Object.hasOwn(known.hints, field)) hint(known.hints[field]!, path, value)
    else if (!Object.hasOwn(known.silent, field) || !known.silent[field]!(value)) meaning(path, value)
  }
}

const levels: ReadonlySet<unknown> = new Set<Effort>(["minimal", "low", "medium", "high"])

const effortOf = (config: JsonObject, prefix: string, { meaning }: Aside): Asked["effort"] => {
  const { name, value } = spelled(config, "thinkingConfig")
  if (!isObject(value)) return undefined
  const path = prefix + name
  for (const [field, said] of Object.entries(value)) {
    const known = ["includeThoughts", "thinkingBudget", "thinkingLevel"].includes(camelOf(field))
    if (!known && isGiven(said)) meaning(`${path}.${field}`, said)
  }
  const level = textIn(value, "thinkingLevel").toLowerCase()
  if (levels.has(level)) return { path, level: level as Effort }
  const budget = fieldOf(value, "thinkingBudget")
  if (typeof budget !== "number") return undefined
  if (budget === 0) return { path, level: "none" }
  return { path, level: budget < 0 ? "medium" : budget < 2048 ? "low" : budget < 8192 ? "medium" : "high" }
}

const formatOf = (config: JsonObject, prefix: string, { meaning }: Aside): Asked["format"] => {
  const mime = spelled(config, "responseMimeType")
  const own = [
    spelled(config, "responseJsonSchema"),
    { name: "_responseJsonSchema", value: config["_responseJsonSchema"] }
  ]
  const schema = own.find(({ value }) => isObject(value)) as { name: string; value: JsonObject } | undefined
  const openApi = spelled(config, "responseSchema")
  const json = (name: string, schema: JsonObject | undefined): Asked["format"] => ({
    _tag: "Json",
    path: prefix + name,
    schema,
    name: undefined,
    strict: undefined
  })
  if (mime.value === "text/x.enum") {
    meaning(prefix + mime.name, mime.value)
    return { _tag: "Text" }
  }
  if (schema !== undefined) return json(schema.name, schema.value)
  if (isObject(openApi.value)) return json(openApi.name, jsonSchemaOf(openApi.value))
  if (mime.value === "application/json") return json(mime.name, undefined)
  if (isGiven(mime.value) && mime.value !== "" && mime.value !== "text/plain") meaning(prefix + mime.name, mime.value)
  return { _tag: "Text" }
}

const anything: JsonObject = { type: "object", properties: {} }

const schemaOf = (declaration: JsonObject): JsonObject => {
  const json = objectIn(declaration, "parametersJsonSchema")
  if (json !== undefined) return json
  const openApi = objectIn(declaration, "parameters")
  return openApi === undefined ? anything : jsonSchemaOf(openApi)
}

const declarationFields: ReadonlySet<string> = new Set(["name", "description", "parameters", "parametersJsonSchema"])

const declared = (declaration: unknown, path: string, { hint, meaning }: Aside): ReadonlyArray<Tool> => {
  const name = isObject(declaration) ? textIn(declaration, "name") : ""
  if (!isObject(declaration) || name === "") {
    meaning(path, declaration)
    return []
  }
  for (const [written, value] of Object.entries(declaration)) {
    const field = camelOf(written)
    if (declarationFields.has(field) || !isGiven(value)) continue
    // What a function gives is a help to the model, and no part of what it is asked.
    if (field === "response" || field === "responseJsonSchema") hint("labels", `${path}.${written}`, value)
    else if (field !== "behavior" || value !== "BLOCKING") meaning(`${path}.${written}`, value)
  }
  const description = fieldOf(declaration, "description")
  return [
    {
      path,
      name,
      description: typeof description === "string" ? description : undefined,
      schema: schemaOf(declaration),
      strict: undefined
    }
  ]
}

const toolsOf = (body: JsonObject, aside: Aside): ReadonlyArray<Tool> => {
  const { name: field, value } = spelled(body, "tools")
  return (Array.isArray(value) ? (value as ReadonlyArray<unknown>) : []).flatMap((tool, i) => {
    const path = `${field}[${i}]`
    if (!isObject(tool)) {
      aside.meaning(path, tool)
      return []
    }
    const declarations = spelled(tool, "functionDeclarations")
    for (const [other, said] of Object.entries(tool)) {
      if (other !== declarations.name && isGiven(said)) aside.meaning(`${path}.${other}`, said)
    }
    const list = Array.isArray(declarations.value) ? (declarations.value as ReadonlyArray<unknown>) : []
    return list.flatMap((declaration, j) => declared(declaration, `${path}.${declarations.name}[${j}]`, aside))
  })
}

const toolChoiceOf = (body: JsonObject, tools: ReadonlyArray<Tool>, { meaning }: Aside): Asked["toolChoice"] => {
  const { name, value } = spelled(body, "toolConfig")
  if (!isObject(value)) return undefined
  const config: Spelled = spelled(value, "functionCallingConfig")
  for (const [field, said] of Object.entries(value)) {
    if (field !== config.name && isGiven(said)) meaning(`${name}.${field}`, said)
  }
  if (!isObject(config.value)) return undefined
  const path = `${name}.${config.name}`
  const allowed = listIn(config.value, "allowedFunctionNames")
  for (const [field, said] of Object.entries(config.value)) {
    const known = ["mode", "allowedFunctionNames"].includes(camelOf(field))
    if (!known && isGiven(said) && said !== false) meaning(`${path}.${field}`, said)
  }
  const some = allowed.length > 0 && !tools.every((tool) => allowed.includes(tool.name))
  switch (config.value["mode"]) {
    case "AUTO":
    // The same, and what is called is held to its schema.
    case "VALIDATED":
      if (some) meaning(`${path}.${spelled(config.value, "allowedFunctionNames").name}`, allowed)
      return "auto"
    case "NONE":
      return "none"
    case "ANY":
      if (allowed.length === 1 && typeof allowed[0] === "string") return { name: allowed[0] }
      if (some) meaning(`${path}.${spelled(config.value, "allowedFunctionNames").name}`, allowed)
      return "required"
    default:
      return undefined
  }
}

/** Reads a body that `parseGeminiRequest` has accepted. */
export const askedOfGemini = (body: JsonObject): Asked => {
  const found: Array<Hint> = []
  const meanings: Array<Meaning> = []
  const aside: Aside = {
    hint: (name, path, value) => found.push({ name, path, value }),
    meaning: (path, value) => meanings.push({ path, value })
  }
  const { name: configName, value: said } = spelled(body, "generationConfig")
  const config = isObject(said) ? said : {}
  const prefix = `${configName}.`
  const instruction = spelled(body, "systemInstruction")
  const system = textsOf(instruction.value, instruction.name)
  const conversation = turnsOf(listIn(body, "contents"), spelled(body, "contents").name)
  const tools = toolsOf(body, aside)
  const most = fieldOf(config, "maxOutputTokens")
  const stop = spelled(config, "stopSequences")
  const sequences = listIn(config, "stopSequences").filter((one) => typeof one === "string")
  readAsides(body, "", { hints: topHints, carried: topCarried, silent: {} }, aside)
  readAsides(config, prefix, { hints, carried, silent }, aside)
  return {
    system: system.parts,
    turns: conversation.turns,
    tools,
    toolChoice: toolChoiceOf(body, tools, aside),
    oneCallAtATime: false,
    maxTokens: typeof most === "number" ? most : undefined,
    effort: effortOf(config, prefix, aside),
    stop: sequences.length === 0 ? undefined : { path: prefix + stop.name, sequences },
    format: formatOf(config, prefix, aside),
    hints: [...found, ...conversation.hints],
    meanings: [...meanings, ...system.meanings, ...conversation.meanings]
  }
}
