/**
 * Channel selection, as a service. It knows which channels serve a model, how well each key of each does, and picks the
 * next target of a request. What a request has already tried is the request's own: it comes as `Tried`.
 */
import { Context, type Effect } from "effect"
import type { ChannelNoAvailableKey, GetChannelFailed, ModelNotFound, ResilienceError } from "../errors/index.ts"
import type { Target } from "./Channel.ts"

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
  /** Only this channel will do: a retry on the same one. */
  readonly only?: string | undefined
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

/** Picks targets and keeps their health. */
export class Selection extends Context.Service<
  Selection,
  {
    /** The exact model names that channels list, in file order. */
    readonly models: ReadonlyArray<string>
    /** Whether any channel names the model. */
    readonly serves: (model: string) => boolean
    /** The next target. Fails with the error that a client should see when there is none. */
    readonly pick: (wanted: Wanted) => Effect.Effect<Picked, ModelNotFound | ChannelNoAvailableKey | GetChannelFailed>
    readonly states: Effect.Effect<ReadonlyArray<ChannelState>>
    /** The modes that a target has refused, remembered per channel and model. */
    readonly refusedModes: (target: Target) => ReadonlySet<"prefill" | "message">
    readonly rememberRefusal: (target: Target, mode: "prefill" | "message") => void
  }
>()("effect-resilience/channel/Selection") {}
