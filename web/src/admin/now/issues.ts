/**
 * What is wrong now, the worst first: from what the channels, the books and the quotas say. Pure.
 */
import { fieldsOf, textOf, textsOf } from "../Decode.ts"
import { whole } from "../Format.ts"
import { hashOf } from "../Place.ts"
import type { Channel, ChannelKey } from "../channels/Channel.ts"
import { type Quota, whoOf } from "../ledger/Quota.ts"

/** How bad it is: answers fail; they may soon; somebody wanted it so. */
export type Level = "bad" | "warn" | "note"

/** Something that is wrong. */
export interface Issue {
  readonly id: string
  readonly level: Level
  readonly title: string
  /** Why. */
  readonly says: string
  /** What the upstream said, as evidence. */
  readonly evidence: string | undefined
  /** When it is tried again by itself. */
  readonly until: number | undefined
  /** Where more of it is to be seen. */
  readonly hash: string
  /** What can be done about it here: switching it on, or testing it. */
  readonly channel: string | undefined
  readonly key: number | undefined
  readonly isOff: boolean
}

/** What is known. */
export interface Known {
  readonly channels: ReadonlyArray<Channel>
  /** The body of `/health/ready`. */
  readonly health: unknown
  readonly quotas: ReadonlyArray<Quota>
  readonly drift: number | undefined
}

const plain = { evidence: undefined, until: undefined, channel: undefined, key: undefined, isOff: false }

/** What lacks, in words, and where more of it is. */
const degradedOf = (part: string): Pick<Issue, "hash" | "says" | "title"> => {
  switch (part) {
    case "books":
      return {
        title: "The books are away",
        says: "Answers go on; tokens and settings are served from memory, up to 10,000 rows wait to be written. A token not seen before, and a request that needs a reservation, are refused.",
        hash: hashOf("errors", undefined, { class: "storage" })
      }
    case "channels":
      return {
        title: "No channel has a usable key",
        says: "Each is switched off, or rests after its upstream refused it. One request at a time tries the one that is due first.",
        hash: hashOf("channels")
      }
    default:
      return { title: `Degraded: ${part}`, says: "The relay goes on without it.", hash: hashOf("errors") }
  }
}

const healthIssues = (health: unknown): ReadonlyArray<Issue> => {
  const { degraded, message, ready } = fieldsOf(health)
  const issues: Array<Issue> = []
  if (ready === false) {
    issues.push({
      ...plain,
      id: "ready",
      level: "bad",
      title: "The relay takes no requests",
      says: textOf(message) ?? "It says that it is not ready.",
      hash: hashOf("channels")
    })
  }
  for (const part of textsOf(degraded)) {
    issues.push({
      ...plain,
      id: `degraded-${part}`,
      level: "bad",
      ...degradedOf(part)
    })
  }
  return issues
}

/** A reason as it is said. Most are codes of errors, and are looked up as they are. */
export const saidReason = (reason: string | undefined, otherwise: string): string => {
  switch (reason) {
    case undefined:
      return otherwise
    case "by_hand":
      return "switched off by hand; it stays off until it is switched on"
    case "no_key_left":
      return "no key of it is left"
    default:
      return reason
  }
}

/** The models that are not asked for now. */
const resting = (keys: ReadonlyArray<ChannelKey>): string => {
  const models = [...new Set(keys.flatMap(({ models }) => models.map(({ model }) => model)))]
  return models.length === 0 ? "" : ` for ${models.slice(0, 4).join(", ")}${models.length > 4 ? ", …" : ""}`
}

const keyIssue = (channel: Channel, key: ChannelKey): ReadonlyArray<Issue> => {
  const shared = {
    id: `key-${channel.id}-${key.index}`,
    evidence: key.evidence,
    until: key.until,
    hash: hashOf("channels", channel.id),
    channel: channel.id,
    key: key.index
  }
  const named = `${channel.id}: key ${key.index}`
  switch (key.state) {
    case "on":
      return []
    case "disabled":
      return [
        {
          ...shared,
          level: "bad",
          title: `${named} is disabled`,
          says: saidReason(key.reason, "by evidence"),
          isOff: true
        }
      ]
    case "cooling":
      return [
        {
          ...shared,
          level: "warn",
          title: `${named} is cooling`,
          says: saidReason(key.reason, `it rests${resting([key])}`),
          isOff: false
        }
      ]
    case "by_hand":
      return [
        {
          ...shared,
          level: "note",
          title: `${named} is off`,
          says: saidReason(key.reason ?? "by_hand", ""),
          isOff: true
        }
      ]
  }
}

const channelIssues = (channel: Channel): ReadonlyArray<Issue> => {
  const shared = {
    id: `channel-${channel.id}`,
    evidence: channel.evidence,
    until: channel.until,
    hash: hashOf("channels", channel.id),
    channel: channel.id,
    key: undefined
  }
  const keys = channel.keys.flatMap((key) => keyIssue(channel, key))
  switch (channel.state) {
    case "healthy":
      return keys
    case "open":
      return [
        {
          ...shared,
          level: "bad",
          title: `${channel.id}: circuit open`,
          says: saidReason(
            channel.reason,
            `too many attempts failed${resting(channel.keys)}; nothing of that is asked of it`
          ),
          isOff: false
        },
        ...keys
      ]
    case "disabled":
      return [
        {
          ...shared,
          level: "bad",
          title: `${channel.id} is disabled`,
          says: saidReason(channel.reason, "by evidence"),
          isOff: true
        },
        ...keys
      ]
    case "cooling":
      // Where a key rests the channel says it a second time.
      if (keys.length > 0) return keys
      return [
        {
          ...shared,
          level: "warn",
          title: `${channel.id}: cooling`,
          says: saidReason(channel.reason, `it rests${resting(channel.keys)}, and is tried again after that`),
          isOff: false
        },
        ...keys
      ]
    case "by_hand":
      // Its keys serve nothing either way.
      return [
        {
          ...shared,
          level: "note",
          title: `${channel.id} is off`,
          says: saidReason(channel.reason ?? "by_hand", ""),
          isOff: true
        }
      ]
  }
}

const quotaIssues = (quota: Quota): ReadonlyArray<Issue> => {
  const { balance, budget, reserved, settledMonth, settledToday } = quota
  const who = whoOf(quota)
  const shared = {
    ...plain,
    id: `quota-${who}`,
    hash: hashOf("ledger", undefined, quota.whose === "token" ? { token: quota.name } : {})
  }
  if (balance !== undefined && balance <= 0) {
    return [{ ...shared, level: "bad", title: `${who} has spent its quota`, says: `balance ${whole(balance)}` }]
  }
  const used = budget === undefined ? 0 : (budget.per === "month" ? settledMonth : settledToday) + reserved
  if (budget !== undefined && used >= budget.amount * 0.9) {
    return [
      {
        ...shared,
        level: used >= budget.amount ? "bad" : "warn",
        title: `${who} has ${used >= budget.amount ? "used up" : "nearly used up"} its budget`,
        says: `${whole(used)} of ${whole(budget.amount)} a ${budget.per}`
      }
    ]
  }
  return balance !== undefined && balance < settledToday
    ? [
        {
          ...shared,
          level: "warn",
          title: `${who} has little left`,
          says: `${whole(balance)} credits, less than it has spent today (${whole(settledToday)})`
        }
      ]
    : []
}

const levels: ReadonlyArray<Level> = ["bad", "warn", "note"]

/** All of it, the worst first. */
export const issuesOf = ({ channels, drift, health, quotas }: Known): ReadonlyArray<Issue> => {
  const all: ReadonlyArray<Issue> = [
    ...healthIssues(health),
    ...(drift === undefined || drift === 0
      ? []
      : [
          {
            ...plain,
            id: "drift",
            level: "bad" as const,
            title: "The ledger does not add up",
            says: `drift ${whole(drift)}: that is a fault of the relay, please report it`,
            hash: hashOf("ledger")
          }
        ]),
    ...channels.flatMap(channelIssues),
    ...quotas.flatMap(quotaIssues)
  ]
  return levels.flatMap((level) => all.filter((issue) => issue.level === level))
}
