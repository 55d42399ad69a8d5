/**
 * Channel selection, as a service. It knows which channels serve a model, how well each key of each does, and picks the
 * next target of a request. What a request has already tried is the request's own: it comes as `Tried`.
 */
import { Context, Layer } from "effect"
import type { Settings } from "../settings/index.ts"
import type { SelectionOptions, SelectionService } from "./Pick.ts"
import type { Registry } from "./Registry.ts"
import { make } from "./SelectionLive.ts"

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
 * have. `Health.ts` says what rests when. What was switched off by hand is never picked.
 *
 * **The pool is never emptied by penalties.** When nothing that serves the model is usable, the channel that is due first
 * is asked all the same, by one request of that model at a time, and no other is. A request is not sent back to a channel
 * that it failed on itself while that rests, unless the rest is a mere guess (a `rate` without a hint).
 *
 * **Waiting.** A request that says how (`wait`) waits before that for a channel that is due soon (or, as long, for one that
 * is being probed): in line, at most 1,000 of a relay, and none goes ahead of who came before. When the rest is over one is
 * let through, then two for each that was taken (`Picked.taken`), and one more each 50 milliseconds; a refusal begins that
 * anew. Who waits is sent on, as if it had not waited, once nothing is due within its time. With `only` it waits for those
 * who came before, and not for the rest of that channel. `peek`, `usable` and `fresh` know of no line.
 *
 * **Giving back.** `release` must be called, once, however the attempt ends; a second call does nothing. If it never is,
 * the probe's place (or the one place of a pool in distress) is free again after `breaker.open`.
 *
 * **While it runs.** The channels are those of `Registry` at each pick. A channel that was changed keeps the health of
 * the keys that stayed, unless it is another place now; one that was removed is forgotten, and what is under way on it
 * ends as it would have. A changed `breaker` begins with new circuits.
 */
export class Selection extends Context.Service<Selection, SelectionService>()("effect-resilience/channel/Selection") {
  /** Over the channels of the registry. Time is the fiber's `Clock`, chance its `Random`. */
  static readonly layer = (options: SelectionOptions = {}): Layer.Layer<Selection, never, Registry | Settings> =>
    Layer.effect(Selection, make(options))
}
