/**
 * Upstreams that follow a script byte by byte, on virtual time: for what `Script` has no words for.
 *
 * Each call takes the next script of its address. Its steps run in order; with `TestClock` a `wait` passes when the test
 * says so. What was asked, and what was aborted, is recorded.
 */
import { Clock, Context, Effect, Fiber, Layer } from "effect"
import { DoRequestFailed, type ReadResponseBodyFailed, stackless } from "effect-resilience/errors"
import { Upstream, type UpstreamRequest, type UpstreamSink } from "#src/channel/index"

/** One step of a script. */
export type Step =
  | { readonly _tag: "Wait"; readonly millis: number }
  | {
      readonly _tag: "Head"
      readonly status: number
      readonly headers: { readonly [name: string]: string }
    }
  | { readonly _tag: "Data"; readonly bytes: Uint8Array }
  | { readonly _tag: "End" }
  | { readonly _tag: "Error"; readonly error: DoRequestFailed | ReadResponseBodyFailed }

/** What one call sees, in order. A script that neither ends nor fails is silent for ever after its last step. */
export type Script = ReadonlyArray<Step>

/**
 * The scripts of each address. A key is the beginning of a URL, such as a channel's base URL; the longest one that fits
 * counts. The last script of an address serves all further calls. A call to an address without scripts is refused.
 */
export interface Scripts {
  readonly [address: string]: ReadonlyArray<Script>
}

/** A call that was opened. Times are the `Clock`'s, in milliseconds. */
export interface ScriptedCall {
  readonly request: UpstreamRequest
  readonly openedAt: number
  /** When it was aborted; `undefined` if it was not, or only after its end. */
  readonly abortedAt: number | undefined
  readonly state: "open" | "ended" | "failed" | "aborted"
}

/** The calls that were opened, oldest first. */
export class ScriptedCalls extends Context.Service<
  ScriptedCalls,
  {
    readonly calls: () => ReadonlyArray<ScriptedCall>
    /** The calls to addresses that begin so. */
    readonly to: (address: string) => ReadonlyArray<ScriptedCall>
  }
>()("test/ScriptedCalls") {}

/** Lets time pass. */
export const wait = (millis: number): Step => ({ _tag: "Wait", millis })

/** The status and headers; an event stream when none are named. */
export const head = (
  status = 200,
  headers: { readonly [name: string]: string } = { "content-type": "text/event-stream" }
): Step => ({ _tag: "Head", status, headers })

/** A piece of the body, as bytes or as text. */
export const data = (body: string | Uint8Array): Step => ({
  _tag: "Data",
  bytes: typeof body === "string" ? new TextEncoder().encode(body) : body
})

/** One server-sent event of JSON. */
export const frame = (json: unknown): Step => data(`data: ${JSON.stringify(json)}\n\n`)

/** One chunk of an OpenAI stream with text, reasoning, or any other delta. */
export const token = (delta: string | { readonly [field: string]: unknown }): Step =>
  frame({
    id: "chatcmpl-scripted",
    object: "chat.completion.chunk",
    created: 0,
    model: "scripted",
    choices: [{ index: 0, delta: typeof delta === "string" ? { content: delta } : delta, finish_reason: null }]
  })

/** The chunk of an OpenAI stream that says why it ends. */
export const finish = (reason = "stop"): Step =>
  frame({
    id: "chatcmpl-scripted",
    object: "chat.completion.chunk",
    created: 0,
    model: "scripted",
    choices: [{ index: 0, delta: {}, finish_reason: reason }]
  })

/** The chunk of an OpenAI stream with its usage. */
export const usage = (input: number, output: number): Step =>
  frame({
    id: "chatcmpl-scripted",
    object: "chat.completion.chunk",
    created: 0,
    model: "scripted",
    choices: [],
    usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
  })

/** OpenAI's terminator. */
export const terminator: Step = data("data: [DONE]\n\n")

/** The body is complete. */
export const end: Step = { _tag: "End" }

/** The connection breaks. */
export const reset: Step = {
  _tag: "Error",
  error: stackless(() => new DoRequestFailed({ message: "the connection was reset" }))
}

/** The connection cannot be made. */
export const refused: Script = [reset]

/** Nothing comes, for ever. */
export const silence: Script = []

/** A whole stream that says these texts, with `millis` before each. */
export const says = (texts: ReadonlyArray<string>, millis = 0): Script => [
  head(),
  ...texts.flatMap((text) => (millis === 0 ? [token(text)] : [wait(millis), token(text)])),
  finish(),
  terminator,
  end
]

/** An answer that is an error, with its JSON body. */
export const fails = (
  status: number,
  body: unknown = {},
  headers: { readonly [name: string]: string } = {}
): Script => [head(status, { "content-type": "application/json", ...headers }), data(JSON.stringify(body)), end]

class Call {
  readonly request: UpstreamRequest
  readonly openedAt: number
  abortedAt: number | undefined
  state: ScriptedCall["state"] = "open"
  private readonly sink: UpstreamSink
  private readonly clock: Clock.Clock
  private paused = false
  private readonly held: Array<Step> = []

  constructor(request: UpstreamRequest, sink: UpstreamSink, clock: Clock.Clock) {
    this.request = request
    this.sink = sink
    this.clock = clock
    this.openedAt = clock.currentTimeMillisUnsafe()
  }

  readonly play = (step: Step): Effect.Effect<void> =>
    step._tag === "Wait"
      ? Effect.sleep(step.millis)
      : Effect.sync(() => {
          if (this.paused && step._tag !== "Head") this.held.push(step)
          else this.act(step)
        })

  private act(step: Step): void {
    if (this.state !== "open") return
    switch (step._tag) {
      case "Wait":
        return
      case "Head":
        return this.sink.onHead(step.status, step.headers)
      case "Data":
        return this.sink.onData(step.bytes)
      case "End":
        this.state = "ended"
        return this.sink.onEnd()
      case "Error":
        this.state = "failed"
        return this.sink.onError(step.error)
    }
  }

  abort(): boolean {
    if (this.state !== "open") return false
    this.state = "aborted"
    this.abortedAt = this.clock.currentTimeMillisUnsafe()
    return true
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    for (let step = this.held.shift(); step !== undefined; step = this.paused ? undefined : this.held.shift()) {
      this.act(step)
    }
  }
}

const noScript: Script = refused

/** Upstreams that follow scripts, and the record of what they were asked. */
export const layer = (scripts: Scripts): Layer.Layer<Upstream | ScriptedCalls> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const context = yield* Effect.context()
      const clock = yield* Clock.Clock
      const run = Effect.runForkWith(context)
      const addresses = Object.keys(scripts).sort((a, b) => b.length - a.length)
      const used = new Map<string, number>()
      const calls: Array<Call> = []

      const next = (url: string): Script => {
        const address = addresses.find((address) => url.startsWith(address))
        const list = address === undefined ? undefined : scripts[address]
        if (address === undefined || list === undefined) return noScript
        const count = used.get(address) ?? 0
        used.set(address, count + 1)
        return list[Math.min(count, list.length - 1)] ?? noScript
      }

      return Context.make(Upstream, {
        open: (request, sink) => {
          const call = new Call(request, sink, clock)
          calls.push(call)
          // The first step comes after `open` has returned, as with a socket.
          const fiber = run(
            Effect.andThen(Effect.yieldNow, Effect.forEach(next(request.url), call.play, { discard: true }))
          )
          return {
            abort: () => {
              if (call.abort()) run(Fiber.interrupt(fiber))
            },
            pause: () => call.pause(),
            resume: () => call.resume()
          }
        }
      }).pipe(
        Context.add(ScriptedCalls, {
          calls: () => calls,
          to: (address) => calls.filter((call) => call.request.url.startsWith(address))
        })
      )
    })
  )
