/**
 * How an attempt ends, as far as its content says.
 */
import { EmptyResponse, type ResilienceError, stackless, StreamTruncated } from "../errors/index.ts"

/** How an attempt ends, as far as its content says. */
export type Verdict =
  | { readonly _tag: "Going" }
  | { readonly _tag: "Complete" }
  /** Its upstream has put the answer down, and has said by which token it goes on. */
  | { readonly _tag: "Paused" }
  /** The target begins the answer anew although it was asked to go on: the mode counts as refused. */
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Broken"; readonly error: ResilienceError }

export const going: Verdict = { _tag: "Going" }
export const complete: Verdict = { _tag: "Complete" }
export const paused: Verdict = { _tag: "Paused" }
export const refused: Verdict = { _tag: "Refused" }

/** It says nothing. */
export const emptyAnswer = (): Verdict => ({ _tag: "Broken", error: stackless(() => new EmptyResponse({})) })

/** Why an answer is none that has no end. */
export const cut = (): ResilienceError => stackless(() => new StreamTruncated({}))

/** It is cut. */
export const truncated = (): Verdict => ({ _tag: "Broken", error: cut() })
