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

/** Gathers runs of frames into one page, until it has `most` frames or `room` characters. A frame that is longer is a page. */
export class FramePage {
  private text = ""
  private readonly lengths: Array<number> = []
  private room: number
  private most: number

  constructor(most: number, room: number) {
    this.most = most
    this.room = room
  }

  /** Takes the frames of a run from one on (0 is the first), and says whether more fit. */
  add(frames: Frames, first: number): boolean {
    const { lengths } = frames
    let take = 0
    let size = 0
    while (first + take < lengths.length && take < this.most) {
      const length = lengths[first + take] ?? 0
      if (size + length > this.room && this.lengths.length + take > 0) break
      size += length
      take++
    }
    const part = sliceFrames(frames, first, take)
    if (part !== undefined) {
      this.text = this.text === "" ? part.text : this.text + part.text
      for (const length of part.lengths) this.lengths.push(length)
    }
    this.most -= take
    this.room -= size
    return this.most > 0 && this.room > 0 && first + take === lengths.length
  }

  /** What was gathered, or `undefined` for nothing. */
  get page(): Frames | undefined {
    return this.lengths.length === 0 ? undefined : { text: this.text, lengths: this.lengths }
  }
}
