/**
 * A small chart: what a figure was, look by look, and what it is now.
 */
const width = 120
const height = 34

/** How many looks a chart shows: half a minute. */
export const kept = 60

/** A list with one more at its end, no longer than a chart shows. */
export const pushed = (list: ReadonlyArray<number | undefined>, value: number | undefined) => [
  ...list.slice(1 - kept),
  value
]

const highest = (values: ReadonlyArray<number | undefined>, least: number): number =>
  Math.max(least, ...values.map((value) => value ?? 0))

/** The line through values, and what is under it: a gap where there is none. */
const pathsOf = (values: ReadonlyArray<number | undefined>, top: number) => {
  const x = (index: number): number => ((index + kept - values.length) / (kept - 1)) * width
  const y = (value: number): number => height - 2 - (value / top) * (height - 6)
  let line = ""
  let area = ""
  let from: number | undefined
  const closed = (index: number): string =>
    from === undefined ? "" : `L${x(index).toFixed(1)} ${height}L${x(from).toFixed(1)} ${height}Z`
  values.forEach((value, index) => {
    if (value === undefined) {
      area += closed(index - 1)
      from = undefined
      return
    }
    const point = `${x(index).toFixed(1)} ${y(value).toFixed(1)}`
    line += `${from === undefined ? "M" : "L"}${point}`
    area += `${from === undefined ? "M" : "L"}${point}`
    from ??= index
  })
  area += closed(values.length - 1)
  return { line, area }
}

/** A figure with its course. `bars`: what happened between two looks, rather than how it was. */
export const Chart = ({
  bars = false,
  hue,
  label,
  least = 1,
  shown,
  unit,
  values
}: {
  readonly label: string
  readonly shown: string
  readonly unit?: string
  readonly values: ReadonlyArray<number | undefined>
  readonly bars?: boolean
  readonly least?: number
  readonly hue: "accent" | "teal" | "amber" | "pink"
}) => {
  const top = highest(values, least)
  const { area, line } = pathsOf(values, top)
  return (
    <figure className="chart" data-hue={hue}>
      <figcaption>{label}</figcaption>
      <p className="chart-value">
        {shown}
        {unit === undefined ? null : <span className="unit"> {unit}</span>}
      </p>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {bars ? (
          values.map((value, index) =>
            value === undefined || value === 0 ? null : (
              <rect
                key={index}
                className="chart-bar"
                x={((index + kept - values.length) / kept) * width}
                y={height - 2 - (value / top) * (height - 6)}
                width={Math.max(1.4, width / kept - 0.4)}
                height={(value / top) * (height - 6) + 2}
                rx="0.6"
              />
            )
          )
        ) : (
          <>
            <path className="chart-area" d={area} />
            <path className="chart-line" d={line} vectorEffect="non-scaling-stroke" />
          </>
        )}
      </svg>
    </figure>
  )
}
