/**
 * What `/v1/embeddings` is asked, and what is answered: in OpenAI's words on both sides, so that all passes as it came but
 * the model's name.
 */
import { Result } from "effect"
import type { BadRequestBody, InvalidRequest } from "../../errors/index.ts"
import type { Encoded, EncodeRequest } from "../Dialect.ts"
import { endpointOf } from "../Endpoint.ts"
import { printJson } from "../ExactNumbers.ts"
import { type JsonObject, mergeDeep } from "../Json.ts"
import { type AnswerRequest, type Asking, measure, nothingAsked } from "../Request.ts"
import {
  checked,
  checkField,
  checkModelName,
  checkOptionalFields,
  type Complain,
  makeComplaints,
  readObject
} from "../RequestCheck.ts"

/** What `Asking.parameter` is on the route of embeddings. */
export const embeddings = "embeddings"

/** Texts may be given as the numbers of their tokens, of which one request takes three hundred thousand. */
const maxValues = 400_000

const check = (body: JsonObject, complain: Complain): void => {
  const { input, model } = body
  if (checkField(model, "model", "string", complain)) checkModelName(model as string, complain)
  checkField(input, "input", "textOrArray", complain)
  if (Array.isArray(input) && input.length === 0) complain("input", "must not be empty", "too_short")
  checkOptionalFields(body, { dimensions: "integer", encoding_format: "string", user: "string" }, "", complain)
}

/** Checks a request for embeddings. All that is wrong is told at once; every fault is a 400. */
export const parseEmbeddings = (asking: Asking): Result.Result<AnswerRequest, InvalidRequest | BadRequestBody> =>
  Result.flatMap(readObject(asking.body ?? "", maxValues), (body) => {
    const { complain, details } = makeComplaints()
    check(body, complain)
    return checked(details, () => ({
      dialect: "openai",
      operation: "embed",
      model: body["model"] as string,
      delivery: "whole",
      includeUsage: true,
      choices: 1,
      timeoutMillis: undefined,
      json: false,
      asking,
      body,
      ...measure([body["input"]]),
      asked: () => nothingAsked
    }))
  })

/** What only an answer has words for: a channel's `params` may be meant for those. */
const generating = [
  "frequency_penalty",
  "logit_bias",
  "max_completion_tokens",
  "max_tokens",
  "n",
  "parallel_tool_calls",
  "presence_penalty",
  "reasoning_effort",
  "response_format",
  "seed",
  "stop",
  "stream",
  "stream_options",
  "temperature",
  "tool_choice",
  "tools",
  "top_p",
  "verbosity"
] as const

/** The body of a request for embeddings. */
export const encodeEmbeddings = ({ model, params, request }: EncodeRequest): Encoded => {
  const body = mergeDeep({ ...request.body, model }, params)
  for (const field of generating) delete body[field]
  return { body: printJson(body, request.body), dropped: [], names: undefined }
}

/** Where they are made: beside chat completions, whose path a base URL may end in. */
export const embeddingsEndpoint = (baseUrl: string): string =>
  endpointOf(baseUrl.replace(/\/chat\/completions(?=\/*(\?|$))/, ""), "/embeddings")

const key = '"embedding"'

/** How many embeddings a body has, by their keys, each with numbers or a text; `undefined` where one has none. */
const countEmbeddings = (body: string): number | undefined => {
  let count = 0
  for (let at = body.indexOf(key); at >= 0; at = body.indexOf(key, at + key.length)) {
    // What an object is called, which is no key.
    const value = /^\s*:\s*(\[\s*-?\d|"[^"]|)/.exec(body.slice(at + key.length, at + key.length + 64))
    if (value === null) continue
    if (value[1] === "") return undefined
    count++
  }
  return count
}

// Python prints a number that is none so, and no client reads the body. In base64 the same letters stand behind others.
const holdsNoNumber = (body: string): boolean => {
  for (const word of ["NaN", "Infinity"]) {
    for (let at = body.indexOf(word); at >= 0; at = body.indexOf(word, at + word.length)) {
      if (/[[,\s]-?$/.test(body.slice(Math.max(0, at - 2), at))) return true
    }
  }
  return false
}

/** How many embeddings a request asks for: a list of numbers is one text, as its tokens. */
const asked = (input: unknown): number =>
  Array.isArray(input) && typeof input[0] !== "number" ? (input as ReadonlyArray<unknown>).length : 1

/**
 * Whether a body holds all embeddings that were asked for, without reading its numbers: a body of 60 MB of them takes half
 * a second to be read, in which nobody else is served, and 30 ms to be searched.
 */
export const holdsEmbeddings = (body: string, { body: { input } }: Pick<AnswerRequest, "body">): boolean => {
  if (!/^\s*\{/.test(body) || !/\}\s*$/.test(body.slice(-64))) return false
  const count = countEmbeddings(body)
  return count !== undefined && count > 0 && count >= asked(input) && !holdsNoNumber(body)
}

/** The tokens of a prompt that a body of embeddings says, without reading its numbers; `undefined` where it says none. */
export const embeddingTokens = (body: string): number | undefined => {
  const usage = body.lastIndexOf('"usage"')
  const said = usage < 0 ? undefined : /"prompt_tokens"\s*:\s*(\d{1,15})\b/.exec(body.slice(usage, usage + 1024))?.[1]
  return said === undefined ? undefined : Number(said)
}
