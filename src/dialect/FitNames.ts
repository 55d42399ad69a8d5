/**
 * Names of tools and ids of their calls, as a target takes them: not all take as many characters, nor the same ones.
 */

/** What a target takes as a name. */
export interface NameRule {
  readonly longest: number
  /** Every character that it does not take, wherever it stands: replaced by `_`. With the flag `g`. */
  readonly unfit: RegExp
  /** What may not be the first character of a name; `_` is put before it. Absent: any that fits. */
  readonly unfitFirst?: RegExp
}

/** Makes names fit, and remembers what they were. The same name becomes the same, until another is made of it. */
export interface FitNames {
  readonly fit: (name: string) => string
  /** Makes one more of a name: from now on it becomes this one. */
  readonly another: (name: string) => string
  /** What was changed: from what the target is told to what it was. `undefined` where nothing was. */
  readonly changed: () => ReadonlyMap<string, string> | undefined
}

/** Begins with the names that are there: those which fit keep their name, whatever the others become. */
export const makeFitNames = (names: Iterable<string>, { longest, unfit, unfitFirst }: NameRule): FitNames => {
  const fitted = new Map<string, string>()
  const taken = new Set<string>()
  /** The next number behind each base: many names of one base must not be counted through for each of them. */
  const next = new Map<string, number>()
  const changed = new Map<string, string>()
  const isFit = (name: string): boolean =>
    name !== "" && name.length <= longest && name.search(unfit) < 0 && unfitFirst?.test(name) !== true

  const add = (name: string): string => {
    const replaced = name === "" ? "unnamed" : name.replace(unfit, "_")
    const base = (unfitFirst?.test(replaced) === true ? `_${replaced}` : replaced).slice(0, longest)
    let made = base
    let n = next.get(base) ?? 2
    while (taken.has(made)) {
      const end = `_${n++}`
      made = base.slice(0, longest - end.length) + end
    }
    next.set(base, n)
    taken.add(made)
    fitted.set(name, made)
    if (made !== name) changed.set(made, name)
    return made
  }

  const known = [...new Set(names)]
  for (const name of known) if (isFit(name)) add(name)
  for (const name of known) if (!isFit(name)) add(name)
  return {
    fit: (name) => fitted.get(name) ?? add(name),
    another: add,
    changed: () => (changed.size === 0 ? undefined : changed)
  }
}
