/**
 * The trace that each write of an admin leaves.
 */
import { Effect } from "effect"
import type { UpdateDataError } from "../../errors/index.ts"
import { Audit, type Change } from "../../operate/index.ts"
import { AdminCaller } from "./AdminCaller.ts"

/** Writes down what a handler has changed, with who asked for it. After the change, once. */
export const audited = (change: Change): Effect.Effect<void, UpdateDataError, Audit> =>
  Effect.gen(function* () {
    const { requestId, who } = yield* AdminCaller
    const audit = yield* Audit
    yield* audit.write(change, { who, requestId })
  })
