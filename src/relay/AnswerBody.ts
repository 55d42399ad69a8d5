/**
 * The body of an upstream's answer as it comes: what it is, and what of it is held until that is known, or until it is
 * whole. Events are read as they come and never held.
 */
import { bodyKind, type LinesKind, linesKind } from "./BodyKind.ts"

/** The largest body of an answer that is not a stream, in bytes. */
export const maxWholeBody = 8 * 1024 * 1024

/** How much of a good answer's body is looked at to see what it is, in bytes. */
const sniffed = 1024

/** How long the first of an answer's lines may be that is a stream of them, in bytes. */
const maxFirstLine = 16 * 1024

const newline = 10

/** How much of a failed answer's body is read, in bytes. */
const maxErrorBody = 64 * 1024

/** What a piece of a body comes to. */
export type BodyStep =
  /** It is held, and nothing can be said of it yet. */
  | "held"
  /** It is a part of an answer that is told whole. */
  | "part"
  /** It is a stream of events, of which `release` gives what was held. */
  | "events"
  /** It is a stream of lines, of which `release` gives what was held. */
  | "lines"
  /** Enough of an error is there. */
  | "error"
  /** It is longer than an answer may be. */
  | "tooLarge"

/** One answer's body. */
export class AnswerBody {
  /** What it is, as far as that is known. `error`: the answer's status is no success. */
  kind: "unknown" | "stream" | "whole" | "error" = "unknown"
  /** How many bytes have come of what is not a stream. */
  size = 0
  /** Its label says that it is a stream. */
  labelled = false
  /** What that which is not known as a stream is by its lines, once that is seen. */
  private lines: LinesKind | undefined
  /** Its first line has ended, and nothing has come behind it. */
  private begunLines = false
  private chunks: Array<Uint8Array> = []

  /** Takes a piece of what is not known as a stream. */
  take(chunk: Uint8Array): BodyStep {
    this.size += chunk.length
    if (this.kind === "error") {
      if (this.size > maxErrorBody) return "error"
      this.chunks.push(chunk)
      return "held"
    }
    if (this.kind === "whole" && this.size > maxWholeBody) return "tooLarge"
    this.chunks.push(chunk)
    if (this.kind === "unknown") {
      this.kind = bodyKind(this.begin(sniffed), this.labelled)
      if (this.kind === "unknown" && this.size >= sniffed) this.kind = "whole"
      if (this.kind === "stream") return "events"
      if (this.kind === "unknown") return "held"
    }
    const lines = this.linesBehind(chunk)
    if (lines === undefined || lines === "neither") return "part"
    this.kind = "stream"
    return lines
  }

  /** What is told in lines is a stream, whatever it says of itself; most of what is whole has no line before its end. */
  private linesBehind(chunk: Uint8Array): LinesKind | undefined {
    if (this.lines !== undefined || (!chunk.includes(newline) && !this.begunLines)) return this.lines
    this.lines = this.size > maxFirstLine ? "neither" : linesKind(this.text())
    this.begunLines = this.lines === undefined
    return this.lines
  }

  private begin(bytes: number): string {
    const [first, another] = this.chunks
    // HOT: nearly always the first piece is enough.
    const whole = first === undefined || another !== undefined ? Buffer.concat(this.chunks) : first
    return Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).toString("utf8", 0, bytes)
  }

  /** All that is held. */
  text(): string {
    return Buffer.concat(this.chunks).toString("utf8")
  }

  /** Gives what is held, and holds it no longer. */
  release(): ReadonlyArray<Uint8Array> {
    return this.chunks.splice(0)
  }
}
