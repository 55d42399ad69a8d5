/**
 * How a simulated channel behaves: well, or in one of the ways in which providers fail. Pure: what is done with the next
 * event of an answer follows from the mood and from how much was said.
 */

/** Ways to behave. `slow` is a tenth of the pace. */
export const manners = ["well", "reset", "stall", "cut", "half", "garble", "slow", "refuse"] as const

/** One of them. */
export type Manner = (typeof manners)[number]

/** A manner, or a channel's own way: a rota of what it does with one request after the other. */
export type Mood = Manner | "own"

/** Whether a text names a mood. */
export const isMood = (text: unknown): text is Mood => text === "own" || manners.some((manner) => manner === text)

/** What becomes of one answer: it goes wrong in this manner, after so many events with words in them. */
export interface Fate {
  readonly does: Manner
  readonly after: number
}

/** An answer that becomes whole. */
export const well: Fate = { does: "well", after: 0 }

/** What `shaky` does of itself: it goes wrong in another way every other time; the first answer breaks off in the middle. */
export const moody: ReadonlyArray<Fate> = [
  { does: "reset", after: 17 },
  well,
  { does: "stall", after: 27 },
  well,
  well,
  { does: "refuse", after: 0 },
  well,
  { does: "half", after: 40 },
  well,
  well
]

/** How many words an answer that begins in a mood gets before it goes wrong: so many that somebody sees it begin. */
const wordsBefore = 12

/** The fate of a request that comes while a channel is in a manner. `words` are those of its whole answer. */
export const fateIn = (manner: Manner, words: number): Fate => {
  switch (manner) {
    case "half":
      return { does: manner, after: Math.floor(words / 2) }
    case "reset":
    case "stall":
    case "cut":
    case "garble":
      return { does: manner, after: Math.min(wordsBefore, Math.max(0, words - 1)) }
    case "well":
    case "slow":
    case "refuse":
      return { does: manner, after: 0 }
  }
}

/** What is done with the next event, when so many were sent. What refuses new requests lets go on what it has begun. */
export const nextStep = ({ after, does }: Fate, sent: number): "pass" | Exclude<Manner, "well" | "refuse"> =>
  does === "well" || does === "refuse" || sent < after ? "pass" : does
