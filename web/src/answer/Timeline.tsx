/**
 * The attempts on one axis of time: who was asked from when to when, where the words came from, and where the answer was
 * joined. The same facts stand beside it as a list, for who hears the page.
 */
import { useEffect, useState } from "react"
import type { Run, Span } from "./run.ts"
import { duration, inWords } from "./words.ts"

const nameOf = (span: Span): string => span.channel ?? "…"

/** Now, as long as something is under way; ten times a second. */
const useNow = (running: boolean): number => {
  const [now, setNow] = useState(() => performance.now())
  useEffect(() => {
    if (!running) return
    const timer = setInterval(() => setNow(performance.now()), 100)
    return () => clearInterval(timer)
  }, [running])
  return now
}

/** Whole seconds on the axis: at most eight of them. */
const ticksOf = (seconds: number): ReadonlyArray<number> => {
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300].find((step) => seconds / step <= 8) ?? 600
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step)
}

/** How a bar ends. Who was stopped has not broken. */
const endOf = ({ ended }: Span): "open" | "done" | "broken" =>
  ended === undefined ? "open" : ended === "whole" || ended === "stopped" ? "done" : "broken"

const told = (span: Span, start: number, end: number): string => {
  const ended = span.ended === undefined ? "under way" : span.ended === "whole" ? "whole" : inWords(span.ended)
  return `${nameOf(span)}: from ${duration(span.from - start)} to ${duration((span.to ?? end) - start)}, ${ended}`
}

/** The axis, a row for each channel, and one for this page's own connection where it was lost. */
export const Timeline = ({ color, run }: { readonly run: Run; readonly color: (channel: string) => number }) => {
  const now = useNow(run.endedAt === undefined)
  const start = run.startedAt
  const end = run.endedAt ?? Math.max(now, start)
  // The axis grows in steps, so that bars do not shrink with every frame.
  const reach = run.endedAt === undefined ? Math.ceil((end - start) / 4000 + 0.25) * 4000 : Math.max(end - start, 500)
  const at = (moment: number): string => `${(Math.max(0, moment - start) / reach) * 100}%`
  const wide = (from: number, to: number): string => `${Math.max(0.4, ((to - from) / reach) * 100)}%`
  const channels = [...new Set(run.spans.map(nameOf))]

  return (
    <figure className="timeline">
      <figcaption className="hidden">The attempts of this answer</figcaption>
      <ul className="hidden">
        {run.spans.map((span, index) => (
          <li key={index}>{told(span, start, end)}</li>
        ))}
      </ul>
      <div className="rows" aria-hidden="true">
        {channels.map((channel) => (
          <div className="row" key={channel}>
            <span className="row-name">{channel}</span>
            <div className="track">
              {run.spans
                .filter((span) => nameOf(span) === channel)
                .map((span, index) => {
                  const to = span.to ?? end
                  const words = span.firstWords ?? to
                  return (
                    <div
                      key={index}
                      className="bar"
                      data-color={color(channel)}
                      data-ended={endOf(span)}
                      style={{ left: at(span.from), width: wide(span.from, to) }}
                      title={told(span, start, end)}
                    >
                      <span
                        className="bar-words"
                        style={{ left: `${((words - span.from) / Math.max(1, to - span.from)) * 100}%` }}
                      />
                    </div>
                  )
                })}
            </div>
          </div>
        ))}
        {run.gaps.length === 0 ? null : (
          <div className="row">
            <span className="row-name">this page</span>
            <div className="track">
              {run.gaps.map((gap, index) => (
                <div
                  key={index}
                  className="bar gap"
                  style={{ left: at(gap.from), width: wide(gap.from, gap.to ?? end) }}
                  title={`no connection for ${duration((gap.to ?? end) - gap.from)}`}
                />
              ))}
            </div>
          </div>
        )}
        <div className="row axis">
          <span className="row-name" />
          <div className="track">
            {ticksOf(reach / 1000).map((second) => (
              <span key={second} className="tick" style={{ left: at(start + second * 1000) }}>
                {second} s
              </span>
            ))}
            {run.spans.slice(1).map((span, index) => (
              <span key={`seam${index}`} className="joint" style={{ left: at(span.from) }} />
            ))}
          </div>
        </div>
      </div>
    </figure>
  )
}
