/**
 * The metric of how keys do; a channel without keys counts as its own, with the number 0. A rest ends by itself, and nothing tells when: it is looked at when somebody asks.
 */
import type { KeyStateName, SelectionService } from "../channel/index.ts"
import type { Metrics } from "../telemetry/index.ts"

/** How a key's state is told as a number. */
const numbers: { readonly [State in KeyStateName]: number } = { enabled: 1, cooling: 0, disabled: -1, off: -2 }

/** Declares the metric, and gives what tells it anew. */
export const keyStates = (
  metrics: Pick<Metrics["Service"], "gauge">,
  selection: Pick<SelectionService, "details">
): (() => void) => {
  const state = metrics.gauge("relay_key_state", {
    description: "1 on, 0 cooling for some model at least, -1 switched off by evidence, -2 switched off by hand.",
    labels: ["channel", "key"]
  })
  /** The keys that were told last. */
  let told = new Map<string, { readonly channel: string; readonly key: string }>()
  return () => {
    const before = told
    told = new Map()
    for (const { channel, keys, ownKey } of selection.details()) {
      for (const { effective, index } of ownKey === undefined ? keys : [ownKey]) {
        const labels = { channel: channel.id, key: String(index) }
        told.set(`${channel.id}#${index}`, labels)
        state.set(numbers[effective], labels)
      }
    }
    // A series cannot be taken back: what is not there any more is told as what is not asked.
    for (const [id, labels] of before) if (!told.has(id)) state.set(numbers.off, labels)
  }
}
