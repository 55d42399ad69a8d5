/**
 * Writes pictures of a screen as small as they can be without another program: PNG with a palette of 256 colours, and several
 * as one that moves (APNG), of which each frame is only what has changed since the last.
 *
 * By the PNG specification, third edition (W3C 2025), which APNG is a part of.
 */
import { crc32, deflateSync, inflateSync } from "node:zlib"

/** Pixels, three bytes each: red, green, blue. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
}

/** One picture of several, and how long it is seen, in milliseconds. */
export interface Frame {
  readonly picture: Picture
  readonly millis: number
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** The byte of the three neighbours that is nearest to their plane: filter 4. */
const paeth = (left: number, above: number, corner: number): number => {
  const guess = left + above - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)]
  return a <= b && a <= c ? left : b <= c ? above : corner
}

/** Reads a PNG as browsers write their screenshots: eight bits a channel, with or without alpha, not interlaced. */
export const readPng = (file: Buffer): Picture => {
  const data: Array<Buffer> = []
  let [width, height, channels] = [0, 0, 3]
  for (let at = signature.length; at < file.length; ) {
    const length = file.readUInt32BE(at)
    const type = file.toString("latin1", at + 4, at + 8)
    const body = file.subarray(at + 8, at + 8 + length)
    if (type === "IHDR") {
      ;[width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)]
      channels = body[9] === 6 ? 4 : 3
    }
    if (type === "IDAT") data.push(body)
    at += 12 + length
  }
  const raw = inflateSync(Buffer.concat(data))
  const stride = width * channels
  const rows = new Uint8Array(height * stride)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x
      const left = x < channels ? 0 : rows[at - channels]!
      const above = y === 0 ? 0 : rows[at - stride]!
      const corner = x < channels || y === 0 ? 0 : rows[at - stride - channels]!
      const guess =
        filter === 1
          ? left
          : filter === 2
            ? above
            : filter === 3
              ? (left + above) >> 1
              : filter === 4
                ? paeth(left, above, corner)
                : 0
      rows[at] = raw[y * (stride + 1) + 1 + x]! + guess
    }
  }
  const pixels = new Uint8Array(width * height * 3)
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) pixels[pixel * 3 + channel] = rows[pixel * channels + channel]!
  }
  return { width, height, pixels }
}

const colorAt = (pixels: Uint8Array, pixel: number): number =>
  (pixels[pixel * 3]! << 16) | (pixels[pixel * 3 + 1]! << 8) | pixels[pixel * 3 + 2]!

const distance = (one: number, other: number): number =>
  ((one >> 16) - (other >> 16)) ** 2 +
  (((one >> 8) & 255) - ((other >> 8) & 255)) ** 2 +
  ((one & 255) - (other & 255)) ** 2

/** How many colours a palette holds, and how many of them are those that most pixels have. One place is for no colour. */
const most = 255
const frequent = 208

/** The index of what stays as it was. */
const clear = 255

/** The colours of pictures, as far as a palette goes, and for each colour of the pictures the nearest of them. */
const paletteOf = (pictures: ReadonlyArray<Picture>) => {
  const counts = new Map<number, number>()
  for (const { pixels } of pictures) {
    for (let pixel = 0; pixel < pixels.length / 3; pixel++) {
      const color = colorAt(pixels, pixel)
      counts.set(color, (counts.get(color) ?? 0) + 1)
    }
  }
  const colors = [...counts].sort(([, a], [, b]) => b - a).map(([color]) => color)
  const palette = colors.slice(0, frequent)
  // A small mark of a colour of its own is worth a place too: the farthest from all that there are, again and again.
  const left = colors.slice(frequent)
  const away = left.map((color) => Math.min(...palette.map((known) => distance(color, known))))
  while (palette.length < most && palette.length < colors.length) {
    const at = away.reduce((best, value, index) => (value > away[best]! ? index : best), 0)
    const next = left[at]!
    palette.push(next)
    left.forEach((color, index) => (away[index] = Math.min(away[index]!, distance(color, next))))
  }
  const indices = new Map(palette.map((color, index) => [color, index]))
  for (const color of left) {
    if (indices.has(color)) continue
    let nearest = 0
    for (let index = 1; index < palette.length; index++) {
      if (distance(color, palette[index]!) < distance(color, palette[nearest]!)) nearest = index
    }
    indices.set(color, nearest)
  }
  return { palette, indexOf: (color: number): number => indices.get(color) ?? 0 }
}

interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** What has changed from one picture to the next. */
const changed = (before: Uint8Array, after: Uint8Array, width: number, height: number): Box | undefined => {
  let [left, right, top, bottom] = [width, -1, height, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (before[y * width + x] === after[y * width + x]) continue
      left = Math.min(left, x)
      right = Math.max(right, x)
      top = Math.min(top, y)
      bottom = y
    }
  }
  return bottom < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 }
}

const chunk = (type: string, body: Buffer): Buffer => {
  const named = Buffer.concat([Buffer.from(type, "latin1"), body])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(body.length)
  sum.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, sum])
}

const numbers = (...fields: ReadonlyArray<readonly [value: number, bytes: 1 | 2 | 4]>): Buffer =>
  Buffer.concat(
    fields.map(([value, bytes]) => {
      const field = Buffer.alloc(bytes)
      field.writeUIntBE(value, 0, bytes)
      return field
    })
  )

/**
 * A part of a picture, packed: rows of indices, unfiltered, which is best for few colours. What is as `before` is clear: runs
 * of one index weigh next to nothing.
 */
const packed = (indices: Uint8Array, before: Uint8Array | undefined, width: number, box: Box): Buffer => {
  const rows = Buffer.alloc((box.width + 1) * box.height)
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const at = (box.top + y) * width + box.left + x
      rows[y * (box.width + 1) + 1 + x] = before?.[at] === indices[at] ? clear : indices[at]!
    }
  }
  return deflateSync(rows, { level: 9 })
}

/** One picture, or several of one size that follow one another and begin again. */
export const writePng = (frames: ReadonlyArray<Frame>): Buffer => {
  const [first] = frames
  if (first === undefined) throw new Error("there is no picture")
  const { height, width } = first.picture
  const { indexOf, palette } = paletteOf(frames.map(({ picture }) => picture))
  const whole: Box = { left: 0, top: 0, width, height }

  // What looks like the frame before it makes that one longer.
  const parts: Array<{ readonly indices: Uint8Array; readonly box: Box; millis: number }> = []
  for (const { millis, picture } of frames) {
    const indices = Uint8Array.from({ length: width * height }, (_, pixel) => indexOf(colorAt(picture.pixels, pixel)))
    const last = parts.at(-1)
    const box = last === undefined ? whole : changed(last.indices, indices, width, height)
    if (box === undefined) last!.millis += millis
    else parts.push({ indices, box, millis })
  }

  const moves = parts.length > 1
  let sequence = 0
  const control = ({ box, millis }: (typeof parts)[number]): Buffer =>
    chunk(
      "fcTL",
      numbers(
        [sequence++, 4],
        [box.width, 4],
        [box.height, 4],
        [box.left, 4],
        [box.top, 4],
        [millis, 2],
        [1000, 2],
        // Left as it is, and written upon.
        [0, 1],
        [1, 1]
      )
    )
  return Buffer.concat([
    signature,
    chunk("IHDR", numbers([width, 4], [height, 4], [8, 1], [3, 1], [0, 1], [0, 1], [0, 1])),
    ...(moves ? [chunk("acTL", numbers([parts.length, 4], [0, 4]))] : []),
    chunk(
      "PLTE",
      Buffer.from(
        Array.from({ length: clear + 1 }, (_, index) => palette[index] ?? 0).flatMap((color) => [
          color >> 16,
          (color >> 8) & 255,
          color & 255
        ])
      )
    ),
    chunk("tRNS", Buffer.from(Array.from({ length: clear + 1 }, (_, index) => (index === clear ? 0 : 255)))),
    ...parts.flatMap((part, index) => {
      const data = packed(part.indices, parts[index - 1]?.indices, width, part.box)
      const head = moves ? [control(part)] : []
      return [
        ...head,
        index === 0 ? chunk("IDAT", data) : chunk("fdAT", Buffer.concat([numbers([sequence++, 4]), data]))
      ]
    }),
    chunk("IEND", Buffer.alloc(0))
  ])
}
