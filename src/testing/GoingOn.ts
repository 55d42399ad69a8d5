/**
 * How far a request has got in an answer: whether it asks for all of it or goes on from a part, and which steps are left.
 */
import type { AnswerRequest, ContinuationMode } from "../dialect/index.ts"
import type { Answer, Continuing } from "./Script.ts"
import type { Step } from "./Step.ts"

/** What a request goes on from. */
export interface GoingOn {
  readonly mode: Exclude<ContinuationMode, "token">
  /** Never empty. */
  readonly partial: string
}

/**
 * A conversation that ends with words of the assistant goes on from them as a prefill; one that has a word of the user
 * behind them, as a message. That it is no second question of an honest conversation cannot be seen: who scripts such a
 * one says `anew`, or another text.
 */
export const goingOnOf = (request: AnswerRequest): GoingOn | undefined => {
  const turns = request.asked().turns.filter(({ role }) => role !== "system")
  const mode = turns.at(-1)?.role === "assistant" ? "prefill" : "message"
  const answered = turns.at(mode === "prefill" ? -1 : -2)
  if (answered?.role !== "assistant") return undefined
  const partial = answered.parts.map((part) => (part._tag === "Text" ? part.text : "")).join("")
  return partial === "" ? undefined : { mode, partial }
}

/** How an answer takes it. */
export const takes = (answer: Answer, { mode }: GoingOn): Continuing =>
  mode === "prefill" ? answer.prefill : answer.message

/** The steps that are left after a part of the text; all where the part is not how the text begins. */
export const stepsAfter = (steps: ReadonlyArray<Step>, partial: string): ReadonlyArray<Step> => {
  const whole = steps.map((step) => (step._tag === "Text" ? step.text : "")).join("")
  if (!whole.startsWith(partial)) return steps
  let skip = partial.length
  return steps.flatMap((step): ReadonlyArray<Step> => {
    if (step._tag !== "Text" || skip === 0) return [step]
    const rest = step.text.slice(skip)
    skip = Math.max(0, skip - step.text.length)
    return rest === "" ? [] : [{ _tag: "Text", text: rest }]
  })
}
