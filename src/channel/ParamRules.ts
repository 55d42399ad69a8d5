/**
 * What cannot be meant by the `params` and `headers` of a channel: found when a configuration is checked, and not by the
 * first client of the day.
 */
import { type UpstreamDialectName, upstreamDialectNames } from "../dialect/index.ts"
import { type Fault, formatPath, type Path, type Rule, ruleFault, valueAt } from "../settings/index.ts"
import { ofEach } from "./EachChannel.ts"

/** Where each dialect says what is asked: `params` would put it into the place of every client's. */
const conversations: { readonly [Name in UpstreamDialectName]: string } = {
  openai: "messages",
  responses: "input",
  anthropic: "messages",
  gemini: "contents"
}

interface Kind {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
}

const number: Kind = { expected: "a number", accepts: (value) => typeof value === "number" }
const count: Kind = {
  expected: "an integer of at least 1",
  accepts: (value) => Number.isSafeInteger(value) && Number(value) >= 1
}
const whole: Kind = { expected: "an integer", accepts: Number.isSafeInteger }
const flag: Kind = { expected: "true or false", accepts: (value) => typeof value === "boolean" }
const object: Kind = {
  expected: "an object",
  accepts: (value) => typeof value === "object" && value !== null && !Array.isArray(value)
}
const one: Kind = {
  expected: "1, as how many answers there are is the client's to say",
  accepts: (value) => value === 1
}

/** What vendors agree on, by path. Of what stands in no row anything may be sent: there are more upstreams than vendors. */
const kinds: { readonly [Name in UpstreamDialectName]: { readonly [path: string]: Kind } } = {
  openai: {
    temperature: number,
    top_p: number,
    frequency_penalty: number,
    presence_penalty: number,
    max_tokens: count,
    max_completion_tokens: count,
    n: one,
    seed: whole,
    parallel_tool_calls: flag,
    store: flag,
    logit_bias: object,
    metadata: object,
    response_format: object,
    stream_options: object
  },
  responses: {
    temperature: number,
    top_p: number,
    max_output_tokens: count,
    parallel_tool_calls: flag,
    store: flag,
    metadata: object,
    reasoning: object,
    text: object
  },
  anthropic: {
    temperature: number,
    top_p: number,
    top_k: whole,
    max_tokens: count,
    metadata: object,
    thinking: object,
    output_config: object,
    "thinking.budget_tokens": count
  },
  gemini: {
    generationConfig: object,
    "generationConfig.temperature": number,
    "generationConfig.topP": number,
    "generationConfig.topK": number,
    "generationConfig.maxOutputTokens": count,
    "generationConfig.candidateCount": one,
    "generationConfig.thinkingConfig": object
  }
}

const dialectAt = (value: unknown, channel: Path): UpstreamDialectName | undefined =>
  upstreamDialectNames.find((name) => name === valueAt(value, [...channel, "dialect"]))

/** Whether an answer is streamed is the channel's own to say: what is sent follows from it. */
const streamIsTheChannels = ofEach((written, channel) => {
  const path = [...channel, "params", "stream"]
  return valueAt(written.value, path) === undefined
    ? []
    : [{ path, message: `is never sent: ${formatPath([...channel, "stream"])} says whether the channel streams` }]
})

const questionIsTheClients = ofEach((written, channel) => {
  const dialect = dialectAt(written.value, channel)
  if (dialect === undefined) return []
  const path = [...channel, "params", conversations[dialect]]
  return valueAt(written.value, path) === undefined
    ? []
    : [{ path, message: "would be sent in place of what each client asks" }]
})

/** A field that everybody knows has a value that it can have; `null` removes it. */
const knownFields = ofEach((written, channel) => {
  const dialect = dialectAt(written.value, channel)
  if (dialect === undefined) return []
  return Object.entries(kinds[dialect]).flatMap(([field, { accepts, expected }]): ReadonlyArray<Fault> => {
    const path = [...channel, "params", ...field.split(".")]
    const value = valueAt(written.value, path)
    return value === undefined || value === null || accepts(value) ? [] : [ruleFault(written, path, expected)]
  })
})

/** What is sent is JSON, whatever a header says. */
const bodyIsJson = ofEach((written, channel) => {
  const headers = valueAt(written.value, [...channel, "headers"])
  if (typeof headers !== "object" || headers === null) return []
  return Object.entries(headers as object).flatMap(
    ([name, value]): ReadonlyArray<Fault> =>
      name.toLowerCase() !== "content-type" ||
      typeof value !== "string" ||
      /^application\/([\w.-]+\+)?json\b/i.test(value.trim())
        ? []
        : [ruleFault(written, [...channel, "headers", name], "application/json, as every request is")]
  )
})

/** The rules of `params` and `headers`. */
export const paramRules: ReadonlyArray<Rule> = [streamIsTheChannels, questionIsTheClients, knownFields, bodyIsJson]
