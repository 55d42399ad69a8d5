/**
 * Channels and their keys: the handlers.
 */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { fingerprintOf } from "../../account/index.ts"
import { digestOf } from "../../account/TokenKeyNode.ts"
import { type ChannelDetail, type Off, Selection, targetToTest, Upstream } from "../../channel/index.ts"
import { Conflict, describe, InvalidRequest, NotFound, stackless } from "../../errors/index.ts"
import { Audit, ChannelEdits, type ChannelShown, Switches } from "../../operate/index.ts"
import { makeProbe, type Probed } from "../../relay/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { audited } from "./Audited.ts"
import { defaultLimit, pageBehind } from "./ListsHttp.ts"

const time = (millis: number): string => new Date(millis).toISOString()

const offShown = ({ evidence, reason, until }: Off) => ({
  ...(reason === undefined ? {} : { reason }),
  ...(evidence === undefined ? {} : { evidence }),
  ...(until === undefined ? {} : { until: time(until) })
})

const shownOf = (detail: ChannelDetail, source: ChannelShown["source"]) => {
  const { baseUrl, dialect, enabled, group, id, keys, models, priority, weight } = detail.channel
  return {
    id,
    dialect,
    baseUrl: withoutQuery(baseUrl),
    models,
    group,
    priority,
    weight,
    enabled,
    source,
    state: detail.state,
    ...offShown(detail),
    keys: detail.keys.map((key) => ({
      index: key.index,
      fingerprint: fingerprintOf(digestOf(keys[key.index]!)),
      state: key.state,
      ...offShown(key),
      models: key.models.map(({ model, state, until }) => ({ model, state, until: time(until) }))
    }))
  }
}

/** Neither a key in a query nor credentials are shown. */
const withoutQuery = (url: string): string => url.replace(/[?#].*$/s, "").replace(/^(\w+:\/\/)[^/@]*@/, "$1")

const testedOf = ({ error, firstContentMillis, message, status, totalMillis }: Probed) => ({
  ok: error === undefined,
  ...(error === undefined ? {} : { class: describe(error).blame, code: describe(error).code }),
  ...(status === undefined ? {} : { status }),
  firstContentMs: firstContentMillis ?? null,
  totalMs: totalMillis,
  ...(message === undefined ? {} : { message })
})

/** Its handlers. */
export const ChannelsLive = HttpApiBuilder.group(
  AdminApi,
  "channels",
  Effect.fnUntraced(function* (handlers) {
    const selection = yield* Selection
    const switches = yield* Switches
    const upstream = yield* Upstream
    const audit = yield* Audit
    const { sourceOf } = yield* ChannelEdits
    const probe = yield* makeProbe

    const shown = (detail: ChannelDetail) => shownOf(detail, sourceOf(detail.channel.id))

    const find = (id: string): Effect.Effect<ChannelDetail, NotFound> =>
      Effect.suspend(() => {
        const detail = selection.details().find(({ channel }) => channel.id === id)
        return detail === undefined
          ? Effect.fail(stackless(() => new NotFound({ message: `there is no channel ${JSON.stringify(id)}` })))
          : Effect.succeed(detail)
      })

    const noKey = (id: string, key: number): Effect.Effect<never, NotFound> =>
      Effect.fail(stackless(() => new NotFound({ message: `there is no key ${key} of channel ${JSON.stringify(id)}` })))

    /** How a place is now, and what of it an audit tells. */
    const stateOf = (detail: ChannelDetail, key: number | undefined) => {
      const place = key === undefined ? detail : detail.keys[key]!
      return { state: place.state, ...offShown(place) }
    }

    const switched = (id: string, key: number | undefined, what: "enable" | "disable") =>
      Effect.gen(function* () {
        const before = yield* switches[what]({ channel: id, key })
        const after = yield* find(id)
        yield* audited({
          what: `${key === undefined ? "channel" : "key"}.${what}`,
          path: key === undefined ? `channels/${id}` : `channels/${id}/keys/${key}`,
          before: stateOf(before, key),
          after: stateOf(after, key)
        })
        return shown(after)
      }).pipe(Effect.provideService(Audit, audit))

    return handlers
      .handle("list", ({ query }) =>
        Effect.sync(() => {
          const { cursor, limit = defaultLimit } = query
          const { data, next } = pageBehind(selection.details(), ({ channel }) => channel.id, { cursor, limit })
          return { data: data.map(shown), next }
        })
      )
      .handle("get", ({ params }) => Effect.map(find(params.id), shown))
      .handle("enable", ({ params, query }) =>
        Effect.gen(function* () {
          const { channel } = yield* find(params.id)
          if (!channel.enabled) {
            const message = `the configuration has it switched off: change the setting channels.${params.id}.enabled`
            return yield* stackless(() => new Conflict({ message }))
          }
          return yield* switched(params.id, query.key, "enable")
        })
      )
      .handle("disable", ({ params, query }) => switched(params.id, query.key, "disable"))
      .handle("test", ({ params, query }) =>
        Effect.gen(function* () {
          const { channel } = yield* find(params.id)
          // A place that there is not, as it is for the switches; what is wrong beside it is the request's.
          if (query.key !== undefined && query.key >= channel.keys.length) yield* noKey(params.id, query.key)
          const target = targetToTest(channel, query.key ?? 0, query.model)
          if (typeof target === "string") return yield* stackless(() => new InvalidRequest({ message: target }))
          const tested = testedOf(yield* probe(target, "answer").pipe(Effect.provideService(Upstream, upstream)))
          // It has cost a token at the vendor.
          const key = query.key === undefined ? "" : `/keys/${query.key}`
          yield* audited({ what: "channel.test", path: `channels/${params.id}${key}`, before: null, after: tested })
          return tested
        })
      )
  })
)
