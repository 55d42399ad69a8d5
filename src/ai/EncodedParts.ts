/**
 * The parts that a `LanguageModel` gives, encoded again as its provider had given them: a model that is made of models
 * gives its own caller's schemas what theirs have decoded.
 */
import type * as Response from "effect/ai/Response"
import * as DateTime from "effect/DateTime"
import * as Base64 from "effect/encoding/Base64"

/** What an inner model gives: any part. Parameters and results of tools are not known here. */
export type Decoded = Response.AnyPart

const finishOf = (part: Response.FinishPart): Response.FinishPartEncoded => {
  const { inputTokens, outputTokens } = part.usage
  return {
    type: "finish",
    reason: part.reason,
    usage: { inputTokens: { ...inputTokens }, outputTokens: { ...outputTokens } },
    ...(part.response === undefined ? {} : { response: part.response }),
    metadata: part.metadata
  }
}

const modelOutputOf = (part: Extract<Decoded, { readonly type: "tool-result" }>) =>
  part.modelOutput === undefined
    ? undefined
    : {
        modelOutput: part.modelOutput.map((output) => ({
          ...output,
          ...("data" in output && output.data instanceof Uint8Array ? { data: Base64.encode(output.data) } : {})
        }))
      }

/**
 * One part, encoded. What is the same decoded and encoded is given as it is: most parts are, and a schema would cost a
 * microsecond for each of them.
 */
export const encoded = (part: Decoded): Response.AnyPartEncoded => {
  switch (part.type) {
    case "file":
      return { type: "file", mediaType: part.mediaType, data: Base64.encode(part.data), metadata: part.metadata }
    case "source":
      return part.sourceType === "url"
        ? {
            type: "source",
            sourceType: "url",
            id: part.id,
            url: part.url.href,
            title: part.title,
            metadata: part.metadata
          }
        : part
    case "response-metadata": {
      const { timestamp, ...rest } = part
      return timestamp === undefined ? rest : { ...rest, timestamp: DateTime.formatIso(timestamp) }
    }
    case "finish":
      return finishOf(part)
    case "tool-result":
      return {
        type: "tool-result",
        id: part.id,
        name: part.name,
        result: part.encodedResult,
        isFailure: part.isFailure,
        providerExecuted: part.providerExecuted,
        preliminary: part.preliminary,
        metadata: part.metadata,
        ...modelOutputOf(part)
      }
    case "text":
    case "text-start":
    case "text-delta":
    case "text-end":
    case "reasoning":
    case "reasoning-start":
    case "reasoning-delta":
    case "reasoning-end":
    case "tool-params-start":
    case "tool-params-delta":
    case "tool-params-end":
    case "tool-call":
    case "tool-approval-request":
    case "error":
      return part
  }
}
