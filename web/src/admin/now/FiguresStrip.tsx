/**
 * How it went, in six figures.
 */
import { amountOf, exactOf, headOf } from "../Credits.ts"
import { brief, percent, took } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import type { Figures } from "../Summary.ts"

const Figure = ({
  label,
  level,
  note,
  title,
  value
}: {
  readonly label: string
  readonly value: string
  readonly note?: string
  readonly title?: string | undefined
  readonly level?: string
}) => (
  <div className="figure" data-level={level}>
    <dt>{label}</dt>
    <dd title={title}>
      {value}
      {note === undefined ? null : <span className="figure-note">{note}</span>}
    </dd>
  </div>
)

/** The strip. */
export const FiguresStrip = ({ figures, window }: { readonly figures: Figures; readonly window: string }) => {
  const { unit } = useAdmin()
  return (
    <dl className="figures" aria-label={`The last ${window}`}>
      <Figure label="Requests" value={brief(figures.requests)} />
      <Figure
        label="Success"
        value={percent(figures.success)}
        level={figures.success === undefined || figures.success >= 0.99 ? "" : figures.success >= 0.95 ? "warn" : "bad"}
      />
      <Figure label="Rescued" value={brief(figures.rescued)} />
      <Figure label="p50 first content" value={took(figures.p50)} />
      <Figure label="p99 first content" value={took(figures.p99)} />
      <Figure label={headOf(unit)} value={amountOf(figures.credits, unit)} title={exactOf(figures.credits)} />
    </dl>
  )
}
