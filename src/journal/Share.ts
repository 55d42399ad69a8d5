/**
 * What one stream gains in a commit, and the two rules that every store shares: whether a share may be written, and
 * which parts it is written by. A store gives one function for each part; a new part does not compile until all do.
 */
import type { StreamId } from "./Cursor.ts"
import type { Frames } from "./Frames.ts"
import type { Printable } from "./LateText.ts"

/** A stream that begins. */
export interface NewRecord {
  readonly id: StreamId
  readonly dialect: string
  /** The name of the token that it belongs to, or `""`. */
  readonly owner: string
  /** The request, as the relay wrote it. It is deleted with the terminal event, and is `""` from then on. */
  readonly request: string
  /** One opaque note, the newest. */
  readonly note: Printable
  /** Epoch milliseconds. */
  readonly createdAt: number
}

/** The end of a stream. */
export interface End {
  /** When the terminal event was appended, epoch milliseconds. */
  readonly at: number
  /** What is told to those who keep books, by `outcomes`. */
  readonly outcome: Printable
  /** Whether the stream's idempotency key may be used anew at once. */
  readonly freesKey: boolean
}

/** What a share may have, by its part. */
export interface Parts {
  /** The stream begins with this share. */
  readonly begins: NewRecord
  readonly frames: Frames
  /** Replaces the stream's note. */
  readonly note: Printable
  /** The last frame is the terminal one. The request is deleted with it. */
  readonly end: End
}

/** What one stream gains in a commit: whole or not at all. */
export type Share = {
  readonly id: StreamId
  /** As its writer knows it. */
  readonly epoch: number
  /** How many events are committed before it. */
  readonly from: number
} & { readonly [P in keyof Parts]: Parts[P] | undefined }

/** What has become of a stream's share of a commit. */
export type Fate =
  /** It is durable. `cancel` is what another process has cancelled the stream with. */
  | { readonly _tag: "Committed"; readonly cancel: string | undefined }
  /** Another process has claimed the stream, or it is not as the share says: nothing of the share was written. */
  | { readonly _tag: "Stale" }
  /** The stream has ended: nothing of the share was written. */
  | { readonly _tag: "Ended" }

/** How a store writes each part of a share to a stream, which is `S` to it. */
export type PartWriters<S> = {
  readonly [P in keyof Parts]: P extends "begins" ? (part: Parts[P]) => S : (stream: S, part: Parts[P]) => void
}

/** What a share is compared with. */
export interface Standpoint {
  readonly epoch: number
  readonly length: number
  readonly ended: boolean
}

/** Why a share may not be written, or `undefined`. `at` is the stream, if it is there. */
export const refusalOf = (share: Share, at: Standpoint | undefined): Exclude<Fate["_tag"], "Committed"> | undefined => {
  if (share.begins !== undefined) return at === undefined ? undefined : "Stale"
  if (at === undefined) return "Stale"
  if (at.ended) return "Ended"
  return at.epoch === share.epoch && at.length === share.from ? undefined : "Stale"
}

/** Writes the parts of a share that may be written; `at` is its stream, unless it begins. */
export const writeShare = <S>(write: PartWriters<S>, share: Share, at: S | undefined): S | undefined => {
  const stream = share.begins === undefined ? at : write.begins(share.begins)
  if (stream === undefined) return undefined
  // Nearly every share has frames, and few have anything else.
  if (share.frames !== undefined) write.frames(stream, share.frames)
  for (const part of rare) writePart(write, stream, share, part)
  return stream
}

type Rare = Exclude<keyof Parts, "begins" | "frames">

// In this order: what a store does with an end may need all that came before it.
const rare = ["note", "end"] as const satisfies ReadonlyArray<Rare>
const everyPartIsWritten: [Rare] extends [(typeof rare)[number]] ? true : never = true
void everyPartIsWritten

const writePart = <S, P extends Rare>(
  write: { readonly [Q in Rare]: (stream: S, part: Parts[Q]) => void },
  stream: S,
  share: { readonly [Q in Rare]: Parts[Q] | undefined },
  part: P
): void => {
  const value = share[part]
  if (value !== undefined) write[part](stream, value)
}
