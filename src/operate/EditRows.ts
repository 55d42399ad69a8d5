/**
 * How what was said by hand stands in the books: changed settings by path, and channels that were added. What is secret of
 * them is sealed.
 */
import { Option, Result, Schema } from "effect"
import { type BooksModule, type Row, type Sql, sql } from "../books/index.ts"
import { type Addition, type Change, type Edit, hasCredentials, valueAt } from "../settings/index.ts"
import type { Seal } from "./SealNode.ts"

/** The tables. `relay_settings_turn` has one row, which whoever changes something holds until he has. */
export const editsModule: BooksModule = {
  name: "settings",
  scripts: [
    [
      `CREATE TABLE relay_settings (
         path TEXT PRIMARY KEY,
         value TEXT NOT NULL,
         sealed BIGINT NOT NULL,
         turn BIGINT NOT NULL,
         changed_at BIGINT NOT NULL
       )`,
      `CREATE TABLE relay_added_channels (
         id TEXT PRIMARY KEY,
         entry TEXT NOT NULL,
         sealed TEXT,
         turn BIGINT NOT NULL,
         changed_at BIGINT NOT NULL
       )`,
      "CREATE TABLE relay_settings_turn (id BIGINT PRIMARY KEY, turn BIGINT NOT NULL)",
      "INSERT INTO relay_settings_turn (id, turn) VALUES (1, 0)"
    ]
  ]
}

/** What tells the other relays that something was changed. */
export const editsTopic = "settings"

/** Takes the turn: until the transaction ends nobody else changes anything. Gives its number, higher than all before. */
export const takeTurn: Sql = sql`UPDATE relay_settings_turn SET turn = turn + 1 WHERE id = 1 RETURNING turn`

/** The changed settings, oldest first. */
export const selectChanges: Sql = sql`SELECT path, value, sealed FROM relay_settings ORDER BY turn, path`

/** The added channels, oldest first. */
export const selectChannels: Sql = sql`SELECT id, entry, sealed FROM relay_added_channels ORDER BY turn, id`

/** What seals settings is about their path, and what seals channels about their id. */
const ofSetting = (path: string): string => `setting ${path}`
const ofChannel = (id: string): string => `channel ${id}`

/** What there is to seal with: `secret` is of `server.secret`, `own` of the key of the books' own, for settings alone. */
export interface Seals {
  readonly secret: Seal | undefined
  readonly own: Seal | undefined
}

/** Why a row was not read. */
export type Unread = "sealed without a secret" | "sealed with another secret" | "garbled"

/** A row that was not read, and what it is about. */
export interface UnreadRow {
  readonly about: string
  readonly why: Unread
}

const text = (row: Row, column: string): string => {
  const value = row[column]
  return typeof value === "string" ? value : ""
}

const parse = (json: string): Result.Result<unknown, "garbled"> =>
  Option.match(Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))(json), {
    onNone: () => Result.fail("garbled"),
    onSome: Result.succeed
  })

const unsealed = (sealed: string, about: string, seal: Seal | undefined): Result.Result<unknown, Unread> =>
  seal === undefined
    ? Result.fail("sealed without a secret")
    : Result.match(seal.open(sealed, about), {
        onFailure: () => Result.fail("sealed with another secret"),
        onSuccess: parse
      })

/** What a setting is sealed with: nothing, `server.secret`, or the key of the books' own. */
const sealedBy = { nothing: 0, secret: 1, own: 2 } as const

const valueOf = (row: Row, path: string, { own, secret }: Seals): Result.Result<unknown, Unread> => {
  const value = text(row, "value")
  switch (row["sealed"]) {
    case sealedBy.secret:
      return unsealed(value, ofSetting(path), secret)
    case sealedBy.own:
      // Its key is gone, or is another: no secret that somebody knows would help.
      return Result.mapError(unsealed(value, ofSetting(path), own), () => "garbled")
    default:
      return parse(value)
  }
}

/** Reads a changed setting. */
export const readChange = (row: Row, seals: Seals): Result.Result<Change, UnreadRow> => {
  const path = text(row, "path")
  return Result.match(valueOf(row, path, seals), {
    onFailure: (why) => Result.fail({ about: path, why }),
    onSuccess: (value) => Result.succeed<Change>({ _tag: "Change", path, value })
  })
}

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Reads an added channel. */
export const readChannel = (row: Row, seal: Seal | undefined): Result.Result<Addition, UnreadRow> => {
  const id = text(row, "id")
  const sealed = row["sealed"]
  const secrets = typeof sealed === "string" ? unsealed(sealed, ofChannel(id), seal) : Result.succeed({})
  const entry = Result.flatMap(secrets, (secrets) =>
    Result.flatMap(
      parse(text(row, "entry")),
      (entry): Result.Result<object, Unread> =>
        isObject(entry) && isObject(secrets) ? Result.succeed({ ...entry, ...secrets }) : Result.fail("garbled")
    )
  )
  return Result.match(entry, {
    onFailure: (why) => Result.fail({ about: `channels.${id}`, why }),
    onSuccess: (entry) => Result.succeed<Addition>({ _tag: "Addition", list: "channels", entry })
  })
}

const idOf = ({ entry }: Addition): string => String(valueAt(entry, ["id"]))

/** The fields of a channel in which secrets are. */
const secretFields = ["keys", "headers", "proxy", "tls"]

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0)

/** Of a channel, what is secret and what is not. */
const parted = (entry: unknown): readonly [secrets: object, rest: object] => {
  const fields = Object.entries(isObject(entry) ? entry : {})
  const isSecret = ([field, value]: readonly [string, unknown]): boolean =>
    (secretFields.includes(field) && !isEmpty(value)) || (typeof value === "string" && hasCredentials(value))
  return [Object.fromEntries(fields.filter(isSecret)), Object.fromEntries(fields.filter((one) => !isSecret(one)))]
}

/** What an edit is not kept without: a channel with secrets, or a setting that `holds` one. */
export const neededSeal = (edit: Edit, holds: (change: Change) => boolean): "secret" | "any" | undefined => {
  if (edit._tag === "Change") return holds(edit) ? "any" : undefined
  return isEmpty(parted(edit.entry)[0]) ? undefined : "secret"
}

/**
 * Keeps an edit, in the place of the one before it. The secrets of a channel are sealed; what a setting holds is sealed where
 * it is secret and there is a seal.
 */
export const keep = (edit: Edit, { isSecret, now, seals, turn }: Keeping): Sql => {
  if (edit._tag === "Change") {
    const { path } = edit
    const json = JSON.stringify(edit.value)
    const by = isSecret(path) ? (seals.secret ?? seals.own) : undefined
    const value = by?.close(json, ofSetting(path)) ?? json
    const sealed = by === undefined ? sealedBy.nothing : seals.secret === undefined ? sealedBy.own : sealedBy.secret
    return sql`INSERT INTO relay_settings (path, value, sealed, turn, changed_at)
               VALUES (${path}, ${value}, ${sealed}, ${turn}, ${now})
               ON CONFLICT (path) DO UPDATE SET value = ${value}, sealed = ${sealed}, turn = ${turn}, changed_at = ${now}`
  }
  const id = idOf(edit)
  const [secrets, rest] = parted(edit.entry)
  const sealed = isEmpty(secrets) ? null : (seals.secret?.close(JSON.stringify(secrets), ofChannel(id)) ?? null)
  const entry = JSON.stringify(rest)
  // A channel that is changed keeps its place among the others.
  return sql`INSERT INTO relay_added_channels (id, entry, sealed, turn, changed_at)
             VALUES (${id}, ${entry}, ${sealed}, ${turn}, ${now})
             ON CONFLICT (id) DO UPDATE SET entry = ${entry}, sealed = ${sealed}, changed_at = ${now}`
}

/** How edits are kept. */
export interface Keeping {
  readonly seals: Seals
  /** Whether what a setting holds is secret. */
  readonly isSecret: (path: string) => boolean
  readonly turn: number
  readonly now: number
}

/** What an edit is kept under: another one of the same takes its place. */
export const keptUnder = (edit: Edit): string => (edit._tag === "Change" ? ofSetting(edit.path) : ofChannel(idOf(edit)))

/** Keeps an edit no longer. */
export const forget = (edit: Edit): Sql =>
  edit._tag === "Change"
    ? sql`DELETE FROM relay_settings WHERE path = ${edit.path}`
    : sql`DELETE FROM relay_added_channels WHERE id = ${idOf(edit)}`

/** Seals what was sealed with the old secret (`from`; `undefined`: there was none) with the new one. */
export interface Reseal {
  readonly from: Seal | undefined
  /** The key of the books' own, with which settings may be sealed. */
  readonly own: Seal | undefined
  readonly to: Seal
  /** Whether what a setting holds is secret: what of that was kept without a seal gets one. */
  readonly isSecret: (path: string) => boolean
}

/** What a row was, and what of it must be written: nothing where it is sealed with the new secret already. */
type Resealed = Result.Result<Sql | undefined, UnreadRow>

const reseal = (sealed: string, about: string, { from, to }: Reseal): Result.Result<string | undefined, Unread> => {
  if (Result.isSuccess(to.open(sealed, about))) return Result.succeed(undefined)
  const text = from?.open(sealed, about) ?? Result.fail("not opened" as const)
  return Result.mapBoth(text, {
    onFailure: () => "sealed with another secret" as const,
    onSuccess: (text) => to.close(text, about)
  })
}

/** Seals a changed setting anew. */
export const resealChange = (row: Row, how: Reseal): Resealed => {
  const path = text(row, "path")
  const value = text(row, "value")
  if (row["sealed"] === sealedBy.nothing && !how.isSecret(path)) return Result.succeed(undefined)
  const closed =
    row["sealed"] === sealedBy.nothing
      ? Result.succeed(how.to.close(value, ofSetting(path)))
      : reseal(value, ofSetting(path), row["sealed"] === sealedBy.own ? { ...how, from: how.own } : how)
  return Result.mapBoth(closed, {
    onFailure: (why) => ({ about: path, why }),
    onSuccess: (closed) =>
      closed === undefined
        ? undefined
        : sql`UPDATE relay_settings SET value = ${closed}, sealed = 1 WHERE path = ${path}`
  })
}

/** Seals an added channel anew. */
export const resealChannel = (row: Row, how: Reseal): Resealed => {
  const id = text(row, "id")
  const { sealed } = row
  if (typeof sealed !== "string") return Result.succeed(undefined)
  return Result.mapBoth(reseal(sealed, ofChannel(id), how), {
    onFailure: (why) => ({ about: `channels.${id}`, why }),
    onSuccess: (closed) =>
      closed === undefined ? undefined : sql`UPDATE relay_added_channels SET sealed = ${closed} WHERE id = ${id}`
  })
}
