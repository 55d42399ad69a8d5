/**
 * Encrypts what is secret in the books of a relay with another `server.secret`, while it is stopped.
 */
import { Effect, Layer, Redacted } from "effect"
import { existsSync } from "node:fs"
import * as BooksSqliteNode from "../books/BooksSqliteNode.ts"
import { makeBooksKey } from "../operate/BooksKeyNode.ts"
import type { BooksPlace } from "../operate/BooksPlaceNode.ts"
import { rekey } from "../operate/index.ts"
import { makeSeal } from "../operate/SealNode.ts"
import { ServerSection } from "../server/ServerSection.ts"
import type { Environment, SettingsService } from "../settings/index.ts"
import { placeIn } from "./BackupBooks.ts"
import type { Configuration } from "./Configuration.ts"
import { printErr, printOut } from "./Process.ts"

const failed = (code: number, message: string): Effect.Effect<number> => Effect.as(printErr(message), code)

const rekeyAt = (
  place: BooksPlace,
  settings: SettingsService,
  from: string | undefined,
  to: Redacted.Redacted
): Effect.Effect<number> => {
  if (place._tag === "Memory") return failed(1, "the books are in the memory of the relay: there is nothing to encrypt")
  // Opening them would make them.
  if (!existsSync(place.path)) return failed(1, `there are no books at ${place.path}`)
  const secrets = new Set(settings.list().flatMap(({ path, secret }) => (secret ? [path] : [])))
  const how = {
    from: from === undefined ? undefined : makeSeal(Redacted.make(from)),
    own: makeBooksKey(`${place.path}.key`).known(),
    to: makeSeal(to),
    isSecret: (path: string) => secrets.has(path)
  }
  return Effect.scoped(
    Effect.gen(function* () {
      const books = yield* Layer.build(BooksSqliteNode.layer({ path: place.path }))
      const count = yield* Effect.provideContext(rekey(how), books)
      yield* printOut(
        count === 0
          ? `${place.path}: all that is secret in it is encrypted with this server.secret already`
          : `${place.path}: encrypted with this server.secret now: ${count}`
      )
      return 0
    })
  ).pipe(Effect.catch(({ message }) => failed(1, `${place.path}: ${message}`)))
}

/**
 * The exit code: 1 where there are no books, or something in them is encrypted with another secret; 2 where the
 * configuration has no `server.secret`, or the variable `from`, which has the old one, is not set.
 */
export const rekeyBooks = (
  { settings }: Configuration,
  file: string,
  from: string | undefined,
  environment: Environment
): Effect.Effect<number> =>
  Effect.suspend(() => {
    const to = settings.of(ServerSection).current.secret
    if (to === undefined) return failed(2, `${file}: server.secret: is needed: what is secret is encrypted with it`)
    const old = from === undefined ? undefined : environment[from]
    if (from !== undefined && (old === undefined || old === "")) {
      return failed(2, `books rekey: the environment variable ${from} is not set`)
    }
    return rekeyAt(placeIn(settings), settings, old, to)
  })
