/**
 * Pieces of another dialect's answer as the deltas of a chat completion.
 *
 * What a client has to send back travels in `extra_content`: Gemini's signatures as Google's own chat completions have them
 * (`google.thought_signature`), those of others as `relay.signature`, and reasoning that only its upstream can read as
 * `relay.sealed`. It is said at once, and again with the tool call that it belongs to: the next one that begins. Clients
 * look for it there; what was said at once is what an interrupted encoder knows it by.
 */
import type { Piece } from "../Event.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { type Signed, signedFor } from "../Signature.ts"

const google: string = "gemini"

/** What is to be said with the next tool call that begins. */
interface Pending {
  readonly google: string
  readonly relay: string
  readonly sealed: ReadonlyArray<string>
}

const nobody: Pending = { google: "", relay: "", sealed: [] }

const extraOf = ({ google: own, relay, sealed }: Pending): JsonObject => ({
  ...(own === "" ? {} : { google: { thought_signature: own } }),
  ...(relay === "" && sealed.length === 0
    ? {}
    : { relay: { ...(relay === "" ? {} : { signature: relay }), ...(sealed.length === 0 ? {} : { sealed }) } })
})

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** What the `extra_content` of a delta or of a message says. */
export const readExtra = (extra: unknown): Pending => {
  const { google: own, relay } = isObject(extra) ? extra : {}
  const { sealed, signature } = isObject(relay) ? relay : {}
  return {
    google: isObject(own) ? text(own["thought_signature"]) : "",
    relay: text(signature),
    sealed: Array.isArray(sealed) ? (sealed as ReadonlyArray<unknown>).filter((one) => typeof one === "string") : []
  }
}

/** Writes pieces as deltas, and remembers what is to be said later. */
export interface ForeignPieces {
  /** The deltas that say these pieces, in order. */
  readonly say: (pieces: ReadonlyArray<Piece>) => ReadonlyArray<JsonObject>
  /** Something else was said. */
  readonly pause: () => void
  /** Brings it to where a delta that was written left it. */
  readonly replay: (delta: JsonObject) => void
}

/** Begins to write the pieces of an answer. `callId` is the id of a call that has none. */
export const makeForeignPieces = (callId: (index: number) => string): ForeignPieces => {
  let pending = nobody
  // Signatures in a row are parts of one: whose it is, while it may go on.
  let open: "google" | "relay" | undefined
  let images = 0
  let calls = 0

  const sign = ({ by, value }: Signed): JsonObject | undefined => {
    // Empty it says at most whose it is, which is said already, or which Google has no mark for.
    if (value === "" && (by === google || open === "relay")) return undefined
    if (by === google) {
      pending = { ...pending, google: open === "google" ? pending.google + value : value }
      open = "google"
      return { extra_content: { google: { thought_signature: value } } }
    }
    const part = open === "relay" ? value : signedFor({ by, value })
    pending = { ...pending, relay: open === "relay" ? pending.relay + part : part }
    open = "relay"
    return { extra_content: { relay: { signature: part } } }
  }

  const begin = ({ id, index, name }: Extract<Piece, { _tag: "ToolCall" }>, own: string): JsonObject => {
    const extra = extraOf(own === "" ? pending : { ...pending, google: own })
    pending = nobody
    calls = Math.max(calls, index + 1)
    return {
      tool_calls: [
        {
          index,
          id: id === "" ? callId(index) : id,
          type: "function",
          function: { name, arguments: "" },
          ...(Object.keys(extra).length === 0 ? {} : { extra_content: extra })
        }
      ]
    }
  }

  // A call's own signature that comes with it is said in its first part, where clients look for it.
  const ownSignature = (pieces: ReadonlyArray<Piece>, index: number): string => {
    let signature = ""
    for (const piece of pieces) {
      if (isOwn(piece, index)) signature += piece.value
    }
    return signature
  }

  // Of a call that was begun by an earlier event.
  const signCall = ({ by, value }: Signed, index: number): JsonObject | undefined => {
    if (value === "") return undefined
    const extra = extraOf(by === google ? { ...nobody, google: value } : { ...nobody, relay: signedFor({ by, value }) })
    // `ai` takes no part of a call without a function.
    return { tool_calls: [{ index, function: { arguments: "" }, extra_content: extra }] }
  }

  const sayOne = (piece: Piece, pieces: ReadonlyArray<Piece>, known: number): JsonObject | undefined => {
    switch (piece._tag) {
      case "ToolCall":
        return begin(piece, ownSignature(pieces, piece.index))
      case "ToolInput":
        if (piece.text === "") return undefined
        return { tool_calls: [{ index: piece.index, function: { arguments: piece.text } }] }
      case "Refusal":
        return piece.text === "" ? undefined : { refusal: piece.text }
      case "Signature":
        if (piece.of === "reasoning" || piece.of.call >= calls) return sign(piece)
        return piece.of.call >= known && isOwn(piece, piece.of.call) ? undefined : signCall(piece, piece.of.call)
      case "SealedReasoning": {
        const sealed = [signedFor(piece)]
        pending = { ...pending, sealed: [...pending.sealed, ...sealed] }
        return { extra_content: { relay: { sealed } } }
      }
      case "Media": {
        if (!piece.mediaType.startsWith("image/")) return undefined
        const url = `data:${piece.mediaType};base64,${piece.base64}`
        return { images: [{ index: images++, type: "image_url", image_url: { url } }] }
      }
      case "OtherChoice":
      case "Native":
        return undefined
    }
  }

  return {
    say: (pieces) => {
      const known = calls
      const deltas: Array<JsonObject> = []
      for (const piece of pieces) {
        const delta = sayOne(piece, pieces, known)
        if (delta === undefined) continue
        // What is known is what the events say: whatever is written ends a signature, but more of it.
        if (piece._tag !== "Signature" || delta["extra_content"] === undefined) open = undefined
        deltas.push(delta)
      }
      return deltas
    },
    pause: () => {
      open = undefined
    },
    replay: (delta) => {
      // Nearly all are of text alone.
      if (delta["extra_content"] === undefined && delta["tool_calls"] === undefined && delta["images"] === undefined) {
        open = undefined
        return
      }
      if (Array.isArray(delta["images"])) images += delta["images"].length
      for (const part of Array.isArray(delta["tool_calls"]) ? (delta["tool_calls"] as ReadonlyArray<unknown>) : []) {
        if (!isObject(part) || part["id"] === undefined) continue
        pending = nobody
        if (typeof part["index"] === "number") calls = Math.max(calls, part["index"] + 1)
      }
      const extra = readExtra(delta["extra_content"])
      const before = open
      open = extra.google !== "" ? "google" : extra.relay !== "" ? "relay" : undefined
      const grown = open !== undefined && open === before
      pending = {
        google: grown ? pending.google + extra.google : extra.google === "" ? pending.google : extra.google,
        relay: grown ? pending.relay + extra.relay : extra.relay === "" ? pending.relay : extra.relay,
        sealed: [...pending.sealed, ...extra.sealed]
      }
    }
  }
}

const isOwn = (piece: Piece, index: number): piece is Extract<Piece, { _tag: "Signature" }> =>
  piece._tag === "Signature" && piece.by === google && piece.of !== "reasoning" && piece.of.call === index
