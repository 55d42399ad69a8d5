/**
 * What relays of this process log: the lines of JSON on its stderr, kept instead of shown.
 */

/** One line of the log. */
export interface LogLine {
  readonly timestamp: string
  readonly level: string
  readonly event: string
  readonly [field: string]: unknown
}

const kept: Array<LogLine> = []
let keeping = false

const lineIn = (text: string): LogLine | undefined => {
  if (!text.startsWith('{"timestamp":')) return undefined
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return undefined
  }
}

/** Keeps the log lines of this process from now on; everything else goes to stderr as ever. */
export const keepLog = (): void => {
  if (keeping) return
  keeping = true
  const write = process.stderr.write.bind(process.stderr) as (...args: ReadonlyArray<unknown>) => boolean
  process.stderr.write = (...args: ReadonlyArray<unknown>): boolean => {
    // The lines of a turn come together.
    const text = args[0] instanceof Uint8Array ? Buffer.from(args[0]).toString() : args[0]
    const lines = typeof text === "string" ? text.trimEnd().split("\n").map(lineIn) : [undefined]
    const known = lines.filter((line) => line !== undefined)
    if (known.length < lines.length) return write(...args)
    kept.push(...known)
    return true
  }
}

/** The lines that were kept, oldest first. */
export const logLines = (): ReadonlyArray<LogLine> => kept
