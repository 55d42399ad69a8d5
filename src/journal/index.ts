// What other floors take, and what a store is written against. How the journal reckons (standing, keeping) is inside.
export { type Cursor, formatCursor, isStreamId, makeStreamId, parseCursor, type StreamId } from "./Cursor.ts"
export {
  type Begun,
  type Claim,
  Journal,
  type JournalFault,
  type JournalOptions,
  type KeyedStream,
  type Lease,
  type LeaseEnd,
  type NewStream,
  type Position,
  type Reader,
  type ReaderSink,
  type StreamKey
} from "./Journal.ts"
export {
  type Beginning,
  type ClaimReply,
  type Done,
  type End,
  type Fate,
  type FramePart,
  type Frames,
  type IdempotencyKey,
  JournalStore,
  type NewRecord,
  type Outcome,
  pageRoom,
  replied,
  type Reply,
  type Share,
  type StreamRecord,
  type Sweep
} from "./JournalStore.ts"
export { type LateText, type Printable, textOf } from "./LateText.ts"
export * as JournalStoreMemory from "./JournalStoreMemory.ts"
export * as JournalStoreSqliteNode from "./JournalStoreSqliteNode.ts"
