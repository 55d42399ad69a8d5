/**
 * What an answer's head tells of how it came about.
 */
import { attemptsHeader, type NoteHead } from "../relay/index.ts"

/** A header that clients take. */
const maxDropped = 4096

/** A client may name its fields as it likes: what a header cannot hold is percent-encoded, and what is too much is cut. */
const droppedHeader = (paths: ReadonlyArray<string>): string => {
  let text = ""
  for (const path of paths) {
    const shown = path.replaceAll(/[^\x21-\x2b\x2d-\x7e]/gu, (character) =>
      [...new TextEncoder().encode(character)]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
        .join("")
    )
    if (text.length + shown.length >= maxDropped) return text === "" ? "..." : `${text},...`
    text += text === "" ? shown : `,${shown}`
  }
  return text
}

/** Who was asked, and what the one that is shown could not be told. */
export const attemptHeaders = (note: NoteHead | undefined): { readonly [name: string]: string } => ({
  ...(note === undefined || (!note.trail.some(({ attempt }) => attempt > 0) && note.open === undefined)
    ? {}
    : { "x-attempts": attemptsHeader(note.trail, note.open) }),
  ...(note?.shown === undefined || note.shown.dropped.length === 0
    ? {}
    : { "x-dropped": droppedHeader(note.shown.dropped) })
})
