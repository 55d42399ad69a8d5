/**
 * Rules of each channel by itself.
 */
import { type Fault, type Path, type Rule, valueAt } from "../settings/index.ts"

/** A rule of each channel by itself, which is told where that is written. */
export const ofEach =
  (rule: (...args: [...Parameters<Rule>, channel: Path]) => ReadonlyArray<Fault>): Rule =>
  (written) => {
    const channels = valueAt(written.value, ["channels"])
    return Array.isArray(channels) ? channels.flatMap((_, index) => rule(written, ["channels", index])) : []
  }
