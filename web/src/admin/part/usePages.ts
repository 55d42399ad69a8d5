/**
 * Reads a long list as one goes through it.
 */
import { useCallback, useEffect, useRef, useState } from "react"
import { type Failure, isAbsent, type Result } from "../Failure.ts"
import type { Paged } from "../Paged.ts"
import { fresh, missing, type Pages, withPage } from "./pages.ts"

/** What is known of the list, and how the last read went. */
export interface Reading<A> {
  readonly list: Pages<A>
  readonly failure: Failure | undefined
  readonly isAbsent: boolean
  readonly isReading: boolean
}

const start: Reading<never> = { list: fresh, failure: undefined, isAbsent: false, isReading: true }

/** Reads what `of` names: another name is another list, and what was read of the one before is stopped. */
export const usePages = <A>(
  of: string,
  read: (cursor: string | undefined, signal: AbortSignal) => Promise<Result<Paged<A>>>
): Reading<A> & { readonly see: (from: number, to: number) => void; readonly reload: () => void } => {
  const [state, setState] = useState<Reading<A>>(start)
  const [turn, setTurn] = useState(0)
  const latest = useRef<Reading<A>>(start)
  const reading = useRef(read)
  reading.current = read
  const range = useRef<readonly [number, number]>([0, 0])
  const run = useRef<() => void>(() => {})

  useEffect(() => {
    const stop = new AbortController()
    let busy = false
    const set = (next: Reading<A>): void => {
      latest.current = next
      setState(next)
    }
    const step = async (): Promise<void> => {
      if (busy || stop.signal.aborted) return
      const { list } = latest.current
      const wanted = missing(list, ...range.current)
      if (wanted === undefined) return
      busy = true
      set({ ...latest.current, failure: undefined, isReading: true })
      const result = await reading.current(wanted.cursor, stop.signal)
      busy = false
      if (stop.signal.aborted) return
      if (result._tag === "Failed") {
        return set({
          ...latest.current,
          failure: result.failure,
          isAbsent: isAbsent(result.failure),
          isReading: false
        })
      }
      set({
        list: withPage(latest.current.list, wanted, result.value),
        failure: undefined,
        isAbsent: false,
        isReading: false
      })
      void step()
    }
    latest.current = start
    range.current = [0, 0]
    setState(start)
    run.current = () => void step()
    void step()
    return () => stop.abort()
  }, [of, turn])

  const see = useCallback((from: number, to: number) => {
    range.current = [from, to]
    // What failed is read again when somebody asks for it, and not with every line that is scrolled.
    if (latest.current.failure === undefined) run.current()
  }, [])
  const reload = useCallback(() => setTurn((turn) => turn + 1), [])
  return { ...state, see, reload }
}
