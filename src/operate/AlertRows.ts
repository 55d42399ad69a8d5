/**
 * The alerts that wait, as rows of the books: what this process could not tell, the next one does.
 */
import { type BooksModule, type Row, type Sql, sql } from "../books/index.ts"
import type { Alert } from "./Alert.ts"

/** Their table. */
export const alertsModule: BooksModule = {
  name: "alerts",
  scripts: [["CREATE TABLE relay_alerts (id TEXT PRIMARY KEY, at BIGINT NOT NULL, body TEXT NOT NULL)"]]
}

/** An alert waits. */
export const insertAlert = ({ at, body, id }: Alert): Sql =>
  sql`INSERT INTO relay_alerts (id, at, body) VALUES (${id}, ${at}, ${body}) ON CONFLICT (id) DO NOTHING`

/** It waits no more. */
export const deleteAlert = (id: string): Sql => sql`DELETE FROM relay_alerts WHERE id = ${id}`

/** All that wait, the oldest first. */
export const selectAlerts: Sql = sql`SELECT id, at, body FROM relay_alerts ORDER BY at, id`

/** Reads one. */
export const readAlert = (row: Row): Alert => ({
  id: String(row["id"]),
  at: Number(row["at"]),
  body: String(row["body"])
})
