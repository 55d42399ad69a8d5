/**
 * An answer in whole characters. JSON may write one as two halves (`\ud83d\ude00`), and an upstream may send each in an
 * event of its own: the first one waits for the other and comes with it. Half a character is never shown, kept or gone on
 * from; where its other half does not come, it is left out.
 */
import type { Delta } from "../dialect/index.ts"

const isFirstHalf = (unit: number): boolean => (unit & 0xfc00) === 0xd800

const isTorn = (text: string): boolean => isFirstHalf(text.charCodeAt(text.length - 1))

const isRest = (text: string): boolean => (text.charCodeAt(0) & 0xfc00) === 0xdc00

/** Changes each text in a JSON value, in place. */
const changeTexts = (value: unknown, change: (text: string) => string): void => {
  if (typeof value !== "object" || value === null) return
  const fields = value as { [field: string]: unknown }
  for (const field of Object.keys(fields)) {
    const held = fields[field]
    if (typeof held === "string") fields[field] = change(held)
    else changeTexts(held, change)
  }
}

/** What is said with the half that waits, and the half that waits from here on. */
const joined = (half: string, text: string): { readonly said: string; readonly half: string } => {
  if (text === "") return { said: text, half }
  const whole = half !== "" && isRest(text) ? half + text : text
  return isTorn(whole) ? { said: whole.slice(0, -1), half: whole.slice(-1) } : { said: whole, half: "" }
}

/** The steps of one answer, of which no text and no reasoning ends within a character. */
export class WholeCharacters {
  private text = ""
  private reasoning = ""

  /**
   * The step with the half that waited for it, and without the one that it ends in. The upstream's own event is changed in
   * place. HOT: nearly every step passes as it is, for a look at its last character.
   */
  take(delta: Delta): Delta {
    const { reasoning, text } = delta
    return this.text === "" && this.reasoning === "" && !isTorn(text) && (reasoning === "" || !isTorn(reasoning))
      ? delta
      : this.mend(delta)
  }

  /** Nobody will say the other half. */
  forget(): void {
    this.text = ""
    this.reasoning = ""
  }

  private mend(delta: Delta): Delta {
    if (delta.text === "" && delta.reasoning === "") return delta
    const text = joined(this.text, delta.text)
    const reasoning = joined(this.reasoning, delta.reasoning)
    const half = delta.text === "" ? this.reasoning : this.text
    // Only what is half a character is changed, wherever the event says it.
    changeTexts(delta.raw, (said) => joined(half, said).said)
    this.text = text.half
    this.reasoning = reasoning.half
    return { ...delta, text: text.said, reasoning: reasoning.said, like: undefined }
  }
}
