/**
 * The way of an answer, drawn: from the channels through the relay, which writes it down, to whoever reads. What flows
 * moves, what is broken is red, and what is gone is empty.
 */
import type { Run } from "../answer/run.ts"
import type { ChannelState } from "../relay/prometheus.ts"
import type { Room } from "./useRoom.ts"

/** How a line of the drawing is. */
type Line = "idle" | "flows" | "broken"

const width = 380
const rowHeight = 34

/** A line from the right to the left, with a bend where it needs one. */
const curve = (fromX: number, fromY: number, toX: number, toY: number): string => {
  const middle = (fromX + toX) / 2
  return `M${fromX} ${fromY}C${middle} ${fromY} ${middle} ${toY} ${toX} ${toY}`
}

/** The line of one channel: who speaks now, and who has just broken off. */
const lineOf = (id: string, state: ChannelState, speaking: string | undefined, open: number): Line =>
  state === "open" || state === "off" ? "broken" : id === speaking || open > 0 ? "flows" : "idle"

const shortened = (name: string): string => (name.length > 13 ? `${name.slice(0, 12)}…` : name)

/** Six channels at most are drawn; of more, the first. */
const most = 6

/** The drawing. What it shows stands in words beside it: the channels' cards, and the answer's status. */
export const Path = ({
  color,
  lost,
  room,
  run
}: {
  readonly room: Room
  readonly run: Run | undefined
  /** Whether this page has no connection now. */
  readonly lost: boolean
  readonly color: (channel: string) => number
}) => {
  const order = room.demo?.channels.map(({ id }) => id) ?? []
  const channels = [...(room.figures?.channels ?? [])]
    .sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id))
    .slice(0, most)
  const gone = room.reach === "down"
  const underWay = run !== undefined && run.endedAt === undefined
  const speaking = underWay ? run.spans.at(-1)?.channel : undefined
  const height = Math.max(2, channels.length) * rowHeight + 14
  const middle = height / 2
  const client: Line = lost || (gone && underWay) ? "broken" : underWay && run.outcome === "writing" ? "flows" : "idle"
  return (
    <svg className="path" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path className="path-line" data-line={client} d={curve(170, middle, 62, middle)} />
      {channels.map(({ id, state }, index) => {
        const y = 7 + rowHeight / 2 + index * rowHeight + (channels.length < 2 ? rowHeight / 2 : 0)
        const open = room.demo?.channels.find((channel) => channel.id === id)?.open ?? 0
        return (
          <g key={id} data-color={color(id)}>
            <path
              className="path-line"
              data-line={gone ? "idle" : lineOf(id, state, speaking, open)}
              d={curve(290, y, 210, middle)}
            />
            <rect className="path-channel" x="290" y={y - 12} width="90" height="24" rx="7" data-state={state} />
            <text className="path-text" x="302" y={y + 4}>
              {shortened(id)}
            </text>
          </g>
        )
      })}
      <g data-gone={gone} className="path-relay">
        <rect x="146" y={middle - 27} width="88" height="54" rx="12" />
        <text className="path-text" x="190" y={middle - 3} textAnchor="middle">
          {gone ? "gone" : "relay"}
        </text>
        <text className="path-small" x="190" y={middle + 13} textAnchor="middle">
          {gone ? "journal stays" : run === undefined ? "journal" : `${run.events} written`}
        </text>
      </g>
      <g className="path-you" data-lost={client === "broken"}>
        <circle cx="38" cy={middle} r="24" />
        <text className="path-text" x="38" y={middle + 4} textAnchor="middle">
          you
        </text>
      </g>
    </svg>
  )
}
