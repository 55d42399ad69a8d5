/**
 * The tour: four ways to break an answer, each done to a real one, and each judged by what was to be read. A step asks, waits
 * until words are there, breaks something, and compares.
 */
import { compare, type Proof } from "../answer/proof.ts"
import type { Run } from "../answer/run.ts"
import { demoState, expectedAnswer, killRelay, mendAll, setMood } from "../relay/demo.ts"
import { wire } from "../relay/wire.ts"

/** What a step works with. */
export interface Hands {
  readonly ask: (question: string) => void
  readonly until: (fits: (run: Run) => boolean) => Promise<Run>
  /** What the page shows now. */
  readonly text: () => string
  /** Says what is going on. */
  readonly say: (words: string) => void
}

/** How a step has ended. */
export interface Shown {
  readonly proof: Proof
  readonly more: string
}

/** A step. */
export interface Step {
  readonly id: "upstream" | "network" | "relay" | "twice"
  readonly title: string
  readonly tells: string
  readonly button: string
  readonly question: string
  readonly run: (hands: Hands) => Promise<Shown>
}

/** Words that are there before something is broken. */
const wordsFirst = 18

const writing = (run: Run): boolean => run.events >= wordsFirst

/** The text is drawn a frame after its last event. */
const drawn = (): Promise<void> =>
  new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())))

const judged = async (question: string, { text }: Hands, more: (expected: string) => string): Promise<Shown> => {
  await drawn()
  const expected = await expectedAnswer(question)
  return { proof: compare(expected, text()), more: more(expected) }
}

/** Asks, and waits until the answer is being written. */
const begun = async (hands: Hands, asked: string): Promise<void> => {
  hands.ask(asked)
  hands.say("An answer is being written")
  await hands.until(writing)
}

const askedSoFar = async (): Promise<number> => (await demoState()).channels.reduce((sum, { asked }) => sum + asked, 0)

/** The text of an answer's events. */
const textOf = (events: string): string =>
  events
    .split("\n\n")
    .filter((event) => !/^event: /m.test(event))
    .flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? [])
    .map((data) => (JSON.parse(data) as { readonly content?: string }).content ?? "")
    .join("")

const question = {
  upstream: "What if the model breaks off?",
  network: "What if my network drops?",
  relay: "What if the relay is killed?",
  twice: "What if I ask twice?"
}

/** The four, in order. */
export const steps: ReadonlyArray<Step> = [
  {
    id: "upstream",
    title: "Break the upstream",
    tells: "The model breaks off in mid-sentence. Another goes on.",
    button: "Break it",
    question: question.upstream,
    run: async (hands) => {
      await mendAll()
      await begun(hands, question.upstream)
      const speaking = (await demoState()).channels.find(({ open }) => open > 0)?.id ?? "shaky"
      hands.say(`${speaking} is reset`)
      await setMood(speaking, "reset")
      const run = await hands.until(() => false)
      await mendAll()
      const seam = run.seams[0]
      return judged(question.upstream, hands, () =>
        seam === undefined ? "no seam" : `${seam.from} → ${seam.to} at character ${seam.offset}`
      )
    }
  },
  {
    id: "network",
    title: "Drop the network",
    tells: "This page loses its connection, and comes back for the rest.",
    button: "Drop it",
    question: question.network,
    run: async (hands) => {
      await mendAll()
      await begun(hands, question.network)
      hands.say("The connection is dropped")
      wire.cut(1200)
      const run = await hands.until(() => false)
      return judged(
        question.network,
        hands,
        () => `reconnected ${run.gaps.length === 1 ? "once" : `${run.gaps.length} times`}`
      )
    }
  },
  {
    id: "relay",
    title: "Kill the relay",
    tells: "kill -9, while it writes. The next process goes on with it.",
    button: "Kill it",
    question: question.relay,
    run: async (hands) => {
      await mendAll()
      const before = (await demoState()).relay.pid
      await begun(hands, question.relay)
      hands.say(`kill -9 ${before}`)
      await killRelay()
      await hands.until(() => false)
      const after = (await demoState()).relay.pid
      return judged(question.relay, hands, () => `process ${before} → ${after}`)
    }
  },
  {
    id: "twice",
    title: "Ask twice, one key",
    tells: "Two readers, one Idempotency-Key: one answer, one bill.",
    button: "Ask twice",
    question: question.twice,
    run: async (hands) => {
      await mendAll()
      const before = await askedSoFar()
      await begun(hands, question.twice)
      const last = wire.last()
      if (last === undefined) throw new Error("nothing was asked")
      hands.say("The same request is sent again")
      const { signal: _, ...init } = last.init
      const again = await fetch(last.url, init)
      const replayed = again.headers.get("x-idempotent-replay") === "true"
      const second = textOf(await again.text())
      await hands.until(() => false)
      const asked = (await askedSoFar()) - before
      return judged(question.twice, hands, (expected) => {
        const other = compare(expected, second)
        const same = other.lost === 0 && other.doubled === 0
        return replayed
          ? `second reader ${same ? `the same ${other.received}` : "another text"} · models asked ${asked === 1 ? "once" : `${asked} times`}`
          : `this relay knows no keys: models asked ${asked} times`
      })
    }
  }
]
