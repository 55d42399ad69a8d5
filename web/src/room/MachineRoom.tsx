/**
 * What stands behind the answer: the relay, its channels, and how they do.
 */
import type { Run } from "../answer/run.ts"
import { type RunStore } from "../answer/useAnswer.ts"
import { about, isDemo } from "../relay/about.ts"
import { type DemoState, killRelay } from "../relay/demo.ts"
import { wire } from "../relay/wire.ts"
import { Channels } from "./Channels.tsx"
import { Charts } from "./Charts.tsx"
import { Path } from "./Path.tsx"
import type { Reach, Room } from "./useRoom.ts"

/** How long the page's connection stays down when it is dropped, in milliseconds. */
export const dropMillis = 1500

const reachWords: { readonly [R in Reach]: string } = {
  unknown: "looking",
  up: "serving",
  down: "gone",
  forbidden: "serving"
}

const times = (count: number): string => (count === 1 ? "once" : `${count} times`)

const lifeOf = ({ relay }: DemoState): string =>
  `process ${relay.pid}${relay.kills === 0 ? "" : `, killed ${times(relay.kills)} before`}`

const RelayCard = ({ room }: { readonly room: Room }) => (
  <section className="relay" data-reach={room.reach} aria-label="The relay">
    <div className="channel-head">
      <h3>{about.name}</h3>
      <span className="state" data-state={room.reach === "down" ? "open" : "healthy"}>
        <span className="dot" aria-hidden="true" />
        {reachWords[room.reach]}
      </span>
    </div>
    {room.demo === undefined ? null : (
      <p className="channel-figures quiet">
        {room.reach === "down" ? "It was killed, and is started again." : lifeOf(room.demo)}
      </p>
    )}
    {isDemo ? (
      <div className="relay-buttons">
        <button type="button" className="button small" onClick={() => wire.cut(dropMillis)}>
          Drop my connection
        </button>
        <button type="button" className="button small danger" onClick={() => void killRelay()}>
          Kill the relay
        </button>
      </div>
    ) : null}
  </section>
)

/** The room. */
export const MachineRoom = ({
  color,
  lost,
  room,
  run,
  store
}: {
  readonly run: Run | undefined
  readonly lost: boolean
  readonly room: Room
  readonly store: RunStore
  readonly color: (channel: string) => number
}) => (
  <aside className="room" aria-label="Machine room">
    <h2>Machine room</h2>
    <Path room={room} run={run} lost={lost} color={color} />
    <RelayCard room={room} />
    {room.reach === "forbidden" ? (
      <p className="quiet note">How the channels do is shown to an admin's token.</p>
    ) : (
      <>
        <Channels figures={room.figures} demo={room.demo} gone={room.reach === "down"} color={color} />
        <Charts room={room} store={store} />
      </>
    )}
  </aside>
)
