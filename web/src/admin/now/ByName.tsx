/**
 * How it went by channel, or by model: those that fail most stand first.
 */
import { amountOf, exactOf, headOf } from "../Credits.ts"
import { brief, percent, took } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { Spark } from "../part/Charts.tsx"
import { figures, Table } from "../part/Table.tsx"
import { hashOf } from "../Place.ts"
import type { Shown } from "./rows.ts"

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
  const { unit } = useAdmin()
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
        <Table
          label={title}
          heads={[
            by === "channel" ? "Channel" : "Model",
            figures("Answers"),
            figures(by === "channel" ? "Failed attempts" : "Failed"),
            figures("p50"),
            figures("p99"),
            figures(headOf(unit))
          ]}
        >
          {sorted.map(({ failed, figures: of, name, rate, series }) => (
            <tr key={name}>
              <th scope="row">{by === "channel" ? <a href={hashOf("channels", name)}>{name}</a> : name}</th>
              <td className="number">{brief(of?.requests)}</td>
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
              <td className="number">{took(of?.p50)}</td>
              <td className="number">{took(of?.p99)}</td>
              <td className="number" title={exactOf(of?.credits)}>
                {amountOf(of?.credits, unit)}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {note === undefined ? null : <p className="quiet panel-note">{note}</p>}
    </section>
  )
}
