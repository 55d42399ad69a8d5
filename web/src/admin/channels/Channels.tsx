/**
 * The channels and their keys: how each is, and what switches it off, on, or tries it.
 */
import { useEffect, useRef, useState } from "react"
import { ago, moment } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { ChangeButton } from "../part/Button.tsx"
import { Empty, Show } from "../part/Show.tsx"
import { type Load, useNow, valueOf } from "../part/useLoad.ts"
import { hashOf } from "../Place.ts"
import { saidReason } from "../now/issues.ts"
import type { Paged } from "../Paged.ts"
import type { Channel, ChannelKey, ChannelState, KeyState, Off, RestingModel } from "./Channel.ts"
import { removing, removingKey, switching } from "./acts.tsx"
import { ChannelDialog, KeyDialog } from "./ChannelDialog.tsx"
import { Test } from "./Test.tsx"

const channelWords: { readonly [state in ChannelState]: readonly [words: string, level: string] } = {
  healthy: ["healthy", "good"],
  cooling: ["cooling", "warn"],
  open: ["circuit open", "bad"],
  disabled: ["disabled", "bad"],
  by_hand: ["off by hand", "note"]
}

const keyWords: { readonly [state in KeyState]: readonly [words: string, level: string] } = {
  on: ["on", "good"],
  cooling: ["cooling", "warn"],
  disabled: ["disabled", "bad"],
  by_hand: ["off by hand", "note"]
}

const State = ({ state: [words, level] }: { readonly state: readonly [words: string, level: string] }) => (
  <span className="level" data-level={level}>
    {words}
  </span>
)

/** Why something is off, and when it is tried again. */
const Why = ({ of }: { readonly of: Off }) => {
  const now = useNow()
  if (of.reason === undefined && of.until === undefined && of.evidence === undefined) return null
  return (
    <p className="why">
      {of.reason === undefined ? null : `${saidReason(of.reason, "")}. `}
      {of.evidence === undefined ? null : <span className="evidence">{of.evidence} </span>}
      {of.until === undefined ? null : (
        <span title={moment(of.until)}>
          {of.until > now ? `Tried again ${ago(of.until, now)}.` : "Due to be tried."}
        </span>
      )}
    </p>
  )
}

/** The models that a key is not asked for now. */
const Resting = ({ models }: { readonly models: ReadonlyArray<RestingModel> }) => {
  const now = useNow()
  return models.length === 0 ? null : (
    <ul className="models" aria-label="Models that it is not asked for now">
      {models.map(({ model, state, until }) => (
        <li key={model} className="level" data-level={state === "open" ? "bad" : "warn"}>
          {model} {state === "open" ? "circuit open" : "cooling"}
          {until === undefined || until <= now ? "" : `, ${ago(until, now)}`}
        </li>
      ))}
    </ul>
  )
}

const isOff = (state: ChannelState | KeyState): boolean => state === "disabled" || state === "by_hand"

const Key = ({
  channel,
  channelKey,
  reload
}: {
  readonly channel: Channel
  readonly channelKey: ChannelKey
  readonly reload: () => void
}) => {
  const { api, ask } = useAdmin()
  const off = isOff(channelKey.state)
  const name = `key ${channelKey.index}`
  return (
    <li className="key">
      <span className="key-name">
        {name}
        {channelKey.fingerprint === undefined ? null : <code className="fingerprint">{channelKey.fingerprint}</code>}
      </span>
      <State state={keyWords[channelKey.state]} />
      <Why of={channelKey.models.length === 0 ? channelKey : { ...channelKey, until: undefined }} />
      <Resting models={channelKey.models} />
      <span className="row-acts">
        <Test
          id={channel.id}
          channelKey={channelKey.index}
          models={channel.models}
          label={`Test ${name} of ${channel.id}`}
        />
        <ChangeButton
          danger={!off}
          label={`${off ? "Enable" : "Disable"} ${name} of ${channel.id}`}
          onClick={() => ask(switching(api, channel.id, channelKey.index, off, reload))}
        >
          {off ? "Enable" : "Disable"}
        </ChangeButton>
        {channel.source === "admin" ? (
          <ChangeButton
            danger
            label={`Remove ${name} of ${channel.id}`}
            locked={
              channel.keys.length === 1
                ? "It is the only one: without a key the channel would be asked without authorization. Add another first."
                : undefined
            }
            onClick={() => ask(removingKey(api, channel.id, channelKey, reload))}
          >
            Remove
          </ChangeButton>
        ) : null}
      </span>
    </li>
  )
}

/** A window that is open: in it a channel is added or changed, or given a key. */
type Opened =
  | { readonly _tag: "New" }
  | { readonly _tag: "Change"; readonly channel: Channel }
  | { readonly _tag: "Key"; readonly channel: Channel }

const Card = ({
  channel,
  isChosen,
  open,
  reload
}: {
  readonly channel: Channel
  readonly open: (opened: Opened) => void
  readonly isChosen: boolean
  readonly reload: () => void
}) => {
  const { api, ask } = useAdmin()
  const off = isOff(channel.state)
  const card = useRef<HTMLElement>(null)
  useEffect(() => {
    if (isChosen) card.current?.scrollIntoView({ block: "nearest" })
  }, [isChosen])
  const facts = [
    channel.dialect,
    channel.priority === undefined ? undefined : `priority ${channel.priority}`,
    channel.weight === undefined ? undefined : `weight ${channel.weight}`,
    channel.group === undefined || channel.group === "default" ? undefined : `group ${channel.group}`,
    channel.source === undefined ? undefined : channel.source === "file" ? "from the file" : "added by an admin"
  ].filter((fact) => fact !== undefined)
  return (
    <article className="panel channel-card" data-chosen={isChosen} ref={card} aria-label={channel.id}>
      <header className="channel-top">
        <h2>{channel.id}</h2>
        <State state={channelWords[channel.state]} />
        <span className="quiet channel-facts">{facts.join(" · ")}</span>
        <span className="row-acts">
          <a
            className="button small"
            href={hashOf("errors", undefined, { channel: channel.id })}
            aria-label={`Errors of ${channel.id}`}
          >
            Errors
          </a>
          <Test id={channel.id} channelKey={undefined} models={channel.models} label={`Test ${channel.id}`} />
          <ChangeButton label={`Edit ${channel.id}`} onClick={() => open({ _tag: "Change", channel })}>
            Edit
          </ChangeButton>
          <ChangeButton
            danger={!off}
            label={`${off ? "Enable" : "Disable"} ${channel.id}`}
            onClick={() => ask(switching(api, channel.id, undefined, off, reload))}
          >
            {off ? "Enable" : "Disable"}
          </ChangeButton>
          {channel.source === "admin" ? (
            <ChangeButton danger label={`Remove ${channel.id}`} onClick={() => ask(removing(api, channel, reload))}>
              Remove
            </ChangeButton>
          ) : null}
        </span>
      </header>
      <Why of={channel} />
      {channel.baseUrl === undefined ? null : <p className="channel-url quiet">{channel.baseUrl}</p>}
      {channel.models.length === 0 ? null : (
        <p className="models">
          {channel.models.slice(0, 12).map((model) => (
            <code key={model}>{model}</code>
          ))}
          {channel.models.length > 12 ? <span className="quiet">and {channel.models.length - 12} more</span> : null}
        </p>
      )}
      {channel.keys.length === 0 ? null : (
        <ul className="keys-list" aria-label={`Keys of ${channel.id}`}>
          {channel.keys.map((key) => (
            <Key key={key.index} channel={channel} channelKey={key} reload={reload} />
          ))}
        </ul>
      )}
      {channel.source === "admin" ? (
        <p className="channel-foot">
          {channel.keys.length === 0 ? (
            <span className="quiet">It has no key: it is asked without authorization.</span>
          ) : null}
          <ChangeButton label={`Add a key to ${channel.id}`} onClick={() => open({ _tag: "Key", channel })}>
            Add a key
          </ChangeButton>
        </p>
      ) : null}
    </article>
  )
}

/** What needs somebody stands first. */
const rank: { readonly [state in ChannelState]: number } = { open: 0, disabled: 0, cooling: 1, healthy: 2, by_hand: 3 }

const rankOf = (channel: Channel): number =>
  Math.min(
    rank[channel.state],
    ...channel.keys.map(({ state }) => (state === "disabled" ? 0 : state === "cooling" ? 1 : 3))
  )

/** The view. */
export const Channels = ({
  channels: [load, reload],
  id
}: {
  readonly channels: readonly [Load<Paged<Channel>>, () => void]
  readonly id: string | undefined
}) => {
  const [opened, setOpened] = useState<Opened>()
  const close = (): void => setOpened(undefined)
  const all = valueOf(load)?.data ?? []
  const groups = [...new Set(all.flatMap(({ group }) => (group === undefined ? [] : [group])))]
  return (
    <>
      <div className="view-head">
        <h1>Channels</h1>
        <ChangeButton primary onClick={() => setOpened({ _tag: "New" })}>
          New channel
        </ChangeButton>
      </div>
      <Show load={load} reload={reload} what="Channels">
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="No channels">
              Without one nothing can be answered. They stand in the relay’s configuration, or are added here.
            </Empty>
          ) : id !== undefined && !data.some((channel) => channel.id === id) ? (
            <Empty title={`There is no channel ${id}`}>
              <a href={hashOf("channels")}>All channels</a>
            </Empty>
          ) : (
            <div className="cards">
              {[...data]
                .sort((a, b) => rankOf(a) - rankOf(b))
                .map((channel) => (
                  <Card
                    key={channel.id}
                    channel={channel}
                    isChosen={channel.id === id}
                    open={setOpened}
                    reload={reload}
                  />
                ))}
            </div>
          )
        }
      </Show>
      {opened === undefined ? null : opened._tag === "Key" ? (
        <KeyDialog channel={opened.channel} close={close} reload={reload} />
      ) : (
        <ChannelDialog
          channel={opened._tag === "New" ? undefined : opened.channel}
          groups={groups}
          close={close}
          reload={reload}
        />
      )}
    </>
  )
}
