/**
 * The decisions of outlier ejection, after Envoy's outlier detection: which members of a pool do worse than the others,
 * and for how long they are left out. Pure: time is an argument; the pool is a mutable record of one owner.
 *
 * - **Consecutive**: `consecutive` failures in a row eject a member at once. A success starts again.
 * - **Success rate**: after each `intervalMillis`, if at least `minMembers` members had `minVolume` calls in it, those
 *   whose success rate is below `mean - factor * deviation` are ejected (the deviation of the population).
 * - **How long**: `baseMillis` times how often the member was ejected, up to `maxMillis`; no more ejections are counted
 *   than make the longest. The number goes down by one for each whole interval in which it was not left out: not for
 *   the one in which it returned, or who fails again at once would be left out no longer than before.
 * - **How many**: up to `maxShare` of the pool, or one if that is less than one, and never the last.
 *
 * An ejected member's results still count for its next interval, but it returns with its run of failures at zero.
 */

/** What ejects whom; made and checked by `OutlierEjection.make`. */
export interface Settings {
  /** 0 turns this rule off. */
  readonly consecutive: number
  readonly intervalMillis: number
  readonly baseMillis: number
  readonly maxMillis: number
  readonly maxShare: number
  readonly minMembers: number
  readonly minVolume: number
  /** How many deviations below the mean; 0 turns this rule off. */
  readonly factor: number
}

/** One member. */
export interface Member {
  readonly key: string
  failuresInARow: number
  calls: number
  successes: number
  /** How often it was ejected, as far as that makes its ejection longer, less one for each good interval since. */
  ejections: number
  /** It is left out before this time. */
  ejectedUntil: number | undefined
  /** It has been there since this time. */
  backSince: number
}

/** A pool. */
export interface Pool {
  readonly settings: Settings
  readonly members: Map<string, Member>
  intervalEnds: number | undefined
  /** Nothing changes by time from `checkedAt` until `dueAt`: a call does not walk over the pool. */
  checkedAt: number
  dueAt: number
}

/** Somebody left or returned. */
export interface Change {
  readonly key: string
  readonly what: "ejected" | "returned"
  readonly forMillis: number
  readonly why: "consecutive" | "successRate" | "time" | "ceiling"
}

/** A pool without members. */
export const make = (settings: Settings): Pool => ({
  settings,
  members: new Map(),
  intervalEnds: undefined,
  checkedAt: 0,
  dueAt: 0
})

/**
 * Says who belongs to the pool. Who stays keeps what is known of them; if the pool became so small that too many are
 * left out, those return whose time is over first.
 */
export const setMembers = (pool: Pool, keys: Iterable<string>): ReadonlyArray<Change> => {
  const wanted = new Set(keys)
  for (const key of pool.members.keys()) if (!wanted.has(key)) pool.members.delete(key)
  for (const key of wanted) {
    if (pool.members.has(key)) continue
    pool.members.set(key, {
      key,
      failuresInARow: 0,
      calls: 0,
      successes: 0,
      ejections: 0,
      ejectedUntil: undefined,
      backSince: Number.NEGATIVE_INFINITY
    })
  }
  const out = ejected(pool).sort((a, b) => a.ejectedUntil! - b.ejectedUntil!)
  return out.slice(0, Math.max(0, out.length - ceiling(pool))).map((member): Change => {
    // Before its time, which nobody knows here: its good intervals count from when it would have returned.
    comeBack(member, member.ejectedUntil!)
    return { key: member.key, what: "returned", forMillis: 0, why: "ceiling" }
  })
}

const ejected = (pool: Pool): Array<Member> =>
  Array.from(pool.members.values()).filter((member) => member.ejectedUntil !== undefined)

const ceiling = ({ members, settings }: Pool): number =>
  Math.max(0, Math.min(members.size - 1, Math.max(1, Math.floor(members.size * settings.maxShare))))

const eject = (pool: Pool, member: Member, why: Change["why"], now: number, changes: Array<Change>): void => {
  if (member.ejectedUntil !== undefined || ejected(pool).length >= ceiling(pool)) return
  const { baseMillis, maxMillis } = pool.settings
  // Who flapped for a night would else be left out for the longest time still after hours in which it was well.
  member.ejections = Math.min(member.ejections + 1, Math.ceil(maxMillis / baseMillis))
  const forMillis = Math.min(baseMillis * member.ejections, maxMillis)
  member.ejectedUntil = now + forMillis
  pool.dueAt = Math.min(pool.dueAt, member.ejectedUntil)
  member.failuresInARow = 0
  changes.push({ key: member.key, what: "ejected", forMillis, why })
}

const comeBack = (member: Member, at: number): void => {
  member.ejectedUntil = undefined
  member.backSince = at
  member.failuresInARow = 0
}

const none: ReadonlyArray<Change> = []

/** Moves on to `now`: lets members return whose time is over, and judges the interval that has ended. */
export const advance = (pool: Pool, now: number): ReadonlyArray<Change> => {
  if (now >= pool.checkedAt && now < pool.dueAt) return none
  const changes: Array<Change> = []
  for (const member of pool.members.values()) {
    // A clock that went back keeps nobody out for longer than the longest ejection.
    if (member.ejectedUntil === undefined) continue
    if (now < member.ejectedUntil && member.ejectedUntil - now <= pool.settings.maxMillis) continue
    comeBack(member, Math.min(member.ejectedUntil, now))
    changes.push({ key: member.key, what: "returned", forMillis: 0, why: "time" })
  }
  const ends = (pool.intervalEnds ??= now + pool.settings.intervalMillis)
  if (now >= ends || ends - now > pool.settings.intervalMillis) {
    pool.intervalEnds = now + pool.settings.intervalMillis
    judge(pool, now, changes)
    forgive(pool, ends - pool.settings.intervalMillis, now)
  }
  pool.checkedAt = now
  pool.dueAt = Math.min(pool.intervalEnds!, ...ejected(pool).map((member) => member.ejectedUntil!))
  return changes
}

const judge = (pool: Pool, now: number, changes: Array<Change>): void => {
  const { factor, minMembers, minVolume } = pool.settings
  const judged = Array.from(pool.members.values()).filter((member) => member.calls >= minVolume)
  if (factor > 0 && judged.length > 0 && judged.length >= minMembers) {
    const threshold = successThreshold(
      judged.map((member) => member.successes / member.calls),
      factor
    )
    // The worst first, so that the ceiling spares the better ones.
    judged.sort((a, b) => a.successes / a.calls - b.successes / b.calls)
    for (const member of judged) {
      if (member.successes / member.calls < threshold) eject(pool, member, "successRate", now, changes)
    }
  }
  for (const member of pool.members.values()) {
    member.calls = 0
    member.successes = 0
  }
}

/** Takes off an ejection for each whole interval since `start`, or since it returned, in which a member was there. */
const forgive = (pool: Pool, start: number, now: number): void => {
  for (const member of pool.members.values()) {
    if (member.ejectedUntil !== undefined || member.ejections === 0) continue
    const good = Math.floor((now - Math.max(start, member.backSince)) / pool.settings.intervalMillis)
    member.ejections = Math.max(0, member.ejections - Math.max(0, good))
  }
}

/** `mean - factor * deviation` of success rates, the deviation being that of the population. */
export const successThreshold = (rates: ReadonlyArray<number>, factor: number): number => {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  return mean - factor * Math.sqrt(variance)
}

/** Counts a call to a member. Keys that are not members are not counted. */
export const record = (pool: Pool, key: string, success: boolean, now: number): ReadonlyArray<Change> => {
  const passed = advance(pool, now)
  const member = pool.members.get(key)
  if (member === undefined) return passed
  member.calls++
  if (success) {
    member.successes++
    member.failuresInARow = 0
    return passed
  }
  member.failuresInARow++
  const { consecutive } = pool.settings
  if (consecutive === 0 || member.failuresInARow < consecutive) return passed
  const changes = Array.from(passed)
  eject(pool, member, "consecutive", now, changes)
  return changes
}

/** Whether a member is left out now. `advance` comes first. */
export const isEjected = (pool: Pool, key: string): boolean => pool.members.get(key)?.ejectedUntil !== undefined
