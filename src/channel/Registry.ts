/**
 * The channels that there are now, as a service: a list that is replaced whole while the relay runs. Who picks reads it
 * at each pick; an answer under way keeps the channel that it was given.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { Settings } from "../settings/index.ts"
import { type Channel, ChannelSection } from "./ChannelSection.ts"

/** What `Registry` does. */
export interface RegistryService {
  /** The channels in file order: the same list until it is replaced. */
  readonly channels: () => ReadonlyArray<Channel>
  /** Puts a list in place of the one that there is, and tells those who subscribed, at once. */
  readonly replace: (channels: ReadonlyArray<Channel>) => void
  /** `listener` is called after each replacement, until the scope is closed. */
  readonly subscribe: (listener: () => void) => Effect.Effect<void, never, Scope.Scope>
}

/** The channels that there are now. */
export class Registry extends Context.Service<Registry, RegistryService>()("effect-resilience/channel/Registry") {
  /** The channels of the settings, as they change: a list that somebody put in their place lasts until they do. */
  static readonly layer: Layer.Layer<Registry, never, Settings> = Layer.effect(
    Registry,
    Effect.gen(function* () {
      const cell = (yield* Settings).of(ChannelSection)
      const registry = make(cell.current)
      yield* Effect.acquireRelease(
        Effect.sync(() => cell.subscribe(registry.replace)),
        (unsubscribe) => Effect.sync(unsubscribe)
      )
      return registry
    })
  )

  /** These channels, until somebody replaces them. */
  static readonly layerOf = (channels: ReadonlyArray<Channel>): Layer.Layer<Registry> =>
    Layer.sync(Registry, () => make(channels))
}

const make = (channels: ReadonlyArray<Channel>): RegistryService => {
  let current = channels
  const listeners = new Set<() => void>()
  return {
    channels: () => current,
    replace: (next) => {
      current = next
      for (const listener of listeners) listener()
    },
    subscribe: (listener) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        )
      )
  }
}
