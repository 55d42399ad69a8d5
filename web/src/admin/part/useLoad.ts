/**
 * What a view shows of the relay: being asked for, there, not to be had, or not in this relay at all. It is looked at again
 * as long as somebody looks at the page.
 */
import { useCallback, useEffect, useRef, useState } from "react"
import { type Failure, isAbsent, type Result, statusOf } from "../Failure.ts"

/** What is known. */
export type Load<A> =
  | { readonly _tag: "Loading" }
  /** `failure`: the last look failed, and this is from before it. */
  | { readonly _tag: "Loaded"; readonly value: A; readonly at: number; readonly failure: Failure | undefined }
  | { readonly _tag: "Failed"; readonly failure: Failure }
  /** This relay has no such part. */
  | { readonly _tag: "Absent" }

const loading: Load<never> = { _tag: "Loading" }

/** How soon a look that failed is tried again, by itself. */
const again = 5000

/** What is known after a look. */
export const looked = <A>(before: Load<A>, result: Result<A>, now: number): Load<A> => {
  if (result._tag === "Ok") return { _tag: "Loaded", value: result.value, at: now, failure: undefined }
  const { failure } = result
  if (failure._tag === "Aborted") return before
  if (isAbsent(failure)) return { _tag: "Absent" }
  return before._tag === "Loaded" ? { ...before, failure } : { _tag: "Failed", failure }
}

/** What is known if something is. */
export const valueOf = <A>(load: Load<A>): A | undefined => (load._tag === "Loaded" ? load.value : undefined)

/**
 * Reads, and reads again `every` so many milliseconds, when the page is looked at again, when the network is back, and when
 * asked to. What is read for another `of` is forgotten; a read that nobody waits for is stopped.
 */
export const useLoad = <A>(
  of: string,
  read: (signal: AbortSignal) => Promise<Result<A>>,
  every?: number
): readonly [Load<A>, () => void] => {
  const [state, setState] = useState<{ readonly of: string; readonly load: Load<A> }>({ of, load: loading })
  const reading = useRef(read)
  reading.current = read
  const look = useRef<() => void>(() => {})
  useEffect(() => {
    let stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let over = false
    const now = async (): Promise<void> => {
      stop.abort()
      clearTimeout(timer)
      const own = (stop = new AbortController())
      const result = await reading.current(own.signal)
      if (over || own.signal.aborted) return
      setState((before) => ({ of, load: looked(before.of === of ? before.load : loading, result, Date.now()) }))
      // What is not there is not asked for again by itself: each time it would be a line in the relay's log.
      if (result._tag === "Failed" && isAbsent(result.failure)) return
      const unreachable = result._tag === "Failed" && (statusOf(result.failure) ?? 500) >= 500
      const wait = unreachable ? Math.min(every ?? again, again) : every
      if (wait !== undefined) timer = setTimeout(() => void (document.hidden || now()), wait)
    }
    const seen = (): void => {
      if (!document.hidden && every !== undefined) void now()
    }
    const back = (): void => void now()
    look.current = back
    void now()
    document.addEventListener("visibilitychange", seen)
    globalThis.addEventListener("online", back)
    return () => {
      over = true
      stop.abort()
      clearTimeout(timer)
      document.removeEventListener("visibilitychange", seen)
      globalThis.removeEventListener("online", back)
    }
  }, [of, every])
  const reload = useCallback(() => look.current(), [])
  return [state.of === of ? state.load : loading, reload]
}

/** The time, told again every so many milliseconds: for what is said as "2 min ago". */
export const useNow = (every = 5000): number => {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every)
    return () => clearInterval(timer)
  }, [every])
  return now
}
