/**
 * The tokens of a relay: those of its configuration file, which are read-only here, and those of the books, which are
 * made and changed while it runs.
 *
 * Of a key only its SHA-256 is kept; a key is shown once, when it is made, and can be read back by nobody.
 *
 * | Layer | tokens |
 * |---|---|
 * | `TokensNode.layer({ file })` | of the file, and of the books beside them |
 * | `TokensNode.layerFile(file)` | of the file alone: a relay without books |
 */
import { Context, type Duration, type Effect, type Redacted } from "effect"
import type { NewToken, Token, TokenChange, TokensNeeded } from "./Token.ts"
import type {
  LastAdmin,
  TokenNameTaken,
  TokenNotFound,
  TokenOfFile,
  TokensUnavailable,
  TokensWithoutBooks
} from "./TokenErrors.ts"
import type { PageAsked, TokensPage } from "./TokensPage.ts"

/** A token, and its key: the only time that it is seen. */
export interface TokenWithKey {
  readonly token: Token
  readonly key: Redacted.Redacted
}

/** Why a token could not be changed. */
export type TokenChangeError = TokenNotFound | TokenOfFile | TokensUnavailable | TokensWithoutBooks

/**
 * The tokens of a relay.
 *
 * ```ts import.meta.vitest
 * import { Effect, Redacted } from "effect"
 * import { Tokens, TokensNode } from "effect-resilience/relay"
 *
 * const alice = { name: "alice", key: Redacted.make("er-alice"), models: ["gpt-*"], admin: false }
 * const program = Effect.gen(function* () {
 *   const tokens = yield* Tokens
 *   const known = yield* tokens.find(Redacted.make("er-alice"))
 *   const unknown = yield* tokens.find(Redacted.make("er-bob"))
 *   return [known?.name, known?.fingerprint, unknown?.name]
 * })
 *
 * Effect.runSync(program.pipe(Effect.provide(TokensNode.layerFile(() => [alice]))))
 * // => ["alice", "427a88ef", undefined]
 * ```
 */
export class Tokens extends Context.Service<
  Tokens,
  {
    /**
     * The token that a client shows; `undefined` where it is unknown, switched off or expired, which nobody can tell
     * apart. What was found once is known as long as the books are away; a token that was not fails with
     * `TokensUnavailable`. A change is seen at once in this process, and within a second by others on the same books.
     */
    readonly find: (presented: Redacted.Redacted) => Effect.Effect<Token | undefined, TokensUnavailable>
    /**
     * Who has to show a token now. It is known without asking anybody: a change is seen at once in this process, and
     * within a second by others on the same books.
     */
    readonly needed: () => TokensNeeded
    /** All tokens: those of the file in its order, then those of the books by name. */
    readonly list: Effect.Effect<ReadonlyArray<Token>, TokensUnavailable>
    /**
     * Some of the tokens, in the order of `list`: from the first on, or from where a page before ended. Reads no more
     * of the books than it gives.
     */
    readonly page: (asked: PageAsked) => Effect.Effect<TokensPage, TokensUnavailable>
    /** The token of a name. */
    readonly get: (name: string) => Effect.Effect<Token, TokenNotFound | TokensUnavailable>
    /** Makes a token, and its key. */
    readonly create: (
      token: NewToken
    ) => Effect.Effect<TokenWithKey, TokenNameTaken | TokensUnavailable | TokensWithoutBooks>
    /** Changes a token; gives it as it is then. The last one that can administer stays able to (`LastAdmin`). */
    readonly update: (name: string, change: TokenChange) => Effect.Effect<Token, LastAdmin | TokenChangeError>
    /**
     * Removes a token. Its keys are unknown from then on. The last one that can administer goes only when no other is
     * left (`LastAdmin`).
     */
    readonly remove: (name: string) => Effect.Effect<void, LastAdmin | TokenChangeError>
    /**
     * Makes a new key for a token. The keys that it had are good for `grace` (0 seconds) from now, or for less where
     * they had less. Of several at once the last to be made stays.
     */
    readonly rotate: (
      name: string,
      options?: { readonly grace?: Duration.Input | undefined }
    ) => Effect.Effect<TokenWithKey, TokenChangeError>
  }
>()("effect-resilience/relay/Tokens") {}
