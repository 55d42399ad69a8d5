/**
 * What a stream begins with, from `create` to its first commit. Its note is a text that its writer has to make: it is made
 * when somebody asks for it, and nearly always a later one is committed with it before anybody has.
 */
import { makeStreamId, type StreamId } from "./Cursor.ts"
import type { NewStream } from "./Lease.ts"
import type { NewRecord } from "./Share.ts"

/** The record of a stream that begins. */
export class FirstRecord implements NewRecord {
  readonly id: StreamId
  readonly dialect: string
  readonly owner: string
  readonly request: string
  readonly createdAt: number
  private text: string | (() => string)

  constructor({ dialect, id, note, owner, request }: NewStream, createdAt: number) {
    this.id = id ?? makeStreamId()
    this.dialect = dialect
    this.owner = owner
    this.request = request
    this.createdAt = createdAt
    this.text = note
  }

  /** The stream's note. */
  get note(): string {
    if (typeof this.text === "function") this.text = this.text()
    return this.text
  }

  /** A later note takes the place of the first one. */
  noted(note: string): void {
    this.text = note
  }
}
