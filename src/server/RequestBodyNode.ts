/**
 * A request's body, put together from its chunks: whole, bounded, and unpacked where it came packed. It knows no HTTP
 * server: whoever has the chunks pushes them.
 */
import { Result } from "effect"
import { isUtf8 } from "node:buffer"
import type { Transform } from "node:stream"
import { BadRequestBody, PayloadTooLarge, stackless } from "../errors/index.ts"
import { codingsOf, decodersOf } from "../http/InflateNode.ts"

/** What may be wrong with it. */
export type BodyFault = BadRequestBody | PayloadTooLarge

/** Takes a body. Its callback is called once, in one of these calls or later. */
export interface BodySink {
  readonly push: (chunk: Uint8Array) => void
  /** The last chunk was pushed. */
  readonly end: () => void
  /** Nobody wants it any more: the callback is not called. */
  readonly stop: () => void
}

type Done = (body: Result.Result<string, BodyFault>) => void

const tooLarge = (limitBytes: number): Result.Result<never, PayloadTooLarge> =>
  Result.fail(stackless(() => new PayloadTooLarge({ limitBytes })))

const broken: Result.Result<never, BadRequestBody> = Result.fail(
  stackless(() => new BadRequestBody({ message: "the body is not what content-encoding says" }))
)

// JSON is UTF-8. What is not would go to the upstream as marks that stand for what nobody could read.
const unreadable: Result.Result<never, BadRequestBody> = Result.fail(
  stackless(() => new BadRequestBody({ message: "the body is not UTF-8" }))
)

const text = (chunks: ReadonlyArray<Uint8Array>): Result.Result<string, BadRequestBody> => {
  const [first] = chunks
  // HOT: nearly every body comes in one piece, which need not be copied.
  const whole =
    first !== undefined && chunks.length === 1
      ? Buffer.from(first.buffer, first.byteOffset, first.byteLength)
      : Buffer.concat(chunks)
  return isUtf8(whole) ? Result.succeed(whole.toString("utf8")) : unreadable
}

const plainBody = (maxBytes: number, done: Done): BodySink => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  let over = false
  return {
    push: (chunk) => {
      if (over) return
      size += chunk.length
      if (size <= maxBytes) return void chunks.push(chunk)
      over = true
      done(tooLarge(maxBytes))
    },
    end: () => {
      if (!over) done(text(chunks))
    },
    stop: () => {
      over = true
    }
  }
}

/**
 * Each unpacks for the next. What any of them gives is bounded, and the last is not waited for: a body of nothing, packed
 * twice, is as dear as one of much.
 */
const packedBody = (codings: NonNullable<ReturnType<typeof codingsOf>>, maxBytes: number, done: Done): BodySink => {
  const chunks: Array<Uint8Array> = []
  let decoders: ReadonlyArray<Transform> = []
  let size = 0
  let over = false

  const stop = (): void => {
    over = true
    for (const decoder of decoders) decoder.destroy()
  }
  const finish: Done = (body) => {
    if (over) return
    stop()
    done(body)
  }
  const begin = (first: Uint8Array): void => {
    decoders = decodersOf(codings, first)
    if (decoders.length < codings.length) return finish(broken)
    for (const [at, decoder] of decoders.entries()) {
      const next = decoders[at + 1]
      let unpacked = 0
      decoder.on("error", () => finish(broken))
      decoder.on("data", (chunk: Uint8Array) => {
        unpacked += chunk.length
        if (unpacked > maxBytes) finish(tooLarge(maxBytes))
        else if (next === undefined) chunks.push(chunk)
        else if (!over) next.write(chunk)
      })
      decoder.on("end", () => {
        if (next === undefined) finish(text(chunks))
        else if (!over) next.end()
      })
    }
  }
  return {
    push: (chunk) => {
      if (over) return
      if (size === 0) begin(chunk)
      size += chunk.length
      if (size > maxBytes) finish(tooLarge(maxBytes))
      // What waits to be unpacked is bounded too, so nobody has to be told to send slower.
      else if (!over) decoders[0]?.write(chunk)
    },
    end: () => {
      if (over) return
      if (size === 0) finish(text([]))
      else decoders[0]?.end()
    },
    stop
  }
}

/**
 * A body of at most `maxBytes`, as it comes and unpacked. One that is packed in a way that nobody knows is read as it is:
 * its media type is checked elsewhere.
 */
export const makeBody = (contentEncoding: string | undefined, maxBytes: number, done: Done): BodySink => {
  const codings = codingsOf(contentEncoding)
  return codings === undefined ? plainBody(maxBytes, done) : packedBody(codings, maxBytes, done)
}
