/**
 * What is asked of a selection, and what it gives: the words between it and the attempt loop.
 */
import type { Effect } from "effect"
import type { Refusal } from "../dialect/index.ts"
import type {
  ChannelNoAvailableKey,
  ConvertRequestFailed,
  GetChannelFailed,
  ModelNotFound,
  ResilienceError
} from "../errors/index.ts"
import type { Home } from "./Affinity.ts"
import type { Target } from "./Channel.ts"
import type { ChannelEvent, ChannelStateName } from "./ChannelEvent.ts"
import type { ChannelDetail } from "./Detail.ts"
import type { Told, Witness } from "./Evidence.ts"
import type { Fact } from "./Fact.ts"
import type { Pin } from "./Pin.ts"
import type { Refused } from "./Refusals.ts"

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
  /**
   * Only what can be had at once, what the request has not failed on, and what nobody waits for: a second attempt beside
   * another one is no need.
   */
  readonly spare?: boolean | undefined
  /** The group whose channels may serve it. Default: `default`. */
  readonly group?: string | undefined
  /** Only channels for which this holds: those that can continue a partial answer, say. */
  readonly suits?: ((target: Target) => boolean) | undefined
  /**
   * The fields of the request that a target has no words for. A channel that lacks any is not asked; where every channel
   * does, the pick fails with `ConvertRequestFailed`.
   */
  readonly unsaid?: ((target: Target) => ReadonlyArray<string>) | undefined
  /** Before chance: this one, where it is of the tier that is asked, usable, and not one that the request failed on. */
  readonly prefer?: Home | undefined
  /**
   * Nobody but these, whatever group they are of. They are asked although they rest, if none of them does not; never what is
   * switched off by hand.
   */
  readonly pin?: Pin | undefined
  /** How it may be waited for a channel that rests. Default: not at all. */
  readonly wait?: Patience | undefined
}

/** For what a request waits where nothing that it may have is usable. */
export interface Patience {
  /** For what is due within so long, in milliseconds; for what is due later, not at all. */
  readonly upToMillis: number
  /** How long the request has left, in milliseconds: it may be held in line for all of it. */
  readonly leftMillis: number
}

/** Why there is no target: the error that a client should see. */
export type PickError = ModelNotFound | ChannelNoAvailableKey | ConvertRequestFailed | GetChannelFailed

/** A target that was picked. `release` must be called once, with how the attempt ended: it feeds the target's health. */
export interface Picked {
  readonly target: Target
  /** Nothing else is left for this request: its first-content clock does not cut it. */
  readonly last: boolean
  /** The upstream has begun to answer, and well: who waits for the same channel may follow. It may be left out. */
  readonly taken: () => void
  readonly release: (outcome: Outcome) => void
}

/** What may be evidence against a key. */
export type Testimony =
  /** An answer to a request. */
  | ({ readonly _tag: "Answer"; readonly witness: Witness } & Omit<Told, "error">)
  /** A probe has failed, and this was seen. */
  | { readonly _tag: "Probe"; readonly seen: string }

/** How an attempt ended, for the health of its target. */
export type Outcome =
  | { readonly _tag: "Success" }
  /**
   * `penalise` is false when this request has penalised this channel already; what is said of the key counts all the same.
   * `testimony`: what may be evidence in it. Default: nothing is.
   */
  | {
      readonly _tag: "Failure"
      readonly error: ResilienceError
      readonly penalise: boolean
      readonly testimony?: Testimony | undefined
    }
  /** It says nothing: it was cancelled, or replaced. */
  | { readonly _tag: "Ignored" }

/** How a channel does, for `relay_channel_state` and the banner. */
export interface ChannelState {
  readonly channel: string
  readonly state: ChannelStateName
}

/** What `Selection` does. */
export interface SelectionService {
  /** The exact model names that the channels of a group list now, in file order. Default: the group `default`. */
  readonly models: (group?: string) => ReadonlyArray<string>
  /** Whether any channel of a group names the model, switched off or not. Default: the group `default`. */
  readonly serves: (model: string, group?: string) => boolean
  /**
   * The next target. With `wait` it may take its time: interrupted, the request leaves the line.
   */
  readonly pick: (wanted: Wanted) => Effect.Effect<Picked, PickError>
  /** Who `pick` would give now, by the same chance. It takes nothing and moves nobody's turn. */
  readonly peek: (wanted: Wanted) => Effect.Effect<Target, PickError>
  /** Whether `pick` would give a target now. It takes nothing and moves nobody's turn. */
  readonly usable: (wanted: Wanted) => boolean
  /** Whether a pin names what there is, and what is not switched off; and the channel's group. That it rests is no matter. */
  readonly standing: (pin: Pin) => { readonly is: "there" | "unknown" | "off"; readonly group: string }
  /**
   * Whether any channel has a key that may be asked now, for some model: not switched off, and not at rest for a fault of
   * its own. A relay without one can answer nobody.
   */
  readonly canAsk: () => boolean
  /** How many channels `pick` could give now that the request has not failed on. */
  readonly fresh: (wanted: Wanted) => number
  /** How all channels do, in file order. */
  readonly states: Effect.Effect<ReadonlyArray<ChannelState>>
  /** The same with each key of each channel: how it does, why, and until when. */
  readonly details: () => ReadonlyArray<ChannelDetail>
  /**
   * A probe of a key, whatever it rests for: `release` says how it went. `undefined` where there is no such channel or key,
   * or somebody has switched it off by hand.
   */
  readonly probe: (channel: string, key: number, model: string) => Pick<Picked, "release" | "target"> | undefined
  /**
   * Takes a fact that was found elsewhere, or before a restart, or by a person. One of a channel unknown is nothing. What
   * becomes of its channel is told; `where`: and whether another relay has told of it. Default: here.
   */
  readonly learn: (fact: Fact, where?: "elsewhere" | "here") => void
  /** What a target has refused within the last hour, remembered per channel and model. */
  readonly refused: (target: Target) => Refused
  readonly rememberRefusal: (target: Target, refusal: Refusal) => void
  /** It takes it after all. */
  readonly forgetRefusal: (target: Target, refusal: Refusal) => void
}

/** Who is told of what happens to channels. */
export interface SelectionOptions {
  /** Called at once, with each event. */
  readonly tell?: ((event: ChannelEvent) => void) | undefined
}
