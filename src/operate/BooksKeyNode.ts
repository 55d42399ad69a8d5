/**
 * A key of the relay's own, in a file beside its books, for what settings hold of secrets where there is no
 * `server.secret`: who reads the books, or a copy of them, does not read where alerts go. Who has the folder has both, so
 * that it is no `server.secret`: keys of channels are not kept with it.
 */
import { Redacted, Result } from "effect"
import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { makeSeal, type Seal } from "./SealNode.ts"

/** The key, read or made when it is wanted first. */
export interface BooksKey {
  /** The seal of the key that is there; `undefined` where there is none, or it cannot be read. */
  readonly known: () => Seal | undefined
  /** The same, of a key that is made if there is none. A failure is why it could not be: of a folder, say. */
  readonly made: () => Result.Result<Seal, string>
}

/** A key is 32 random bytes, written as 64 hexadecimal digits. */
const grammar = /^[0-9a-f]{64}$/

const attempt = <A>(run: () => A): Result.Result<A, NodeJS.ErrnoException> =>
  Result.try({ try: run, catch: (cause) => cause as NodeJS.ErrnoException })

/** The key in a file of this path, which its owner alone may read. */
export const makeBooksKey = (path: string): BooksKey => {
  let seal: Seal | undefined
  const read = (): Result.Result<Seal, string> =>
    Result.match(
      attempt(() => readFileSync(path, "latin1").trim()),
      {
        onFailure: ({ code, message }) => Result.fail(`${path}: ${code ?? message}`),
        onSuccess: (key) => {
          if (!grammar.test(key)) return Result.fail(`${path}: it holds no key`)
          seal = makeSeal(Redacted.make(key))
          return Result.succeed(seal)
        }
      }
    )
  const known = (): Seal | undefined => seal ?? Result.getOrUndefined(read())
  return {
    known,
    made: () => {
      const there = known()
      if (there !== undefined) return Result.succeed(there)
      // Of two processes that make it one is first, and the other reads what that one wrote.
      const written = attempt(() =>
        writeFileSync(path, `${randomBytes(32).toString("hex")}\n`, { flag: "wx", flush: true, mode: 0o600 })
      )
      if (Result.isFailure(written) && written.failure.code !== "EEXIST") {
        return Result.fail(`${path}: ${written.failure.code ?? written.failure.message}`)
      }
      return read()
    }
  }
}
