/**
 * The policies: ours, Effect's own, cockatiel 4, opossum 10 and p-retry 9, on the same leaf, in one process and one run.
 *
 * Prints nanoseconds for a call in three ways: in one fiber (for the others in one loop of `await`) with a synchronous
 * leaf and with a promise leaf, and with one `runPromise` for each call; with the ratio to the bare leaf of its kind and
 * to cockatiel. Then the goals, the memory of a million keys, and how much the machine itself swayed meanwhile.
 */
import { loadavg } from "node:os"
import { goals } from "./policy/goals.ts"
import { control, measureAll, type Times, type Way, ways } from "./policy/measure.ts"
import { measureMemory } from "./policy/memory.ts"
import { type Group, make, type Subject } from "./policy/subjects.ts"

const load = (): string =>
  loadavg()
    .map((value) => value.toFixed(1))
    .join(" ")

const rounded = (nanoseconds: number): string => {
  if (nanoseconds >= 1e6) return `${(nanoseconds / 1e6).toFixed(2)} ms`
  return nanoseconds >= 1e4 ? `${(nanoseconds / 1e3).toFixed(1)} us` : `${Math.round(nanoseconds)}`
}

const ratio = (a: number | undefined, b: number | undefined): string =>
  a === undefined || b === undefined ? "" : (a / b).toFixed(a / b < 10 ? 1 : 0)

const isOfPromise = (subject: Subject): boolean => subject.each === undefined && subject.promise !== undefined

const rowsOf = (groups: ReadonlyArray<Group>, all: ReadonlyArray<Group>, times: Times) => {
  const median = (subject: Subject | undefined, way: Way): number | undefined =>
    subject === undefined ? undefined : times.get(subject)?.get(way)?.median
  return groups.flatMap((group) => {
    const bare = all.find(({ name }) => name === group.bare)?.subjects ?? []
    const cockatiel = group.subjects.find(({ name }) => name === "cockatiel")
    return group.subjects.map((subject) => {
      const own = bare.find(({ name }) => name === (isOfPromise(subject) ? "promise" : "Effect"))
      const cell = (way: Way) => {
        const time = median(subject, way)
        return time === undefined ? "" : rounded(time)
      }
      const peer = (way: Way) => median(cockatiel, way) ?? median(cockatiel, way === "sync" ? "promise" : "sync")
      const undisturbed = times.get(subject)?.get("sync")?.undisturbed
      const first = ways.find((way) => subject[way] !== undefined) ?? "sync"
      return {
        what: group.name,
        who: subject.name,
        "sync leaf": cell("sync"),
        undisturbed: undisturbed === undefined ? "" : rounded(undisturbed),
        "promise leaf": cell("promise"),
        "runPromise each": cell("each"),
        "x bare": ratio(median(subject, first), median(own, "sync")),
        "x cockatiel, sync": ratio(median(subject, first), peer("sync")),
        "x cockatiel, promise": subject.promise === undefined ? "" : ratio(median(subject, "promise"), peer("promise"))
      }
    })
  })
}

/** Measures the groups whose name contains one of `args`, or all of them with goals and memory. */
export const run = async (args: ReadonlyArray<string> = []): Promise<void> => {
  const begun = performance.now()
  console.log(`Node ${process.version}, load ${load()} at the start`)
  const controls = [await control()]
  const { close, groups } = await make()
  const bare = (name: string) => name.startsWith("bare")
  const asked = groups.filter(({ name }) => args.length === 0 || bare(name) || args.some((arg) => name.includes(arg)))
  const times = await measureAll(asked, async () => {
    controls.push(await control())
  })
  console.table(rowsOf(asked, groups, times))
  if (args.length === 0) {
    console.table(goals(groups, times))
    console.table(await measureMemory())
  }
  controls.push(await control())
  const [least, most] = [Math.min(...controls), Math.max(...controls)]
  console.log(
    `Noise: the control took ${controls.map(Math.round).join(", ")} ns, a spread of ${Math.round((most / least - 1) * 100)} %`
  )
  console.log(`Load ${load()} at the end, after ${Math.round((performance.now() - begun) / 1000)} s`)
  await close()
}
