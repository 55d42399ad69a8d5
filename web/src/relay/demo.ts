/**
 * The buttons of the demonstration: what they ask of the relay, which passes it on to what is simulated.
 */

/** Ways for a channel to be. `own` is its own. */
export const moods = [
  { mood: "well", label: "Well", tells: "Answers every time." },
  { mood: "reset", label: "Reset", tells: "The connection is reset." },
  { mood: "stall", label: "Stall", tells: "Nothing more comes, and the connection stays open." },
  { mood: "cut", label: "Cut", tells: "The answer ends inside of an event." },
  { mood: "half", label: "Half", tells: "It says a part, and stops as if that were all." },
  { mood: "garble", label: "Garble", tells: "Something comes that is no event." },
  { mood: "slow", label: "Slow", tells: "A tenth of the pace." },
  { mood: "refuse", label: "Refuse", tells: "503 to whoever asks." }
] as const

/** One of them. */
export type Mood = (typeof moods)[number]["mood"] | "own"

/** How what is simulated is. */
export interface DemoState {
  readonly channels: ReadonlyArray<{
    readonly id: string
    readonly mood: Mood
    /** Answers it was asked for, since the start. */
    readonly asked: number
    /** Answers under way. */
    readonly open: number
  }>
  readonly relay: { readonly pid: number; readonly kills: number }
  readonly wordsPerSecond: number
}

const ask = async (path: string, init: RequestInit = {}): Promise<unknown> => {
  const answer = await fetch(`/demo/${path}`, init)
  if (!answer.ok) throw new Error(`the demonstration answered ${answer.status}`)
  return answer.json()
}

/** How it is now. */
export const demoState = async (signal?: AbortSignal): Promise<DemoState> =>
  (await ask("state", signal === undefined ? {} : { signal })) as DemoState

/** Puts a channel in a mood, the answers under way too. */
export const setMood = async (channel: string, mood: Mood): Promise<void> =>
  void (await ask(`channels/${encodeURIComponent(channel)}`, { method: "POST", body: JSON.stringify({ mood }) }))

/** Mends all channels. */
export const mendAll = async (): Promise<void> => void (await ask("mend", { method: "POST" }))

/** Kills the relay, with `kill -9`. It cannot answer any more. */
export const killRelay = async (): Promise<void> => {
  try {
    await ask("kill", { method: "POST" })
  } catch {
    // That was the relay.
  }
}

/** The whole answer to a question, from who will give it. */
export const expectedAnswer = async (question: string): Promise<string> =>
  ((await ask(`expected?message=${encodeURIComponent(question)}`)) as { readonly text: string }).text
