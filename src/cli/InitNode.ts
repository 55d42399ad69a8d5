/**
 * `init` at a terminal or in a pipe: the questions of `Init` on stderr, the answers by line from stdin, the file in one
 * write at the end, so that whoever leaves before has written nothing.
 */
import { Effect, Result } from "effect"
import { existsSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import { type Answers, configurationOf, interview } from "./Init.ts"
import { printErr, printOut, stopSignal } from "./Process.ts"

/** Why nothing was written. `code` is the command's. */
interface NotWritten {
  readonly code: 1 | 2
  readonly message: string
}

const notWritten = (code: NotWritten["code"], message: string) => Effect.fail<NotWritten>({ code, message })

/** The lines of stdin, one at a time; `undefined` once there are no more. */
const lines = Effect.acquireRelease(
  Effect.sync(() => {
    // What is typed is echoed by the terminal itself: Ctrl-C stays the signal that it is.
    const reader = createInterface({ input: process.stdin, terminal: false })
    const iterator = reader[Symbol.asyncIterator]()
    const next = Effect.promise(() => iterator.next()).pipe(
      Effect.map(({ done, value }) => (done === true ? undefined : value))
    )
    return { reader, next }
  }),
  ({ reader }) =>
    Effect.sync(() => {
      reader.close()
      // A file has nothing that keeps the process.
      process.stdin.unref?.()
    })
)

/** Asks until all is known. A person is asked again; of a file each line is one answer, and what it leaves out is by default. */
const ask: Effect.Effect<Answers, NotWritten> = Effect.scoped(
  Effect.gen(function* () {
    const { next } = yield* lines
    const atTerminal = process.stdin.isTTY === true
    let step = interview
    while (step._tag === "Asks") {
      const { answer, text } = step.question
      yield* Effect.sync(() => process.stderr.write(text))
      const line = yield* next
      if (line === undefined && atTerminal) return yield* notWritten(1, "\nnothing was written")
      // Nothing of an answer is shown: it may be what was meant to stay secret.
      if (!atTerminal) yield* printErr("")
      const answered = answer(line ?? "")
      if (Result.isSuccess(answered)) step = answered.success
      else if (atTerminal) yield* printErr(`  ${answered.failure}`)
      else return yield* notWritten(2, `init: expected ${answered.failure}`)
    }
    return step.answers
  })
)

const write = (file: string, answers: Answers): Effect.Effect<void, NotWritten> =>
  Effect.try({
    // A file that has come meanwhile is not written over either.
    try: () => writeFileSync(file, configurationOf(answers), { flag: "wx" }),
    catch: (cause): NotWritten => ({ code: 1, message: `${file}: cannot be written (${codeOf(cause)})` })
  })

const codeOf = (cause: unknown): string => (cause as NodeJS.ErrnoException).code ?? String(cause)

const made = (file: string): Effect.Effect<Answers, NotWritten> => {
  if (existsSync(file)) return notWritten(1, `${file}: is there already, and is not written over`)
  if (/\.json$/i.test(file)) return notWritten(2, `${file}: expected a name in .yaml, since JSON has no comments`)
  const folder = dirname(file)
  if (!existsSync(folder)) return notWritten(1, `${file}: there is no folder ${folder}`)
  return Effect.tap(ask, (answers) => write(file, answers))
}

/** Asks, writes the file, and says what to do with it; gives the exit code. */
export const init = (file: string): Effect.Effect<number> =>
  Effect.scoped(
    Effect.gen(function* () {
      const stopped = yield* stopSignal
      const left = Effect.andThen(stopped, notWritten(1, "\nnothing was written"))
      const { variable } = yield* Effect.raceFirst(made(file), left)
      yield* printOut(
        [
          `${file}: written`,
          `  export ${variable}=…`,
          `  effect-resilience check ${file}`,
          `  effect-resilience relay --config ${file}`
        ].join("\n")
      )
      return 0
    })
  ).pipe(Effect.catch(({ code, message }: NotWritten) => Effect.as(printErr(message), code)))
