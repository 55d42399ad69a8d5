/**
 * Takes secrets and addresses out of what leaves the process: first by structure, where it is known what is secret, and
 * last by text, where it can only be recognised. It rather takes too much than too little, but for numbers, versions,
 * file names and ordinary words.
 *
 * Every expression here is written so that the time is linear in the text, whatever it says: where a match can begin
 * anywhere, what may repeat before it fails is bounded.
 */
import * as Redacted from "effect/Redacted"
import { excerpt } from "./TextBounds.ts"

const mask = "***"

// The end of a sentence or a bracket around a URL is not a part of it.
const url = /([A-Za-z][A-Za-z0-9+.-]{0,20}:\/\/)[^\s"'<>`\\]+/g
const urlEnd = /[.,;:!?)\]}]{1,8}$/

const email = /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu

/** What names a secret, wherever a value follows. */
const secretName =
  "(?:proxy[-_]?)?authorization|(?:[a-z0-9]{1,20}[-_]){0,3}api[-_ ]?key|(?:access|refresh|auth|id|session|bearer)[-_ ]?token|" +
  "x[-_](?:[a-z]{1,20}[-_])?token|(?:client[-_ ]?)?secret(?:[-_ ]?(?:access[-_ ]?)?key)?|(?:access|private|signing)[-_ ]?key|" +
  "password|passwd|passphrase|pwd|credentials?"
const separator = String.raw`(?: (?:provided|given|is|was))?\\{0,4}["']?\s{0,8}[:=]\s{0,8}`
const scheme = String.raw`(?:(?:bearer|basic|digest|token|apikey)\s{1,8})?`
const named = new RegExp(
  String.raw`(?<![A-Za-z0-9])((?:${secretName})${separator})(?:(\\{0,4}["'])[^"'\\\r\n]+|${scheme}[^\s"'\\,;&)}\]]*[^\s"'\\,;&)}\].:!?])`,
  "gi"
)

// A cookie is a list: everything to the end of the line or of the string.
const cookie = /(?<![A-Za-z0-9])((?:set-)?cookie\\{0,4}["']?\s{0,8}[:=]\s{0,8}\\{0,4}["']?)[^"'\\\r\n]+/gi

// `token` and `key` are words too: what follows must look like one.
const weaklyNamed =
  /(?<![A-Za-z0-9])((?:token|key|auth|signature|sig)\\{0,4}["']?\s{0,8}[:=]\s{0,8}\\{0,4}["']?)(?=[A-Za-z_+/=.~-]{0,64}[0-9])[A-Za-z0-9_+/=.~-]{8,}/gi

const bearer =
  /(?<![A-Za-z0-9])(bearer\s{1,8})(?!(?:tokens?|auth[a-z]{0,20}|schemes?|headers?|credentials?|keys?|realm|error|is|was|and|or|not|the|in|for|must|required)(?![A-Za-z0-9_]))[^\s"'\\,;)}\]]+/gi
const basic = /(?<![A-Za-z0-9])(basic\s{1,8})(?=[A-Za-z+/]{0,64}[0-9=])[A-Za-z0-9+/]{6,}={0,2}/gi

const secretWord = /auth|key|token|secret|passw|passphrase|pwd|credential|cookie|sig/i
const schemeWord = /bearer|basic/i

/** Keys that are known by their shape. */
const keys = new RegExp(
  String.raw`(?<![A-Za-z0-9])(?:` +
    [
      String.raw`(?:gsk|[spr]k)[-_][A-Za-z0-9_*-]{3,}`,
      String.raw`key-(?:(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{4,}|[A-Za-z0-9_-]{20,})`,
      String.raw`AIza[A-Za-z0-9_-]{8,}`,
      String.raw`(?:AKIA|ASIA)[A-Z0-9]{12,}`,
      String.raw`(?:xai|glpat|xox[abeoprs])-[A-Za-z0-9_-]{6,}`,
      String.raw`(?:hf|r8|gh[opsur]|github_pat|nvapi)[-_][A-Za-z0-9_]{8,}`,
      String.raw`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{1,8192}){1,4}`
    ].join("|") +
    ")",
  "g"
)

const octet = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
const ipv4 = new RegExp(String.raw`(?<![0-9.])(?:${octet}\.){3}${octet}(?::[0-9]{1,5})?(?![0-9]|\.[0-9])`, "g")
// Whatever has two colons; `isIpv6` tells an address from the time of day.
const ipv6 =
  /(?<![A-Za-z0-9_:.])\[?([0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?:\.[0-9]{1,3}){3})?)(?:%[A-Za-z0-9_.-]{1,20})?(?:\](?::[0-9]{1,5})?)?(?![A-Za-z0-9_:])/g

const isIpv6 = (text: string): boolean => {
  const halves = text.split("::")
  const groups = text.split(":").filter((group) => group !== "")
  if (halves.length > 2 || groups.length === 0) return false
  if (halves.length === 1) return groups.length === 8 || (groups.length === 7 && text.includes("."))
  // `a::b` may be a name; a digit or a full group makes it an address.
  return groups.length <= 7 && groups.some((group) => group.length === 4 || /[0-9]/.test(group))
}

// Only endings that are neither extensions of files nor words nor the usual names of properties.
const endings = (
  "com net org io ai dev app cloud edu gov mil biz tech xyz site online local internal intranet lan corp localdomain " +
  "svc cluster test example arpa aws azure goog google uk de fr nl eu cn jp kr ru br ca au ch se dk fi cz es " +
  "pt ie nz za mx ar cl tw hk sg vn th tr ua il ae gg tv fm ly co"
).split(" ")
const ending = [...endings, ...endings.map((text) => text.toUpperCase())].join("|")
const rest = String.raw`(?::[0-9]{1,5})?(?:\/[^\s"'<>\x60\\]*)?`
const domain = new RegExp(
  String.raw`(?<![A-Za-z0-9_@.\/-])(?:[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\.){1,30}(?:${ending})(?![A-Za-z0-9_-]|\.[a-z0-9]|\()${rest}`,
  "g"
)
const localhost = new RegExp(String.raw`(?<![A-Za-z0-9_.-])localhost:[0-9]{1,5}(?:\/[^\s"'<>\x60\\]*)?`, "gi")

// How Node names the host that it could not reach.
const unreachable =
  /\b(ENOTFOUND|EAI_AGAIN) [A-Za-z0-9_.-]+|\b(ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET) [A-Za-z0-9_.-]{1,255}:[0-9]{1,5}\b/g

/**
 * A text without API keys, tokens, passwords, URLs, hosts, IP addresses and e-mail addresses. Linear in the
 * text.
 *
 * ```ts import.meta.vitest
 * import { redactText } from "effect-resilience/errors"
 *
 * redactText("Incorrect API key provided: sk-proj-abc123. See https://platform.example.com/keys?u=1.")
 * // => "Incorrect API key provided: ***. See https://***."
 * redactText("gpt-4.1 took 3.5 s, see server.log") // => "gpt-4.1 took 3.5 s, see server.log"
 * ```
 */
export const redactText = (text: string): string => {
  let out = text
  // What an expression needs is looked for first: that costs a tenth of it, and most texts have hardly any.
  if (out.includes("://")) {
    out = out.replace(url, (found: string, start: string) => start + mask + (urlEnd.exec(found)?.[0] ?? ""))
  }
  const assigns = out.includes(":") || out.includes("=")
  if (assigns && secretWord.test(out)) {
    out = out
      .replace(cookie, `$1${mask}`)
      .replace(named, (_, name: string, quote: string | undefined) => name + (quote ?? "") + mask)
      .replace(weaklyNamed, `$1${mask}`)
  }
  if (schemeWord.test(out)) out = out.replace(bearer, `$1${mask}`).replace(basic, `$1${mask}`)
  out = out.replace(keys, mask)
  if (out.includes("@")) out = out.replace(email, `${mask}@${mask}`)
  if (out.indexOf(":") !== out.lastIndexOf(":")) {
    out = out.replace(ipv6, (found: string, address: string) => (isIpv6(address) ? mask : found))
  }
  if (out.includes(".")) out = out.replace(ipv4, mask)
  out = out.replace(
    unreachable,
    (_, unknown: string | undefined, refused: string | undefined) => `${unknown ?? refused} ${mask}`
  )
  if (out.includes(".")) out = out.replace(domain, mask)
  return out.replace(localhost, mask)
}

const secretKey =
  /(?:^|[-_.])(?:authorization|credentials?|cookies?|passwd|pwd|passphrase)$|(?:token|secret|password|api[-_ ]?key|(?:access|secret|private|signing)[-_ ]?key|authorization|set-cookie)$/i

/** Whether what stands under a name is secret: a header, a field. */
export const isSecretName = (name: string): boolean => secretKey.test(name)

/**
 * The names of fields that were asked about, and whether each is a secret's.
 *
 * HOT: a line of the log has some fifteen names, always the same. To look at each anew is half of what a line costs.
 */
const fieldNames = new Map<string, boolean>()
const mostFieldNames = 1_000

const isSecretField = (name: string): boolean => {
  const known = fieldNames.get(name)
  if (known !== undefined) return known
  const secret = isSecretName(name)
  if (fieldNames.size < mostFieldNames && plainName.test(name)) fieldNames.set(name, secret)
  return secret
}

/** How far `redactValue` looks into a value. */
export interface RedactOptions {
  /** The deepest level that is shown. Default 8. */
  readonly maxDepth?: number | undefined
  /** Done to each text before anything else: what masks the secrets that are known (`Secrets`). Default: nothing. */
  readonly mask?: ((text: string) => string) | undefined
  /** The longest text that is shown, in UTF-16 units. What is longer is cut before it is looked at. Default: any. */
  readonly maxText?: number | undefined
}

/**
 * A copy of a value that may leave the process, of plain data only. By structure first: what is `Redacted` and what is
 * kept under the name of a secret (`authorization`, `api_key`, `accessToken`, `password`, `cookie`, …) is `<redacted>`,
 * whatever it is. Every other text goes through `redactText`, the keys of objects too. An error becomes its name, message
 * and fields, without its stack. What is too deep is `<deep>`, a circle is `<circular>`.
 *
 * ```ts import.meta.vitest
 * import * as Redacted from "effect/Redacted"
 * import { redactValue } from "effect-resilience/errors"
 *
 * redactValue({ key: Redacted.make("s3cret"), headers: { "x-api-key": "abc" }, url: "http://10.0.0.1/x", tokens: 5 })
 * // => { key: "<redacted>", headers: { "x-api-key": "<redacted>" }, url: "http://***", tokens: 5 }
 * ```
 */
export const redactValue = (value: unknown, options?: RedactOptions): unknown =>
  redactAt(value, options?.mask ?? unmasked, options?.maxDepth ?? 8, options?.maxText ?? Number.POSITIVE_INFINITY, [])

const unmasked = (text: string): string => text

/** How much more of a long text is masked than is shown: a secret that is cut could not be known any more. */
const beforeMasking = 4

const redacted = "<redacted>"
// A name of a field, and no key of an API: those are longer.
const plainName = /^[A-Za-z_]{1,24}$/

/** Whether a name is a field's, and no text that could hold anything. */
export const isPlainName = (name: string): boolean => plainName.test(name)

// In a text of one word there is room for a key by its shape, and for nothing else that is looked for. Ids are such.
const oneWord = /^[A-Za-z0-9_-]{1,64}$/
const keyShape = new RegExp(keys.source)

/** Words that have been looked at: names, and the ids of the last answers. */
const plainWords = new Set<string>()
const mostPlainWords = 1_000

const looksPlain = (text: string): boolean => {
  if (plainWords.has(text)) return true
  if (!oneWord.test(text) || keyShape.test(text)) return false
  // A name may be anybody's: the set stays small.
  if (plainWords.size >= mostPlainWords) plainWords.clear()
  plainWords.add(text)
  return true
}

/**
 * Whether a text is one word in which there is nothing to redact: `redactValue` gives it back, and JSON escapes none of it.
 *
 * HOT: to look through an id costs 0.6 µs, and it stands in three lines of the log.
 */
export const isPlainWord = (text: string, mask: (text: string) => string): boolean =>
  looksPlain(text) && mask(text) === text

/**
 * Short texts in which nothing was found, such as `gpt-4.1`.
 *
 * HOT: the model stands in each line of the log, and to look through its name costs a microsecond each time.
 */
const harmless = new Set<string>()
const shortText = 64
const mostHarmless = 1_000

const redactShort = (text: string): string => {
  if (text.length > shortText) return redactText(text)
  if (harmless.has(text)) return text
  const out = redactText(text)
  if (out !== text) return out
  // Names may be anybody's: the set stays small.
  if (harmless.size >= mostHarmless) harmless.clear()
  harmless.add(text)
  return text
}

type Mask = (text: string) => string

/** By its name first: in Node the mere mention of `Headers` loads all of `fetch`, 3 MB that a relay has no use for. */
const isHeaders = (value: object): value is Headers =>
  Object.prototype.toString.call(value) === "[object Headers]" && value instanceof Headers

const maskMost = (text: string, mask: Mask, most: number): string => mask(excerpt(text, most * beforeMasking))

const redactMost = (text: string, mask: Mask, most: number): string =>
  redactText(excerpt(maskMost(text, mask, most), most))

const redactAt = (
  value: unknown,
  mask: Mask,
  depth: number,
  maxText: number,
  above: ReadonlyArray<object>
): unknown => {
  if (typeof value === "string") {
    const known = maskMost(value, mask, maxText)
    if (oneWord.test(known)) return keyShape.test(known) ? redactText(known) : known
    return redactShort(excerpt(known, maxText))
  }
  if (typeof value === "symbol" || typeof value === "function") return `<${typeof value}>`
  if (typeof value !== "object" || value === null) return value
  if (Redacted.isRedacted(value)) return redacted
  if (above.includes(value)) return "<circular>"
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "<invalid date>" : value.toISOString()
  if (value instanceof URL) return redactMost(value.href, mask, maxText)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `<${value.byteLength} bytes>`
  if (depth <= 0) return "<deep>"
  const path = [...above, value]
  const inside = (item: unknown) => redactAt(item, mask, depth - 1, maxText, path)
  if (Array.isArray(value)) return value.map(inside)
  if (value instanceof Set) return Array.from(value, inside)
  const fields: { [key: string]: unknown } = {}
  const put = (key: string, item: unknown): void => {
    const shown = isSecretField(key) && item !== undefined && item !== null ? redacted : inside(item)
    // What is remembered is plain.
    const name = fieldNames.has(key) || plainName.test(key) ? key : redactMost(key, mask, maxText)
    // Only this one name would be taken for something else than a field.
    if (name === "__proto__") Object.defineProperty(fields, name, { value: shown, enumerable: true })
    else fields[name] = shown
  }
  if (value instanceof Map || isHeaders(value)) for (const [key, item] of value) put(String(key), item)
  else for (const key of Object.keys(value)) put(key, (value as { readonly [key: string]: unknown })[key])
  if (!(value instanceof Error)) return fields
  // These are not enumerable in an error.
  return Object.fromEntries([
    ["name", value.name],
    ["message", redactMost(value.message, mask, maxText)],
    ...(value.cause === undefined ? [] : [["cause", inside(value.cause)] as const]),
    ...Object.entries(fields)
  ])
}
