/**
 * One answer at a time: what the client gives of it, and beside it what happened to it, by the moment.
 */
import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react"
import { useRetryStreaming } from "../standIn.ts"
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

const text = (value: unknown): string => (typeof value === "string" ? value : "")
const number = (value: unknown): number => (typeof value === "number" ? value : 0)

interface Fields {
  readonly [name: string]: unknown
}

/** What the client tells, as the run takes it. */
const handlersOf = (store: RunStore) => ({
  open: () => store.tell({ _tag: "Open" }),
  init: (data: Fields) =>
    store.tell({
      _tag: "Init",
      streamId: text(data["stream_id"]),
      requestId: text(data["request_id"]),
      model: text(data["model"])
    }),
  message: () => store.tell({ _tag: "Words" }),
  attempt: (data: Fields) =>
    store.tell({ _tag: "Attempt", from: text(data["from"]), to: text(data["to"]), reason: text(data["reason"]) }),
  failover: (data: Fields) =>
    store.tell({
      _tag: "Failover",
      from: text(data["from"]),
      to: text(data["to"]),
      reason: text(data["reason"]),
      offset: number(data["offset"]),
      dropped: number(data["dropped"]),
      kind: text(data["seam"])
    }),
  retry: (data: Fields) => store.tell({ _tag: "Lost", why: text(data["reason"]) }),
  reset: () => store.tell({ _tag: "Reset" }),
  done: (data: Fields) => store.tell({ _tag: "Done", fullContent: text(data["full_content"]) }),
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
  const { error, isStreaming, start, stop } = stream

  useEffect(() => {
    if (error !== null && !isStreaming) store.tell({ _tag: "Failed", code: error.code ?? error.type })
  }, [error, isStreaming, store])

  const ask = useCallback(
    ({ message, model }: Asked) => {
      store.begin(message, 0)
      void start({ message, ...(model === "" ? {} : { model }) }, handlersOf(store))
    },
    [start, store]
  )
  const halt = useCallback(() => {
    stop()
    store.tell({ _tag: "Stopped" })
  }, [stop, store])
  const goOn = useCallback(() => {
    const before = store.current()
    store.begin(before?.question ?? "", Array.from(stream.text).length)
    stream.tryFromHere()
  }, [store, stream])

  return { ...stream, run, store, ask, halt, goOn }
}

/** What `useAnswer` gives. */
export type Answering = ReturnType<typeof useAnswer>
