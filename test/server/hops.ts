/**
 * Relays in a row, over real sockets: each has the next one as its channel, and the last one a scripted upstream.
 */
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { keepLog, type LogLine, logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { until } from "./kit.ts"

keepLog()

/** What a relay speaks to the next one. */
export type HopDialect = "openai" | "anthropic" | "gemini" | "responses"

/** Three relays and what is behind them. `log` is what each has said of its one stream, by its name. */
export interface Row {
  readonly first: RunningRelay
  readonly second: RunningRelay
  readonly last: RunningRelay
  readonly upstream: FaultServer
  /** The name of each. */
  readonly names: readonly [first: string, second: string, last: string]
  /** The line with which a relay's stream has begun, or ended, once it is there. */
  readonly line: (name: string, event: string) => Promise<LogLine>
}

let rows = 0

/** The base URL of a relay that is a channel. */
export const baseUrlOf = ({ url }: Pick<RunningRelay, "url">, dialect: HopDialect): string =>
  dialect === "gemini" ? `${url}/v1beta` : `${url}/v1`

/** Where the name of a relay stands in its log: it is the only one that is asked for the model of this name. */
const isOf = (name: string) => (line: LogLine) => line["model"] === name

/** Runs a test with a row of its own. `first`, `second` and `last` are more sections of each. */
export const withRow = async (
  dialect: HopDialect,
  more: { readonly first?: object; readonly second?: object; readonly last?: object },
  run: (row: Row) => Promise<void>
): Promise<void> => {
  const number = ++rows
  const names = [`hop-a${number}`, `hop-b${number}`, `hop-c${number}`] as const
  const patient = { headers: "20 seconds", firstContent: "20 seconds", idle: "20 seconds", total: "1 minute" }
  const make = (at: 0 | 1 | 2, baseUrl: string, channel: object, sections: object | undefined) =>
    startRelay({
      channels: [
        channelOf(`next${at}`, baseUrl, {
          models: [names[at]],
          modelMapping: { "*": names[at + 1] ?? "m" },
          ...channel
        })
      ],
      timeouts: patient,
      server: { port: 0, shutdownGrace: "200 millis", name: names[at] },
      ...sections
    })
  const upstream = await startFaultServer()
  const last = await make(2, upstream.url, {}, more.last)
  const second = await make(1, baseUrlOf(last, dialect), { dialect }, more.second)
  const first = await make(0, baseUrlOf(second, dialect), { dialect }, more.first)
  try {
    await run({
      first,
      second,
      last,
      upstream,
      names,
      line: async (name, event) => {
        const find = () => logLines().find((line) => line.event === event && isOf(name)(line))
        await until(() => find() !== undefined)
        return find()!
      }
    })
  } finally {
    for (const relay of [first, second, last]) await relay.close()
    await upstream.close()
  }
}
