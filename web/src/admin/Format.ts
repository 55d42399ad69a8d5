/**
 * Figures and moments as people read them. Pure.
 */

const plain = new Intl.NumberFormat("en")
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 })

/** What stands where nothing is known. */
export const nothing = "–"

/** A number in full, its thousands apart. */
export const whole = (value: number | undefined | null): string =>
  value === undefined || value === null ? nothing : plain.format(value)

/** A number in short: `12.4K`; below ten thousand in full. */
export const brief = (value: number | undefined | null): string =>
  value === undefined || value === null ? nothing : Math.abs(value) < 10_000 ? plain.format(value) : short.format(value)

/** A share of one. Near the ends it is not rounded to them: 99.97 % is not 100 %. */
export const percent = (share: number | undefined): string => {
  if (share === undefined || Number.isNaN(share)) return nothing
  const value = share * 100
  if (value === 0 || value === 100) return `${value}%`
  const digits = value > 99 || value < 1 ? 2 : 1
  const shown = value.toFixed(digits)
  return Number(shown) >= 100 ? ">99.99%" : Number(shown) === 0 ? "<0.01%" : `${shown}%`
}

/** A part of a whole; `undefined` of nothing. */
export const share = (part: number | undefined, of: number | undefined): number | undefined =>
  part === undefined || of === undefined || of === 0 ? undefined : part / of

/** How long something took: `480 ms`, `2.4 s`, `3 min 20 s`. */
export const took = (millis: number | undefined): string => {
  if (millis === undefined) return nothing
  if (millis < 1000) return `${Math.round(millis)} ms`
  if (millis < 10_000) return `${(millis / 1000).toFixed(1)} s`
  return span(millis)
}

/** A long time, in its two largest units. */
export const span = (millis: number): string => {
  const seconds = Math.round(millis / 1000)
  const units: ReadonlyArray<readonly [string, number]> = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1]
  ]
  const first = units.findIndex(([, size]) => seconds >= size)
  if (first < 0) return "0 s"
  let left = seconds
  return units
    .slice(first, first + 2)
    .flatMap(([unit, size]) => {
      const count = Math.floor(left / size)
      left -= count * size
      return count === 0 ? [] : [`${count} ${unit}`]
    })
    .join(" ")
}

/** How long ago: `just now`, `4 min ago`; of what is to come, `in 4 min`. */
export const ago = (at: number | undefined, now: number): string => {
  if (at === undefined) return nothing
  const away = now - at
  if (Math.abs(away) < 2000) return away < 0 ? "now" : "just now"
  const largest = span(Math.abs(away)).split(" ").slice(0, 2).join(" ")
  return away > 0 ? `${largest} ago` : `in ${largest}`
}

const two = (value: number): string => String(value).padStart(2, "0")

/** A moment by the clock of who reads it, with its day. */
export const moment = (at: number | undefined): string => {
  if (at === undefined) return nothing
  const date = new Date(at)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** A moment in short: without its day if that is today, without its year if that is this one. */
export const clock = (at: number | undefined, now: number): string => {
  const full = moment(at)
  const today = moment(now)
  return full.slice(0, 10) === today.slice(0, 10)
    ? full.slice(11)
    : full.slice(0, 4) === today.slice(0, 4)
      ? full.slice(5)
      : full
}

/** The same, as a log has it. */
export const iso = (at: number | undefined): string => (at === undefined ? "" : new Date(at).toISOString())

/** A value as a configuration has it. */
export const written = (value: unknown): string =>
  value === undefined ? nothing : typeof value === "string" ? value : JSON.stringify(value)
