/**
 * Message threads: conversations that Anthropic holds under a message's id, so that a client sends what is new only. The
 * loops of its SDK begin one unless they are told not to.
 *
 * The relay holds none: an id of its own is unknown to any upstream, and what one account holds is lost to the channel that
 * an answer moves to. The SDK sends all of its messages as soon as it is told so in these words.
 */
import { isObject, type JsonObject } from "../Json.ts"
import type { Complain } from "../RequestCheck.ts"

/** What Anthropic's clients are told where a request cannot be part of a thread. */
export const threadUnsupported = "thread_unsupported_request"

/** Refuses a request that begins a thread or goes on with one. */
export const checkThread = ({ thread }: JsonObject, complain: Complain): void => {
  if (isObject(thread))
    complain("thread", "no conversations are held here: send all of its messages", threadUnsupported)
}
