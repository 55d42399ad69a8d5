/**
 * What the machine room shows, as it changes: the relay's metrics, and on the demonstration the state of what is simulated.
 * Both are asked for again and again, while somebody looks.
 */
import { useEffect, useRef, useState } from "react"
import { isDemo } from "../relay/about.ts"
import { type DemoState, demoState } from "../relay/demo.ts"
import { type Figures, figuresOf } from "../relay/prometheus.ts"

/** How the relay is to be reached. */
export type Reach = "unknown" | "up" | "down" | "forbidden"

/** The machine room. */
export interface Room {
  readonly reach: Reach
  readonly figures: Figures | undefined
  /** The figures before those: what is drawn is mostly what has changed. */
  readonly before: Figures | undefined
  readonly demo: DemoState | undefined
  /** How often it was looked, well or in vain. */
  readonly looks: number
}

/** Milliseconds between two looks. */
export const every = 500

const nothing: Room = { reach: "unknown", figures: undefined, before: undefined, demo: undefined, looks: 0 }

type Looked = Pick<Room, "reach"> & Partial<Pick<Room, "figures" | "demo">>

const look = async (token: string | undefined): Promise<Looked> => {
  try {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const signal = AbortSignal.timeout(3000)
    const [metrics, demo] = await Promise.all([
      fetch("/metrics", { headers, signal }),
      isDemo ? demoState(signal) : undefined
    ])
    if (metrics.status === 401 || metrics.status === 403) return { reach: "forbidden" }
    return { reach: "up", figures: figuresOf(await metrics.text()), ...(demo === undefined ? {} : { demo }) }
  } catch {
    return { reach: "down" }
  }
}

/** Looks as long as the page is shown. `token`: what to ask with; without one where one is needed, it does not ask. */
export const useRoom = (token: string | undefined, allowed: boolean): Room => {
  const [room, setRoom] = useState(nothing)
  const asking = useRef(false)
  useEffect(() => {
    if (!allowed) return
    let over = false
    const once = async (): Promise<void> => {
      if (asking.current || document.hidden) return
      asking.current = true
      const found = await look(token)
      asking.current = false
      if (over) return
      if (found.reach === "forbidden") clearInterval(timer)
      setRoom((room) => ({
        reach: found.reach,
        figures: found.figures ?? room.figures,
        before: room.figures,
        demo: found.demo ?? room.demo,
        looks: room.looks + 1
      }))
    }
    const timer = setInterval(() => void once(), every)
    void once()
    return () => {
      over = true
      clearInterval(timer)
    }
  }, [token, allowed])
  return room
}
