/**
 * What stands before a simulated provider, and breaks what comes through: as providers break, at the press of a button, in
 * the middle of an answer too. The provider behind it only answers.
 */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { goesOn, inWords, type Message, restOf } from "./Answer.ts"
import { type Fate, fateIn, type Mood, nextStep, well } from "./Mood.ts"
import { listening } from "./Loopback.ts"

/** A gate that runs. */
export interface Gate {
  readonly id: string
  /** A channel's base URL. */
  readonly baseUrl: string
  readonly mood: () => Mood
  /** Changes the mood: of the answers that are under way at once, and of those that come. */
  readonly setMood: (mood: Mood) => void
  /** How many answers it was asked for, and how many are under way. */
  readonly counts: () => { readonly asked: number; readonly open: number }
}

/** What a gate needs to know. */
export interface GateOptions {
  readonly id: string
  /** The provider's base URL. */
  readonly target: string
  readonly wordsPerSecond: number
  /** What it does of itself with one question after the other. A request that goes on from a part takes no turn. */
  readonly rota?: ReadonlyArray<Fate>
}

/** An answer under way. */
interface Passing {
  fate: Fate
  sent: number
  /** Wakes one that stalls. */
  changed: () => void
}

/** A reset takes with it what was not read yet: it comes so many milliseconds after the last bytes. */
const beforeReset = 20

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}

const messagesOf = (body: string): ReadonlyArray<Message> => {
  const parsed = JSON.parse(body) as { readonly messages?: ReadonlyArray<Message> }
  return parsed.messages ?? []
}

/** The events of a stream, each with its blank line. */
const eventsOf = async function* (body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let waiting = ""
  for await (const chunk of body) {
    const parts = (waiting + decoder.decode(chunk, { stream: true })).split("\n\n")
    waiting = parts.pop() ?? ""
    for (const part of parts) yield `${part}\n\n`
  }
  if (waiting !== "") yield waiting
}

/** Whether an event has words of the answer in it. */
const hasWords = (event: string): boolean => /"content":"(?!")/.test(event)

const overloaded = JSON.stringify({
  error: { message: "The simulated model is overloaded", type: "server_error", code: "overloaded" }
})

/** Passes an answer on, event by event, until its fate. */
const pass = async (
  passing: Passing,
  body: AsyncIterable<Uint8Array>,
  response: ServerResponse,
  pace: number
): Promise<void> => {
  for await (const event of eventsOf(body)) {
    let step = nextStep(passing.fate, passing.sent)
    while (step === "stall" && !response.destroyed) {
      await new Promise<void>((resolve) => {
        passing.changed = resolve
        response.once("close", resolve)
      })
      step = nextStep(passing.fate, passing.sent)
    }
    if (response.destroyed) return
    switch (step) {
      case "reset":
        await sleep(beforeReset)
        response.socket?.resetAndDestroy()
        return
      case "cut":
        response.end(event.slice(0, Math.floor(event.length / 2)))
        return
      case "half":
        response.end()
        return
      case "garble":
        response.write('data: {"choices":[{"delta":{"cont�\u0000\n\n')
        break
      case "slow":
        await sleep(10_000 / pace)
        response.write(event)
        break
      default:
        response.write(event)
    }
    if (hasWords(event)) passing.sent++
  }
  response.end()
}

/** Starts a gate on a free port of loopback. */
export const startGate = ({
  id,
  rota = [well],
  target,
  wordsPerSecond
}: GateOptions): Effect.Effect<Gate, never, Scope.Scope> =>
  Effect.gen(function* () {
    const under = new Set<Passing>()
    let mood: Mood = "own"
    let asked = 0
    let turn = 0

    const fateOf = (messages: ReadonlyArray<Message>): Fate => {
      if (mood !== "own") return fateIn(mood, inWords(restOf(messages)).length)
      return goesOn(messages) ? well : (rota[turn++ % rota.length] ?? well)
    }

    const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const body = await readBody(request)
      asked++
      const passing: Passing = { fate: fateOf(messagesOf(body)), sent: 0, changed: () => {} }
      if (passing.fate.does === "refuse") {
        response.writeHead(503, { "content-type": "application/json" }).end(overloaded)
        return
      }
      const left = new AbortController()
      response.once("close", () => left.abort())
      under.add(passing)
      try {
        const answer = await fetch(target + (request.url ?? "").replace(/^\/v1/, ""), {
          method: request.method ?? "POST",
          headers: { "content-type": "application/json" },
          body,
          signal: left.signal
        })
        response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "application/json" })
        if (answer.body === null) response.end()
        else await pass(passing, answer.body, response, wordsPerSecond)
      } finally {
        under.delete(passing)
      }
    }

    const server = createServer((request, response) => {
      // Whoever called has left, or the provider is gone: then nobody waits for the rest.
      serve(request, response).catch(() => void response.destroy())
    })
    const url = yield* listening(server)
    return {
      id,
      baseUrl: `${url}/v1`,
      mood: () => mood,
      setMood: (next) => {
        mood = next
        for (const passing of under) {
          passing.fate = { does: next === "own" ? "well" : next, after: 0 }
          passing.changed()
        }
      },
      counts: () => ({ asked, open: under.size })
    }
  })
