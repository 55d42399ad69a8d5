/**
 * One answer at a time: what the client gives of it, and beside it what happened to it, by the moment.
 */
import { type AnswerHandlers, useRetryStreaming } from "effect-resilience/react"
import { useCallback, useMemo, useSyncExternalStore } from "react"
import { wire } from "../relay/wire.ts"
import { begin, type Run, told, type Told } from "./run.ts"

/** A run that changes; who draws it is told once a frame, however many events come. */
export interface RunStore {
  readonly current: () => Run | undefined
  readonly begin: (question: string, base: number) => void
  readonly tell: (event: Told) => void
  readonly subscribe: (listener: () => void) => () => void
  /** Resolves when a run fits, or is over. */
  readonly until: (fits: (run: Run) => boolean) => Promise<Run>
}

const makeRunStore = (): RunStore => {
  let run: Run | undefined
  let drawn: Run | undefined
  let frame = 0
  const listeners = new Set<() => void>()
  const waiting = new Set<() => void>()
  const draw = (): void => {
    frame = 0
    drawn = run
    for (const listener of listeners) listener()
  }
  const change = (next: Run): void => {
    run = next
    for (const look of waiting) look()
    // A page in the background has no frames, and nobody who looks.
    if (frame === 0) frame = requestAnimationFrame(draw)
  }
  return {
    current: () => drawn,
    begin: (question, base) => {
      change(begin(question, performance.now(), base))
      draw()
    },
    tell: (event) => {
      if (run !== undefined) change(told(run, event, performance.now()))
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    until: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (run === undefined || (run.endedAt === undefined && !fits(run))) return
          waiting.delete(look)
          resolve(run)
        }
        waiting.add(look)
        look()
      })
  }
}

/** What the client tells, as the run takes it. */
const handlersOf = (store: RunStore): AnswerHandlers => ({
  open: () => store.tell({ _tag: "Open" }),
  init: ({ model, request_id: requestId, stream_id: streamId }) =>
    store.tell({ _tag: "Init", streamId, requestId, model }),
  message: () => store.tell({ _tag: "Words" }),
  attempt: ({ from, reason, to }) => store.tell({ _tag: "Attempt", from, to, reason }),
  failover: ({ dropped, from, offset, reason, seam, to }) =>
    store.tell({ _tag: "Failover", from, to, reason, offset, dropped, kind: seam }),
  error: ({ type }) => {
    if (type === "connection") store.tell({ _tag: "Lost", why: type })
  },
  retry: ({ reason }) => store.tell({ _tag: "Lost", why: reason }),
  reset: () => store.tell({ _tag: "Reset" }),
  done: ({ full_content: fullContent }) => store.tell({ _tag: "Done", fullContent }),
  fatal: () => store.tell({ _tag: "Failed", code: "failed" })
})

/** What is asked. */
export interface Asked {
  readonly message: string
  readonly model: string
}

/** Asks, and follows what becomes of it. */
export const useAnswer = (token: string | undefined) => {
  const store = useMemo(makeRunStore, [])
  const run = useSyncExternalStore(store.subscribe, store.current)
  const headers = useMemo(
    (): { [name: string]: string } => (token === undefined ? {} : { authorization: `Bearer ${token}` }),
    [token]
  )
  const stream = useRetryStreaming("/chat", { fetch: wire.fetch, headers, maxRetries: 8 })
  const { start, stop, text, tryFromHere } = stream

  const ask = useCallback(
    ({ message, model }: Asked) => {
      store.begin(message, 0)
      start({ message, ...(model === "" ? {} : { model }) }, handlersOf(store))
    },
    [start, store]
  )
  const halt = useCallback(() => {
    stop()
    store.tell({ _tag: "Stopped" })
  }, [stop, store])
  const goOn = useCallback(() => {
    const before = store.current()
    store.begin(before?.question ?? "", Array.from(text).length)
    tryFromHere()
  }, [store, text, tryFromHere])

  return { ...stream, run, store, ask, halt, goOn }
}

/** What `useAnswer` gives. */
export type Answering = ReturnType<typeof useAnswer>
