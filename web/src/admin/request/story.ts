/**
 * The story of a request, from its rows: who was asked from when to when, and what came of it. Pure.
 */
import type { ErrorRow, TrailStep } from "../Shapes.ts"

/** One attempt in it. Times are milliseconds from the request's beginning. */
export interface Step {
  readonly name: string
  readonly channel: string | undefined
  readonly key: string | undefined
  readonly from: number
  readonly to: number
  readonly firstContent: number | undefined
  readonly wentWell: boolean
  readonly class: string | undefined
  readonly code: string | undefined
  /** Its row, where the log has one; an attempt that went well has none as a rule. */
  readonly row: ErrorRow | undefined
}

/** The whole of it. */
export interface Story {
  readonly request: ErrorRow | undefined
  readonly steps: ReadonlyArray<Step>
  readonly beganAt: number | undefined
  readonly length: number
}

/** A row is written when what it tells of has ended. */
const beganAt = (row: ErrorRow): number => (row.at ?? 0) - (row.durationMillis ?? 0)

const stepOfRow = (row: ErrorRow, start: number, index: number): Step => {
  const from = Math.max(0, beganAt(row) - start)
  return {
    name: `attempt ${row.attempt ?? index + 1}`,
    channel: row.channel,
    key: row.key,
    from,
    to: from + (row.durationMillis ?? 0),
    firstContent: row.firstContentMillis === undefined ? undefined : from + row.firstContentMillis,
    wentWell: row.class === "ok" || (row.code === undefined && row.class === undefined),
    class: row.class,
    code: row.code,
    row
  }
}

/** A step that has no row: it is put behind the one before it. */
const stepOfTrail = (step: TrailStep, from: number, index: number): Step => ({
  name: `attempt ${index + 1}`,
  channel: step.channel,
  key: step.key,
  from,
  to: from + (step.millis ?? 0),
  firstContent: undefined,
  wentWell: step.class === "ok" || (step.class === undefined && step.code === undefined),
  class: step.class,
  code: step.code,
  row: undefined
})

/** The story that rows tell: the attempts as they were, and those that only the trail knows. */
export const storyOf = (rows: ReadonlyArray<ErrorRow>): Story => {
  const request = rows.findLast(({ kind }) => kind === "request")
  const attempts = rows.filter(({ kind }) => kind === "attempt")
  const start = Math.min(...rows.map(beganAt))
  const own = attempts.map((row, index) => stepOfRow(row, start, index))
  const trail = request?.trail ?? []
  const steps: Array<Step> = []
  if (trail.length > own.length) {
    // The trail has all of them in order; a row that tells the same tells more.
    const left = [...own]
    let end = 0
    trail.forEach((step, index) => {
      const at = left.findIndex(
        (row) => row.channel === step.channel && (row.code === step.code || row.class === step.class)
      )
      const next = at < 0 ? stepOfTrail(step, end, index) : left.splice(at, 1)[0]!
      end = next.to
      steps.push(next)
    })
  } else steps.push(...own)
  const length = Math.max(1, request?.durationMillis ?? 0, ...steps.map(({ to }) => to))
  return { request, steps, beganAt: Number.isFinite(start) && start > 0 ? start : undefined, length }
}
