/**
 * The live figures of the relay: of everybody who asks it, except for the words a second, which are this page's.
 */
import { useEffect, useRef, useState } from "react"
import type { RunStore } from "../answer/useAnswer.ts"
import { type Figures, increase } from "../relay/prometheus.ts"
import { Chart, pushed } from "./Chart.tsx"
import { every, type Room } from "./useRoom.ts"

type Series = ReadonlyArray<number | undefined>

interface Courses {
  readonly firstWord: Series
  readonly pace: Series
  readonly failovers: Series
  readonly retries: Series
  readonly active: Series
  readonly lastFirstWord: number | undefined
  readonly sums: { readonly failovers: number; readonly retries: number }
}

const none: Courses = {
  firstWord: [],
  pace: [],
  failovers: [],
  retries: [],
  active: [],
  lastFirstWord: undefined,
  sums: { failovers: 0, retries: 0 }
}

/** Attempts beyond the first of each answer: whoever is asked again, before or after something was shown. */
const retriesOf = ({ active, attempts, requests }: Figures): number => Math.max(0, attempts - (requests - active))

const next = (courses: Courses, room: Room, events: number): Courses => {
  const { before, figures, reach } = room
  const seen = reach === "up" && figures !== undefined && before !== undefined
  const answers = seen ? increase(before.firstContent.count, figures.firstContent.count) : 0
  const millis =
    seen && answers > 0 ? (increase(before.firstContent.sum, figures.firstContent.sum) / answers) * 1000 : undefined
  const failovers = seen ? increase(before.failovers, figures.failovers) : 0
  const retries = seen ? Math.max(0, retriesOf(figures) - retriesOf(before)) : 0
  const lastFirstWord = millis ?? courses.lastFirstWord
  return {
    firstWord: pushed(courses.firstWord, lastFirstWord),
    pace: pushed(courses.pace, (events * 1000) / every),
    failovers: pushed(courses.failovers, seen ? failovers : undefined),
    retries: pushed(courses.retries, seen ? retries : undefined),
    active: pushed(courses.active, seen ? figures.active : undefined),
    lastFirstWord,
    sums: { failovers: courses.sums.failovers + failovers, retries: courses.sums.retries + retries }
  }
}

/** The five. */
export const Charts = ({ room, store }: { readonly room: Room; readonly store: RunStore }) => {
  const [courses, setCourses] = useState(none)
  const counted = useRef({ startedAt: 0, events: 0 })
  useEffect(() => {
    if (room.looks === 0) return
    const run = store.current()
    const same = run?.startedAt === counted.current.startedAt
    const events = run === undefined ? 0 : same ? Math.max(0, run.events - counted.current.events) : run.events
    counted.current = { startedAt: run?.startedAt ?? 0, events: run?.events ?? 0 }
    setCourses((courses) => next(courses, room, events))
    // Once a look.
  }, [room.looks])
  const pace = courses.pace.slice(-3).reduce<number>((sum, value) => sum + (value ?? 0), 0) / 3
  const first = courses.lastFirstWord
  return (
    <div className="charts">
      <Chart
        label="First word"
        hue="accent"
        shown={first === undefined ? "–" : first < 1000 ? String(Math.round(first)) : (first / 1000).toFixed(1)}
        unit={first === undefined ? "" : first < 1000 ? "ms" : "s"}
        values={courses.firstWord}
        least={100}
      />
      <Chart label="Words a second" hue="teal" shown={pace.toFixed(0)} values={courses.pace} least={10} />
      <Chart label="Failovers" hue="amber" shown={String(courses.sums.failovers)} values={courses.failovers} bars />
      <Chart label="Retries" hue="pink" shown={String(courses.sums.retries)} values={courses.retries} bars />
      <Chart
        label="Answers under way"
        hue="accent"
        shown={room.reach === "up" ? String(room.figures?.active ?? 0) : "–"}
        values={courses.active}
      />
    </div>
  )
}
