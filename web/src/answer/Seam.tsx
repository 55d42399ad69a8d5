/**
 * The mark in the text where another channel went on: quiet, and there for who looks.
 */
import { useId } from "react"
import type { Seam } from "./run.ts"
import { duration, inWords, seamWords } from "./words.ts"

/** The mark, and what it tells when it is pointed at, or reached by key. */
export const SeamMark = ({ color, seam }: { readonly seam: Seam; readonly color: (channel: string) => number }) => {
  const id = useId()
  const { dropped, from, gap, kind, reason, to } = seam
  return (
    <span className="seam" data-from={color(from)} data-to={color(to)}>
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
