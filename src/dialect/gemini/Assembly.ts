/**
 * What is read at once: a whole answer, put together from the events of its stream, and the list of these events.
 */
import type { Payload, View } from "../Dialect.ts"
import { isExact, keepExact, printJson } from "../ExactNumbers.ts"
import { makePayloadReader } from "../Framing.ts"
import { wholeView } from "../WholeView.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { isForeign, isUnsigned, signatureText } from "./Signed.ts"

const listOf = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? (value as ReadonlyArray<unknown>) : []

const isText = (part: unknown): part is JsonObject & { text: string } =>
  isObject(part) &&
  typeof part["text"] === "string" &&
  Object.keys(part).every((field) => field === "text" || field === "thought" || field === "thoughtSignature")

const signatureOf = (part: JsonObject): string =>
  typeof part["thoughtSignature"] === "string" ? part["thoughtSignature"] : ""

/** A text that grows with each event: it is collected apart. */
interface Growing {
  readonly part: JsonObject
  text: string
}

const mayGrow = (last: Growing, part: JsonObject & { text: string }): boolean => {
  if ((last.part["thought"] === true) !== (part["thought"] === true)) return false
  const before = signatureOf(last.part)
  const after = signatureOf(part)
  if (isUnsigned(before)) {
    // Thoughts of two vendors are two.
    if (before !== "" && after !== "" && isUnsigned(after) && after !== before) return false
    // What another vendor has sealed is the signature of no text but its own.
    return part["thought"] === true || !isForeign(after)
  }
  return part.text === "" && signatureText(after).startsWith(signatureText(before))
}

/** One candidate, as it grows. */
class Candidate {
  private readonly fields: JsonObject = {}
  private readonly content: JsonObject = { role: "model" }
  /** Texts that grow stand here without their text until the end. */
  private readonly parts: Array<{ readonly part: JsonObject; text: string | undefined }> = []
  private growing: Growing | undefined

  push({ content, ...rest }: JsonObject): void {
    for (const [field, value] of Object.entries(rest)) this.field(field, value)
    keepExact(this.fields, rest)
    if (!isObject(content)) return
    const { parts, ...more } = content
    Object.assign(this.content, more)
    for (const part of listOf(parts)) if (isObject(part)) this.part(part)
  }

  result(): JsonObject {
    const { refusal: _, ...fields } = this.fields
    const parts = this.parts.flatMap(({ part, text }) =>
      text === undefined ? [part] : text === "" && part["thoughtSignature"] === undefined ? [] : [{ ...part, text }]
    )
    const content = { parts, ...this.content }
    keepExact(fields, this.fields)
    return parts.length === 0 && fields["finishReason"] !== "STOP" ? fields : { content, ...fields }
  }

  private part(part: JsonObject): void {
    if (!isText(part)) {
      this.growing = undefined
      this.parts.push({ part, text: undefined })
      return
    }
    const last = this.growing
    if (last !== undefined && mayGrow(last, part)) {
      last.text += part.text
      if (part["thoughtSignature"] !== undefined) last.part["thoughtSignature"] = part["thoughtSignature"]
      return
    }
    this.growing = { part: { ...part }, text: part.text }
    this.parts.push(this.growing)
  }

  // Where a text has its words from, and how likely they were, is told of each event apart; all else is told again.
  private field(field: string, value: unknown): void {
    const old = this.fields[field]
    if (field === "__proto__") return
    this.fields[field] =
      (field === "citationMetadata" || field === "logprobsResult") && isObject(old) && isObject(value)
        ? joined(old, value)
        : value
  }
}

const joined = (old: JsonObject, value: JsonObject): JsonObject => {
  const all: JsonObject = { ...old }
  for (const [field, list] of Object.entries(value)) {
    const before = all[field]
    all[field] =
      Array.isArray(before) && Array.isArray(list) ? [...(before as unknown[]), ...(list as unknown[])] : list
  }
  return all
}

/** Takes an answer's events one by one. */
class Assembly {
  private readonly fields: JsonObject = {}
  private readonly candidates = new Map<number, Candidate>()
  /** What holds numbers that are to be printed as they came. */
  private exact: JsonObject | undefined

  push({ data }: Payload): void {
    const raw = parseJson(data)
    if (!isObject(raw) || isObject(raw["error"])) return
    if (isExact(raw)) this.exact = raw
    const { candidates, ...rest } = raw
    for (const candidate of listOf(candidates)) {
      if (!isObject(candidate)) continue
      const index = typeof candidate["index"] === "number" ? candidate["index"] : 0
      let one = this.candidates.get(index)
      if (one === undefined) {
        one = new Candidate()
        this.candidates.set(index, one)
      }
      one.push(candidate)
    }
    for (const [field, value] of Object.entries(rest)) if (field !== "__proto__") this.fields[field] = value
    keepExact(this.fields, rest)
  }

  /** The answer so far, as JSON. */
  print(): string {
    const candidates = [...this.candidates].sort(([a], [b]) => a - b).map(([, candidate]) => candidate.result())
    return printJson({ candidates, ...this.fields }, this.exact)
  }
}

/** A whole answer, as one body. */
export const wholeContent = wholeView(() => new Assembly())

/** The events as they come, as a list of JSON: what a stream is that nobody asked for as events. */
export const contentList: View = {
  contentType: "application/json",
  make: () => {
    let text = ""
    let begun = false
    const read = makePayloadReader(({ data }) => {
      text += `${begun ? ",\n" : "["}${data}`
      begun = true
    })
    return {
      push: (frames) => {
        text = ""
        read(frames)
        return text
      },
      end: () => (begun ? "]\n" : "[]\n")
    }
  }
}
