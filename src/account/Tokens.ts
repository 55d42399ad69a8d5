/**
 * The tokens that clients show, and what each may do.
 */
import type { Redacted } from "effect"
import { matchesAnyModel } from "../dialect/ModelPattern.ts"

/** A token that clients use. */
export interface Token {
  readonly name: string
  readonly key: Redacted.Redacted
  readonly models: ReadonlyArray<string>
  readonly admin: boolean
}

/** Who asks: a token, or anybody where there are none. */
export type Caller = Token | undefined

/** Whether a token may ask for a model: one of its patterns matches the name that the client gave. */
export const mayUse = (token: Token, model: string): boolean => matchesAnyModel(token.models, model)
