/**
 * What can be done to a channel or a key: each with its question and its way back.
 */
import type { Api } from "../Api.ts"
import type { Act } from "../part/Admin.ts"

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
