/**
 * The tokens that clients show, and what each may do.
 */
import type { Redacted } from "effect"

/** A token that clients use. */
export interface Token {
  readonly name: string
  readonly key: Redacted.Redacted
  readonly models: ReadonlyArray<string>
  readonly admin: boolean
}
