/**
 * Where a text may want to go. Pure.
 */
import { hashOf, titles, views } from "./Place.ts"
import type { Channel } from "./channels/Channel.ts"

/** Somewhere to go. */
export interface Target {
  readonly title: string
  readonly says: string
  readonly hash: string
}

/** Where a text may want to go, the likeliest first. */
export const targetsOf = (text: string, channels: ReadonlyArray<Channel>): ReadonlyArray<Target> => {
  const wanted = text.trim()
  const small = wanted.toLowerCase()
  const named: ReadonlyArray<Target> = [
    ...views.map((view) => ({ title: titles[view], says: "view", hash: hashOf(view) })),
    ...channels.flatMap(({ id }) => [
      { title: id, says: "channel", hash: hashOf("channels", id) },
      { title: `${id}: errors`, says: "errors of a channel", hash: hashOf("errors", undefined, { channel: id }) }
    ])
  ].filter(({ title }) => title.toLowerCase().includes(small))
  if (wanted === "") return named.slice(0, 12)
  const searched: ReadonlyArray<Target> = [
    { title: wanted, says: "find it in the messages of errors", hash: hashOf("errors", undefined, { q: wanted }) },
    {
      title: wanted,
      says: "errors of the stream with this id",
      hash: hashOf("errors", undefined, { stream_id: wanted })
    },
    { title: wanted, says: "the request with this id", hash: hashOf("request", wanted) }
  ]
  // An id is long and has no spaces; a request's begins as the relay makes them, or is whatever a client has sent.
  if (wanted.startsWith("req_")) return [...searched].reverse()
  const looksLikeAnId = /^[\w.:-]{16,}$/.test(wanted)
  return [...named.slice(0, 9), ...(looksLikeAnId ? [...searched].reverse() : searched)]
}
