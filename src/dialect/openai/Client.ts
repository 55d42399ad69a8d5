/**
 * What `stream: true` is answered with: the chunks of a chat completion. Whole answers are put together from the same
 * events by `assembleOpenAI`.
 */
import type { AnswerEncoder, AnswerIdentity, Payload, Replayed } from "../Dialect.ts"
import { type Delta, type Finish, isContent, seals } from "../Event.ts"
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { callIdOf } from "../CallId.ts"
import { makeCalls, readCallPart } from "./Calls.ts"
import { reasoningOf, textOf } from "./Chunk.ts"
import {
  type AroundText,
  aroundText,
  chunkHead,
  finishChoices,
  rewriteChunk,
  roleChoices,
  textChoices
} from "./ChunkText.ts"
import { openaiUsage } from "./CompletionUsage.ts"
import { openaiErrorBody } from "../OpenAIErrors.ts"
import { readFinish, writeFinish } from "./Finish.ts"
import { type ForeignPieces, makeForeignPieces } from "./Foreign.ts"
import { piecesOf } from "./Pieces.ts"

const terminator = "[DONE]"
const errorStart = '{"error":{'

const payload = (data: string): Payload => ({ event: undefined, data })

const isVoid = (value: unknown): boolean =>
  value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)

const choicesOf = (chunk: JsonObject): ReadonlyArray<unknown> =>
  Array.isArray(chunk["choices"]) ? (chunk["choices"] as ReadonlyArray<unknown>) : []

// A frame that says nothing new: `begin` has written the role of the first choice, `complete` writes the usage.
const saysNothing = (delta: Delta, raw: JsonObject): boolean => {
  if (delta.pieces !== undefined || delta.finish !== undefined) return false
  const list = raw["choices"]
  if (!Array.isArray(list)) return true
  if (list.length === 0) return delta.usage !== undefined
  return (list as ReadonlyArray<unknown>).every(
    (choice) =>
      isObject(choice) &&
      (choice["index"] ?? 0) === 0 &&
      isVoid(choice["finish_reason"]) &&
      isVoid(choice["logprobs"]) &&
      (!isObject(choice["delta"]) ||
        Object.entries(choice["delta"]).every(([field, value]) => field === "role" || isVoid(value)))
  )
}

// Clients need the role of each choice in its first delta; upstreams may have said it before anything was shown.
const introduce = (raw: JsonObject, introduced: Set<number>): void => {
  for (const choice of choicesOf(raw)) {
    if (!isObject(choice) || typeof choice["index"] !== "number" || introduced.has(choice["index"])) continue
    introduced.add(choice["index"])
    if (isObject(choice["delta"])) choice["delta"] = { role: "assistant", ...choice["delta"] }
  }
}

// The id of each call that begins without one. Which parts begin a call, the decoder has seen to.
const identify = (raw: JsonObject, streamId: string): void => {
  for (const choice of choicesOf(raw)) {
    if (!isObject(choice) || !isObject(choice["delta"])) continue
    const parts = choice["delta"]["tool_calls"]
    for (const part of Array.isArray(parts) ? (parts as ReadonlyArray<unknown>) : []) {
      if (!isObject(part) || part["id"] !== undefined || readCallPart(part).name === "") continue
      part["id"] = callIdOf(streamId, Number(choice["index"]), Number(part["index"]))
    }
  }
}

/** What our own events show. */
interface Shown {
  readonly replayed: Replayed
  readonly model: string | undefined
  readonly introduced: ReadonlySet<number>
}

/** Reads our own events, part by part. */
const makeReplay = (foreign: ForeignPieces): ((payloads: Iterable<Payload>) => Shown) => {
  let text = ""
  let tokenCount = 0
  let beside = 0
  let reasoning = 0
  let begun = false
  let sealed = false
  let called = false
  let ended = false
  let finish: Finish | undefined
  let model: string | undefined
  const introduced = new Set<number>()
  const calls = makeCalls()
  const held = { of: undefined, value: "" }
  const read = (event: Payload): void => {
    if (event.data === terminator || isOpenAIError(event)) {
      ended = true
      return
    }
    const chunk = parseJson(event.data)
    if (!isObject(chunk)) return
    begun = true
    if (typeof chunk["model"] === "string") model = chunk["model"]
    const choices = choicesOf(chunk)
    if (choices.length === 0) foreign.pause()
    for (const choice of choices) {
      if (!isObject(choice)) continue
      const index = typeof choice["index"] === "number" ? choice["index"] : 0
      const delta = isObject(choice["delta"]) ? choice["delta"] : {}
      if (delta["role"] !== undefined) introduced.add(index)
      if (index > 0) {
        sealed = true
        beside += event.data.length
        continue
      }
      foreign.replay(delta)
      const pieces = piecesOf(delta, { calls: () => calls, names: undefined, held })
      if (pieces !== undefined) {
        beside += event.data.length
        sealed ||= seals({ pieces })
        called ||= pieces.some(({ _tag }) => _tag === "ToolCall")
      }
      const part = textOf(delta)
      if (part !== "") {
        text += part
        tokenCount++
      }
      const thought = reasoningOf(delta).length
      beside += thought
      reasoning += thought
      if (typeof choice["finish_reason"] === "string") finish = readFinish(choice["finish_reason"])
    }
  }
  return (payloads) => {
    for (const event of payloads) read(event)
    return {
      replayed: { text, tokenCount, beside, reasoning, begun, sealed, called, finish, ended },
      model,
      introduced
    }
  }
}

/** Writes an answer as chunks of a chat completion. */
export const openaiEncoder = (identity: AnswerIdentity): AnswerEncoder => {
  const id = `chatcmpl-${identity.streamId}`
  const created = Math.floor(identity.createdAt / 1000)
  // With `include_usage` every chunk but the last has `usage: null`; without it none has a usage.
  const tail = identity.includeUsage ? ',"usage":null}' : "}"
  let named = ""
  let head = chunkHead(id, created, named)
  // What is written around the texts of steps that are alike.
  let alike: object | undefined
  let around: AroundText | undefined
  let begun = false
  let replay: ReturnType<typeof makeReplay> | undefined
  // The choices that have their role: `begin` writes the first one's.
  const introduced = new Set([0])
  const foreign = makeForeignPieces((index) => callIdOf(identity.streamId, 0, index))

  const chunk = (choices: string, end = tail): Payload => payload(`${head},"choices":${choices}${end}`)

  const simple = (delta: JsonObject): Payload =>
    chunk(JSON.stringify([{ index: 0, delta, logprobs: null, finish_reason: null }]))

  const role = (): Payload => {
    begun = true
    return chunk(roleChoices)
  }

  const plain = (delta: Delta): ReadonlyArray<Payload> => {
    const payloads: Array<Payload> = []
    if (delta.reasoning !== "") payloads.push(simple({ reasoning_content: delta.reasoning }))
    if (delta.text !== "") payloads.push(chunk(textChoices(delta.text)))
    if (payloads.length > 0) foreign.pause()
    if (delta.pieces !== undefined) for (const said of foreign.say(delta.pieces)) payloads.push(simple(said))
    if (delta.finish !== undefined) {
      foreign.pause()
      payloads.push(chunk(finishChoices(writeFinish(delta.finish))))
    }
    return payloads
  }

  const say = (delta: Delta): ReadonlyArray<Payload> => {
    if (delta.from !== "openai") return plain(delta)
    const { raw } = delta
    if (!isContent(delta) && saysNothing(delta, raw)) return []
    if (delta.pieces === undefined) foreign.pause()
    else {
      introduce(raw, introduced)
      identify(raw, identity.streamId)
      for (const choice of choicesOf(raw)) {
        if (isObject(choice) && choice["index"] === 0 && isObject(choice["delta"])) foreign.replay(choice["delta"])
      }
    }
    const { like, text } = delta
    if (like === undefined) return [payload(rewriteChunk(head, raw, tail))]
    if (like !== alike) {
      around = aroundText(head, raw, tail)
      alike = like
    }
    if (around === undefined) return [payload(rewriteChunk(head, raw, tail))]
    return [payload(around.before + JSON.stringify(text) + around.behind)]
  }

  const name = (model: string): void => {
    if (model === named) return
    named = model
    head = chunkHead(id, created, model)
    alike = undefined
  }

  return {
    resume: (payloads) => {
      replay ??= makeReplay(foreign)
      const { model, introduced: known, replayed } = replay(payloads)
      if (model !== undefined) name(model)
      begun = replayed.begun
      for (const index of known) introduced.add(index)
      return replayed
    },
    open: (asked) => {
      name(asked)
      return []
    },
    attempt: () => [],
    begin: (asked, { deltas }) => {
      name(asked)
      return deltas.length === 0 ? [role()] : [role(), ...deltas.flatMap(say)]
    },
    delta: say,
    text: (text) => {
      if (text === "") return []
      foreign.pause()
      return [chunk(textChoices(text))]
    },
    failover: () => [],
    complete: ({ finish, usage }, finishShown) => {
      const payloads: Array<Payload> = []
      if (!begun && !finishShown) payloads.push(role())
      if (!finishShown) payloads.push(chunk(finishChoices(writeFinish(finish))))
      if (identity.includeUsage) payloads.push(chunk("[]", `,"usage":${printJson(openaiUsage(usage))}}`))
      payloads.push(payload(terminator))
      return payloads
    },
    fail: ({ error }) => [payload(JSON.stringify(openaiErrorBody(error, identity.requestId)))]
  }
}

/** Whether an event is an error frame of this dialect: no chunk begins like one. */
export const isOpenAIError = (event: Payload): boolean => event.data.startsWith(errorStart)
