/**
 * Which processes of this machine live.
 */
import { readlinkSync } from "node:fs"
import { hostname } from "node:os"
import process from "node:process"
import type { Processes } from "./Presence.ts"

/** Where a number means the same process: a container has numbers of its own, and often the name of its host. */
const numberedBy = (): string => {
  try {
    return readlinkSync("/proc/self/ns/pid")
  } catch {
    return ""
  }
}

const isDead = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "ESRCH"
  }
}

/**
 * This process by machine and number. Of another one it is known that it is dead if it had a number here that nobody has
 * now. One that had this process's own number is not judged: two containers may share all that names them.
 */
export const make = (): Processes => {
  const here = `${hostname()} ${numberedBy()}`
  return {
    me: `${here} ${process.pid}`,
    isDead: (name) => {
      const at = name.lastIndexOf(" ")
      const pid = Number(name.slice(at + 1))
      return name.slice(0, at) === here && Number.isSafeInteger(pid) && pid > 0 && pid !== process.pid && isDead(pid)
    }
  }
}
