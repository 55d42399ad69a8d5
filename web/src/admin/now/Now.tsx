/**
 * What is wrong now, and how it goes: the first thing that is seen.
 */
import { useState } from "react"
import { useAdmin } from "../part/Admin.ts"
import { Show } from "../part/Show.tsx"
import { type Load, useLoad } from "../part/useLoad.ts"
import { hashOf } from "../Place.ts"
import type { Channel, Paged } from "../Shapes.ts"
import { ByName } from "./ByName.tsx"
import { Course } from "./Course.tsx"
import { FiguresStrip } from "./FiguresStrip.tsx"
import type { Issue } from "./issues.ts"
import { Issues } from "./Issues.tsx"
import { RecentErrors } from "./RecentErrors.tsx"

/** The times that can be looked at. */
const windows = [
  ["15 minutes", "15 min"],
  ["1 hour", "1 hour"],
  ["24 hours", "24 hours"],
  ["7 days", "7 days"]
] as const

/** The view. */
export const Now = ({
  channels: [channels, reloadChannels],
  issues
}: {
  readonly channels: readonly [Load<Paged<Channel>>, () => void]
  readonly issues: ReadonlyArray<Issue>
}) => {
  const { api } = useAdmin()
  const [window, setWindow] = useState<string>("1 hour")
  const [summary, reloadSummary] = useLoad(`summary ${window}`, (signal) => api.summary(window, signal), 10_000)
  return (
    <>
      <div className="view-head">
        <h1>Now</h1>
        <fieldset className="segments">
          <legend className="hidden">Over which time</legend>
          {windows.map(([value, label]) => (
            <label key={value}>
              <input
                type="radio"
                name="window"
                className="hidden"
                checked={window === value}
                onChange={() => setWindow(value)}
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
      </div>
      {/* That nothing is wrong is said only of what is known. */}
      {channels._tag === "Loaded" || issues.length > 0 ? <Issues issues={issues} reload={reloadChannels} /> : null}
      {channels._tag === "Loaded" && channels.failure === undefined ? null : (
        <Show load={channels} reload={reloadChannels} what="Channels" lines={2}>
          {() => null}
        </Show>
      )}
      <Show load={summary} reload={reloadSummary} what="The summary" lines={5}>
        {(value) => (
          <>
            <FiguresStrip figures={value} window={window} />
            <Course summary={value} />
            <div className="columns">
              <ByName
                title="Channels"
                view={(name) => hashOf("channels", name)}
                rows={value.byChannel}
                filter="channel"
              />
              <ByName title="Models" view={undefined} rows={value.byModel} filter="model" />
            </div>
          </>
        )}
      </Show>
      <RecentErrors />
    </>
  )
}
