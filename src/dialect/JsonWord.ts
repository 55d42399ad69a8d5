/**
 * The word that OpenAI wants said where any JSON is asked for: it refuses a request for some of which no message says it.
 * Other vendors' clients need not say it.
 */
import type { Asked, Part } from "./Request.ts"

/** What says it, and no more. */
export const jsonWord: Part = { _tag: "Text", text: "Answer in JSON." }

const says = (part: Part): boolean => part._tag === "Text" && /json/i.test(part.text)

/** Whether any JSON is asked for, and neither `parts` nor the turns say so. */
export const lacksJsonWord = ({ format, turns }: Asked, parts: ReadonlyArray<Part>): boolean =>
  format._tag === "Json" &&
  format.schema === undefined &&
  !parts.some(says) &&
  !turns.some((turn) => turn.parts.some(says))
