/**
 * The mark in the text where another channel went on: quiet, and there for who looks.
 */
import { type SyntheticEvent, useId } from "react"
import type { Seam } from "./run.ts"
import { duration, inWords, seamWords } from "./words.ts"

/** How near to the window's edge a note may come, in pixels. */
const margin = 12

/** Moves the note aside as far as it would stand out of the window. */
const place = ({ currentTarget: seam }: SyntheticEvent<HTMLElement>): void => {
  const half = (seam.querySelector<HTMLElement>(".seam-tip")?.offsetWidth ?? 0) / 2 + margin
  const { left, width } = seam.getBoundingClientRect()
  const middle = left + width / 2
  const inside = Math.max(half, Math.min(document.documentElement.clientWidth - half, middle))
  seam.style.setProperty("--aside", `${Math.round(inside - middle)}px`)
}

/** The mark, and what it tells when it is pointed at, or reached by key. */
export const SeamMark = ({ color, seam }: { readonly seam: Seam; readonly color: (channel: string) => number }) => {
  const id = useId()
  const { dropped, from, gap, kind, reason, to } = seam
  return (
    <span className="seam" data-from={color(from)} data-to={color(to)} onPointerEnter={place} onFocus={place}>
      <button type="button" className="seam-mark" aria-describedby={id}>
        <span className="seam-line" aria-hidden="true" />
        <span className="hidden">{`${to} went on here`}</span>
      </button>
      <span role="tooltip" id={id} className="seam-tip">
        <strong>{from === to ? `${to}, asked again` : `${from} → ${to}`}</strong>
        <span>{inWords(reason)}</span>
        <span className="quiet">
          {seamWords[kind] ?? kind}
          {dropped > 0 ? `, ${dropped} characters` : ""}
          {gap === undefined ? "" : ` · ${duration(gap)}`}
        </span>
      </span>
    </span>
  )
}
