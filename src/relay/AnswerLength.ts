/**
 * How long an answer may be, and what counts: every character of an upstream's answer that is kept, whether it means
 * anything or not, and not only what is understood of it.
 */
import type { Payload, Piece, Usage } from "../dialect/index.ts"

/**
 * The longest answer that is relayed, in characters, with its reasoning and tool calls, and with all that its events have
 * beside them over and above `maxEnvelope`: what is kept is bounded, and not what is understood.
 */
export const maxText = 8 * 1024 * 1024

/** What an event may have beside what it says, in characters: twenty alternatives of a token take some three thousand. */
export const maxEnvelope = 4096

/**
 * The most that an attempt may say, and that is kept of an answer, in characters of events with their envelopes: a quarter
 * of a million tokens of the usual size.
 */
export const maxSaid = 64 * 1024 * 1024

/** What was kept of an answer, in characters of its events. `beyond`: of each what it has over `maxEnvelope`. */
export interface Kept {
  readonly length: number
  readonly beyond: number
}

/** Nothing was kept. */
export const nothingKept: Kept = { length: 0, beyond: 0 }

/** How much pieces say, in characters. */
export const lengthOf = (pieces: ReadonlyArray<Piece>): number => {
  let length = 0
  for (const piece of pieces) {
    switch (piece._tag) {
      case "ToolCall":
        length += piece.id.length + piece.name.length
        break
      case "ToolInput":
      case "Refusal":
        length += piece.text.length
        break
      case "Signature":
      case "SealedReasoning":
        length += piece.value.length
        break
      case "Media":
        length += piece.base64.length
        break
      // How long they are only their own event says.
      case "OtherChoice":
      case "Native":
    }
  }
  return length
}

/** Usage as it may stand in each note of an answer: without an upstream's own words, where they are long. */
export const withinReason = (usage: Usage): Usage =>
  usage.native !== undefined && JSON.stringify(usage.native.raw).length > maxEnvelope
    ? { ...usage, native: undefined }
    : usage

/** What committed events take, with those before them. */
export const keptOf = (before: Kept, payloads: ReadonlyArray<Payload>): Kept => {
  let { beyond, length } = before
  for (const { data } of payloads) {
    length += data.length
    if (data.length > maxEnvelope) beyond += data.length - maxEnvelope
  }
  return { length, beyond }
}
