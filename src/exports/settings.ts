/**
 * `effect-resilience/settings`: a configuration in sections, each declared beside what it configures, checked as a whole,
 * and changed while the program runs. The relay's own sections are in `effect-resilience/relay`.
 */

// The settings of a running program
export {
  type Addition,
  type Adopted,
  type Cell,
  type Change,
  type Edit,
  type Edited,
  type LeftOut,
  type Setting,
  Settings,
  type SettingsService
} from "../settings/index.ts"

// Sections, and a file of them
export {
  type Changes,
  declare,
  type Section,
  type SettingsFile,
  settingsFile
} from "../settings/index.ts"

// How a key is declared
export {
  /** How a key is declared: its check, its default, and what is said of it. */
  Fields,
  durationText,
  LongMillis,
  LongMillisOrNone,
  Millis,
  MillisOrNone,
  parseStatusRanges,
  type StatusRange,
  statusMatcher,
  StatusRanges
} from "../settings/index.ts"

// Rules over several keys
export { following, notAbove, readSection, type Rule, ruleFault, unique } from "../settings/index.ts"

// What was written, and what is wrong with it
export {
  ConfigurationFaults,
  type ConfigurationTree,
  type NamedFiles,
  describeValue,
  type Environment,
  type Fault,
  fillIn,
  formatPath,
  isWithin,
  nearest,
  type Path,
  valueAt
} from "../settings/index.ts"
