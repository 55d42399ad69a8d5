/**
 * The values that are secret: keys, tokens, credentials. `Redaction` knows a secret by its shape or by the name before
 * it; here are those that are known exactly, so that one which looks like any other word is masked too: in what an
 * upstream says of it, in the log, in an error.
 *
 * A text is masked where it is made (an error of an upstream, before it is cut) and where it leaves (the log, the end of
 * an answer). What a model says is not looked at: it is the upstream's answer, and byte for byte the client's.
 */
import * as Context from "effect/Context"

const mask = "***"

/** A shorter secret is masked where it stands alone, and not inside of a word. */
const long = 8

/** A shorter one is not masked at all: nobody could tell it from text. */
const shortest = 4

/** Knows secrets, and takes them out of texts. */
export interface SecretsService {
  /** Adds secrets. One that was known once stays so: an answer under way may still be told of a key that was taken out. */
  readonly know: (secrets: Iterable<string>) => void
  /**
   * The text with `***` in the place of each known secret, as it is, escaped in JSON or HTML, URL-encoded, or inside of
   * base64. Linear in the text, however many secrets there are; the text itself where there is none in it.
   */
  readonly mask: (text: string) => string
}

/**
 * The secrets of a program: none, unless somebody provides `makeSecrets()`. A relay has one of its own, and tells it what
 * its configuration holds.
 */
export const Secrets = /*#__PURE__*/ Context.Reference<SecretsService>("effect-resilience/errors/Secrets", {
  defaultValue: () => ({ know: () => {}, mask: (text) => text })
})

/** One way in which a secret may stand in a text. */
interface Form {
  readonly text: string
  /** What may not stand beside it, and what is masked with it. */
  readonly within: "anything" | "word" | "base64"
}

const wordChar = /[A-Za-z0-9_-]/
const base64Char = /[A-Za-z0-9+/_=-]/

const percent = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`

/**
 * What of a secret's base64 does not depend on what stands before and after it, for each of the three places in which it
 * may begin.
 */
const base64Of = (secret: string): ReadonlyArray<string> => {
  const bytes = new TextEncoder().encode(secret)
  return [0, 1, 2].map((before) => {
    const encoded = btoa("\0".repeat(before) + String.fromCharCode(...bytes))
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })
}

const escapes: { readonly [char: string]: string } = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" }
const entities: { readonly [char: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

const formsOf = (secret: string): ReadonlyArray<Form> => {
  const json = JSON.stringify(secret).slice(1, -1)
  const url = encodeURIComponent(secret)
  const strict = url.replace(/[!'()*]/g, percent)
  const plain = [
    secret,
    json,
    // As PHP and Go print JSON, and JSON in JSON.
    json.replaceAll("/", "\\/"),
    json.replace(/[<>&]/g, (char) => escapes[char]!),
    JSON.stringify(json).slice(1, -1),
    ...[url, strict].flatMap((text) => [text, text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())]),
    strict.replaceAll("%20", "+"),
    secret.replace(/[&<>"']/g, (char) => entities[char]!)
  ]
  const isLong = secret.length >= long
  const encoded = isLong ? base64Of(secret) : []
  return [
    ...[...new Set(plain)].map((text) => ({ text, within: isLong ? "anything" : "word" }) as const),
    ...[...new Set(encoded.flatMap((text) => [text, text.replace(/[+/]/g, (char) => (char === "+" ? "-" : "_"))]))].map(
      (text) => ({ text, within: "base64" }) as const
    )
  ]
}

/** The last four characters, as 16 bits: what was before them is shifted out. */
const next = (hash: number, code: number): number => ((hash << 4) ^ code) & 0xffff

const startOf = (text: string): number => {
  let hash = 0
  for (let at = 0; at < shortest; at++) hash = next(hash, text.charCodeAt(at))
  return hash
}

/** Where a form that stands at `from` is masked; `undefined` where it is only a part of a word. */
const placeOf = (text: string, from: number, { text: form, within }: Form): readonly [number, number] | undefined => {
  let start = from
  let end = from + form.length
  switch (within) {
    case "anything":
      break
    case "word":
      if (start > 0 && wordChar.test(text[start - 1]!)) return undefined
      if (end < text.length && wordChar.test(text[end]!)) return undefined
      break
    case "base64":
      while (start > 0 && base64Char.test(text[start - 1]!)) start--
      while (end < text.length && base64Char.test(text[end]!)) end++
  }
  return [start, end]
}

/**
 * Secrets that are told to it, none at first.
 *
 * A secret of fewer than eight characters is masked where no letter, digit, `_` or `-` stands beside it; one of fewer
 * than four is not masked.
 *
 * HOT: it reads each line of the log. Four characters at a time are looked up in a table, which costs 2 ns a character
 * with one secret as with a thousand; a search for each form of each costs 50 ns a form.
 *
 * ```ts import.meta.vitest
 * import { makeSecrets } from "effect-resilience/errors"
 *
 * const secrets = makeSecrets()
 * secrets.know(["correct horse", "abcd"])
 *
 * secrets.mask("Incorrect key: correct horse.") // => "Incorrect key: ***."
 * secrets.mask("GET /?key=correct%20horse") // => "GET /?key=***"
 * secrets.mask("abcd is no abcde") // => "*** is no abcde"
 * ```
 */
export const makeSecrets = (): SecretsService => {
  const known = new Set<string>()
  const forms = new Map<number, Array<Form>>()
  const starts = new Uint8Array(1 << 16)

  const know = (secrets: Iterable<string>): void => {
    for (const secret of secrets) {
      if (secret.length < shortest || known.has(secret)) continue
      known.add(secret)
      for (const form of formsOf(secret)) {
        const start = startOf(form.text)
        const same = forms.get(start) ?? []
        same.push(form)
        forms.set(start, same)
        starts[start] = 1
      }
    }
  }

  const places = (text: string): Array<readonly [number, number]> => {
    const found: Array<readonly [number, number]> = []
    let hash = 0
    /** Up to here a run of base64 is masked whole: looked at again for each secret in it, a long one takes its square. */
    let covered = 0
    for (let at = 0; at < text.length; at++) {
      hash = next(hash, text.charCodeAt(at))
      if (starts[hash] === 0 || at < shortest - 1) continue
      const from = at - shortest + 1
      for (const form of forms.get(hash)!) {
        if (form.within === "base64" && from < covered) continue
        const place = text.startsWith(form.text, from) ? placeOf(text, from, form) : undefined
        if (place === undefined) continue
        found.push(place)
        if (form.within === "base64") covered = place[1]
      }
    }
    return found
  }

  return {
    know,
    mask: (text) => {
      if (known.size === 0 || text.length < shortest) return text
      const found = places(text)
      if (found.length === 0) return text
      let out = ""
      let end = 0
      // What overlaps is one.
      for (const [from, to] of found.toSorted(([one], [other]) => one - other)) {
        if (from >= end) out += text.slice(end, from) + mask
        end = Math.max(end, to)
      }
      return out + text.slice(end)
    }
  }
}
