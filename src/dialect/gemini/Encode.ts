/**
 * A request in Gemini's words: its own client's with every field, another's put into them.
 */
import { Result } from "effect"
import { ConvertRequestFailed, stackless } from "../../errors/index.ts"
import { spentOn } from "../Continuation.ts"
import type { Encoded, EncodeRequest } from "../Dialect.ts"
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject, mergeDeep } from "../Json.ts"
import type { AnswerRequest } from "../Request.ts"
import { generally } from "../upstream/RefusedField.ts"
import { estimateTokens } from "../Usage.ts"
import { withoutRefused } from "../upstream/WithoutRefused.ts"
import { continued } from "./Continued.ts"
import { type Crossed, crossed, refusable, signedParts } from "./Crossing.ts"
import { ownContents } from "./OwnContents.ts"
import { spelled } from "./Spelling.ts"

const isOwn = (request: AnswerRequest): boolean => request.dialect === "gemini"

const nothingRefused: ReadonlySet<string> = new Set()

/** The fields that Gemini has no words for. Its own clients' requests have none. */
export const unsaidToGemini = (request: AnswerRequest, model: string): ReadonlyArray<string> =>
  isOwn(request) ? [] : crossed(request, model, nothingRefused).unsaid

/** What a target may refuse of the body: hints of another dialect's client. */
export const refusableByGemini = (request: AnswerRequest): ReadonlyArray<string> => (isOwn(request) ? [] : refusable)

/** What it may refuse of a conversation that another dialect's client has kept. */
export const refusableOnceByGemini = (request: AnswerRequest): ReadonlyArray<string> =>
  isOwn(request) ? [] : [signedParts]

/** What was asked of a model by the name that its client has for it. */
const named = (body: JsonObject, model: string): JsonObject =>
  "model" in body ? { ...body, model: `models/${model}` } : body

const own = ({ body, operation }: AnswerRequest, model: string): Crossed => {
  const { generateContentRequest, generate_content_request: snake, ...plain } = body
  const nested = generateContentRequest ?? snake
  const counts = operation === "count" && isObject(nested)
  const field = spelled(plain, "contents")
  const { [field.name]: contents, ...rest } = named(plain, model)
  return {
    body: counts ? { ...rest, generateContentRequest: ownRequest(nested, model) } : rest,
    contents: counts ? [] : ownContents(contents),
    unsaid: [],
    dropped: [],
    names: undefined,
    origins: new Map(),
    exact: []
  }
}

const ownRequest = (request: JsonObject, model: string): JsonObject => {
  const { name, value } = spelled(request, "contents")
  return { ...request, model: `models/${model}`, [name]: ownContents(value) }
}

/** What may be spent: what was asked for, less what the answer has spent. */
const lessThan = (body: JsonObject, spent: string): JsonObject => {
  const { name: place, value: config } = spelled(body, "generationConfig")
  if (!isObject(config)) return body
  const { name, value } = spelled(config, "maxOutputTokens")
  if (typeof value !== "number" || value <= 0) return body
  return { ...body, [place]: { ...config, [name]: Math.max(1, value - estimateTokens(spent)) } }
}

/**
 * The body of a request. `params` come over everything; what the target has refused is left out after them.
 *
 * A continuation may spend what the partial left of `maxOutputTokens`, but for one by token: that goes on with the request
 * that it was given for.
 */
export const encodeGemini = (options: EncodeRequest): Result.Result<Encoded, ConvertRequestFailed> => {
  const { continuation, drop, model, params, request } = options
  const refused = new Set([...options.refused].map(generally))
  const said = isOwn(request) ? own(request, model) : crossed(request, model, refused)
  if (said.unsaid.length > 0 && !drop) return Result.fail(unsayable(said.unsaid))
  const contents = continued(said.contents, continuation)
  const token = continuation?.mode === "token" ? { continuationToken: continuation.token } : {}
  const asked = { ...(contents.length === 0 ? {} : { contents }), ...said.body, ...token }
  // A call has to be signed by somebody: what stands there instead was put by `crossed`.
  const fields = new Set([...refused].filter((path) => path !== signedParts))
  const left = withoutRefused(mergeDeep(asked, params), fields, (path) =>
    isOwn(request) ? path : said.origins.get(path)
  )
  const words = continuation?.mode === "token" ? continuation.after : continuation
  const spent = words === undefined ? "" : spentOn(words)
  const sent = spent === "" ? left.body : lessThan(left.body, spent)
  return Result.succeed({
    body: printJson(sent, said.exact[0] ?? request.body),
    dropped: [...new Set([...said.dropped, ...(drop ? said.unsaid : []), ...left.dropped])],
    names: said.names
  })
}

const unsayable = (paths: ReadonlyArray<string>): ConvertRequestFailed =>
  stackless(
    () =>
      new ConvertRequestFailed({
        message: `a Gemini channel has no words for ${paths.join(", ")}`,
        details: paths.map((field) => ({ field, message: "cannot be said to a Gemini channel", code: "unsupported" }))
      })
  )
