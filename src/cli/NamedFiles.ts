/**
 * The files that a configuration names, and what of them stands in it: certificates and keys of channels, words. Each is
 * read once for each reading of the configuration, so that what counts is what was checked; a change of a setting reads
 * nothing anew, and needs no file that is gone by then.
 */
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { Result } from "effect"
import type { NamedFiles } from "../settings/index.ts"

/** Files by paths that begin in a folder. One that cannot be read is tried again when it is asked for again. */
export const makeNamedFiles = (folder: string): NamedFiles => {
  const texts = new Map<string, string>()
  return {
    read: (path) => {
      const place = resolve(folder, path)
      const known = texts.get(place)
      if (known !== undefined) return Result.succeed(known)
      const read = Result.try({ try: () => readFileSync(place, "utf8"), catch: (error) => error })
      if (Result.isSuccess(read)) texts.set(place, read.success)
      return read
    }
  }
}

/** The words of a file, one a line: empty lines, and those that begin with `#`, are none. */
export const wordsIn = (text: string): ReadonlyArray<string> =>
  text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
