/**
 * Whether an answer is over, by what was said of its end. Pure: what is done about it is `Machine`'s.
 */
import type { ContinuationMode, Delta, Finish } from "../dialect/index.ts"

/** Nobody knows it: it may mean that the answer broke. */
export const isUnknown = ({ reason }: Finish): boolean => reason === "unknown"

/** Finishes that end an answer even when it is empty. */
export const endsEmpty = ({ reason }: Finish): boolean => reason === "content-filter" || reason === "length"

/**
 * What must come behind a finish for it to be believed. `known`: nothing more, it came alone · `end`: a clean end of the
 * body, or the terminator: it came beside content, or after one that content had followed · `terminator`: nobody knows it,
 * or content has followed.
 */
export type Trust = "known" | "end" | "terminator"

/** The finish that was said last. */
export interface Said {
  readonly finish: Finish
  readonly trust: Trust
  /** The step that says it, where it was not shown. A finish is held until nothing can follow it. */
  readonly held: Delta | undefined
  readonly shown: boolean
}

/** What a finish is worth. `besideContent`: with it, or after a finish that content had followed; `over`: an end is known. */
export const trustOf = (
  finish: Finish,
  { besideContent, over }: { readonly besideContent: boolean; readonly over: boolean }
): Trust => (isUnknown(finish) && !over ? "terminator" : besideContent ? "end" : "known")

/** Says nothing that can be read. */
export const isBlank = (text: string): boolean => text.trim() === ""

// A sentence that is over, with what may close behind it; or a fence, table or heading that stands closed.
const closed = /[.!?\u2026\u3002\uff01\uff1f\u061f\u0964]["'\u201d\u2019\u00bb)\]}*_`]*$|^\s*(```|~~~)$/mu

/** Whether a text ends as texts end: its last sentence is closed, and so is its last fence. */
const endsLikeAnEnd = (text: string): boolean => {
  const end = text.trimEnd()
  return (end.match(/^\s*(```|~~~)/gm) ?? []).length % 2 === 0 && closed.test(end.slice(end.lastIndexOf("\n") + 1))
}

/**
 * Whether a continuation that says nothing new may end an answer. It proves nothing: who does not know how to go on says
 * nothing either. Only whoever wrote the text itself and was given it as its own beginning, or its own token, may mean that
 * it was all.
 */
export const mayBeEmpty = (
  join: { readonly from?: string | undefined; readonly to: string; readonly mode: ContinuationMode | "restart" },
  finish: Finish,
  text: string
): boolean =>
  join.mode === "restart"
    ? endsEmpty(finish)
    : join.mode !== "message" && join.from === join.to && finish.reason === "stop" && endsLikeAnEnd(text)
