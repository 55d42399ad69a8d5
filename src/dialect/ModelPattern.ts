/**
 * Patterns of model names, as channels and tokens list them: `*` is any run of characters, the empty one too, and
 * everything else stands for itself; case matters.
 */

/**
 * Whether a model's name matches a pattern.
 *
 * The parts between the stars are looked for from left to right, each once, and never again: taking the first place that
 * fits is always right, because what stands between parts may be anything. So the time is linear in the name, whatever
 * a client sends.
 *
 * ```ts import.meta.vitest
 * import { matchesModel } from "effect-resilience/dialect"
 *
 * matchesModel("gpt-*", "gpt-5") // => true
 * matchesModel("*-mini", "gpt-5-mini") // => true
 * matchesModel("gpt-5", "GPT-5") // => false
 * ```
 */
export const matchesModel = (pattern: string, name: string): boolean => {
  const parts = pattern.split("*")
  const first = parts[0]!
  if (parts.length === 1) return name === first
  const last = parts[parts.length - 1]!
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
  const end = name.length - last.length
  let at = first.length
  for (let part = 1; part < parts.length - 1; part++) {
    const found = name.indexOf(parts[part]!, at)
    if (found < 0) return false
    at = found + parts[part]!.length
  }
  return at <= end
}

/** Whether any of the patterns matches. */
export const matchesAnyModel = (patterns: ReadonlyArray<string>, name: string): boolean =>
  patterns.some((pattern) => matchesModel(pattern, name))

/** Whether a pattern is a plain name, without a star. */
export const isExactModel = (pattern: string): boolean => !pattern.includes("*")

/**
 * The name that an upstream is asked for: that of the first pattern, in file order, that matches; once, so what it gives
 * is not mapped again. Without a match the name itself.
 *
 * ```ts import.meta.vitest
 * import { mapModel } from "effect-resilience/dialect"
 *
 * mapModel([["gpt-*", "gpt-5"], ["gpt-5", "o3"]], "gpt-4o") // => "gpt-5"
 * ```
 */
export const mapModel = (mapping: ReadonlyArray<readonly [pattern: string, model: string]>, name: string): string =>
  mapping.find(([pattern]) => matchesModel(pattern, name))?.[1] ?? name

/**
 * Whether some name matches both patterns. Quadratic in their lengths: for configurations, not for requests.
 *
 * ```ts import.meta.vitest
 * import { patternsMeet } from "effect-resilience/dialect"
 *
 * patternsMeet("gpt-*", "*-mini") // => true
 * patternsMeet("gpt-*", "o3*") // => false
 * ```
 */
export const patternsMeet = (a: string, b: string): boolean => {
  // Row by row from the end: whether the rest of `a` from here and the rest of `b` from each place have a name in common.
  let below: ReadonlyArray<boolean> = []
  for (let i = a.length; i >= 0; i--) {
    const row = Array<boolean>(b.length + 1).fill(false)
    for (let j = b.length; j >= 0; j--) {
      const right = row[j + 1] === true
      row[j] =
        (i === a.length && j === b.length) ||
        (a[i] === "*" && (below[j] === true || right)) ||
        (b[j] === "*" && (right || below[j] === true)) ||
        (i < a.length && a[i] === b[j] && below[j + 1] === true)
    }
    below = row
  }
  return below[0] === true
}

/**
 * Whether whatever matches `pattern` matches `general` too: a star of `pattern` may be anything, so only a star of
 * `general` can stand for it.
 */
export const patternCovers = (general: string, pattern: string): boolean => matchesModel(general, pattern)
