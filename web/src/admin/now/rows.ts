/**
 * What the tables of channels and of models show. Pure.
 */
import { share } from "../Format.ts"
import type { Named } from "../Summary.ts"
import type { Failures } from "./failures.ts"

/** A row of the table. */
export interface Shown {
  readonly name: string
  readonly figures: Named | undefined
  /** Attempts that failed, of a channel; requests that failed, of a model. */
  readonly failed: number
  readonly rate: number | undefined
  readonly series: ReadonlyArray<number> | undefined
}

/** An answer that a channel ended well was one attempt more. */
const ofChannel = (
  name: string,
  figures: Named | undefined,
  failures: Failures | undefined,
  isWhole: boolean
): Shown => {
  const failed = failures?.count ?? 0
  const well = (figures?.requests ?? 0) - (figures?.failed ?? 0)
  return {
    name,
    figures,
    failed,
    rate: isWhole ? share(failed, failed + well) : undefined,
    series: failures?.series
  }
}

/** Channels by their attempts: what another one rescued is no failed request, and a failure of the channel all the same. */
export const channelRows = (
  figures: ReadonlyArray<Named>,
  failures: ReadonlyMap<string, Failures>,
  isWhole: boolean
): ReadonlyArray<Shown> => {
  const names = new Set([...figures.map(({ name }) => name), ...failures.keys()])
  return [...names].map((name) =>
    ofChannel(
      name,
      figures.find((one) => one.name === name),
      failures.get(name),
      isWhole
    )
  )
}

/** Models by their requests. */
export const modelRows = (figures: ReadonlyArray<Named>): ReadonlyArray<Shown> =>
  figures.map((one) => ({
    name: one.name,
    figures: one,
    failed: one.failed ?? 0,
    rate: share(one.failed, one.requests),
    series: undefined
  }))
