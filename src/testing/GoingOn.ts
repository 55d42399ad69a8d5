/**
 * How far a request has got in an answer: whether it asks for all of it or goes on from a part, and which steps are left.
 */
import type { AnswerRequest, ContinuationMode } from "../dialect/index.ts"
import type { Answer, Continuing } from "./Script.ts"
import type { Step } from "./Step.ts"

/** What a request goes on from. */
export interface GoingOn {
  readonly mode: Exclude<ContinuationMode, "token">
  readonly partial: string
}

const isText = (part: unknown): part is { readonly text: string } =>
  typeof part === "object" && part !== null && "text" in part && typeof part.text === "string"

const textOf = (content: unknown): string => {
  if (typeof content === "string") return content
  return Array.isArray(content) ? content.map((part: unknown) => (isText(part) ? part.text : "")).join("") : ""
}

const messagesOf = ({ body }: AnswerRequest): ReadonlyArray<{ readonly role: unknown; readonly text: string }> => {
  const messages = body["messages"]
  return Array.isArray(messages)
    ? messages.map((message: unknown) =>
        typeof message === "object" && message !== null && "role" in message
          ? { role: message.role, text: textOf("content" in message ? message.content : undefined) }
          : { role: undefined, text: "" }
      )
    : []
}

/**
 * A conversation that ends with words of the assistant goes on from them as a prefill; one that has a word of the user
 * behind them, as a message. That it is no second question of an honest conversation cannot be seen: who scripts such a
 * one says `anew`, or another text.
 */
export const goingOnOf = (request: AnswerRequest): GoingOn | undefined => {
  const messages = messagesOf(request)
  const last = messages.at(-1)
  const before = messages.at(-2)
  if (last?.role === "assistant") return { mode: "prefill", partial: last.text }
  return last?.role === "user" && before?.role === "assistant" ? { mode: "message", partial: before.text } : undefined
}

/** How an answer takes it. */
export const takes = (answer: Answer, { mode }: GoingOn): Continuing =>
  mode === "prefill" ? answer.prefill : answer.message

/** The steps that are left after a part of the text; all where the part is not how the text begins. */
export const stepsAfter = (steps: ReadonlyArray<Step>, partial: string): ReadonlyArray<Step> => {
  const whole = steps.map((step) => (step._tag === "Text" ? step.text : "")).join("")
  if (partial === "" || !whole.startsWith(partial)) return steps
  let skip = partial.length
  return steps.flatMap((step): ReadonlyArray<Step> => {
    if (step._tag !== "Text" || skip === 0) return [step]
    const rest = step.text.slice(skip)
    skip = Math.max(0, skip - step.text.length)
    return rest === "" ? [] : [{ _tag: "Text", text: rest }]
  })
}
