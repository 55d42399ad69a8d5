/**
 * Small charts, drawn by hand: bars that stand on each other, and lines. Each says in words what it shows, and its figures
 * can be read one by one, by pointer or by arrow keys.
 */
import { type KeyboardEvent, type PointerEvent, useState } from "react"

/** One of the figures that a chart shows side by side. */
export interface Row {
  readonly name: string
  /** Its colour, by what it means. */
  readonly hue: "plain" | "good" | "amber" | "bad" | "accent" | "teal"
  readonly values: ReadonlyArray<number | undefined>
}

const width = 600
const height = 100

/** A round number that is no smaller: 1, 2, 5, 10, … */
export const roundTop = (value: number): number => {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const rest = value / power
  return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10)
}

const highest = (kind: "bars" | "lines", rows: ReadonlyArray<Row>, count: number): number =>
  Math.max(
    0,
    ...Array.from({ length: count }, (_, index) => {
      const values = rows.map(({ values }) => values[index] ?? 0)
      return kind === "bars" ? values.reduce((sum, value) => sum + value, 0) : Math.max(...values)
    })
  )

const Bars = ({
  count,
  rows,
  top
}: {
  readonly rows: ReadonlyArray<Row>
  readonly count: number
  readonly top: number
}) => {
  const step = width / count
  return Array.from({ length: count }, (_, index) => {
    let base = height
    return (
      <g key={index}>
        {rows.map(({ hue, name, values }) => {
          const value = values[index] ?? 0
          if (value === 0) return null
          // What is there is seen, however little it is.
          const tall = Math.max(1.5, (value / top) * height)
          base -= tall
          return (
            <rect
              key={name}
              className="bar"
              data-hue={hue}
              x={index * step + step * 0.1}
              y={base}
              width={step * 0.8}
              height={tall}
            />
          )
        })}
      </g>
    )
  })
}

/** The line through values; a gap where there is none, and a dash where one stands alone. */
const lineOf = (values: ReadonlyArray<number | undefined>, top: number): string => {
  const step = width / Math.max(1, values.length)
  let line = ""
  values.forEach((value, index) => {
    if (value === undefined) return
    const x = (index + 0.5) * step
    const y = height - 1 - (value / top) * (height - 2)
    const alone = values[index - 1] === undefined && values[index + 1] === undefined
    line += alone
      ? `M${(x - step * 0.3).toFixed(1)} ${y.toFixed(1)}h${(step * 0.6).toFixed(1)}`
      : `${values[index - 1] === undefined ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`
  })
  return line
}

/** A chart over time. `labels` are its moments, `says` what there is to see in it. */
export const Chart = ({
  format,
  kind,
  labels,
  rows,
  says,
  title
}: {
  readonly title: string
  readonly says: string
  readonly kind: "bars" | "lines"
  readonly rows: ReadonlyArray<Row>
  readonly labels: ReadonlyArray<string>
  readonly format: (value: number | undefined) => string
}) => {
  const [at, setAt] = useState<number>()
  const count = labels.length
  const top = roundTop(highest(kind, rows, count))
  const point = (event: PointerEvent<HTMLDivElement>): void => {
    const box = event.currentTarget.getBoundingClientRect()
    setAt(Math.max(0, Math.min(count - 1, Math.floor(((event.clientX - box.left) / box.width) * count))))
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0
    if (step === 0) return
    event.preventDefault()
    setAt(Math.max(0, Math.min(count - 1, (at ?? (step > 0 ? -1 : count)) + step)))
  }
  return (
    <figure className="graph">
      <figcaption>
        <span className="graph-title">{title}</span>
        <span className="graph-legend">
          {rows.map(({ hue, name, values }) => (
            <span key={name} data-hue={hue}>
              <i aria-hidden="true" />
              {name}
              {at === undefined ? null : <b> {format(values[at])}</b>}
            </span>
          ))}
          {at === undefined ? null : <span className="graph-at">{labels[at]}</span>}
        </span>
      </figcaption>
      <div
        className="graph-plot"
        role="img"
        aria-label={`${title}. ${says}`}
        tabIndex={0}
        onPointerMove={point}
        onPointerLeave={() => setAt(undefined)}
        onBlur={() => setAt(undefined)}
        onKeyDown={onKeyDown}
      >
        <span className="graph-top" aria-hidden="true">
          {format(top)}
        </span>
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
          <path className="grid" d={`M0 0.5H${width}M0 ${height / 2}H${width}M0 ${height - 0.5}H${width}`} />
          {at === undefined ? null : (
            <rect className="graph-cursor" x={(at * width) / count} y="0" width={width / count} height={height} />
          )}
          {kind === "bars" ? (
            <Bars rows={rows} count={count} top={top} />
          ) : (
            rows.map(({ hue, name, values }) => (
              <path
                key={name}
                className="line"
                data-hue={hue}
                d={lineOf(values, top)}
                vectorEffect="non-scaling-stroke"
              />
            ))
          )}
        </svg>
      </div>
      <p className="graph-ends" aria-hidden="true">
        <span>{labels[0]}</span>
        <span>{labels.at(-1)}</span>
      </p>
      <p className="hidden" aria-live="polite">
        {at === undefined
          ? ""
          : `${labels[at]}: ${rows.map(({ name, values }) => `${name} ${format(values[at])}`).join(", ")}`}
      </p>
    </figure>
  )
}

/** A course in the height of a line of text. It only underlines what stands beside it in figures. */
export const Spark = ({
  hue,
  top,
  values
}: {
  /** What is as tall as the line: the same for all that stand in one table. */
  readonly top: number
  readonly hue: Row["hue"]
  readonly values: ReadonlyArray<number | undefined>
}) => {
  return (
    <svg className="spark" viewBox={`0 0 ${values.length * 4} 20`} preserveAspectRatio="none" aria-hidden="true">
      {values.map((value, index) => {
        const tall = value === undefined || value === 0 ? 1 : Math.max(2, (value / Math.max(1, top)) * 20)
        return (
          <rect
            key={index}
            className="bar"
            data-hue={value === undefined || value === 0 ? "plain" : hue}
            x={index * 4}
            y={20 - tall}
            width="3"
            height={tall}
          />
        )
      })}
    </svg>
  )
}
