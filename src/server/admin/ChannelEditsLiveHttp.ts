/**
 * Channels that are added, changed and taken away: the handlers.
 */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { type ChannelEdited, ChannelEdits, type ChannelRefusal, type ChannelShown } from "../../operate/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { audited } from "./Audited.ts"
import { refusals } from "./Refusals.ts"

/** Does it, and writes down that it was done. */
const edit = (what: string, path: string, edited: Effect.Effect<ChannelEdited, ChannelRefusal>) =>
  Effect.tap(refusals(edited), ({ after, before }) => audited({ what, path, before, after }))

/** What is there after a change is what was changed. */
const there = ({ after, before }: ChannelEdited): ChannelShown =>
  after ?? before ?? { id: "", source: "admin", keys: [] }

/** Its handlers. */
export const ChannelEditsLive = HttpApiBuilder.group(
  AdminApi,
  "channelEdits",
  Effect.fnUntraced(function* (handlers) {
    const channels = yield* ChannelEdits
    return handlers
      .handle("add", ({ payload }) =>
        Effect.map(edit("channel.add", `channels/${String(payload["id"])}`, channels.add(payload)), there)
      )
      .handle("change", ({ params: { id }, payload }) =>
        Effect.map(edit("channel.change", `channels/${id}`, channels.change(id, payload)), there)
      )
      .handle("remove", ({ params: { id } }) =>
        Effect.asVoid(edit("channel.remove", `channels/${id}`, channels.remove(id)))
      )
      .handle("addKey", ({ params: { id }, payload }) =>
        Effect.map(edit("channel.key.add", `channels/${id}/keys`, channels.addKey(id, payload.key)), there)
      )
      .handle("removeKey", ({ params: { id, index } }) =>
        Effect.map(edit("channel.key.remove", `channels/${id}/keys/${index}`, channels.removeKey(id, index)), there)
      )
  })
)
