/**
 * A run of frames: their texts joined, and how long each is. What a commit appends is one run, and so is what a page
 * reads: most of the time nobody needs the frames apart.
 */

/** Frames that follow each other in one stream. */
export interface Frames {
  readonly text: string
  /** The length of each frame, in characters of `text` (UTF-16). Never empty. */
  readonly lengths: ReadonlyArray<number>
}

/** The frames, one by one. */
export const splitFrames = ({ text, lengths }: Frames): ReadonlyArray<string> => {
  let at = 0
  return lengths.map((length) => text.slice(at, (at += length)))
}

/** The frames from one on (0 is the first), at most so many: `undefined` when there are none. */
export const sliceFrames = (frames: Frames, first: number, most: number): Frames | undefined => {
  const { text, lengths } = frames
  const end = Math.min(lengths.length, first + most)
  if (first === 0 && end === lengths.length) return frames
  if (first >= end) return undefined
  let at = 0
  for (let n = 0; n < first; n++) at += lengths[n] ?? 0
  let to = at
  for (let n = first; n < end; n++) to += lengths[n] ?? 0
  return { text: text.slice(at, to), lengths: lengths.slice(first, end) }
}

/**
 * Cuts a run into runs that a page holds whole: each has at most `most` frames and `room` characters, or is one frame that
 * is longer. What is kept in such runs is read once, whatever a page begins with; a run of a megabyte would be read for
 * each page of it.
 */
export const cutFrames = (frames: Frames, most: number, room: number): ReadonlyArray<Frames> => {
  const { text, lengths } = frames
  if (lengths.length <= most && text.length <= room) return [frames]
  const cut: Array<Frames> = []
  let at = 0
  for (let first = 0; first < lengths.length; ) {
    let next = first
    let size = 0
    do size += lengths[next++] ?? 0
    while (next < lengths.length && next - first < most && size + (lengths[next] ?? 0) <= room)
    cut.push({ text: text.slice(at, at + size), lengths: lengths.slice(first, next) })
    at += size
    first = next
  }
  return cut
}

/**
 * Gathers runs of frames into one page, until it has `most` frames or `room` characters. A frame that is longer is a page,
 * and a run that does not fit whole begins the next one: so that who reads on does not read half of it again.
 */
export class FramePage {
  private readonly parts: Array<Frames> = []
  private room: number
  private most: number
  private readonly enough: number

  constructor(most: number, room: number) {
    this.most = most
    this.room = room
    // For what is left then no run is read that would most likely not fit.
    this.enough = room / 4
  }

  /** Takes the frames of a run from one on (0 is the first), and says whether more may fit. */
  add(frames: Frames, first: number): boolean {
    const rest = sliceFrames(frames, first, frames.lengths.length)
    if (rest === undefined) return true
    const fits = rest.lengths.length <= this.most && rest.text.length <= this.room
    if (!fits && this.parts.length > 0) return false
    const part = fits ? rest : (cutFrames(rest, this.most, this.room)[0] ?? rest)
    this.parts.push(part)
    this.most -= part.lengths.length
    this.room -= part.text.length
    return fits && this.most > 0 && this.room > this.enough
  }

  /** What was gathered, or `undefined` for nothing. */
  get page(): Frames | undefined {
    const { parts } = this
    if (parts.length <= 1) return parts[0]
    let text = ""
    const lengths: Array<number> = []
    for (const part of parts) {
      text += part.text
      for (const length of part.lengths) lengths.push(length)
    }
    return { text, lengths }
  }
}
