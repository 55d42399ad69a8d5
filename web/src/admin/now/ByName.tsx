/**
 * How it went by channel, or by model: those that fail most stand first.
 */
import { brief, percent, took } from "../Format.ts"
import { Spark } from "../part/Charts.tsx"
import { hashOf } from "../Place.ts"
import type { Named } from "../Summary.ts"

const rateOf = ({ success }: Named): number => (success === undefined ? 0 : 1 - success)

/** The table. */
export const ByName = ({
  filter,
  rows,
  title,
  view
}: {
  readonly title: string
  readonly rows: ReadonlyArray<Named>
  /** The filter of the error log that a row leads to. */
  readonly filter: "channel" | "model"
  readonly view: ((name: string) => string) | undefined
}) => {
  const sorted = [...rows].sort((a, b) => rateOf(b) - rateOf(a) || (b.requests ?? 0) - (a.requests ?? 0))
  const top = Math.max(0, ...rows.flatMap(({ series }) => (series ?? []).map((value) => value ?? 0)))
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
                <th scope="col">{filter === "channel" ? "Channel" : "Model"}</th>
                <th scope="col" className="number">
                  {filter === "channel" ? "Attempts" : "Requests"}
                </th>
                <th scope="col" className="number">
                  Failed
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
              {sorted.map((row) => (
                <tr key={row.name}>
                  <th scope="row">{view === undefined ? row.name : <a href={view(row.name)}>{row.name}</a>}</th>
                  <td className="number">{brief(row.requests)}</td>
                  <td className="number" data-level={rateOf(row) > 0.05 ? "bad" : rateOf(row) > 0.01 ? "warn" : ""}>
                    <span className="rate">
                      {row.series === undefined ? null : (
                        <Spark hue={rateOf(row) > 0.05 ? "bad" : "amber"} top={top} values={row.series} />
                      )}
                      <a
                        href={hashOf("errors", undefined, { [filter]: row.name })}
                        aria-label={`${percent(rateOf(row))} failed: errors of ${row.name}`}
                      >
                        {row.success === undefined ? percent(undefined) : percent(rateOf(row))}
                      </a>
                    </span>
                  </td>
                  <td className="number">{took(row.p50)}</td>
                  <td className="number">{took(row.p99)}</td>
                  <td className="number">{brief(row.credits)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
