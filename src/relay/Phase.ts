/**
 * Where an answer is in its life.
 */
import type { ContinuationMode, Finish } from "../dialect/index.ts"
import type { Stitcher } from "../stream/index.ts"

/** Where an answer is in its life. */
export type Phase =
  /** Nothing was shown: an attempt may be replaced unseen. */
  | { readonly _tag: "Unseen" }
  /** Text or reasoning was shown: a loss becomes a continuation. */
  | { readonly _tag: "Flowing" }
  /** A continuation is under way; its first words are held until it is sure where they begin. */
  | { readonly _tag: "Joining"; readonly stitcher: Stitcher; readonly join: Join }
  /** Something was shown that cannot be spliced: a tool call, a refusal, a second choice. */
  | { readonly _tag: "Sealed" }
  /** The finish is known; nothing but its usage is missing. */
  | { readonly _tag: "Finishing"; readonly finish: Finish; readonly shown: boolean }
  | { readonly _tag: "Ended" }

/** Between what an answer is joined. */
export type Join = {
  readonly to: string
  readonly mode: ContinuationMode | "restart"
  /** Nobody has said that the target takes the text as its own beginning. */
  readonly unproven?: boolean | undefined
} & (
  | {
      readonly from: string
      /** The code of the failure that broke the answer. */
      readonly reason: string
    }
  /** Nothing was shown: it goes on from what was given with the request. */
  | { readonly from?: undefined; readonly reason?: undefined }
)
