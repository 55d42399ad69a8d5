/**
 * A table of any length, of which only what is seen is there: one can go through it by wheel, finger and keyboard. It is a
 * grid to who hears it, with the number of each row.
 */
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react"
import { Problem } from "./Problem.tsx"
import { known, rowAt } from "./pages.ts"
import type { Reading } from "./usePages.ts"

/** A column: what it is called, and what stands in it. `column` is its class, which says how wide it is. */
export interface Column<A> {
  readonly name: string
  readonly column: string
  readonly of: (row: A) => ReactNode
}

/** Rows that are drawn above and below what is seen. */
const beyond = 8

/** The table. `open` is told which row was chosen; the one whose id is `opened` is marked. */
export const VirtualList = <A extends { readonly id: string }>({
  columns,
  empty,
  kind,
  label,
  open,
  opened,
  pages
}: {
  readonly label: string
  /** Its class: how its columns stand. */
  readonly kind: string
  readonly columns: ReadonlyArray<Column<A>>
  readonly pages: Reading<A> & { readonly see: (from: number, to: number) => void; readonly reload: () => void }
  readonly empty: ReactNode
  readonly opened?: string | undefined
  readonly open: ((row: A) => void) | undefined
}) => {
  const { failure, isReading, list, reload, see } = pages
  const id = useId()
  const body = useRef<HTMLDivElement>(null)
  const probe = useRef<HTMLDivElement>(null)
  const [seen, setSeen] = useState({ top: 0, height: 600, row: 36 })
  const [active, setActive] = useState(-1)
  const count = known(list)
  const isWhole = !list.isFresh && list.next === undefined

  useEffect(() => {
    const element = body.current
    if (element === null) return
    const measure = (): void => {
      // A row is as tall as the style says, which differs by the width of the window.
      const row = probe.current?.offsetHeight || 36
      setSeen({ top: element.scrollTop, height: element.clientHeight, row })
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    element.addEventListener("scroll", measure, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener("scroll", measure)
    }
  }, [])

  const first = Math.max(0, Math.floor(seen.top / seen.row) - beyond)
  const last = Math.min(count, Math.ceil((seen.top + seen.height) / seen.row) + beyond)
  useEffect(() => see(first, last), [see, first, last, count])
  useEffect(() => {
    if (!list.isFresh) return
    setActive(-1)
    body.current?.scrollTo(0, 0)
  }, [list.isFresh])

  const show = (index: number): void => {
    const element = body.current
    setActive(index)
    if (element === null) return
    const top = index * seen.row
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + seen.row > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + seen.row - element.clientHeight
    }
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(seen.height / seen.row) - 1)
    const steps: { readonly [key: string]: number } = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -count,
      End: count
    }
    const step = steps[event.key]
    if (step !== undefined && count > 0) {
      event.preventDefault()
      return show(Math.max(0, Math.min(count - 1, active + step)))
    }
    const row = active < 0 ? undefined : rowAt(list, active)
    if (event.key === "Enter" && row !== undefined && open !== undefined) {
      event.preventDefault()
      open(row)
    }
  }
  const indices = Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index)
  // The active one stays in the page, so that who hears it does not lose it.
  if (active >= 0 && active < count && (active < first || active >= last)) indices.push(active)

  return (
    <div className={`list ${kind}`}>
      <div
        className="list-body"
        ref={body}
        role="grid"
        tabIndex={0}
        aria-label={label}
        aria-rowcount={isWhole ? count + 1 : -1}
        aria-busy={isReading}
        aria-activedescendant={active < 0 || active >= count ? undefined : `${id}-${active}`}
        onKeyDown={onKeyDown}
      >
        <div className="list-row list-head" role="row" aria-rowindex={1}>
          {columns.map(({ column, name }) => (
            <span key={column} role="columnheader" className={column}>
              {name}
            </span>
          ))}
        </div>
        <div className="list-row list-probe" ref={probe} role="presentation" aria-hidden="true" />
        <div className="list-rows" role="rowgroup" style={{ height: count * seen.row }}>
          {indices.map((index) => {
            const row = rowAt(list, index)
            return (
              <div
                key={index}
                id={`${id}-${index}`}
                className="list-row"
                role="row"
                aria-rowindex={index + 2}
                aria-selected={row !== undefined && row.id === opened}
                data-active={index === active}
                style={{ transform: `translateY(${index * seen.row}px)` }}
                onClick={() => {
                  setActive(index)
                  if (row !== undefined && open !== undefined) open(row)
                }}
              >
                {columns.map(({ column, of }) => (
                  <span key={column} role="gridcell" className={column}>
                    {row === undefined ? <span className="cell-missing" /> : of(row)}
                  </span>
                ))}
              </div>
            )
          })}
        </div>
      </div>
      {count === 0 && !isReading && failure === undefined ? <div className="list-over">{empty}</div> : null}
      {failure === undefined ? null : (
        <div className={count === 0 ? "list-over" : "list-under"}>
          <Problem failure={failure} retry={reload} />
        </div>
      )}
      <p className="list-foot" role="status">
        {list.isFresh && isReading
          ? "Loading…"
          : `${count.toLocaleString("en")} ${count === 1 ? "row" : "rows"}${isWhole ? "" : " read, more below"}${isReading ? ", reading…" : ""}`}
      </p>
    </div>
  )
}
