/**
 * The trace that each write of an admin leaves.
 */
import { Effect } from "effect"
import { Audit, type Change } from "../../operate/index.ts"
import { AdminCaller } from "./AdminCaller.ts"

/**
 * Writes down what a handler has changed, with who asked for it: after the change, once, and before it is answered. Never
 * fails: what was changed was changed.
 */
export const audited = (change: Change): Effect.Effect<void, never, Audit> =>
  Effect.gen(function* () {
    const { requestId, who } = yield* AdminCaller
    const audit = yield* Audit
    yield* audit.write(change, { who, requestId })
  })
