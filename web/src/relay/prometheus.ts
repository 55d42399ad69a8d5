/**
 * The relay's metrics, as far as the page shows them: Prometheus text to numbers. Pure.
 */

/** One sample. */
export interface Sample {
  readonly name: string
  readonly labels: { readonly [label: string]: string }
  readonly value: number
}

const labelsOf = (text: string): { readonly [label: string]: string } =>
  Object.fromEntries(
    [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = "", value = ""]) => [
      name,
      value.replaceAll(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter))
    ])
  )

/** The samples of a text; lines that are none are left out. */
export const parsePrometheus = (text: string): ReadonlyArray<Sample> =>
  text.split("\n").flatMap((line) => {
    const found = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)(?: \d+)?$/.exec(line)
    return found === null ? [] : [{ name: found[1] ?? "", labels: labelsOf(found[2] ?? ""), value: Number(found[3]) }]
  })

/** How a channel is; by the number that the relay gives it. */
export const channelStates = ["healthy", "cooling", "open", "off"] as const

/** One of them. */
export type ChannelState = (typeof channelStates)[number]

/** What the page shows of a relay, at one moment. Counters count from the relay's start. */
export interface Figures {
  readonly channels: ReadonlyArray<{
    readonly id: string
    readonly state: ChannelState
    readonly attempts: number
    readonly failed: number
  }>
  readonly active: number
  readonly requests: number
  readonly attempts: number
  readonly failovers: number
  readonly continuations: number
  /** Seconds to first content: their sum, and of how many answers. */
  readonly firstContent: { readonly sum: number; readonly count: number }
}

/** The figures in a relay's metrics. */
export const figuresOf = (text: string): Figures => {
  const samples = parsePrometheus(text)
  const of = (name: string): ReadonlyArray<Sample> => samples.filter((sample) => sample.name === name)
  const sum = (list: ReadonlyArray<Sample>): number => list.reduce((total, { value }) => total + value, 0)
  const attempts = of("relay_attempts_total")
  return {
    channels: of("relay_channel_state").map(({ labels, value }) => {
      const id = labels["channel"] ?? ""
      const own = attempts.filter(({ labels }) => labels["channel"] === id)
      return {
        id,
        state: channelStates[value] ?? "off",
        attempts: sum(own),
        failed: sum(own.filter(({ labels }) => labels["class"] !== "ok" && labels["class"] !== "cancelled"))
      }
    }),
    active: sum(of("active_streams")),
    requests: sum(of("stream_requests_total")),
    attempts: sum(attempts),
    failovers: sum(of("relay_failovers_total")),
    continuations: sum(of("relay_continuations_total")),
    firstContent: {
      sum: sum(of("relay_time_to_first_content_seconds_sum")),
      count: sum(of("relay_time_to_first_content_seconds_count"))
    }
  }
}

/** How much a counter has gone up. A relay that was started again counts from zero. */
export const increase = (before: number, after: number): number => (after < before ? after : after - before)
