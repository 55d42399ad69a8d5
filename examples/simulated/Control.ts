/**
 * What the buttons of the page do, as a small HTTP server on loopback that only the relay asks: it holds what outlives a
 * killed relay. The relay passes `/demo/…` on to it, so that its own guard says who may press.
 */
import { Effect, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import { createServer, type IncomingMessage } from "node:http"
import { answerTo } from "./Answer.ts"
import type { Gate } from "./Gate.ts"
import { isMood } from "./Mood.ts"
import type { RelayLife } from "./Supervisor.ts"
import { listening } from "./Loopback.ts"

/** Where the control is asked. */
export interface ControlAddress {
  readonly url: string
  /** Who does not show it is refused: a page of another site can reach loopback too. */
  readonly secret: string
}

interface Reply {
  readonly status: number
  readonly body: unknown
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return text
}

const moodIn = (body: string): unknown => {
  try {
    return (JSON.parse(body) as { readonly mood?: unknown }).mood
  } catch {
    return undefined
  }
}

const stateOf = (gates: ReadonlyArray<Gate>, life: RelayLife, wordsPerSecond: number) => ({
  channels: gates.map((gate) => ({ id: gate.id, mood: gate.mood(), ...gate.counts() })),
  relay: { pid: life.pid(), kills: life.kills() },
  wordsPerSecond
})

/** What is answered to whom. Every answer but a refusal is the state, after what was done. */
const reply = (
  asked: string,
  body: string,
  { gates, life, wordsPerSecond }: { gates: ReadonlyArray<Gate>; life: RelayLife; wordsPerSecond: number }
): Reply => {
  const url = new URL(asked.slice(asked.indexOf(" ") + 1), "http://localhost")
  const state = (): Reply => ({ status: 200, body: stateOf(gates, life, wordsPerSecond) })
  const route = `${asked.slice(0, asked.indexOf(" "))} ${url.pathname}`
  switch (route) {
    case "GET /state":
      return state()
    case "GET /expected": {
      const text = answerTo(url.searchParams.get("message") ?? "")
      return { status: 200, body: { text } }
    }
    case "POST /kill":
      life.kill()
      return state()
    case "POST /mend":
      for (const gate of gates) gate.setMood("well")
      return state()
  }
  const gate = gates.find(({ id }) => route === `POST /channels/${id}`)
  if (gate === undefined) return { status: 404, body: { message: "there is no such button" } }
  const mood = moodIn(body)
  if (!isMood(mood)) return { status: 400, body: { message: "there is no such mood" } }
  gate.setMood(mood)
  return state()
}

/** Starts it on a free port. */
export const startControl = (
  gates: ReadonlyArray<Gate>,
  life: RelayLife,
  wordsPerSecond: number
): Effect.Effect<ControlAddress, never, Scope.Scope> =>
  Effect.gen(function* () {
    const secret = randomBytes(24).toString("base64url")
    const server = createServer((request, response) => {
      const allowed = request.headers.authorization === `Bearer ${secret}`
      const send = ({ body, status }: Reply): void =>
        void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
      if (!allowed) return send({ status: 403, body: { message: "only the relay may ask here" } })
      readBody(request)
        .then((body) => send(reply(`${request.method} ${request.url}`, body, { gates, life, wordsPerSecond })))
        // Whatever is wrong with a request, the next one is answered.
        .catch(() => response.destroy())
    })
    return { url: yield* listening(server), secret }
  })
