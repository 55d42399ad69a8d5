/**
 * What a request must pass before an answer is begun, in the order of the contract: rate, model, words, idempotency,
 * quota. The token was looked at before it, the channel is looked for after it.
 */
import { Effect } from "effect"
import { type Caller, mayUse } from "../account/index.ts"
import type { Selection } from "../channel/index.ts"
import type { AnswerRequest } from "../dialect/index.ts"
import {
  AccessDenied,
  isNameSized,
  longestName,
  ModelNotFound,
  type ResilienceError,
  stackless
} from "../errors/index.ts"

/** One check. */
type Check = (caller: Caller, request: Pick<AnswerRequest, "model">) => Effect.Effect<void, ResilienceError>

/** Lets requests in, or says why not. */
export interface Admission {
  readonly admit: Check
  /** Whether a caller may use a model that is served. */
  readonly model: (caller: Caller, model: string) => Effect.Effect<void, ResilienceError>
}

/** The checks over the services that they need. */
export const makeAdmission = (selection: Selection["Service"]): Admission => {
  const notFound = (name: string) =>
    Effect.fail(stackless(() => new ModelNotFound({ model: name.slice(0, longestName) })))
  const model: Admission["model"] = (caller, name) => {
    // No request can ask for it, whatever a pattern takes; nor is it quoted back.
    if (!isNameSized(name)) return notFound(name)
    if (caller !== undefined && !mayUse(caller, name)) {
      return Effect.fail(stackless(() => new AccessDenied({ message: `this token may not use the model ${name}` })))
    }
    return selection.serves(name) ? Effect.void : notFound(name)
  }
  return { model, admit: (caller, request) => model(caller, request.model) }
}
