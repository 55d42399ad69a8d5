/**
 * What the rounds of a run say of a subject, by itself and beside another.
 */
import { median } from "./measures.ts"
import type { Subject } from "./subjects.ts"

/** What one round gives of a subject. */
export interface Round {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly cpuPerRequest: number
  readonly cpuPerEvent: number
  readonly eventsPerSecond: number
  readonly delay: number
  readonly first: number
}

/** All that was measured of a subject. */
export interface Measured {
  readonly subject: Subject
  readonly rounds: ReadonlyArray<Round>
  readonly bytes: number
}

/** The median of what each round gives. */
export const over = (measured: Measured, of: (round: Round) => number): number => median(measured.rounds.map(of))

/** The median of how each round compares to the bare relay's of the same round, which had the same neighbours. */
export const against = (
  measured: Measured,
  bare: Measured,
  of: (round: Round) => number,
  compare: (own: number, bare: number) => number = (own, bare) => own / bare
): number => median(measured.rounds.map((round, at) => compare(of(round), of(bare.rounds[at]!))))
