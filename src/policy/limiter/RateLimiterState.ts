/**
 * When the next call may go, as plain data on virtual time: a permit has a time, and whoever takes it goes then. A permit
 * that is given back goes to the next who asks. No clock, no waiting; the state is changed in place.
 *
 * A clock that goes back takes the bookings with it, so nobody waits for an hour that the clock has lost.
 */

/** The rule of a limiter. `peek` says when, `take` takes it; nothing may come between the two. */
export interface Rule {
  /** When so many permits can be had at the earliest; not before `now`. `Infinity` if never. */
  readonly peek: (now: number, permits: number) => number
  /** Takes permits at a time that `peek` gave. */
  readonly take: (at: number, permits: number, now: number) => void
  /** Gives permits back that were taken for a time to come. What is past is spent. */
  readonly refund: (at: number, permits: number, now: number) => void
  /** Whether the rule is as if it had never been used. */
  readonly fresh: (now: number) => boolean
}

/** A stretch of virtual time that was given back. */
interface Gap {
  start: number
  end: number
}

/**
 * Sums of fractions such as 1000 / 3 miss by less than this: some steps of a double at that time, which are 0.0002 ms for
 * a clock that counts from 1970. It is far below what a timer can tell apart.
 */
const slackAt = (time: number): number => Math.max(1e-6, Math.abs(time) * 2 ** -51)

/**
 * Evenly: one permit each `intervalMillis`, none saved up (failsafe-go's smooth limiter). A call of n permits goes at
 * its first one's time, and the next call n intervals later.
 */
export const smooth = (intervalMillis: number): Rule => {
  let next = Number.NEGATIVE_INFINITY
  /** What was given back, in order of time and without overlaps. */
  let gaps: Array<Gap> = []
  let seen = Number.NEGATIVE_INFINITY
  // What rounding took from `next`: a time of today has steps of 0.2 µs, and at 100,000 per second each call would lose
  // some of it. (The compensated sum of Kahan.)
  let rest = 0

  const follow = (now: number): void => {
    if (now < seen) {
      const back = seen - now
      next -= back
      gaps = gaps.map(({ end, start }) => ({ start: start - back, end: end - back }))
    }
    seen = now
  }
  const fits = (gap: Gap, now: number, permits: number): boolean =>
    Math.max(gap.start, now) + permits * intervalMillis <= gap.end + slackAt(now)

  // Gaps at the end are no gaps: time goes on from their start. Past ones are lost.
  const tidy = (now: number): void => {
    for (let last = gaps.at(-1); last !== undefined && last.end >= next - slackAt(now); last = gaps.at(-1)) {
      next = last.start
      gaps.pop()
    }
    if (gaps.length > 0 && gaps[0]!.end <= now) gaps = gaps.filter((gap) => gap.end > now)
  }

  return {
    peek: (now, permits) => {
      follow(now)
      for (const gap of gaps) if (fits(gap, now, permits)) return Math.max(gap.start, now)
      return Math.max(next, now)
    },
    take: (at, permits, now) => {
      const end = at + permits * intervalMillis
      const index = gaps.findIndex((gap) => gap.start <= at && fits(gap, at, permits))
      if (index < 0) {
        const step = permits * intervalMillis + (at === next ? rest : 0)
        next = at + step
        rest = step - (next - at)
      } else {
        const gap = gaps[index]!
        const left = [
          { start: gap.start, end: at },
          { start: end, end: gap.end }
        ]
        gaps.splice(index, 1, ...left.filter((part) => part.end - part.start > slackAt(now) && part.end > now))
      }
    },
    refund: (at, permits, now) => {
      follow(now)
      const gap = { start: at, end: at + permits * intervalMillis }
      // Nobody has booked beyond `next`: such a turn is from before the clock went back.
      if (at <= now || gap.end > next + slackAt(now)) return
      const index = gaps.findIndex((other) => other.start >= gap.start)
      gaps.splice(index < 0 ? gaps.length : index, 0, gap)
      const merged: Array<Gap> = []
      for (const each of gaps) {
        const before = merged.at(-1)
        if (before !== undefined && each.start <= before.end + slackAt(now)) before.end = Math.max(before.end, each.end)
        else merged.push({ start: each.start, end: each.end })
      }
      gaps = merged
      tidy(now)
    },
    fresh: (now) => {
      follow(now)
      return next <= now
    }
  }
}

/**
 * In bursts: `limit` permits in each period, at any time in it, none saved up (failsafe-go's bursty limiter). Periods
 * follow each other from the first use on; who finds one full is put into the next that has room.
 */
export const bursty = (limit: number, periodMillis: number): Rule => {
  let origin = Number.NaN
  let first = 0
  /** Permits taken of period `first`, `first + 1`, … */
  let taken: Array<number> = []
  let seen = Number.NEGATIVE_INFINITY

  const periodOf = (at: number): number => Math.floor((at - origin + slackAt(at)) / periodMillis)
  const advance = (now: number): void => {
    if (Number.isNaN(origin)) origin = now
    if (now < seen) origin -= seen - now
    seen = now
    const current = periodOf(now)
    if (current <= first) return
    taken = taken.slice(current - first)
    first = current
  }
  return {
    peek: (now, permits) => {
      if (permits > limit) return Number.POSITIVE_INFINITY
      advance(now)
      for (let i = 0; i < taken.length; i++) {
        if (taken[i]! + permits <= limit) return Math.max(now, origin + (first + i) * periodMillis)
      }
      return Math.max(now, origin + (first + taken.length) * periodMillis)
    },
    take: (at, permits) => {
      const index = Math.max(0, periodOf(at) - first)
      while (taken.length <= index) taken.push(0)
      taken[index] = taken[index]! + permits
    },
    refund: (at, permits, now) => {
      if (at <= now) return
      advance(now)
      const index = periodOf(at) - first
      if (index < 0 || index >= taken.length) return
      taken[index] = Math.max(0, taken[index]! - permits)
      while (taken.length > 0 && taken.at(-1) === 0) taken.pop()
    },
    fresh: (now) => {
      advance(now)
      return taken.length === 0
    }
  }
}
