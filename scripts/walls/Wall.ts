/**
 * A wall: a place that whoever adds a member must not forget, because without it nothing compiles. What is decided about
 * one is here, as pure functions; `checkWalls.ts` copies, compiles and prints.
 */

/** A change of the tree. `find` must be there exactly once; without it the file is new. */
export type Edit =
  | { readonly file: string; readonly find: string; readonly put: string }
  | { readonly file: string; readonly create: string }

/** A member that is added, and nothing else; and who must complain. */
export interface Wall {
  readonly name: string
  readonly edits: ReadonlyArray<Edit>
  /** By file: at least so many errors, one for each place that was forgotten in it. */
  readonly complain: { readonly [file: string]: number }
}

/** The files that edits change, as they are; `undefined` for one that is not there. */
export type Files = ReadonlyMap<string, string | undefined>

/** What a tree becomes by edits, or why they do not fit it any more. */
export type Edited =
  | { readonly _tag: "Edited"; readonly files: ReadonlyMap<string, string> }
  | { readonly _tag: "Stale"; readonly why: string }

const occurrences = (text: string, part: string): number => text.split(part).length - 1

/** Applies the edits of a wall, one after the other. */
export const edited = (edits: ReadonlyArray<Edit>, before: Files): Edited => {
  const files = new Map<string, string>()
  for (const edit of edits) {
    const text = files.get(edit.file) ?? before.get(edit.file)
    if ("create" in edit) {
      if (text !== undefined) return { _tag: "Stale", why: `${edit.file} is there already` }
      files.set(edit.file, edit.create)
      continue
    }
    if (text === undefined) return { _tag: "Stale", why: `${edit.file} is not there` }
    const found = occurrences(text, edit.find)
    if (found !== 1) return { _tag: "Stale", why: `${edit.file} has ${found} times: ${edit.find}` }
    files.set(
      edit.file,
      text.replace(edit.find, () => edit.put)
    )
  }
  return { _tag: "Edited", files }
}

/** How many errors the compiler tells of each file, by its output without colours. */
export const errorsByFile = (output: string): ReadonlyMap<string, number> => {
  const errors = new Map<string, number>()
  for (const [, file] of output.matchAll(/^(\S.*)\(\d+,\d+\): error TS\d+: /gm)) {
    errors.set(file!, (errors.get(file!) ?? 0) + 1)
  }
  return errors
}

/** Who should have complained and did not, or not often enough. */
export const silent = (wall: Wall, errors: ReadonlyMap<string, number>): ReadonlyArray<string> =>
  Object.entries(wall.complain)
    .filter(([file, least]) => (errors.get(file) ?? 0) < least)
    .map(([file, least]) => `${file} (${errors.get(file) ?? 0} of ${least})`)
