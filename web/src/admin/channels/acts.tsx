/**
 * What can be done to a channel or a key: each with its question and its way back.
 */
import type { Api } from "../Api.ts"
import { failed } from "../Failure.ts"
import type { Act } from "../part/Admin.ts"
import type { Channel, ChannelKey } from "./Channel.ts"

/** Switches a channel, or one of its keys, off or on. */
export const switching = (
  api: Api,
  id: string,
  key: number | undefined,
  on: boolean,
  refresh: () => void
): Act<unknown> => {
  const who = key === undefined ? id : `key ${key} of ${id}`
  return {
    title: `${on ? "Enable" : "Disable"} ${who}?`,
    says: on ? (
      <p>
        {key === undefined ? "The channel" : "The key"} is asked again at once, as if it had never failed. If it still
        fails it is disabled again.
      </p>
    ) : (
      <p>
        Nothing new is asked of {key === undefined ? "the channel" : "the key"}, and it stays off until it is switched
        on again. Answers that are under way end normally.
      </p>
    ),
    verb: on ? "Enable" : "Disable",
    danger: !on,
    run: (idempotency) => api.switchChannel(id, on, idempotency, key),
    refresh,
    told: `${who} is ${on ? "enabled" : "disabled"}`,
    undo: {
      told: `${who} is ${on ? "disabled" : "enabled"} again`,
      run: (idempotency) => api.switchChannel(id, !on, idempotency, key)
    }
  }
}

const count = (keys: number): string => (keys === 0 ? "" : keys === 1 ? " and its key" : ` and its ${keys} keys`)

/** Takes a channel away that an admin has added. */
export const removing = (api: Api, { id, keys, models }: Channel, refresh: () => void): Act<unknown> => ({
  title: `Remove ${id}?`,
  says: (
    <p>
      The channel{count(keys.length)} are forgotten: this cannot be undone, as nobody can read a key again. Nothing new
      is asked of it; answers that are under way end on it. What only it serves ({models.slice(0, 3).join(", ")}
      {models.length > 3 ? ", …" : ""}) is 404 from then on. To stop it for a while, disable it.
    </p>
  ),
  verb: `Remove ${id}`,
  danger: true,
  run: (idempotency) => api.removeChannel(id, idempotency),
  refresh,
  told: `${id} is removed`
})

/** Takes a key away, unless somebody else has changed the keys since they were read: they are known by their places. */
export const removingKey = (api: Api, id: string, key: ChannelKey, refresh: () => void): Act<unknown> => ({
  title: `Remove key ${key.index} of ${id}?`,
  says: (
    <p>
      The key {key.fingerprint === undefined ? null : <code>{key.fingerprint}</code>} is forgotten: this cannot be
      undone, as nobody can read it again. Those behind it move up by one, and keep their health. To stop it for a
      while, disable it.
    </p>
  ),
  verb: "Remove it",
  danger: true,
  run: async (idempotency) => {
    const now = await api.channels()
    if (now._tag === "Failed") return now
    const there = now.value.data.find((channel) => channel.id === id)?.keys.find(({ index }) => index === key.index)
    return there === undefined || there.fingerprint !== key.fingerprint
      ? failed({
          _tag: "NotSent",
          message: `Another key stands in its place by now: somebody has changed the keys of ${id}. Look again.`
        })
      : api.removeChannelKey(id, key.index, idempotency)
  },
  refresh,
  told: `Key ${key.index} of ${id} is removed`
})
