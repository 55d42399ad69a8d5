/**
 * An answer that comes compressed although nobody asked for that, on its way to who reads it.
 */
import type { Transform } from "node:stream"

/** Who reads what is unpacked. */
export interface Unpacked {
  readonly onData: (chunk: Uint8Array) => void
  readonly onEnd: () => void
  /** It does not fit its label. */
  readonly onBroken: () => void
  /** There is room for more. */
  readonly onRoom: () => void
}

/** Each decoder unpacks for the next. */
export class Unpacking {
  private readonly decoders: ReadonlyArray<Transform>
  private readonly first: Transform
  private readonly last: Transform

  /** At least one decoder; none would give anything. */
  constructor(first: Transform, others: ReadonlyArray<Transform>, reader: Unpacked) {
    this.decoders = [first, ...others]
    this.first = first
    let last = first
    for (const decoder of others) last = last.pipe(decoder)
    this.last = last
    for (const decoder of this.decoders) decoder.on("error", reader.onBroken)
    first.on("drain", reader.onRoom)
    last.on("data", reader.onData).on("end", reader.onEnd)
  }

  /** Whether there is room for more; if not, `onRoom` says when. */
  write(chunk: Uint8Array): boolean {
    return this.first.write(chunk)
  }

  end(): void {
    this.first.end()
  }

  pause(): void {
    this.last.pause()
  }

  resume(): void {
    this.last.resume()
  }

  destroy(): void {
    for (const decoder of this.decoders) decoder.destroy()
  }
}
