/**
 * How an answer can go on from what was shown of it.
 */

/**
 * How a target goes on from a partial answer:
 *
 * - `prefill`: the partial is the beginning of its own answer, and it writes on;
 * - `message`: it is shown the partial, and asked in words for the rest;
 * - `token`: it gave a token before it broke, and goes on from there.
 */
export const continuationModes = ["prefill", "message", "token"] as const

/** How a target goes on from a partial answer. */
export type ContinuationMode = (typeof continuationModes)[number]

/** How a channel may go on. `auto` takes what its dialect can, in the order of its promise. */
export const continuations = ["auto", ...continuationModes, "none"] as const

/** How a channel may go on. */
export type Continuation = (typeof continuations)[number]

interface Partial {
  readonly partial: string
  /** What `partial` begins with, where that was given with the request: it is no part of the answer. Absent: nothing. */
  readonly given?: string | undefined
}

/** What an attempt is asked to go on from that was given no token. */
type InWords = Partial &
  /** `prompt` is the text of the message; `{partial}` in it is replaced. */
  ({ readonly mode: "prefill" } | { readonly mode: "message"; readonly prompt: string })

/** What an attempt is asked to go on from. */
export type ContinuationAsked =
  | InWords
  | (Partial & {
      readonly mode: "token"
      readonly token: string
      /** How the attempt that was given it was asked to go on: a token is of that request. Absent: it began the answer. */
      readonly after?: InWords | undefined
    })

/** What the answer has spent its tokens on: the partial, but for what was given with the request. */
export const spentOn = ({ given = "", partial }: ContinuationAsked): string => partial.slice(given.length)

/** What a target has refused although no client had asked for it: it is left out from then on. */
export type Refusal =
  | { readonly _tag: "Mode"; readonly mode: ContinuationMode }
  /** A field of the body, as its path: a hint that was carried over, or what the relay itself added. */
  | { readonly _tag: "Field"; readonly path: string }
