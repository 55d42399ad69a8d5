/**
 * How it went by channel, or by model: those that fail most stand first.
 */
import { brief, percent, share, took } from "../Format.ts"
import { Spark } from "../part/Charts.tsx"
import { hashOf } from "../Place.ts"
import type { Named } from "../Summary.ts"
import type { Failures } from "./failures.ts"

/** A row of the table. */
interface Shown {
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

const level = (rate: number | undefined): string =>
  rate === undefined ? "" : rate > 0.05 ? "bad" : rate > 0.01 ? "warn" : ""

/** The table. */
export const ByName = ({
  by,
  note,
  rows
}: {
  readonly by: "channel" | "model"
  readonly rows: ReadonlyArray<Shown>
  /** What is to be known of the figures. */
  readonly note: string | undefined
}) => {
  const sorted = [...rows].sort(
    (a, b) =>
      (b.rate ?? 0) - (a.rate ?? 0) || b.failed - a.failed || (b.figures?.requests ?? 0) - (a.figures?.requests ?? 0)
  )
  const top = Math.max(0, ...rows.flatMap(({ series }) => series ?? []))
  const title = by === "channel" ? "Channels" : "Models"
  return (
    <section className="panel">
      <h2>{title}</h2>
      {sorted.length === 0 ? (
        <p className="quiet panel-empty">No requests in this time.</p>
      ) : (
        <div className="scrolls" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{by === "channel" ? "Channel" : "Model"}</th>
                <th scope="col" className="number">
                  Answers
                </th>
                <th scope="col" className="number">
                  {by === "channel" ? "Failed attempts" : "Failed"}
                </th>
                <th scope="col" className="number">
                  p50
                </th>
                <th scope="col" className="number">
                  p99
                </th>
                <th scope="col" className="number">
                  Credits
                </th>
              </tr>
            </thead>
            <tbody>
              {sorted.map(({ failed, figures, name, rate, series }) => (
                <tr key={name}>
                  <th scope="row">{by === "channel" ? <a href={hashOf("channels", name)}>{name}</a> : name}</th>
                  <td className="number">{brief(figures?.requests)}</td>
                  <td className="number" data-level={level(rate)}>
                    <span className="rate">
                      {series === undefined ? null : <Spark hue="bad" top={top} values={series} />}
                      <a
                        href={hashOf("errors", undefined, {
                          [by]: name,
                          kind: by === "channel" ? "attempt" : "request"
                        })}
                      >
                        {brief(failed)}
                        <span className="hidden"> failed: errors of {name}</span>
                      </a>
                      <span className="rate-part">{rate === undefined ? "" : percent(rate)}</span>
                    </span>
                  </td>
                  <td className="number">{took(figures?.p50)}</td>
                  <td className="number">{took(figures?.p99)}</td>
                  <td className="number">{brief(figures?.credits)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {note === undefined ? null : <p className="quiet panel-note">{note}</p>}
    </section>
  )
}
