/**
 * A relay in front of false upstreams that speak any dialect, over real sockets.
 */
import { Effect, Exit, Scope } from "effect"
import { ScriptedServer, type Scripts } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { keepLog } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"

keepLog()

/** An upstream: what it speaks, what it plays, and more of its channel. */
export interface UpstreamOf {
  readonly dialect: UpstreamDialectName
  readonly plays: Scripts
  readonly channel?: object
}

/** The upstreams by channel id. */
export interface Upstreams {
  readonly [channel: string]: UpstreamOf
}

/** A relay with its upstreams, by channel id; the first one is asked first. */
export interface World {
  readonly relay: RunningRelay
  readonly upstreams: { readonly [channel: string]: ScriptedServer.ScriptedServerService }
}

/** Runs something with a relay of its own. */
export const withWorld = async <A>(
  upstreams: Upstreams,
  configuration: { readonly [section: string]: unknown },
  run: (world: World) => Promise<A>
): Promise<A> => {
  const scope = Effect.runSync(Scope.make())
  const servers: Record<string, ScriptedServer.ScriptedServerService> = {}
  const entries = Object.entries(upstreams)
  for (const [id, { dialect, plays }] of entries) {
    servers[id] = await Effect.runPromise(
      Effect.provideService(ScriptedServer.make({ dialect, scripts: plays }), Scope.Scope, scope)
    )
  }
  const relay = await startRelay({
    channels: entries.map(([id, { channel, dialect }], at) =>
      channelOf(id, servers[id]!.url, {
        dialect,
        models: ["*"],
        modelMapping: { "*": modelOf[dialect] },
        priority: entries.length - at,
        ...channel
      })
    ),
    timeouts: { headers: "500 millis", firstContent: "500 millis", idle: "500 millis" },
    ...configuration
  })
  try {
    return await run({ relay, upstreams: servers })
  } finally {
    await relay.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** The model that each dialect's channels are asked for: one that takes a prefill, and one that thinks. */
export const modelOf: { readonly [D in UpstreamDialectName]: string } = {
  openai: "gpt-4.1",
  responses: "gpt-5.1",
  anthropic: "claude-sonnet-4-5",
  gemini: "gemini-2.5-pro"
}

/** The bodies that an upstream was sent. */
export const bodiesOf = ({ calls }: ScriptedServer.ScriptedServerService): ReadonlyArray<Body> =>
  calls().map(({ body }) => JSON.parse(body) as Body)

/** A body, read. */
export interface Body {
  readonly [field: string]: unknown
}
