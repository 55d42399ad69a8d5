/**
 * `check --live`: asks each channel of a configuration for one token, with each of its keys, and says what it can do or
 * what is wrong.
 */
import { Effect, Layer } from "effect"
import {
  type Channel,
  ChannelSection,
  keyId,
  Registry,
  targetToTest,
  type Upstream,
  UpstreamNode
} from "../channel/index.ts"
import { blameOf, codeOf } from "../errors/index.ts"
import { makeProbe, type Probe, type Probed } from "../relay/index.ts"
import { KnownSecrets } from "../server/index.ts"
import { Settings } from "../settings/index.ts"
import type { Configuration } from "./Configuration.ts"

/** What was found of a channel. */
export interface ChannelFound {
  readonly ok: boolean
  /** A line of the channel, and one of each key that is wrong. */
  readonly lines: ReadonlyArray<string>
}

/** So many channels are asked at once. */
const atOnce = 4

/** Whether something that was asked for beside an answer is taken: a refusal says that it is not, any other failure nothing. */
const taken = ({ error }: Probed): string => {
  if (error === undefined) return "yes"
  const blame = blameOf(error)
  return blame === "caller" || blame === "content" ? "no" : `unknown (${codeOf(error)})`
}

/** What is wrong, in a line: `channel:invalid_key (401): Incorrect API key provided`. */
const wrong = (error: NonNullable<Probed["error"]>, { message, status }: Probed): string => {
  const said = message === undefined || message === "" ? "" : `: ${message.replace(/\s+/g, " ")}`
  return `${codeOf(error)}${status === undefined ? "" : ` (${status})`}${said}`
}

/** Asks one channel. */
const ask = (channel: Channel, probe: Probe): Effect.Effect<ChannelFound, never, Upstream> =>
  Effect.gen(function* () {
    const { id, keys, stream } = channel
    const first = targetToTest(channel, 0, undefined)
    if (typeof first === "string") return { ok: true, lines: [`${id}: not asked: it names no model exactly`] }
    if (!channel.enabled) return { ok: true, lines: [`${id}: not asked: it is switched off (enabled: false)`] }
    const faults: Array<string> = []
    let can: string | undefined
    for (let key = 0; key < Math.max(keys.length, 1); key++) {
      const target = targetToTest(channel, key, undefined)
      if (typeof target === "string") continue
      const probed = yield* probe(target, "answer")
      if (probed.error !== undefined) {
        faults.push(`${keys.length > 1 ? keyId(id, key) : id}: ${wrong(probed.error, probed)}`)
        continue
      }
      if (can !== undefined) continue
      const prefill = taken(yield* probe(target, "prefill"))
      const tools = taken(yield* probe(target, "tools"))
      const streams = stream ? (probed.whole ? "no (set stream: false)" : "yes") : "no"
      const usage = probed.usage ? "yes" : "no"
      can = `${target.model} in ${Math.round(probed.totalMillis)} ms; stream: ${streams}, usage: ${usage}, prefill: ${prefill}, tools: ${tools}`
    }
    return { ok: faults.length === 0, lines: [...(can === undefined ? [] : [`${id}: ok: ${can}`]), ...faults] }
  })

/** Asks all channels, and gives what was found of each, in the order of the file. No line holds a secret. */
export const checkLive = ({ settings }: Configuration): Effect.Effect<ReadonlyArray<ChannelFound>> =>
  Effect.scoped(
    Effect.gen(function* () {
      const probe = yield* makeProbe
      const channels = settings.of(ChannelSection).current
      return yield* Effect.forEach(channels, (channel) => ask(channel, probe), { concurrency: atOnce })
    })
  ).pipe(
    Effect.provide(
      UpstreamNode.layer.pipe(
        Layer.provideMerge(Layer.provideMerge(KnownSecrets.layerChannels, Registry.layer)),
        Layer.provideMerge(KnownSecrets.layerSettings),
        Layer.provideMerge(Layer.succeed(Settings, settings))
      )
    )
  )
