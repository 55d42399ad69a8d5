/**
 * How a result of a failed tool is told where there is no field for it.
 */
import type { Part } from "./Request.ts"

/** What a failed tool's text begins with. */
export const failedMark = "Error: "

/** The parts of a result without the mark, which stands at the beginning of the first text, and whether it was there. */
export const withoutMark = (
  parts: ReadonlyArray<Part>
): { readonly parts: ReadonlyArray<Part>; readonly failed: boolean } => {
  const [first, ...rest] = parts
  return first?._tag === "Text" && first.text.startsWith(failedMark)
    ? { parts: [{ ...first, text: first.text.slice(failedMark.length) }, ...rest], failed: true }
    : { parts, failed: false }
}
