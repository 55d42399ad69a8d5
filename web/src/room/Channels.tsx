/**
 * The channels, each with its health as it changes; and on the demonstration the buttons that break and mend it.
 */
import { useState } from "react"
import { type DemoState, type Mood, moods, setMood } from "../relay/demo.ts"
import type { ChannelState, Figures } from "../relay/prometheus.ts"

const stateWords: { readonly [S in ChannelState]: string } = {
  healthy: "healthy",
  cooling: "cooling off",
  open: "circuit open",
  off: "switched off"
}

const Buttons = ({ channel, mood }: { readonly channel: string; readonly mood: Mood }) => {
  // Shown as pressed at once; the next look says what is.
  const [pressed, setPressed] = useState<Mood>()
  const shown = pressed ?? mood
  const press = (mood: Mood): void => {
    setPressed(mood)
    setMood(channel, mood).then(
      () => setTimeout(() => setPressed(undefined), 700),
      () => setPressed(undefined)
    )
  }
  return (
    <div className="moods" role="group" aria-label={`How ${channel} behaves`}>
      {moods.map(({ label, mood, tells }) => (
        <button
          key={mood}
          type="button"
          className="mood"
          data-mood={mood}
          aria-pressed={shown === mood}
          title={tells}
          onClick={() => press(shown === mood && mood !== "well" ? "well" : mood)}
        >
          {label}
        </button>
      ))}
    </div>
  )
}

/** One card for each channel. */
export const Channels = ({
  color,
  demo,
  figures,
  gone
}: {
  /** Whether the relay is: then nobody speaks. */
  readonly gone: boolean
  readonly figures: Figures | undefined
  readonly demo: DemoState | undefined
  readonly color: (channel: string) => number
}) => {
  const order = demo?.channels.map(({ id }) => id) ?? []
  const channels = [...(figures?.channels ?? [])].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id))
  return (
    <ul className="channels">
      {channels.map(({ attempts, failed, id, state }) => {
        const simulated = demo?.channels.find((channel) => channel.id === id)
        const speaks = !gone && simulated !== undefined && simulated.open > 0
        return (
          <li key={id} className="channel" data-state={state} data-color={color(id)}>
            <div className="channel-head">
              <span className="swatch" data-speaks={speaks} aria-hidden="true" />
              <h3>{id}</h3>
              {speaks ? <span className="hidden">speaks now</span> : null}
              <span className="channel-figures quiet">
                {attempts} asked, {failed} failed
              </span>
              <span className="state" data-state={state}>
                <span className="dot" aria-hidden="true" />
                {stateWords[state]}
              </span>
            </div>
            {simulated === undefined ? null : <Buttons channel={id} mood={simulated.mood} />}
          </li>
        )
      })}
    </ul>
  )
}
