/**
 * What is known of a key or a channel and is as true for another relay as for this one: it may be kept, shared and
 * learned again after a restart. Circuits are not: they are one process's own evidence, and asking somebody else for
 * them would put a store on the way of every pick.
 */
import type { Code } from "../errors/index.ts"

/**
 * Who switched something off: a person, until a person switches it on; or evidence, until a trial that is due at a time
 * (epoch milliseconds) goes well.
 */
export type Disabler =
  | { readonly by: "hand" }
  | {
      readonly by: "evidence"
      readonly until: number
      /** How often evidence has done it since it was last well: the next rest is longer by that. Default: 1. */
      readonly times?: number
      /** Our code of the failure, and what was seen: `status 401 (2)`. */
      readonly reason?: Code | undefined
      readonly evidence?: string | undefined
    }

/**
 * One fact. `key` is an index into the channel's keys as they are now; where it may be absent, the whole channel is
 * meant.
 */
export type Fact =
  /** An upstream asked to be left alone until then: with this key, for a model or (absent) for all. */
  | {
      readonly _tag: "Hinted"
      readonly channel: string
      readonly key: number
      readonly model: string | undefined
      readonly until: number
    }
  /** It is not asked. By hand that is for good; by evidence it is a rest that ends with a trial. */
  | {
      readonly _tag: "Disabled"
      readonly channel: string
      readonly key: number | undefined
      readonly disabler: Disabler
    }
  /** It may be asked again. By evidence only what evidence had switched off. */
  | {
      readonly _tag: "Enabled"
      readonly channel: string
      readonly key: number | undefined
      readonly by: Disabler["by"]
    }

/** A fact by another clock: its moments, moved. */
export const atMoments = (fact: Fact, millis: number): Fact => {
  switch (fact._tag) {
    case "Hinted":
      return { ...fact, until: fact.until + millis }
    case "Disabled": {
      const { disabler } = fact
      return disabler.by === "hand" ? fact : { ...fact, disabler: { ...disabler, until: disabler.until + millis } }
    }
    case "Enabled":
      return fact
  }
}
