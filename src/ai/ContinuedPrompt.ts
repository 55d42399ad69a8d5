/**
 * What a model is asked that shall go on with an answer that broke off.
 */
import * as Prompt from "effect/ai/Prompt"

/**
 * How a model is asked to go on:
 *
 * - `message`: it is shown what was said so far as its own, and asked in words for the rest. Every model takes that; it
 *   may repeat the end of what it is shown, and what it repeats is dropped where that is sure;
 * - `prefill`: what was said so far is the beginning of its own answer, and it writes on. Only for models that are known
 *   to do so: others begin anew, which is noticed, and counts as a failure.
 */
export type ContinuationMode = "message" | "prefill"

/** What asks for the rest of an answer in mode `message`; `{partial}` stands for the answer's end. */
export const defaultContinuation =
  "Your previous response was interrupted. Continue exactly from where it ended, without repeating anything and without any introduction. It ended with:\n\n{partial}"

/** So much of the end of an answer is quoted, in UTF-16 units: the whole of it stands before. */
const quoted = 400

const endOf = (text: string): string => {
  const end = text.slice(-quoted)
  // Half a surrogate pair is no text.
  return (end.charCodeAt(0) & 0xfc00) === 0xdc00 ? end.slice(1) : end
}

/** How the rest of an answer is asked for. */
export interface Asking {
  readonly mode: ContinuationMode
  readonly prompt: string
}

/** The prompt that asks for the rest: the first one, with what was said of its answer. */
export const continued = (prompt: Prompt.Prompt, partial: string, { mode, prompt: words }: Asking): Prompt.Prompt => {
  const said = Prompt.textPart({ text: partial })
  const before = prompt.content.at(-1)
  // Two turns of the assistant in a row are refused by many.
  const messages: ReadonlyArray<Prompt.Message> =
    before?.role === "assistant"
      ? [...prompt.content.slice(0, -1), { ...before, content: [...before.content, said] }]
      : [...prompt.content, Prompt.assistantMessage({ content: [said] })]
  if (mode === "prefill") return Prompt.fromMessages(messages)
  const text = words.replaceAll("{partial}", () => endOf(partial))
  return Prompt.fromMessages([...messages, Prompt.userMessage({ content: [Prompt.textPart({ text })] })])
}
