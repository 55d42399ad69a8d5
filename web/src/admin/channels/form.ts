/**
 * A channel as it is typed, and as the relay is told of it. Pure.
 */
import { figure, items } from "../part/typed.ts"
import type { Channel } from "./Channel.ts"

/** What is typed. The key is not among it: it stays in its field until it is sent. */
export interface ChannelForm {
  readonly id: string
  readonly dialect: string
  readonly baseUrl: string
  readonly models: string
  readonly group: string
  readonly priority: string
  readonly weight: string
  readonly enabled: boolean
}

/** Of a channel that is not there yet. */
export const emptyForm: ChannelForm = {
  id: "",
  dialect: "openai",
  baseUrl: "",
  models: "",
  group: "default",
  priority: "0",
  weight: "1",
  enabled: true
}

/** A channel as it can be edited. */
export const formOf = (channel: Channel): ChannelForm => ({
  id: channel.id,
  dialect: channel.dialect ?? "",
  baseUrl: channel.baseUrl ?? "",
  models: channel.models.join(", "),
  group: channel.group ?? "default",
  priority: String(channel.priority ?? 0),
  weight: String(channel.weight ?? 1),
  enabled: channel.enabled
})

/** What the relay is told of it, by field. */
export const told = (form: ChannelForm): { readonly [field: string]: unknown } => ({
  dialect: form.dialect.trim(),
  baseUrl: form.baseUrl.trim(),
  models: items(form.models),
  group: form.group.trim() === "" ? "default" : form.group.trim(),
  priority: figure(form.priority),
  weight: figure(form.weight),
  enabled: form.enabled
})

/** A new channel, with the keys that were typed: one a line. */
export const created = (form: ChannelForm, keys: string): { readonly [field: string]: unknown } => ({
  id: form.id.trim(),
  ...told(form),
  keys: items(keys)
})

/** What may be changed of a channel of the file. */
const ofFile: ReadonlySet<string> = new Set(["models", "priority", "weight", "enabled"])

/** Whether a field may be changed of such a channel. */
export const isChangeable = (field: string, source: Channel["source"]): boolean =>
  source === "admin" || ofFile.has(field)

/** What has changed. */
export const changed = (before: ChannelForm, after: ChannelForm): { readonly [field: string]: unknown } => {
  const was = told(before)
  return Object.fromEntries(
    Object.entries(told(after)).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(was[name]))
  )
}
