/**
 * A scripted upstream that speaks OpenAI chat completions, for tests that wait with promises: `ScriptedServer`, told what
 * to do by behaviours. By default it answers well, and honours continuations.
 */
import { Effect, Exit, Scope } from "effect"
import { Script, ScriptedServer, type ScriptedCall } from "effect-resilience/testing"
import type { Answer, Behaviour, Continuing, Ending } from "./behaviour.ts"
import { answer, prefillRefused } from "./behaviour.ts"
import type { WireMessage } from "./upstreamText.ts"
import { words as defaultWords } from "./upstreamText.ts"

/** The body of a chat completion request, as far as it is looked at. */
export interface WireBody {
  readonly model?: string
  readonly messages?: ReadonlyArray<WireMessage>
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean }
  readonly [field: string]: unknown
}

/** One request as it came. Times are of `performance.now()`. */
export interface RecordedRequest {
  readonly path: string
  readonly method: string
  readonly headers: ScriptedCall["headers"]
  readonly raw: string
  /** `{}` where the body is not a JSON object. */
  readonly body: WireBody
  readonly at: number
  /** When the connection or the response was closed by either side. */
  readonly closedAt: number | undefined
  /** Whether the response was written to its end before that: if not, and we did not break it, the client left. */
  readonly finished: boolean
  /** Resolves with `closedAt`. */
  readonly closed: Promise<number>
}

/** A running scripted upstream. */
export interface FaultServer {
  /** The base URL of a channel, with `/v1`. */
  readonly url: string
  readonly port: number
  readonly requests: ReadonlyArray<RecordedRequest>
  /** What the next requests get, in order. */
  readonly enqueue: (...behaviours: ReadonlyArray<Behaviour>) => void
  /** What requests get when the queue is empty. */
  readonly setDefault: (behaviour: Behaviour) => void
  /** How many connections are open now. */
  readonly openConnections: () => number
  /** Waits until so many requests have come. */
  readonly received: (count: number) => Promise<void>
  /** Forgets the requests and the queue. */
  readonly reset: () => void
  /** Stops listening and breaks what is open: connections are refused until `up`. */
  readonly down: () => Promise<void>
  /** Listens again, on the same port. */
  readonly up: () => Promise<void>
  readonly close: () => Promise<void>
}

const endingOf = (ending: Ending, error: Answer["error"]): Script.Ending => {
  switch (ending) {
    case "done":
      return "whole"
    case "close":
      return "end"
    case "badFrame":
      return "garbageFrame"
    case "finishWithoutDone":
      return "withoutTerminator"
    case "doneWithoutFinish":
      return "withoutFinish"
    case "errorFrame": {
      const said = error ?? { message: "The server had an error", type: "server_error", code: "server_error" }
      return Script.frame({ event: undefined, data: JSON.stringify({ error: said }) })
    }
    default:
      return ending
  }
}

const continuingOf = (continuing: Continuing | undefined): Script.Continuing => {
  switch (continuing) {
    case "refuse":
      return scriptOf(prefillRefused)
    case "restart":
      return "anew"
    case "honour":
    case undefined:
      return "honour"
  }
}

const answerOf = (said: Answer): Script.Answer => {
  const { delay, ending, error, finish, message, prefill, toolCall, usage } = said
  const text = [...(said.reasoning ?? []).map(Script.reasoning), ...(said.words ?? defaultWords)]
  const call =
    toolCall === undefined ? [] : [Script.toolCall({ id: "call_1", name: toolCall.name, input: toolCall.parts })]
  // The call's first part and its name are two steps here.
  const after = said.after === undefined || said.after <= text.length ? said.after : said.after + 1
  const script = Script.answer([...text, ...call]).pipe(
    Script.every(delay ?? 0),
    Script.startsAfter(said.headersAfter ?? 0),
    Script.headers(said.headers ?? {}),
    Script.cutAfter(after ?? Number.POSITIVE_INFINITY, endingOf(ending ?? "done", error)),
    Script.continuing({ prefill: continuingOf(prefill), message: continuingOf(message) })
  )
  return (finish === undefined ? script : script.pipe(Script.finish("other", finish))).pipe(
    Script.usage(usageOf(usage))
  )
}

const counted: Script.Count = ({ request, steps }) => ({
  inputTokens: (request.body as WireBody).messages?.length ?? 0,
  outputTokens: steps.filter(({ _tag }) => _tag === "Text").length
})

const usageOf = (usage: Answer["usage"]): Script.Tokens | Script.Count | "none" => {
  if (usage === undefined) return counted
  return usage === null ? "none" : { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens }
}

const scriptOf = (behaviour: Behaviour): Script.Script => {
  switch (behaviour.kind) {
    case "answer":
      return answerOf(behaviour)
    case "status": {
      const { body, delay, headers, status } = behaviour
      return Script.status(status, { body, headers }).pipe(Script.startsAfter(delay))
    }
    case "silence":
      return Script.silence
    case "headersOnly":
      return Script.headersOnly(behaviour.commentEvery)
    case "resetBeforeHeaders":
      return Script.refused
    case "garbage":
      return Script.notHttp(behaviour.bytes)
  }
}

const parseBody = (raw: string): WireBody => {
  try {
    const body: unknown = JSON.parse(raw)
    return typeof body === "object" && body !== null ? (body as WireBody) : {}
  } catch {
    return {}
  }
}

const recorded = (call: ScriptedCall): RecordedRequest => ({
  path: call.url.slice(new URL(call.url).origin.length),
  method: call.method,
  headers: call.headers,
  raw: call.body,
  body: parseBody(call.body),
  at: call.openedAt,
  get closedAt() {
    return call.closedAt
  },
  get finished() {
    return call.state === "ended"
  },
  closed: Effect.runPromise(call.closed)
})

/** Starts a scripted upstream on a free port of loopback. */
export const startFaultServer = async (options: { readonly default?: Behaviour } = {}): Promise<FaultServer> => {
  const scope = Effect.runSync(Scope.make())
  const server = await Effect.runPromise(
    ScriptedServer.make({ dialect: "openai", scripts: [scriptOf(options.default ?? answer())] }).pipe(
      Scope.provide(scope)
    )
  )
  const requests = new WeakMap<ScriptedCall, RecordedRequest>()
  return {
    url: server.url,
    port: server.port,
    get requests() {
      return server.calls().map((call) => {
        const known = requests.get(call) ?? recorded(call)
        requests.set(call, known)
        return known
      })
    },
    enqueue: (...behaviours) => server.enqueue(...behaviours.map(scriptOf)),
    setDefault: (behaviour) => server.setDefault(scriptOf(behaviour)),
    openConnections: server.openConnections,
    received: (count) => Effect.runPromise(server.received(count)),
    reset: server.forget,
    down: () => Effect.runPromise(server.down),
    up: () => Effect.runPromise(server.up),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
