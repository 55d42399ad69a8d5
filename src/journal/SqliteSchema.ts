/**
 * The tables of the journal in SQLite, and how they grow old.
 *
 * - `stream`: what is known of a stream at any time. `ended` is its place in `ended`.
 * - `live`: what matters only while it has no end: its request, and who writes it. The row is deleted with the terminal
 *   event.
 * - `piece`: what one commit appends to one stream, as one row. A log: rows come at its end, and there is no index on
 *   it. (An index by stream took two thirds of a commit, since it is changed in as many places as streams have
 *   appended. Where the rows of a stream are its writer knows; they are noted when it ends, and read out of the log
 *   when its writer died.)
 * - `ended`: the ends of streams in the order of their commits, each with its outcome and with the rows of its frames.
 *   `state`: 2 its frames are kept, 1 they are being deleted, 0 they are gone.
 * - `identity`: which journal it is, for who keeps a position in it elsewhere.
 */
import type { Round, Step } from "../store/SqliteUpkeepThreadNode.ts"
import type { Sweep } from "./JournalStore.ts"

/** "ERJ1": the mark of our databases. */
export const application = 0x4552_4a31

/** The schema, one script a version. A script that has been released is never changed. */
export const migrations: ReadonlyArray<string> = [
  `CREATE TABLE stream (
     key INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     dialect TEXT NOT NULL,
     owner TEXT NOT NULL,
     request TEXT NOT NULL,
     note TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     ended_at INTEGER,
     epoch INTEGER NOT NULL,
     swept INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE INDEX stream_due ON stream (ended_at) WHERE swept = 0;
   CREATE INDEX stream_swept ON stream (ended_at) WHERE swept = 1;
   CREATE TABLE frame (stream INTEGER NOT NULL, seq INTEGER NOT NULL, data TEXT NOT NULL) STRICT;
   CREATE UNIQUE INDEX frame_at ON frame (stream, seq);`,

  `ALTER TABLE stream RENAME TO stream_1;
   CREATE TABLE stream (
     key INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     dialect TEXT NOT NULL,
     owner TEXT NOT NULL,
     note TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     idempotency_key TEXT,
     body_hash TEXT,
     ended INTEGER
   ) STRICT;
   CREATE UNIQUE INDEX stream_key ON stream (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;
   CREATE TABLE live (
     key INTEGER PRIMARY KEY,
     request TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     writer INTEGER NOT NULL,
     first INTEGER NOT NULL,
     cancel TEXT
   ) STRICT;
   CREATE TABLE piece (
     position INTEGER PRIMARY KEY,
     stream INTEGER NOT NULL,
     last INTEGER NOT NULL,
     lengths TEXT,
     text TEXT NOT NULL
   ) STRICT;
   CREATE TABLE ended (
     position INTEGER PRIMARY KEY,
     key INTEGER NOT NULL,
     at INTEGER NOT NULL,
     state INTEGER NOT NULL,
     length INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     pieces TEXT NOT NULL,
     outcome TEXT
   ) STRICT;
   CREATE INDEX ended_kept ON ended (at, bytes) WHERE state = 2;
   CREATE INDEX ended_condemned ON ended (position) WHERE state = 1;
   CREATE INDEX ended_gone ON ended (at) WHERE state = 0;

   INSERT INTO piece SELECT rowid, stream, seq, NULL, data FROM frame ORDER BY rowid;
   INSERT INTO ended (key, at, state, length, bytes, pieces)
     SELECT key, ended_at, CASE swept WHEN 0 THEN 2 ELSE 0 END,
       coalesce((SELECT max(seq) + 1 FROM frame WHERE stream = key), 0),
       coalesce((SELECT sum(octet_length(data)) FROM frame WHERE stream = key), 0),
       coalesce((SELECT json_group_array(rowid ORDER BY seq) FROM frame WHERE stream = key), '[]')
     FROM stream_1 WHERE ended_at IS NOT NULL ORDER BY ended_at, key;
   INSERT INTO live SELECT key, request, 1, epoch, 1, NULL FROM stream_1 WHERE ended_at IS NULL;
   INSERT INTO stream SELECT stream_1.key, id, dialect, owner, note, created_at, NULL, NULL, ended.position
     FROM stream_1 LEFT JOIN ended ON ended.key = stream_1.key ORDER BY stream_1.key;
   DROP TABLE frame;
   DROP TABLE stream_1;`,

  `CREATE TABLE identity (id TEXT NOT NULL) STRICT;
   INSERT INTO identity VALUES (lower(hex(randomblob(16))));`
]

/** How many are chosen at a time; and how many rows are changed and deleted in one go, for which the writer waits. */
const atOnce = { chosen: 4096, rows: 256, pieces: 128 }

/**
 * What is due is chosen, so many at a time, and done with in smaller goes. It is written down in a list of the connection's
 * own: its writer does not wait while all that is kept is looked through, or all the pieces of a long answer. A go looks up
 * what is in the list (`CROSS JOIN` goes through that, and not through the table), and once more whether it is due.
 */
const chosen = (
  list: "due" | "part",
  select: string,
  params: Step["params"],
  ...done: ReadonlyArray<Step | Round>
): Round => ({
  first: {
    sql: `INSERT OR IGNORE INTO ${list} ${select} LIMIT ?`,
    params: [...params, atOnce.chosen],
    most: atOnce.chosen
  },
  rest: [...done, { sql: `DELETE FROM ${list}`, params: [] }]
})

/** A change of so many rows in one go. */
const go = (sql: string, most: number): Step => ({ sql, params: [most], most })

/** What was chosen is condemned, and what is condemned deleted. */
const forgetting: Round = {
  first: go(
    `UPDATE ended SET state = 1 WHERE position IN
       (SELECT position FROM due CROSS JOIN ended ON position = due.it WHERE state = 2 LIMIT ?)`,
    atOnce.rows
  ),
  rest: [
    go(
      `UPDATE stream SET note = '' WHERE key IN
         (SELECT stream.key FROM ended CROSS JOIN stream ON stream.key = ended.key
          WHERE ended.state = 1 AND stream.note <> '' LIMIT ?)`,
      atOnce.rows
    ),
    // A row's place may be used anew once it is gone, by another stream.
    chosen(
      "part",
      `SELECT piece.position, piece.stream FROM ended, json_each(ended.pieces) AS place
         JOIN piece ON piece.position = place.value AND piece.stream = ended.key
       WHERE ended.state = 1`,
      [],
      go(
        `DELETE FROM piece WHERE position IN
           (SELECT position FROM part CROSS JOIN piece ON position = part.it AND piece.stream = part.stream LIMIT ?)`,
        atOnce.pieces
      )
    ),
    chosen(
      "part",
      `SELECT position, key FROM ended WHERE state = 1 AND NOT EXISTS
         (SELECT 1 FROM json_each(ended.pieces) AS place
            JOIN piece ON piece.position = place.value AND piece.stream = ended.key)`,
      [],
      go(
        `UPDATE ended SET state = 0, bytes = 0, pieces = '[]' WHERE position IN
           (SELECT position FROM part CROSS JOIN ended ON position = part.it WHERE state = 1 LIMIT ?)`,
        atOnce.rows
      )
    )
  ]
}

/** A sweep's first rounds: the lists, empty. */
const begun: ReadonlyArray<Round> = [
  {
    first: { sql: "CREATE TEMP TABLE IF NOT EXISTS due (it INTEGER PRIMARY KEY)", params: [] },
    rest: [{ sql: "DELETE FROM due", params: [] }]
  },
  {
    first: { sql: "CREATE TEMP TABLE IF NOT EXISTS part (it INTEGER PRIMARY KEY, stream INTEGER)", params: [] },
    rest: [{ sql: "DELETE FROM part", params: [] }]
  }
]

/**
 * A sweep. No step touches a stream without an end; between any two of them, and if the process dies there, what is left
 * is what a reader may find. No parameter has a number: `node:sqlite` of Node 22.19 cannot bind those.
 */
export const sweeping = ({ framesBefore, keysBefore, maxBytes, streamsBefore }: Sweep): ReadonlyArray<Round> => [
  ...begun,
  // What ended first goes first, until the rest is no more than the limit.
  chosen(
    "due",
    `SELECT position FROM
       (SELECT position, at, sum(bytes) OVER (ORDER BY at, position) - bytes AS before FROM
         (SELECT position, at, bytes FROM ended WHERE state = 2 ORDER BY at, position LIMIT ?))
     WHERE at < ? OR before < (SELECT sum(bytes) FROM ended WHERE state = 2) - ?`,
    [atOnce.chosen, framesBefore, maxBytes],
    forgetting
  ),
  // By the place of its end, which is never given twice; its key may be.
  chosen(
    "due",
    `SELECT ended.position FROM ended JOIN stream ON stream.key = ended.key AND stream.ended = ended.position
     WHERE ended.state = 0 AND ended.at < ? AND (stream.idempotency_key IS NULL OR ended.at < ?)`,
    [streamsBefore, keysBefore],
    go(
      `DELETE FROM stream WHERE key IN
         (SELECT stream.key FROM due CROSS JOIN ended ON position = due.it
            CROSS JOIN stream ON stream.key = ended.key AND stream.ended = position LIMIT ?)`,
      atOnce.rows
    )
  ),
  // The last one stays, so that no position is given twice.
  chosen(
    "due",
    `SELECT position FROM ended WHERE state = 0 AND at < ?
       AND position < (SELECT max(position) FROM ended)
       AND NOT EXISTS (SELECT 1 FROM stream WHERE stream.key = ended.key AND stream.ended = ended.position)`,
    [streamsBefore],
    go(
      `DELETE FROM ended WHERE position IN
         (SELECT position FROM due CROSS JOIN ended ON position = due.it LIMIT ?)`,
      atOnce.rows
    )
  )
]
