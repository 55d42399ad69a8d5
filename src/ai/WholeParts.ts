/**
 * The parts of a stream, put together to those of a whole answer.
 */
import type * as Response from "effect/ai/Response"

interface Gathering {
  readonly type: "text" | "reasoning"
  text: string
  metadata: Response.ProviderMetadata
}

/** A whole answer of a stream's parts, in their order. */
export const wholeParts = (parts: ReadonlyArray<Response.StreamPartEncoded>): Array<Response.PartEncoded> => {
  const out: Array<Response.PartEncoded | Gathering> = []
  const blocks = new Map<string, Gathering>()
  for (const part of parts) {
    switch (part.type) {
      case "text-start":
      case "reasoning-start": {
        const type = part.type === "text-start" ? "text" : "reasoning"
        const block: Gathering = { type, text: "", metadata: { ...part.metadata } }
        blocks.set(`${type} ${part.id}`, block)
        out.push(block)
        break
      }
      case "text-delta":
      case "reasoning-delta": {
        const block = blocks.get(`${part.type === "text-delta" ? "text" : "reasoning"} ${part.id}`)
        if (block !== undefined) block.text += part.delta
        break
      }
      case "text-end":
      case "reasoning-end": {
        const block = blocks.get(`${part.type === "text-end" ? "text" : "reasoning"} ${part.id}`)
        if (block !== undefined) block.metadata = { ...block.metadata, ...part.metadata }
        break
      }
      case "tool-params-start":
      case "tool-params-delta":
      case "tool-params-end":
      case "error":
        break
      case "tool-call":
      case "tool-result":
      case "tool-approval-request":
      case "file":
      case "source":
      case "response-metadata":
      case "finish":
        out.push(part)
        break
    }
  }
  return out
}
