/**
 * What is wrong now, and how it goes: the first thing that is seen.
 */
import { useState } from "react"
import { moment } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { Show } from "../part/Show.tsx"
import { type Load, useLoad, valueOf } from "../part/useLoad.ts"
import type { Paged } from "../Paged.ts"
import type { Channel } from "../channels/Channel.ts"
import { ByName } from "./ByName.tsx"
import { Course } from "./Course.tsx"
import { failuresOf, mostRows } from "./failures.ts"
import { FiguresStrip } from "./FiguresStrip.tsx"
import type { Issue } from "./issues.ts"
import { Issues } from "./Issues.tsx"
import { RecentErrors } from "./RecentErrors.tsx"
import { channelRows, modelRows } from "./rows.ts"

/** The times that can be looked at: as the relay is asked, as it is said, and in milliseconds. */
const windows = [
  ["15 minutes", "15 min", 900_000],
  ["1 hour", "1 hour", 3_600_000],
  ["24 hours", "24 hours", 86_400_000],
  ["7 days", "7 days", 604_800_000]
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
  const length = windows.find(([value]) => value === window)?.[2] ?? 3_600_000
  const [attempts] = useLoad(
    `attempts ${window}`,
    (signal) =>
      api.errors({ kind: "attempt", from: new Date(Date.now() - length).toISOString(), limit: mostRows }, signal),
    30_000
  )
  const failed = valueOf(attempts)
  const readAt = attempts._tag === "Loaded" ? attempts.at : 0
  const failures = failuresOf(failed?.data ?? [], readAt - length, readAt)
  const isWhole = failed !== undefined && failed.next === undefined
  const note =
    failed === undefined || isWhole
      ? undefined
      : `Only the last ${mostRows.toLocaleString("en")} failed attempts are counted, since ${moment(failed.data.at(-1)?.at)}.`
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
            <div className="columns lopsided tables">
              <ByName by="channel" rows={channelRows(value.byChannel, failures, isWhole)} note={note} />
              <ByName by="model" rows={modelRows(value.byModel)} note={undefined} />
            </div>
          </>
        )}
      </Show>
      <RecentErrors />
    </>
  )
}
