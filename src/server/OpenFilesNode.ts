/**
 * How near this process is to the most files that it may open. Beyond that the system closes who connects, and neither they
 * nor we are told why.
 */
import { readFileSync } from "node:fs"
import type { Socket } from "node:net"

/** How many files this process may open; infinitely many where nobody says (it is Linux that does). */
export const mostOpenFiles = (): number => {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? []
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** Nearly all: the share of files in use from which it is told. */
const nearly = 0.9
/** How often it is told, in milliseconds. */
const tellEvery = 60_000

/** The number of a socket's file. A system gives the least one that is free. */
const fileOf = (socket: Socket): number | undefined =>
  (socket as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd

/**
 * Looks at each connection that is taken, and tells once a minute that nearly all files are in use: how many, of how many.
 * HOT: a connection costs the reading of a number.
 */
export const watchOpenFiles = (
  tell: (open: number, most: number) => void,
  mostNow: () => number = mostOpenFiles
): ((socket: Socket) => void) => {
  let most = mostNow()
  let told = Number.NEGATIVE_INFINITY
  return (socket) => {
    const file = fileOf(socket) ?? 0
    if (file < most * nearly) return
    const now = performance.now()
    if (now - told < tellEvery) return
    // It may have been raised meanwhile.
    most = mostNow()
    if (file < most * nearly) return
    told = now
    tell(file + 1, most)
  }
}
