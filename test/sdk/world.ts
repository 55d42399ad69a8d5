/**
 * A relay in front of false upstreams that speak any dialect, over real sockets.
 */
import { Effect, Exit, Scope } from "effect"
import { ScriptedServer, type Scripts } from "effect-resilience/testing"
import { afterAll } from "vitest"
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

interface OpenWorld extends World {
  readonly close: () => Promise<void>
}

interface Configuration {
  readonly [section: string]: unknown
}

const openWorld = async (upstreams: Upstreams, configuration: Configuration): Promise<OpenWorld> => {
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
  return {
    relay,
    upstreams: servers,
    close: async () => {
      await relay.close()
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}

/** Runs something with a relay of its own. */
export const withWorld = async <A>(
  upstreams: Upstreams,
  configuration: Configuration,
  run: (world: World) => Promise<A>
): Promise<A> => {
  const world = await openWorld(upstreams, configuration)
  try {
    return await run(world)
  } finally {
    await world.close()
  }
}

/** Plays these, as though nobody had called before. */
const playAnew = (server: ScriptedServer.ScriptedServerService, plays: Scripts): void => {
  server.forget()
  const last = typeof plays === "function" ? plays : plays.at(-1)
  if (typeof plays !== "function") server.enqueue(...plays.slice(0, -1))
  if (last !== undefined) server.setDefault(last)
}

/**
 * The same for cases in which nothing goes wrong that a relay would remember: those of a file whose upstreams and configuration
 * are alike have one relay, one after the other, and each sees the calls of its own. A relay takes longer to start than to answer.
 */
export const worldsInTurn = (): typeof withWorld => {
  const resting = new Map<string, OpenWorld>()
  afterAll(async () => {
    for (const world of resting.values()) await world.close()
    resting.clear()
  })
  return async (upstreams, configuration, run) => {
    const entries = Object.entries(upstreams)
    const alike = JSON.stringify([entries.map(([id, { channel, dialect }]) => [id, dialect, channel]), configuration])
    const world = resting.get(alike) ?? (await openWorld(upstreams, configuration))
    resting.delete(alike)
    for (const [id, { plays }] of entries) playAnew(world.upstreams[id]!, plays)
    let isWell = false
    try {
      const result = await run(world)
      isWell = !resting.has(alike)
      return result
    } finally {
      // What a case that failed has left is not for the next one.
      if (isWell) resting.set(alike, world)
      else await world.close()
    }
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
