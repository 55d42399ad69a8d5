/**
 * Tokens of the file, alone or beside those of the books.
 */
import { Clock, Duration, Effect, Layer, SubscriptionRef } from "effect"
import { Books, type BooksError, type BooksNewer, isBooksError, sql } from "../books/index.ts"
import {
  administersAt,
  countsAt,
  type FileToken,
  fingerprintOf,
  type Token,
  tokenDefaults,
  tokensNeeded
} from "./Token.ts"
import { type Found, TokenCache } from "./TokenCache.ts"
import {
  LastAdmin,
  TokenNameTaken,
  TokenNotFound,
  TokenOfFile,
  TokensUnavailable,
  TokensWithoutBooks
} from "./TokenErrors.ts"
import { digestOf, makeKey } from "./TokenKeyNode.ts"
import {
  countTokens,
  endKeys,
  forgetKeys,
  insertKey,
  insertToken,
  readToken,
  selectAdmins,
  selectByKey,
  selectToken,
  selectTokens,
  selectTokensAfter,
  tokensModule,
  tokensTopic,
  updateToken
} from "./TokenRows.ts"
import { Tokens } from "./Tokens.ts"
import { ofBooksAfter, ofFileAfter, pageOf } from "./TokensPage.ts"

/** The tokens of a file as they are now, by digest of their key and by name. */
interface OfFile {
  readonly list: ReadonlyArray<Token>
  readonly byDigest: ReadonlyMap<string, Token>
  readonly byName: ReadonlyMap<string, Token>
}

/** Reads the tokens of the file anew where the list is another one than before. */
const readingFile = (file: () => ReadonlyArray<FileToken>): (() => OfFile) => {
  let read: ReadonlyArray<FileToken> | undefined
  let of: OfFile = { list: [], byDigest: new Map(), byName: new Map() }
  return () => {
    const now = file()
    if (now === read) return of
    const byDigest = new Map<string, Token>()
    const list = now.map(({ key, ...settings }) => {
      const digest = digestOf(key)
      const token: Token = { ...tokenDefaults, ...settings, fingerprint: fingerprintOf(digest), source: "file" }
      // Of two with one key the first counts.
      if (!byDigest.has(digest)) byDigest.set(digest, token)
      return token
    })
    read = now
    of = { list, byDigest, byName: new Map(list.map((token) => [token.name, token])) }
    return of
  }
}

const counting = (token: Token | undefined, now: number): Token | undefined =>
  token !== undefined && countsAt(token, now) ? token : undefined

const none = { tokens: 0, admins: 0 }

/**
 * Tokens of the file alone, for a relay without books. `file` is asked at each look: it may give another list when the
 * file was read again.
 */
export const layerFile = (file: () => ReadonlyArray<FileToken>): Layer.Layer<Tokens> =>
  Layer.sync(Tokens, () => {
    const ofFile = readingFile(file)
    const unchanged = (name: string): Effect.Effect<never, TokenNotFound | TokenOfFile> =>
      Effect.suspend(
        (): Effect.Effect<never, TokenNotFound | TokenOfFile> =>
          Effect.fail(ofFile().byName.has(name) ? new TokenOfFile({ name }) : new TokenNotFound({ name }))
      )
    return {
      find: (presented) =>
        Effect.map(Clock.currentTimeMillis, (now) => counting(ofFile().byDigest.get(digestOf(presented)), now)),
      needed: () => tokensNeeded(ofFile().list.length, none),
      list: Effect.sync(() => ofFile().list),
      page: ({ cursor, limit }) => Effect.sync(() => pageOf(ofFileAfter(ofFile().list, cursor), limit)),
      get: (name) =>
        Effect.suspend((): Effect.Effect<Token, TokenNotFound> => {
          const token = ofFile().byName.get(name)
          return token === undefined ? Effect.fail(new TokenNotFound({ name })) : Effect.succeed(token)
        }),
      create: () => Effect.fail(new TokensWithoutBooks()),
      update: unchanged,
      remove: unchanged,
      rotate: unchanged
    }
  })

/**
 * Tokens of the file, and of the books beside them. Where both have one of the same name, the file's counts, and the
 * other is as if it were not there.
 */
export const layer = (options: {
  /** Asked at each look: it may give another list when the file was read again. */
  readonly file: () => ReadonlyArray<FileToken>
}): Layer.Layer<Tokens, BooksNewer | BooksError, Books> => Layer.effect(Tokens, make(options.file))

const unavailable = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, BooksError> | TokensUnavailable, R> =>
  Effect.mapError(effect, (error) =>
    isBooksError(error) ? new TokensUnavailable({ reason: error }) : (error as Exclude<E, BooksError>)
  )

const make = Effect.fnUntraced(function* (file: () => ReadonlyArray<FileToken>) {
  const books = yield* Books
  const { run } = books
  yield* books.migrate(tokensModule)
  const ofFile = readingFile(file)
  const cache = new TokenCache()

  /** Of the books: how many there are, and how many of them are an admin's. */
  let counted = none
  const count = Effect.map(run(countTokens), ([row]) => {
    counted = { tokens: Number(row?.["tokens"]), admins: Number(row?.["admins"]) }
  })
  // While the books are away it is as it was.
  const recount = Effect.ignore(count)
  yield* count
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  yield* books.watch(tokensTopic, () => {
    cache.changed()
    fork(recount)
  })

  /** What a key is good for now. */
  const answer = (found: Found | undefined, now: number): Token | undefined =>
    found === undefined || (found.until !== undefined && now >= found.until) || ofFile().byName.has(found.token.name)
      ? undefined
      : counting(found.token, now)

  const lookUp = (digest: string): Effect.Effect<Found | undefined, BooksError> =>
    Effect.suspend(() => {
      const mark = cache.mark()
      return run(selectByKey(digest)).pipe(
        Effect.flatMap(([row]): Effect.Effect<Found | undefined, BooksError> => {
          if (row === undefined) return Effect.succeed(undefined)
          const until = row["good_until"]
          return Effect.map(readToken(row), (token) => ({
            token,
            until: typeof until === "number" ? until : undefined
          }))
        }),
        Effect.tap((found) => Effect.sync(() => cache.keep(digest, found, mark)))
      )
    })

  const find: Tokens["Service"]["find"] = (presented) =>
    Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<Token | undefined, TokensUnavailable> => {
      const digest = digestOf(presented)
      const own = ofFile().byDigest.get(digest)
      if (own !== undefined) return Effect.succeed(counting(own, now))
      const known = cache.known(digest)
      if (known !== undefined && cache.isFresh(known)) return Effect.succeed(answer(known, now))
      // That nobody has a key is known only of books that can be asked.
      if (cache.isStranger(digest) && SubscriptionRef.getUnsafe(books.health)._tag === "Usable") {
        return Effect.succeed(undefined)
      }
      const asked = known === undefined ? lookUp(digest) : Effect.catch(lookUp(digest), () => Effect.succeed(known))
      return unavailable(Effect.map(asked, (found) => answer(found, now)))
    })

  const getOwn = (name: string): Effect.Effect<Token, BooksError | TokenNotFound> =>
    Effect.flatMap(
      run(selectToken(name)),
      ([row]): Effect.Effect<Token, BooksError | TokenNotFound> =>
        row === undefined ? Effect.fail(new TokenNotFound({ name })) : readToken(row)
    )

  /** Changes a token of the books: all of it or nothing, seen here at once and by others soon. */
  const changing = <A, E>(
    name: string,
    change: Effect.Effect<A, E>
  ): Effect.Effect<A, Exclude<E, BooksError> | TokenOfFile | TokensUnavailable> =>
    Effect.suspend((): Effect.Effect<A, Exclude<E, BooksError> | TokenOfFile | TokensUnavailable> => {
      if (ofFile().byName.has(name)) return Effect.fail(new TokenOfFile({ name }))
      const changed = books.transaction(Effect.tap(change, () => books.touch(tokensTopic)))
      // Also after a failure: a commit whose answer was lost may have been done.
      const seen = Effect.andThen(
        Effect.sync(() => cache.changed()),
        recount
      )
      return unavailable(Effect.ensuring(changed, seen))
    })

  /** Changes a token, or fails where nobody could administer any more who could before. Within a transaction. */
  const orLastAdmin = <A, E>(
    name: string,
    change: Effect.Effect<A, E>
  ): Effect.Effect<A, E | BooksError | LastAdmin | TokenNotFound> =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const before = yield* getOwn(name)
      const done = yield* change
      const { list } = ofFile()
      if (!administersAt(before, now) || list.some((token) => administersAt(token, now))) return done
      // Two changes at once wait for each other here.
      yield* run(sql`SELECT name FROM relay_tokens WHERE admin = 1 ORDER BY name${books.engine.forUpdate}`)
      const any = yield* run(sql`SELECT name FROM relay_tokens LIMIT 1`)
      if (any.length + list.length === 0) return done
      const left = yield* Effect.flatMap(run(selectAdmins), (admins) => Effect.forEach(admins, readToken))
      return left.some((token) => administersAt(token, now)) ? done : yield* Effect.fail(new LastAdmin({ name }))
    })

  const addKey = Effect.fnUntraced(function* (name: string, now: number) {
    const key = makeKey()
    yield* run(insertKey(digestOf(key), name, now))
    return { token: yield* getOwn(name), key }
  })

  return Tokens.of({
    find,
    needed: () => tokensNeeded(ofFile().list.length, counted),
    list: unavailable(
      Effect.flatMap(run(selectTokens), (rows) => {
        const { byName, list } = ofFile()
        const own = rows.filter(({ name }) => typeof name === "string" && !byName.has(name))
        return Effect.map(Effect.forEach(own, readToken), (tokens) => [...list, ...tokens])
      })
    ),
    page: ({ cursor, limit }) =>
      Effect.suspend(() => {
        const { byName, list } = ofFile()
        const own = ofFileAfter(list, cursor)
        const left = limit + 1 - own.length
        if (left <= 0) return Effect.succeed(pageOf(own, limit))
        // At most so many of what is read are hidden by one of the file.
        const rows = run(selectTokensAfter(ofBooksAfter(cursor), left + byName.size))
        const read = Effect.flatMap(rows, (found) => Effect.forEach(found, readToken))
        return unavailable(
          Effect.map(read, (found) => pageOf([...own, ...found.filter(({ name }) => !byName.has(name))], limit))
        )
      }),
    get: (name) =>
      Effect.suspend((): Effect.Effect<Token, TokenNotFound | TokensUnavailable> => {
        const token = ofFile().byName.get(name)
        return token === undefined ? unavailable(getOwn(name)) : Effect.succeed(token)
      }),
    create: (token) => {
      const taken = new TokenNameTaken({ name: token.name })
      const created = Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const added = yield* run(insertToken({ ...tokenDefaults, ...token }, now))
        return added.length === 0 ? yield* Effect.fail(taken) : yield* addKey(token.name, now)
      })
      const made = Effect.catchTag(changing(token.name, created), ["TokenOfFile", "TokenNotFound"], () =>
        Effect.fail(taken)
      )
      // It is known that there is one, also where the books could not be asked how many there are by now.
      return Effect.tap(made, ({ token: { admin } }) =>
        Effect.sync(() => {
          counted = { tokens: Math.max(1, counted.tokens), admins: Math.max(admin ? 1 : 0, counted.admins) }
        })
      )
    },
    update: (name, change) => {
      const statement = updateToken(name, change)
      return changing(
        name,
        orLastAdmin(name, Effect.andThen(statement === undefined ? Effect.void : run(statement), getOwn(name)))
      )
    },
    remove: (name) =>
      changing(name, orLastAdmin(name, Effect.asVoid(run(sql`DELETE FROM relay_tokens WHERE name = ${name}`)))),
    rotate: (name, options) =>
      changing(
        name,
        Effect.gen(function* () {
          // One at a time: the row of the token is held until the end.
          const { forUpdate } = books.engine
          const rows = yield* run(sql`SELECT name FROM relay_tokens WHERE name = ${name}${forUpdate}`)
          if (rows.length === 0) return yield* Effect.fail(new TokenNotFound({ name }))
          const now = yield* Clock.currentTimeMillis
          yield* run(endKeys(name, now + Duration.toMillis(Duration.fromInputUnsafe(options?.grace ?? 0))))
          yield* run(forgetKeys(name, now))
          return yield* addKey(name, now)
        })
      )
  })
})
