/**
 * Which channels name which model. Pure.
 */
import { isExactModel, mapModel, matchesAnyModel } from "../dialect/index.ts"
import { excerpt, longestName } from "../errors/index.ts"
import type { Target } from "./Channel.ts"
import type { Channel } from "./ChannelSection.ts"

/** The group that a request belongs to when nothing says otherwise. */
export const defaultGroup = "default"

/** A channel that names a model, and what it is called there. */
export interface Serving {
  readonly channel: Channel
  readonly model: string
}

/** The channels of a group that name a model, in file order. */
export const serving = (
  channels: ReadonlyArray<Channel>,
  model: string,
  group = defaultGroup
): ReadonlyArray<Serving> =>
  channels
    .filter((channel) => channel.group === group && matchesAnyModel(channel.models, model))
    .map((channel) => ({ channel, model: mapModel(channel.modelMapping, model) }))

/** Whether any channel of a group names a model. */
export const serves = (channels: ReadonlyArray<Channel>, model: string, group = defaultGroup): boolean =>
  channels.some((channel) => channel.group === group && matchesAnyModel(channel.models, model))

/** What a channel is probed with: the first model that it names exactly, as its upstream calls it. */
export const probedModel = ({ modelMapping, models }: Channel): string | undefined => {
  const first = models.find(isExactModel)
  return first === undefined ? undefined : mapModel(modelMapping, first)
}

/**
 * The target of a test: a key of a channel by its index (0 where the channel has none), and a model that the channel
 * serves; absent, its first exact one. A text is why there is none.
 */
export const targetToTest = (channel: Channel, key: number, model: string | undefined): Target | string => {
  const { id, keys, modelMapping, models } = channel
  if (key >= Math.max(keys.length, 1)) return `channel ${JSON.stringify(id)} has no key ${key}`
  if (model !== undefined && !matchesAnyModel(models, model)) {
    return `channel ${JSON.stringify(id)} does not serve ${JSON.stringify(excerpt(model, longestName))}`
  }
  const asked = model === undefined ? probedModel(channel) : mapModel(modelMapping, model)
  if (asked === undefined) return `channel ${JSON.stringify(id)} names no model exactly: say which one`
  return { channel, keyIndex: keys.length === 0 ? -1 : key, key: keys[key], model: asked }
}

/** The exact names that the channels of a group list, in file order, each once. Patterns are no names. */
export const exactModels = (channels: ReadonlyArray<Channel>, group = defaultGroup): ReadonlyArray<string> => [
  ...new Set(channels.filter((channel) => channel.group === group).flatMap(({ models }) => models.filter(isExactModel)))
]
