/**
 * A streamed answer as a React hook, for React 18 and 19: `useRetryStreaming`. It gives a session's view to React; what
 * an answer is and how it comes back is the session's and the client's.
 */
import { useEffect, useInsertionEffect, useLayoutEffect, useState, useSyncExternalStore } from "react"
import { type AnswerHandlers, type AnswerOptions, AnswerSession, type AnswerView, emptyView } from "./AnswerSession.ts"
import type { Params } from "./RetryStreamingClient.ts"

/** What the hook gives: the view of the answer, and what can be done. The functions stay the same ones. */
export interface RetryStreaming extends AnswerView {
  /** Asks. Does nothing while an answer is under way. */
  readonly start: (params: Params, handlers?: AnswerHandlers) => void
  /** Cancels the answer where it is made. What was read of it stays, and is the partial. */
  readonly stop: () => void
  /** Asks the same again, and forgets the answer before. Does nothing while one is under way. */
  readonly regenerate: () => void
  /**
   * Asks to go on from the partial, which stays as the beginning of `text`. Does nothing where there is none, or while an
   * answer is under way.
   */
  readonly tryFromHere: () => void
}

/** Before the effects of all components, of which a child's may ask at once; on a server there are none, and no warning. */
const useMounted = typeof document === "undefined" ? useEffect : useLayoutEffect

/** A session, and what a component asks it with: once that is gone nothing is asked any more, whoever still holds it. */
const makeMounted = (url: string, options: AnswerOptions | undefined) => {
  const session = new AnswerSession(url, options)
  const mounts = { count: 0, gone: false }
  const asking =
    <Args extends ReadonlyArray<unknown>>(ask: (...args: Args) => void) =>
    (...args: Args): void => {
      if (!mounts.gone) ask(...args)
    }
  const { regenerate, start, stop, tryFromHere } = session
  return {
    session,
    mounts,
    functions: {
      start: asking(start),
      stop,
      regenerate: asking(regenerate),
      tryFromHere: asking(tryFromHere)
    }
  }
}

/**
 * Streams answers into a component: text and reasoning as they come, at most one update a frame, the countdown of a
 * reconnection, and why an answer is not whole. It asks by POST.
 *
 * Unmounting leaves without cancelling: the answer goes on as the server's rule says, and nothing more is asked. Under
 * StrictMode nothing is asked twice. New `url` and `options` count from the next answer on.
 *
 * ```ts import.meta.vitest
 * import { createElement } from "react"
 * import { renderToString } from "react-dom/server"
 * import { useRetryStreaming } from "effect-resilience/react"
 *
 * const Chat = () => {
 *   const { isStreaming, retryInfo, start, text } = useRetryStreaming("/chat")
 *   return createElement(
 *     "button",
 *     { onClick: () => start({ message: "hi" }), disabled: isStreaming },
 *     retryInfo === null ? text || "Ask" : `again in ${retryInfo.remaining} s`
 *   )
 * }
 *
 * renderToString(createElement(Chat)) // => "<button>Ask</button>"
 * ```
 */
export const useRetryStreaming = (url: string, options?: AnswerOptions): RetryStreaming => {
  const [{ functions, mounts, session }] = useState(() => makeMounted(url, options))
  useInsertionEffect(() => session.configure(url, options))
  useMounted(() => {
    mounts.count++
    mounts.gone = false
    return () => {
      mounts.count--
      // Under StrictMode a component is mounted again at once, and what it has asked for goes on.
      queueMicrotask(() => {
        if (mounts.count > 0) return
        mounts.gone = true
        session.close()
      })
    }
  }, [mounts, session])
  const view = useSyncExternalStore(session.subscribe, session.view, () => emptyView)
  return { ...view, ...functions }
}
