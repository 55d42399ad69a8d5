/**
 * A scripted `Selection` for tests of what stands on it: it gives the targets of a list, in order, and writes down what
 * it was asked and how each attempt ended.
 */
import { Context, Effect, Layer } from "effect"
import { GetChannelFailed } from "../errors/index.ts"
import { type ChannelState, type Outcome, Selection, type Target, type Wanted } from "../channel/index.ts"
import type { Refusal } from "../dialect/index.ts"

/** What a scripted `Selection` was asked and told, oldest first. The arrays grow as it happens. */
export class SelectionScript extends Context.Service<
  SelectionScript,
  {
    readonly picks: ReadonlyArray<Wanted>
    readonly releases: ReadonlyArray<{ readonly target: Target; readonly outcome: Outcome }>
    readonly refusals: ReadonlyArray<{ readonly target: Target; readonly refusal: Refusal }>
  }
>()("effect-resilience/testing/SelectionScript") {}

/**
 * Gives the targets in order, then fails with `GetChannelFailed`. A target is `last` when it is the script's last one.
 * It serves every model; every channel is `enabled`; a refusal is remembered per channel and model.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Selection } from "effect-resilience/relay"
 * import { ScriptedSelection } from "effect-resilience/testing"
 *
 * const program = Effect.gen(function* () {
 *   const selection = yield* Selection
 *   const tried = { out: new Set<string>(), failed: new Set<string>(), keys: new Set<string>() }
 *   const error = yield* Effect.flip(selection.pick({ model: "m", tried }))
 *   const { picks } = yield* ScriptedSelection.SelectionScript
 *   return [error._tag, picks.length]
 * }).pipe(Effect.provide(ScriptedSelection.layer([])))
 *
 * await Effect.runPromise(program) // => ["GetChannelFailed", 1]
 * ```
 */
export const layer = (targets: ReadonlyArray<Target>): Layer.Layer<Selection | SelectionScript> =>
  Layer.unwrap(
    Effect.sync(() => {
      const picks: Array<Wanted> = []
      const releases: Array<{ readonly target: Target; readonly outcome: Outcome }> = []
      const refusals: Array<{ readonly target: Target; readonly refusal: Refusal }> = []
      const states = [...new Set(targets.map(({ channel }) => channel.id))].map(
        (channel): ChannelState => ({ channel, state: "enabled" })
      )
      const selection = Layer.succeed(Selection, {
        models: () => [...new Set(targets.map(({ model }) => model))],
        serves: () => true,
        usable: () => picks.length < targets.length,
        canAsk: () => picks.length < targets.length,
        fresh: ({ tried: { failed, out } }) =>
          new Set(
            targets
              .slice(picks.length)
              .map(({ channel }) => channel.id)
              .filter((id) => !failed.has(id) && !out.has(id))
          ).size,
        learn: () => {},
        details: () => [],
        probe: () => undefined,
        standing: () => ({ is: "there", group: "default" }),
        pick: (wanted) =>
          Effect.suspend(() => {
            const target = targets[picks.length]
            const last = picks.length === targets.length - 1
            picks.push(wanted)
            return target === undefined
              ? Effect.fail(new GetChannelFailed({ model: wanted.model }))
              : Effect.succeed({
                  target,
                  last,
                  taken: () => {},
                  release: (outcome) => void releases.push({ target, outcome })
                })
          }),
        states: Effect.succeed(states),
        peek: (wanted) =>
          Effect.suspend(() => {
            const target = targets[picks.length]
            return target === undefined
              ? Effect.fail(new GetChannelFailed({ model: wanted.model }))
              : Effect.succeed(target)
          }),
        refused: ({ channel, model }) => {
          const known = refusals
            .filter(({ target }) => target.channel.id === channel.id && target.model === model)
            .map(({ refusal }) => refusal)
          return {
            modes: new Set(known.flatMap((refusal) => (refusal._tag === "Mode" ? [refusal.mode] : []))),
            fields: new Set(known.flatMap((refusal) => (refusal._tag === "Field" ? [refusal.path] : [])))
          }
        },
        rememberRefusal: (target, refusal) => void refusals.push({ target, refusal }),
        forgetRefusal: ({ channel, model }, refusal) => {
          const left = refusals.filter(
            (known) =>
              known.target.channel.id !== channel.id ||
              known.target.model !== model ||
              nameOf(known.refusal) !== nameOf(refusal)
          )
          refusals.splice(0, refusals.length, ...left)
        }
      })
      return Layer.merge(selection, Layer.succeed(SelectionScript, { picks, releases, refusals }))
    })
  )

const nameOf = (refusal: Refusal): string => (refusal._tag === "Mode" ? refusal.mode : `field ${refusal.path}`)
