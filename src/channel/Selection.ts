/**
 * Channel selection, as a service. It knows which channels serve a model, how well each key of each does, and picks the
 * next target of a request. What a request has already tried is the request's own: it comes as `Tried`.
 */
import { Context, type Effect, Layer } from "effect"
import type { ContinuationMode } from "../dialect/index.ts"
import type { Blame, ChannelNoAvailableKey, GetChannelFailed, ModelNotFound, ResilienceError } from "../errors/index.ts"
import type { BreakerOptions, Channel, Target } from "./Channel.ts"
import { make } from "./SelectionLive.ts"

/** What one request has tried so far. */
export interface Tried {
  /** Channels out for this request: they failed as timeout, credential (with no key left), model or channel. */
  readonly out: ReadonlySet<string>
  /** Channels that failed otherwise: asked again only when nothing fresh is left. */
  readonly failed: ReadonlySet<string>
  /** Keys that failed in this request, as `channel#index`. */
  readonly keys: ReadonlySet<string>
}

/** What is wanted of the next target. */
export interface Wanted {
  /** The model that the client named. */
  readonly model: string
  readonly tried: Tried
  /**
   * Only this channel will do: a retry on the same one. It gives a key that is usable now; in a pool in distress also one
   * that rests for a mere guess; else it fails.
   */
  readonly only?: string | undefined
  /** Only keys that are not in `tried.keys`: after a fault of the key itself. */
  readonly otherKey?: boolean | undefined
  /** The group whose channels may serve it. Default: `default`. */
  readonly group?: string | undefined
  /** Only channels for which this holds: those that can continue a partial answer, say. */
  readonly suits?: ((target: Target) => boolean) | undefined
}

/** A target that was picked. `release` must be called once, with how the attempt ended: it feeds the target's health. */
export interface Picked {
  readonly target: Target
  /** Nothing else is left for this request: its first-content clock does not cut it. */
  readonly last: boolean
  readonly release: (outcome: Outcome) => void
}

/** How an attempt ended, for the health of its target. */
export type Outcome =
  | { readonly _tag: "Success" }
  /** `penalise` is false when this request has penalised this channel already. */
  | { readonly _tag: "Failure"; readonly error: ResilienceError; readonly penalise: boolean }
  /** It says nothing: it was cancelled, or replaced. */
  | { readonly _tag: "Ignored" }

/** How a channel does, for `relay_channel_state` and the banner. */
export interface ChannelState {
  readonly channel: string
  readonly state: "enabled" | "cooling" | "open"
}

/** Is told when a channel's state changes. `blame` is of the failure that did it; absent when it recovered by itself. */
export type OnTransition = (
  channel: string,
  from: ChannelState["state"],
  to: ChannelState["state"],
  blame: Blame | undefined
) => void

/** What `Selection` does. */
export interface SelectionService {
  /** The exact model names that channels list, in file order. */
  readonly models: ReadonlyArray<string>
  /** Whether any channel names the model. */
  readonly serves: (model: string) => boolean
  /** The next target. Fails with the error that a client should see when there is none. */
  readonly pick: (wanted: Wanted) => Effect.Effect<Picked, ModelNotFound | ChannelNoAvailableKey | GetChannelFailed>
  /** How all channels do, in file order. */
  readonly states: Effect.Effect<ReadonlyArray<ChannelState>>
  /** The modes that a target has refused, remembered per channel and model. */
  readonly refusedModes: (target: Target) => ReadonlySet<ContinuationMode>
  readonly rememberRefusal: (target: Target, mode: ContinuationMode) => void
}

/**
 * Picks targets and keeps their health.
 *
 * **Who is picked.** Of the channels of the group that name the model, without those that are out:
 *
 * 1. those that this request has not failed on before those it has (and of these, first the keys it has not tried);
 * 2. of them, the highest `priority` that has a usable target;
 * 3. there, by chance, as heavy as `weight` says (all zero: equal);
 * 4. the key in turn (`polling`), or by chance (`random`), one that the request has not tried before one that it has.
 *
 * A key that is open or cooling is not usable; one whose rest is over is, as a probe, and no more at once than it may
 * have. `Health.ts` says what rests when.
 *
 * **The pool is never emptied by penalties.** When nothing that serves the model is usable, the target that is due first
 * is asked all the same, by one request of that model at a time. A request is not sent back to a target that it failed on
 * itself while that rests, unless the rest is a mere guess (a `rate` without a hint).
 *
 * **Giving back.** `release` must be called, once, however the attempt ends; a second call does nothing. If it never is,
 * the probe's place (or the one place of a pool in distress) is free again after `breaker.open`.
 */
export class Selection extends Context.Service<Selection, SelectionService>()("effect-resilience/channel/Selection") {
  /** Over these channels. Time is the fiber's `Clock`, chance its `Random`. Wrong breaker options throw. */
  static readonly layer = (
    channels: ReadonlyArray<Channel>,
    breaker: BreakerOptions,
    onTransition?: OnTransition
  ): Layer.Layer<Selection> => Layer.sync(Selection, () => make(channels, breaker, onTransition))
}
