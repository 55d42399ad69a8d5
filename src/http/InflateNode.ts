/**
 * Bodies that came compressed: requests of clients that save their line, and answers of upstreams whose proxy compresses
 * though nobody asked for it.
 */
import type { Transform } from "node:stream"
import { zlib } from "./ZlibNode.ts"

type Coding = "gzip" | "deflate" | "br" | "zstd"

const codings: ReadonlyMap<string, Coding> = new Map([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
  ["br", "br"],
  ["zstd", "zstd"]
])

// Of two things that are called deflate one has a head: its method is 8, and its two bytes are a multiple of 31.
const hasHead = (bytes: Uint8Array): boolean =>
  (bytes[0]! & 15) === 8 && (bytes.length < 2 || (bytes[0]! * 256 + bytes[1]!) % 31 === 0)

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && (bytes.length < 2 || bytes[1] === 0x8b)

/** RFC 9659: a body may ask for a window of 8 MB, and no more. Zstandard's own bound lets a few bytes ask for 128. */
const zstdWindowLog = 23

const decoderOf = (coding: Coding, first: Uint8Array): Transform | undefined => {
  switch (coding) {
    case "gzip":
      // Who has unpacked a body may have left its label.
      return isGzip(first) ? zlib().createGunzip() : undefined
    case "deflate":
      return hasHead(first) ? zlib().createInflate() : zlib().createInflateRaw()
    case "br":
      return zlib().createBrotliDecompress()
    case "zstd":
      return zlib().createZstdDecompress({ params: { [zlib().constants.ZSTD_d_windowLogMax]: zstdWindowLog } })
  }
}

/** The first bytes of a frame of Zstandard. As many of them as have come must be there. */
const zstdMagic = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd)

const isZstd = (bytes: Uint8Array): boolean => {
  for (let at = 0; at < zstdMagic.length && at < bytes.length; at++) if (bytes[at] !== zstdMagic[at]) return false
  return bytes.length > 0
}

/** deflate with its head, as everybody writes it: a window of 32 kB, at one of four levels. */
const isZlib = (bytes: Uint8Array): boolean => bytes[0] === 0x78 && hasHead(bytes)

// What is readable is not packed: events and JSON begin so, and brotli with a `{` now and then, but nothing readable behind.
const isPlain = (bytes: Uint8Array): boolean =>
  /^(?:\xef\xbb\xbf)?\s*(?:[{[]\s*["{[\]}]|data:|event:|id:|retry:|:)[\t\n\r -~]*$/.test(
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, plainStart)).toString("latin1")
  )

/** How many bytes are looked at for that: one of three is readable by chance. */
const plainStart = 24

const namedIn = (header: string): ReadonlyArray<string> =>
  header
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity")

/** The codings of a body in the order in which they were applied; `undefined` where it has none that can be undone. */
export const codingsOf = (header: string | undefined): ReadonlyArray<Coding> | undefined => {
  // HOT: once for each request and answer; nearly all have none.
  if (header === undefined) return undefined
  const named = namedIn(header)
  const known = named.flatMap((name) => codings.get(name) ?? [])
  return known.length === 0 || known.length < named.length || known.length > maxCodings ? undefined : known
}

/** Whether all that a header names can be undone; also where it names nothing. */
export const isKnownCoding = (header: string): boolean =>
  codingsOf(header) !== undefined || namedIn(header).length === 0

/** A body that was packed more often than this is no answer. */
export const maxCodings = 3

/** What unpacks a body, as its first bytes say; each unpacks for the next. Empty where the body is not packed after all. */
export const decodersOf = (coded: ReadonlyArray<Coding>, first: Uint8Array): ReadonlyArray<Transform> => {
  const decoders: Array<Transform> = []
  for (const coding of coded.toReversed()) {
    // Only the outermost can be looked at.
    const decoder = decoders.length === 0 ? decoderOf(coding, first) : decoderOf(coding, whole[coding])
    if (decoder !== undefined) decoders.push(decoder)
  }
  return decoders
}

/** What undoes one packing, and which ones are then left to be undone, as far as they are known. */
export interface Peeled {
  readonly decoder: Transform
  readonly left: ReadonlyArray<Coding>
}

/**
 * What undoes the outermost packing of an answer that begins so; `undefined` where it is not packed. Its label is a hint:
 * proxies pack without one, and leave or change what others wrote. What says by its first bytes how it is packed is
 * believed; brotli and deflate without a head do not, and are what the label says, unless the body is readable as it is.
 */
export const peel = (labels: ReadonlyArray<Coding>, first: Uint8Array): Peeled | undefined => {
  const label = labels.at(-1)
  const left = labels.slice(0, -1)
  const said = isGzip(first)
    ? "gzip"
    : isZstd(first)
      ? "zstd"
      : isZlib(first) && (label === undefined || label === "deflate")
        ? "deflate"
        : undefined
  const believed = said ?? (label === "br" || label === "deflate" ? label : undefined)
  if (believed !== undefined && (said !== undefined || !isPlain(first))) {
    return { decoder: decoderOf(believed, first)!, left }
  }
  return label === undefined ? undefined : peel(left, first)
}

// First bytes as they should be.
const whole: { readonly [C in Coding]: Uint8Array } = {
  gzip: Uint8Array.of(0x1f, 0x8b),
  deflate: Uint8Array.of(0x78, 0x9c),
  br: Uint8Array.of(),
  zstd: Uint8Array.of()
}
