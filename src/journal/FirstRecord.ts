/**
 * What a stream begins with, from `create` to its first commit. Its request and its note are texts that its writer has to make:
 * each is made when somebody asks for it. Of the note a later one is nearly always committed before anybody has, and an
 * upstream is asked before the first commit asks for the request, which may be long.
 */
import { makeStreamId, type StreamId } from "./Cursor.ts"
import type { Printable } from "./LateText.ts"
import type { NewStream } from "./Lease.ts"
import type { NewRecord } from "./Share.ts"

/** The record of a stream that begins. */
export class FirstRecord implements NewRecord {
  readonly id: StreamId
  readonly dialect: string
  readonly owner: string
  readonly createdAt: number
  private asked: string | (() => string)
  private text: Printable | (() => Printable)

  constructor({ dialect, id, note, owner, request }: NewStream, createdAt: number) {
    this.id = id ?? makeStreamId()
    this.dialect = dialect
    this.owner = owner
    this.asked = request
    this.createdAt = createdAt
    this.text = note
  }

  /** What was asked. */
  get request(): string {
    if (typeof this.asked === "function") this.asked = this.asked()
    return this.asked
  }

  /** The stream's note. */
  get note(): Printable {
    if (typeof this.text === "function") this.text = this.text()
    return this.text
  }

  /** A later note takes the place of the first one. */
  noted(note: Printable): void {
    this.text = note
  }
}
