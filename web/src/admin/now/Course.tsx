/**
 * How it went over the time that is looked at: three charts over one axis.
 */
import { amountOf, headOf } from "../Credits.ts"
import { brief, moment, took } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { Chart } from "../part/Charts.tsx"
import type { Piece, Summary } from "../Summary.ts"

const failedIn = ({ failed }: Piece): number => failed ?? 0

const rescuedIn = ({ rescued }: Piece): number => rescued ?? 0

const wellIn = (piece: Piece): number => Math.max(0, (piece.requests ?? 0) - failedIn(piece) - rescuedIn(piece))

const sumOf = (series: ReadonlyArray<Piece>, of: (piece: Piece) => number): number =>
  series.reduce((sum, piece) => sum + of(piece), 0)

/** The charts; nothing of a relay that tells no course. */
export const Course = ({ summary: { p50, p99, series } }: { readonly summary: Summary }) => {
  const { unit } = useAdmin()
  if (series.length < 2) return null
  const first = series[0]?.at ?? 0
  const last = series.at(-1)?.at ?? 0
  // Over less than a day the day is no news.
  const labels = series.map(({ at }) =>
    last - first < 86_400_000 ? moment(at).slice(11, 16) : moment(at).slice(5, 16)
  )
  return (
    <div className="graphs">
      <Chart
        title="Requests"
        kind="bars"
        says={`${brief(sumOf(series, (piece) => piece.requests ?? 0))} in all, ${brief(sumOf(series, rescuedIn))} rescued, ${brief(sumOf(series, failedIn))} failed.`}
        labels={labels}
        format={brief}
        rows={[
          { name: "failed", hue: "bad", values: series.map(failedIn) },
          { name: "rescued", hue: "amber", values: series.map(rescuedIn) },
          { name: "well", hue: "plain", values: series.map(wellIn) }
        ]}
      />
      <Chart
        title="First content"
        kind="lines"
        says={`p50 ${took(p50)}, p99 ${took(p99)}.`}
        labels={labels}
        format={took}
        rows={[
          { name: "p50", hue: "accent", values: series.map((piece) => piece.p50) },
          { name: "p99", hue: "teal", values: series.map((piece) => piece.p99) }
        ]}
      />
      <Chart
        title={headOf(unit)}
        kind="bars"
        says={`${amountOf(
          sumOf(series, (piece) => piece.credits ?? 0),
          unit
        )} in all.`}
        labels={labels}
        format={(credits) => amountOf(credits, unit)}
        rows={[{ name: "settled", hue: "accent", values: series.map(({ credits }) => credits) }]}
      />
    </div>
  )
}
