/**
 * A file of words, one a line.
 */
import { readFileSync } from "node:fs"

/** What a file holds, or why it cannot be read. */
export type Lines =
  | { readonly ok: true; readonly lines: ReadonlyArray<string> }
  | { readonly ok: false; readonly why: string }

/** Reads it; empty lines, and those that begin with `#`, are none. */
export const linesOf = (file: string): Lines => {
  try {
    const lines = readFileSync(file, "utf8")
      .replace(/^\uFEFF/, "")
      .split(/\r?\n/)
    return { ok: true, lines: lines.filter((line) => line.trim() !== "" && !line.startsWith("#")) }
  } catch (cause) {
    return { ok: false, why: cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable" }
  }
}
