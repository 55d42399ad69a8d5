/**
 * An answer that comes compressed although nobody asked for that, on its way to who reads it. Its label is a hint.
 */
import type { Transform } from "node:stream"
import { maxCodings, peel, type Peeled } from "../http/InflateNode.ts"

/** Who reads what is unpacked. */
export interface Unpacked {
  readonly onData: (chunk: Uint8Array) => void
  readonly onEnd: () => void
  /** It does not fit its label. */
  readonly onBroken: () => void
  /** There is room for more. */
  readonly onRoom: () => void
}

/**
 * One decoder for each packing, each found when the first bytes of what it unpacks are there: the one before says nothing
 * of what is inside.
 */
export class Unpacking {
  private readonly reader: Unpacked
  private readonly decoders: Array<Transform> = []
  private readonly first: Transform
  private last: Transform

  constructor(outermost: Peeled, reader: Unpacked) {
    this.reader = reader
    this.first = this.last = outermost.decoder
    this.first.on("drain", reader.onRoom)
    this.add(outermost)
  }

  private add({ decoder, left }: Peeled): void {
    const { reader } = this
    this.decoders.push(decoder)
    this.last = decoder
    decoder.on("error", reader.onBroken)
    const isLast = this.decoders.length === maxCodings
    const onFirst = (chunk: Uint8Array): void => {
      const inner = isLast ? undefined : peel(left, chunk)
      if (inner === undefined) {
        decoder.on("data", reader.onData)
        return reader.onData(chunk)
      }
      decoder.off("end", reader.onEnd)
      this.add(inner)
      inner.decoder.write(chunk)
      decoder.pipe(inner.decoder)
    }
    decoder.once("data", onFirst).on("end", reader.onEnd)
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
