/**
 * How upstreams name what is wrong, in their own codes, types and phrases: the first row of the contract's table. It
 * holds what OpenAI, Azure, Anthropic, Gemini, Bedrock, OpenRouter, DeepSeek, Moonshot, Mistral, Groq, xAI, Alibaba,
 * Zhipu, vLLM, llama.cpp and Ollama are known to send, and the seven keywords that new-api disables channels by.
 *
 * Codes and types are compared whole, phrases are searched for in the first 2,048 characters of the message, both
 * without regard to case. A phrase is here only if no honest message about something else contains it: error messages
 * may quote what the caller wrote.
 */
import { type BodySaid, maxMessage } from "./Body.ts"

/** What a body can name, in the order in which it is looked for. */
export type Name = "context" | "policy" | "quota" | "key" | "model"

const codes: { readonly [N in Name]: ReadonlyArray<string> } = {
  context: [
    "context_length_exceeded", // OpenAI, Groq, many
    "context_window_exceeded",
    "model_context_window_exceeded", // Anthropic
    "exceed_context_size_error", // llama.cpp
    "max_context_length_exceeded",
    "1261" // Zhipu: the prompt exceeds the maximum length
  ],
  policy: [
    "content_filter", // OpenAI, Azure, Moonshot
    "content_policy_violation", // OpenAI
    "responsibleaipolicyviolation", // Azure, in `innererror`
    "invalid_prompt", // OpenAI: flagged as potentially violating our usage policy
    "moderation_blocked", // OpenAI images
    "content_moderation",
    "data_inspection_failed", // Alibaba
    "datainspectionfailed",
    "prompt_blocked", // new-api
    "sensitive_words_detected", // new-api
    "prohibited_content", // Gemini
    "violation_fee.grok.csam", // new-api
    "1301" // Zhipu: unsafe or sensitive content
  ],
  quota: [
    "insufficient_quota", // OpenAI
    "billing_hard_limit_reached", // OpenAI
    "billing_not_active", // OpenAI
    "billing_error", // Anthropic
    "contract_spend_limit_reached", // Anthropic, a detail's error_code, and the next three
    "enforced_spend_limit_reached",
    "linked_organization_spend_limit_reached",
    "linked_organization_billing_unavailable",
    "credit_balance_too_low",
    "insufficient_balance", // DeepSeek
    "insufficient_credits",
    "insufficient_user_quota", // new-api
    "pre_consume_token_quota_failed", // new-api
    "exceeded_current_quota_error", // Moonshot
    "arrearage", // Alibaba
    "1113" // Zhipu: the account is in arrears
  ],
  key: [
    "invalid_api_key", // OpenAI, Groq
    "invalidapikey", // Alibaba
    "incorrect_api_key",
    "api_key_invalid", // Gemini, a detail's reason
    "api_key_expired",
    "expired_api_key",
    "api_key_service_blocked", // Google
    "consumer_suspended", // Google
    "service_disabled", // Google: the API is off in this project
    "account_deactivated", // OpenAI
    "account_suspended",
    "deactivated_workspace", // OpenAI
    "organization_deactivated",
    "organization_disabled",
    "invalid_organization", // OpenAI
    "mismatched_organization", // OpenAI
    "mismatched_project", // OpenAI
    "access_terminated", // OpenAI
    "authentication_error", // Anthropic, a type
    "organization_on_hold", // Anthropic, a detail's error_code, and the next two
    "claude_code_key_creator_not_member",
    "cmek_key_disabled",
    "invalid_authentication_error", // Moonshot
    "unrecognizedclientexception", // AWS
    "invalidsignatureexception", // AWS
    "expiredtokenexception" // AWS
  ],
  model: [
    "model_not_found", // OpenAI, new-api
    "deploymentnotfound", // Azure
    "unknown_model",
    "invalid_model", // Mistral
    "model_not_available",
    "model_not_supported",
    "unsupported_model",
    "modelnotfound", // Alibaba
    "model_not_exist",
    "model_decommissioned", // Groq
    "model_deprecated",
    "resourcenotfoundexception" // Bedrock
  ]
}

const phrases: { readonly [N in Name]: ReadonlyArray<RegExp> } = {
  context: [
    /maximum context length is/i, // OpenAI, vLLM, DeepSeek
    /maximum prompt length is/i, // xAI
    /prompt is too long(: \d|$)/i, // Anthropic
    /input length and `?max_tokens`? exceed context limit/i, // Anthropic
    /input token count.{0,40} exceeds the maximum number of tokens/i, // Gemini
    /exceeds? the (model'?s? )?(available |maximum )?context (size|length|window)/i, // llama.cpp, others
    /maximum context length (of|exceeded)/i, // Mistral
    /reduce the length of the (messages|prompt|input)/i, // OpenAI, Groq
    /input is too long for requested model/i, // Bedrock
    /exceeded model token limit/i // Moonshot
  ],
  policy: [
    /content management policy/i, // Azure
    /violating our usage polic/i, // OpenAI
    /as a result of our safety system/i, // OpenAI
    /blocked by (our )?content filter/i, // Anthropic
    /content violates usage guidelines/i, // xAI
    /failed check: safety_check_type/i, // xAI
    /requires moderation.{0,80}input was flagged/i, // OpenRouter
    /^content exists risk/i, // DeepSeek
    /considered high risk/i, // Moonshot
    /input data may contain inappropriate content/i // Alibaba
  ],
  quota: [
    /your credit balance is too low/i, // Anthropic; new-api
    /you exceeded your current quota/i, // OpenAI, Gemini; new-api
    /^insufficient (account )?(balance|credits)/i, // DeepSeek, OpenRouter
    /(^|\. )your account balance is insufficient/i,
    /reached (your|its) (specified api usage|monthly spending|hard billing) limit/i, // Anthropic, xAI
    /^billing hard limit has been reached/i, // OpenAI
    /used all available credits/i, // xAI
    /^key limit exceeded/i // OpenRouter
  ],
  key: [
    /^incorrect api key provided/i, // OpenAI
    /^(error: )?invalid (api[ -]key|x-api-key|bearer token)/i, // Anthropic and others
    /^api key (not valid|expired|not found)/i, // Gemini
    /^your api key was reported as leaked/i, // Gemini
    /^this organization has been disabled/i, // Anthropic; new-api
    /^permission denied/i, // new-api
    /^operation not allowed/i, // new-api
    /the security token included in the request is (invalid|expired)/i, // AWS; new-api
    /^your account is not authorized/i, // AWS; new-api
    /^(your|the|this) (openai )?account (associated with this api key )?(is|has been) (deactivated|suspended|disabled)/i
  ],
  model: [
    /\bmodel:? [`'"][^`'"]{1,200}[`'"],? (does not exist|not found|is not found|has been de(commission|precat)ed)/i,
    /\bis not a valid model( id| name)?\b/i, // OpenRouter
    /^(error: )?(model not exist|model not found|no such model|unknown model|invalid model( name)?\b)/i, // DeepSeek, Mistral
    /^models\/[\w.@-]{1,200} is not found/i, // Gemini
    /^no endpoints found for /i // OpenRouter
  ]
}

const names = ["context", "policy", "quota", "key", "model"] as const satisfies ReadonlyArray<Name>

const nameByCode = new Map<string, Name>(names.flatMap((name) => codes[name].map((code) => [code, name] as const)))

/** Whether a code is one of these. */
export const isNamed = (code: string): boolean => nameByCode.has(code)

/** A text without what it quotes of the request: `***` stands in the place of each quotation. */
export type Unquote = (text: string) => string

const quotation = "***"

/** Between words that are looked at together: no upstream's message has it. */
const between = "\0"

const isUnsaid = (left: string): boolean => left === quotation

const isSaid = (name: Name, message: string): boolean => phrases[name].some((phrase) => phrase.test(message))

/** Whether a phrase is only quoted, by what is left of the words that it was found in. A model's name may be. */
const isOnlyQuoted: { readonly [N in Name]: ((left: string) => boolean) | undefined } = {
  // These blame the request itself, and nobody else rests for them.
  context: undefined,
  policy: undefined,
  quota: isUnsaid,
  key: isUnsaid,
  model: (left) => !isSaid("model", left) && !isSaid("model", left.replaceAll(quotation, `"${quotation}"`))
}

/** The words of a message in which phrases of a name are found, each once. */
const wordsOf = (name: Name, message: string): ReadonlyArray<string> => [
  ...new Set(
    phrases[name].flatMap((phrase) => Array.from(message.matchAll(new RegExp(phrase, "gi")), ([words]) => words))
  )
]

/** Whether a message says one of the phrases of a name, wherever, and does not only quote it. */
const says = (name: Name, message: string, unquote: Unquote | undefined): boolean => {
  const isQuoted = isOnlyQuoted[name]
  if (unquote === undefined || isQuoted === undefined) return isSaid(name, message)
  const words = wordsOf(name, message)
  // Asked once for all of them: each time the whole request is read, and a message may say a phrase a hundred times.
  return words.length > 0 && !unquote(words.join(between)).split(between).every(isQuoted)
}

// Gemini sends one message for a spent quota and for its limit per minute; only the quota's id tells them apart.
const isPerMinute = (said: BodySaid): boolean => said.words.some((word) => /PerMinute/i.test(word))

/**
 * What a body names, or `undefined`. `phrases: false` looks at codes and types only: an upstream that failed for its
 * own reasons may say anything in its message. With `unquote` what a message only quotes of the request blames no key and
 * no model.
 */
export const nameOf = (
  said: BodySaid,
  options: {
    readonly phrases: boolean
    readonly blamesKey: boolean
    readonly unquote?: Unquote | undefined
  }
): Name | undefined => {
  const found = new Set<Name>()
  for (const word of [said.code, said.type, ...said.words]) {
    const name = word === undefined ? undefined : nameByCode.get(word.toLowerCase())
    if (name !== undefined) found.add(name)
  }
  const may = (name: Name): boolean =>
    name === "quota" ? options.blamesKey && !isPerMinute(said) : name === "key" ? options.blamesKey : true
  const byCode = names.find((name) => found.has(name) && may(name))
  if (byCode !== undefined || !options.phrases || said.message === undefined) return byCode
  const message = said.message.slice(0, maxMessage)
  return names.find((name) => may(name) && says(name, message, options.unquote))
}
