/**
 * How the relay did of late: the handler.
 */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { type Figures, Summary } from "../../operate/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"

/** One hour. */
const defaultWindow = 3_600_000

const shown = ({ cancelled, credits, failed, p50, p99, requests, rescued, success }: Figures) => ({
  requests,
  success,
  successRate: success + failed === 0 ? null : success / (success + failed),
  failed,
  cancelled,
  rescued,
  firstContentMs: { p50: p50 ?? null, p99: p99 ?? null },
  credits
})

/** Its handler. */
export const SummaryLive = HttpApiBuilder.group(
  AdminApi,
  "summary",
  Effect.fnUntraced(function* (handlers) {
    const summary = yield* Summary
    return handlers.handle("of", ({ query: { window = defaultWindow } }) =>
      Effect.sync(() => {
        const { all, byChannel, byModel, from, series, since } = summary.of(window)
        return {
          window,
          from,
          since,
          ...shown(all),
          byChannel: [...byChannel].map(([channel, figures]) => ({ channel, ...shown(figures) })),
          byModel: [...byModel].map(([model, figures]) => ({ model, ...shown(figures) })),
          series: series.map(({ at, figures }) => ({ at, ...shown(figures) }))
        }
      })
    )
  })
)
