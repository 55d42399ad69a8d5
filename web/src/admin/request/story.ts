/**
 * The story of a request, from its rows: who was asked from when to when, and what came of it. Pure.
 */
import type { ErrorRow, TrailStep } from "../errors/ErrorRow.ts"

/** One attempt in it. Times are milliseconds from the request's beginning. */
export interface Step {
  readonly channel: string | undefined
  readonly key: string | undefined
  readonly from: number
  readonly to: number
  readonly firstContent: number | undefined
  readonly end: "whole" | "failed" | "passed over"
  readonly class: string | undefined
  readonly code: string | undefined
  /** How it went on from a partial answer, if it did. */
  readonly continuation: string | undefined
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

const stepOfRow = (row: ErrorRow, start: number): Step => {
  const from = Math.max(0, beganAt(row) - start)
  return {
    channel: row.channel,
    key: row.key,
    from,
    to: from + (row.durationMillis ?? 0),
    firstContent: row.firstContentMillis === undefined ? undefined : from + row.firstContentMillis,
    end: row.class === undefined && row.code === undefined ? "whole" : "failed",
    class: row.class,
    code: row.code,
    continuation: typeof row.fields["continuation"] === "string" ? row.fields["continuation"] : undefined,
    row
  }
}

/** A step that has no row: it is put behind the one before it. */
const stepOfTrail = (step: TrailStep, from: number): Step => ({
  channel: step.channel,
  key: step.key,
  from,
  to: from + (step.millis ?? 0),
  firstContent: undefined,
  end: step.attempt === 0 ? "passed over" : step.class === undefined && step.code === undefined ? "whole" : "failed",
  class: step.class,
  code: step.code,
  continuation: step.continuation,
  row: undefined
})

/** The story that rows tell. The request's trail has all attempts in their order; a row that tells of the same tells more. */
export const storyOf = (rows: ReadonlyArray<ErrorRow>): Story => {
  const request = rows.findLast(({ kind }) => kind === "request")
  const attempts = rows.filter(({ kind }) => kind === "attempt")
  const start = Math.min(...rows.map(beganAt))
  const steps: Array<Step> = []
  if (request === undefined || request.trail.length === 0) {
    steps.push(...attempts.map((row) => stepOfRow(row, start)))
  } else {
    let end = 0
    for (const step of request.trail) {
      const row = step.attempt === undefined ? undefined : attempts.find(({ attempt }) => attempt === step.attempt)
      const next = row === undefined ? stepOfTrail(step, end) : stepOfRow(row, start)
      end = Math.max(end, next.to)
      steps.push(next)
    }
  }
  return {
    request,
    steps,
    beganAt: Number.isFinite(start) && start > 0 ? start : undefined,
    length: Math.max(1, request?.durationMillis ?? 0, ...steps.map(({ to }) => to))
  }
}
