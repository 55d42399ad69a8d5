/**
 * How rows of the error log are found and forgotten: the one place where the databases differ.
 *
 * SQLite has one index for all that is asked: a full-text table of trigrams, without contents, in which a message stands
 * by its trigrams, and each other field by one trigram that only its value has. So any of them together are one query, the
 * newest first, and a row costs one insertion into a log-structured index: 8 µs, where a B-tree for each field costs 100.
 * Without positions a trigram says that a message may hold a text; whether it does is looked at when it is read. A list of
 * a trigram is gone through as a whole, 35 ms where half a million rows have it, so only the rarest of a text are asked for:
 * how rare each is among the newest rows is looked at first (`weigh`).
 *
 * PostgreSQL has a B-tree for each field, and `ILIKE` for the message.
 */
import { type BooksModule, type Engine, join, literally, type Row, type Sql, sql } from "../books/index.ts"
import type { ErrorRow } from "./ErrorRow.ts"
import { columnOf, declaredColumns, errorsTable, type PlacedRow } from "./ErrorRows.ts"
import { slotAt } from "./ErrorSlots.ts"

/** What a field of a row must be, exactly. */
export interface ErrorFilter {
  readonly kind?: ErrorRow["kind"] | undefined
  readonly request_id?: string | undefined
  readonly stream_id?: string | undefined
  readonly token?: string | undefined
  readonly model?: string | undefined
  readonly channel?: string | undefined
  readonly class?: string | undefined
  readonly code?: string | undefined
  readonly status_code?: number | undefined
  /** A part of the message, in any case. */
  readonly q?: string | undefined
  /** From this moment on, epoch milliseconds. */
  readonly from?: number | undefined
  /** Up to before this moment. */
  readonly to?: number | undefined
}

/** Where a page begins: behind this row. */
export interface Behind {
  readonly seq: number
  readonly id: string
}

const exact = [
  "kind",
  "request_id",
  "stream_id",
  "token",
  "model",
  "channel",
  "class",
  "code",
  "status_code"
] as const satisfies ReadonlyArray<keyof ErrorFilter>

/** What a database does in its own way. */
export interface ErrorFind {
  readonly module: BooksModule
  /** What is to be written beside rows that were added. */
  readonly index: (rows: ReadonlyArray<PlacedRow>) => Sql | undefined
  /** What is asked before a text is looked for, if anything: its rows are `select`'s. */
  readonly weigh: (q: string) => Sql | undefined
  /**
   * Asks for the place that lies so many rows behind the one where rows that are meant may begin; of what begins at the
   * newest, or is found as well without, nothing is asked.
   */
  readonly reach: (filter: ErrorFilter, behind: Behind | undefined) => Sql | undefined
  /** The rows that are meant as far back as a place; with none all of them. */
  readonly near: (filter: ErrorFilter, behind: Behind | undefined, limit: number, place: number | undefined) => Sql
  /** Rows that may be meant, the newest first: of those that hold `q` perhaps too many. */
  readonly select: (filter: ErrorFilter, behind: Behind | undefined, limit: number, weighed?: ReadonlyArray<Row>) => Sql
  /** Forgets so many of the oldest rows, if they stand before `below`; the last statement gives a row for each. */
  readonly forget: (below: number, most: number) => ReadonlyArray<Sql>
}

const escaped = (q: string): string => `%${q.replace(/[\\%_]/g, "\\$&")}%`

const conditions = ({ from, to, ...filter }: ErrorFilter): ReadonlyArray<Sql> => [
  ...exact.flatMap((field) => {
    const value = filter[field]
    return value === undefined ? [] : [sql`e.${columnOf(field)} = ${value}`]
  }),
  ...(from === undefined ? [] : [sql`e.at >= ${from}`]),
  ...(to === undefined ? [] : [sql`e.at < ${to}`])
]

/** Before which key the rows that are meant begin; `undefined` where they do at the newest. */
const beginOf = (filter: ErrorFilter, behind: Behind | undefined): number | undefined => {
  const last = [span(filter).below, behind?.seq].filter((seq) => seq !== undefined)
  return last.length === 0 ? undefined : Math.min(...last)
}

/** The keys among which the moments of a filter are; a process may have been some keys ahead of its clock. */
const span = ({ from, to }: ErrorFilter): { readonly least: number; readonly below: number | undefined } => ({
  least: from === undefined ? 0 : slotAt(from),
  below: to === undefined ? undefined : slotAt(to + 2)
})

const table = literally(errorsTable)

// PostgreSQL

/** A sigma may be any letter: it has two small forms, and `ILIKE` knows one. */
const ilikeOf = (q: string): string => escaped(q).replace(/[Σσς]/g, "_")

/** The fields of its script, which stays as it is whatever is asked for later. */
const indexed = [
  "kind",
  "request_id",
  "stream_id",
  "token",
  "model",
  "channel",
  "class",
  "code",
  "status_code"
] as const

const postgres: ErrorFind = {
  module: {
    name: "errors",
    scripts: [
      [
        `CREATE TABLE ${errorsTable} (seq BIGINT NOT NULL, ${declaredColumns}, PRIMARY KEY (id))`,
        `CREATE INDEX ${errorsTable}_newest ON ${errorsTable} (seq, id)`,
        ...indexed.map((field) => `CREATE INDEX ${errorsTable}_${field} ON ${errorsTable} (${field}, seq, id)`)
      ]
    ]
  },
  index: () => undefined,
  weigh: () => undefined,
  reach: () => undefined,
  near: (filter, behind, limit) => postgres.select(filter, behind, limit),
  select: (filter, behind, limit) => {
    const { below, least } = span(filter)
    const all = [
      ...conditions(filter),
      sql`e.seq >= ${least}`,
      ...(below === undefined ? [] : [sql`e.seq < ${below}`]),
      ...(behind === undefined ? [] : [sql`(e.seq, e.id) < (${behind.seq}, ${behind.id})`]),
      ...(filter.q === undefined ? [] : [sql`e.message ILIKE ${ilikeOf(filter.q)}`])
    ]
    return sql`SELECT e.* FROM ${table} e WHERE ${join(all, " AND ")} ORDER BY e.seq DESC, e.id DESC LIMIT ${limit}`
  },
  forget: (below, most) => [
    sql`DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE seq < ${below} ORDER BY seq LIMIT ${most})
        RETURNING seq`
  ]
}

// SQLite

const finding = literally(`${errorsTable}_find`)

/** So many code points are private, and stand in no message. */
const privatePoints = 6400
const firstPrivate = 0xe000

/** The trigram of a field's value: three private code points. Two values may have the same one, hardly ever. */
const trigramOf = (field: number, value: string | number | null): string | null => {
  if (value === null) return null
  const text = String(value)
  let one = 0x811c9dc5 ^ field
  let two = field + 1
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    one = Math.imul(one ^ unit, 0x01000193)
    two = Math.imul(two ^ unit, 0x5bd1e995) ^ (two >>> 15)
  }
  one >>>= 0
  two >>>= 0
  return String.fromCharCode(
    firstPrivate + (one % privatePoints),
    firstPrivate + (two % privatePoints),
    firstPrivate + (((one >>> 13) ^ (two >>> 11)) % privatePoints)
  )
}

const quoted = (trigram: string): string => `"${trigram.replaceAll('"', '""')}"`

/** The trigrams of a text. */
const trigramsOf = (text: string): ReadonlyArray<string> => {
  const points = Array.from(text)
  return points.slice(2).map((point, at) => `${points[at]}${points[at + 1]}${point}`)
}

/**
 * So many rows are looked through one by one, 5 ms, before the full-text table is asked for what does not begin at the newest.
 * It goes through a list from the newest on, 30 ms to the end of a million rows for what many of them have; and of what many
 * have some are near.
 */
const looksThrough = 20_000

/** Up to so many trigrams of a text are asked for. */
const askedAtMost = 4
/** Of so many it is looked at how rare they are, and how many rows of each are enough to say. */
const weighedAtMost = 40
const weighedRows = 100

/** The trigrams of a text, each once. Of a long text some, from all of it: its last too. */
const spreadTrigrams = (text: string): ReadonlyArray<string> => {
  const all = [...new Set(trigramsOf(text))]
  const count = Math.min(all.length, weighedAtMost)
  return Array.from({ length: count }, (_, at) => all[Math.round((at * (all.length - 1)) / Math.max(1, count - 1))]!)
}

/** The forms that a letter has in either case. Those of ASCII are one to SQLite already, and a sigma has two small ones. */
const formsOf = (letter: string): ReadonlyArray<string> => {
  if (letter <= "\x7f") return [letter]
  const large = letter.toUpperCase()
  return [...new Set([letter, large, letter.toLowerCase(), large.toLowerCase(), ...(large === "Σ" ? ["ς"] : [])])]
}

/** Whether a message holds a text that is too short to have a trigram: it is compared with each form of its letters. */
const holdsShort = (text: string): Sql => {
  const forms = Array.from(text).reduce<ReadonlyArray<string>>(
    (before, letter) => before.flatMap((start) => formsOf(letter).map((form) => start + form)),
    [""]
  )
  const each = forms.map((form) => sql`e.message LIKE ${escaped(form)} ESCAPE '\\'`)
  return sql`(${join(each, " OR ")})`
}

/**
 * What of a text SQLite compares as we do: it knows no case but that of ASCII. A row that only looks as if it held the text
 * is so left out where it is read, off the event loop.
 */
const likeOf = (text: string): string => escaped(text).replace(/[^ -~]+/g, "%")

/** The rarest trigrams of those that were weighed: with the fewest rows, or those that lie farthest apart. */
const rarest = (weighed: ReadonlyArray<Row>): ReadonlyArray<string> =>
  weighed
    .map(({ oldest, rows, trigram }) => ({ trigram: String(trigram), rows: Number(rows), oldest: Number(oldest) }))
    .toSorted((one, other) => one.rows - other.rows || one.oldest - other.oldest)
    .slice(0, askedAtMost)
    .map(({ trigram }) => trigram)

const isOfKindAlone = (filter: ErrorFilter): boolean =>
  (filter.q === undefined || trigramsOf(filter.q).length === 0) &&
  exact.every((field) => field === "kind" || filter[field] === undefined)

/** What the full-text table is asked; `undefined` where it need not be. */
const matchOf = (filter: ErrorFilter, weighed: ReadonlyArray<Row> | undefined): string | undefined => {
  const terms = exact.flatMap((field, at) => {
    // A kind is that of half of the rows: the longest of all lists, and it leaves out the least.
    if (field === "kind" && !isOfKindAlone(filter)) return []
    const trigram = trigramOf(at, filter[field] ?? null)
    return trigram === null ? [] : [trigram]
  })
  if (filter.q !== undefined) terms.push(...(weighed === undefined ? spreadTrigrams(filter.q) : rarest(weighed)))
  return terms.length === 0 ? undefined : terms.map(quoted).join(" AND ")
}

const findTexts = new Map<number, ReadonlyArray<string>>()
const findTextsFor = (rows: number): ReadonlyArray<string> => {
  const known = findTexts.get(rows)
  if (known !== undefined) return known
  const width = exact.length + 2
  const texts = [`INSERT OR REPLACE INTO ${errorsTable}_find (rowid, ${exact.join(", ")}, message) VALUES (`]
  for (let at = 1; at < rows * width; at++) texts.push(at % width === 0 ? "), (" : ", ")
  texts.push(")")
  findTexts.set(rows, texts)
  return texts
}

const sqlite: ErrorFind = {
  module: {
    name: "errors",
    scripts: [
      [
        `CREATE TABLE ${errorsTable} (seq INTEGER PRIMARY KEY, ${declaredColumns})`,
        `CREATE VIRTUAL TABLE ${errorsTable}_find USING fts5(${exact.join(", ")}, message, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram')`,
        `INSERT INTO ${errorsTable}_find (${errorsTable}_find, rank) VALUES ('automerge', 8)`
      ]
    ]
  },
  index: (rows) => {
    if (rows.length === 0) return undefined
    const params: Array<string | number | null> = []
    for (const { row, seq } of rows) {
      params.push(seq)
      for (let at = 0; at < exact.length; at++) params.push(trigramOf(at, row[exact[at]!]))
      params.push(row.message)
    }
    return { _tag: "Sql", texts: findTextsFor(rows.length), params }
  },
  reach: (filter, behind) => {
    const from = beginOf(filter, behind)
    if (filter.q !== undefined || from === undefined || exact.every((field) => filter[field] === undefined)) {
      return undefined
    }
    const { least } = span(filter)
    return sql`SELECT seq FROM ${table} WHERE seq < ${from} AND seq >= ${least} ORDER BY seq DESC LIMIT 1 OFFSET ${looksThrough}`
  },
  near: (filter, behind, limit, place) => {
    const all = [
      sql`e.seq < ${beginOf(filter, behind) ?? Number.MAX_SAFE_INTEGER}`,
      sql`e.seq >= ${place ?? span(filter).least}`,
      ...conditions(filter)
    ]
    return sql`SELECT e.* FROM ${table} e WHERE ${join(all, " AND ")} ORDER BY e.seq DESC LIMIT ${limit}`
  },
  weigh: (q) => {
    const trigrams = spreadTrigrams(q)
    if (trigrams.length <= askedAtMost) return undefined
    const each = trigrams.map(
      (trigram) => sql`SELECT ${trigram} AS trigram, count(*) AS rows, min(rowid) AS oldest FROM
        (SELECT rowid FROM ${finding} WHERE ${finding} MATCH ${quoted(trigram)} ORDER BY rowid DESC LIMIT ${weighedRows})`
    )
    return join(each, " UNION ALL ")
  },
  select: (filter, behind, limit, weighed) => {
    const { least } = span(filter)
    const begin = beginOf(filter, behind)
    const match = matchOf(filter, weighed)
    const short = filter.q !== undefined && trigramsOf(filter.q).length === 0
    const key = literally(match === undefined ? "e.seq" : "f.rowid")
    const all = [
      ...(match === undefined ? [] : [sql`f.${finding} MATCH ${match}`]),
      ...(least === 0 ? [] : [sql`${key} >= ${least}`]),
      ...(begin === undefined ? [] : [sql`${key} < ${begin}`]),
      ...conditions(filter),
      ...(filter.q === undefined || short ? [] : [sql`e.message LIKE ${likeOf(filter.q)} ESCAPE '\\'`]),
      // Where there is no trigram to look for, messages are read one by one.
      ...(short ? [holdsShort(filter.q)] : [])
    ]
    const source = match === undefined ? sql`${table} e` : sql`${finding} f CROSS JOIN ${table} e ON e.seq = f.rowid`
    const where = all.length === 0 ? literally("") : sql`WHERE ${join(all, " AND ")}`
    return sql`SELECT e.* FROM ${source} ${where} ORDER BY ${key} DESC LIMIT ${limit}`
  },
  forget: (below, most) => {
    const oldest = sql`SELECT seq FROM ${table} WHERE seq < ${below} ORDER BY seq LIMIT ${most}`
    return [
      sql`DELETE FROM ${finding} WHERE rowid IN (${oldest})`,
      sql`DELETE FROM ${table} WHERE seq IN (${oldest}) RETURNING seq`
    ]
  }
}

/** The way of a database. */
export const errorFindOf = ({ name }: Engine): ErrorFind => (name === "sqlite" ? sqlite : postgres)
