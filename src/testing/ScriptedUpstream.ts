/**
 * False upstreams on virtual time: the service `Upstream`, played from scripts with no socket, and no time but the
 * `Clock`'s. Its counterpart over a socket is `ScriptedServer`.
 *
 * With `TestClock` a pause passes when the test says so. What was asked, and what became of it, is recorded.
 */
import { Cause, Clock, Context, Effect, type Fiber, Layer } from "effect"
import { Upstream, type UpstreamCancellation, type UpstreamSink } from "../channel/index.ts"
import type { UpstreamDialectName } from "../dialect/index.ts"
import { DoRequestFailed, stackless } from "../errors/index.ts"
import { OpenCall, Repertoire, type ScriptedCall, type Scripts } from "./ScriptedCall.ts"
import { wireOf, type WireStep } from "./Wire.ts"

/** An upstream: what it speaks, and what it does with each call. */
export interface Place {
  readonly dialect: UpstreamDialectName
  readonly scripts: Scripts
}

/**
 * The upstreams by address. An address is the beginning of a URL, such as a channel's base URL; the longest one that fits
 * counts. A call to an address that is not here is refused.
 */
export interface Places {
  readonly [address: string]: Place
}

/** The calls that were opened, oldest first. */
export class ScriptedCalls extends Context.Service<
  ScriptedCalls,
  {
    readonly calls: () => ReadonlyArray<ScriptedCall>
    /** The calls to addresses that begin so. */
    readonly to: (address: string) => ReadonlyArray<ScriptedCall>
  }
>()("effect-resilience/testing/ScriptedCalls") {}

type Act = Exclude<WireStep, { readonly _tag: "Wait" }>

const broke = (message: string): DoRequestFailed => stackless(() => new DoRequestFailed({ message }))

const encoder = new TextEncoder()

/** One call: what is played to it, and what it holds back while it is paused. */
class Playing {
  readonly call: OpenCall
  private readonly sink: UpstreamSink
  private readonly clock: Clock.Clock
  fiber: Fiber.Fiber<void> | undefined
  private paused = false
  private readonly held: Array<Act> = []
  private readonly onClose: (playing: Playing) => void

  constructor(call: OpenCall, sink: UpstreamSink, clock: Clock.Clock, onClose: (playing: Playing) => void) {
    this.call = call
    this.sink = sink
    this.clock = clock
    this.onClose = onClose
  }

  readonly play = (wire: Iterable<WireStep>): Effect.Effect<void> => {
    const act = (step: Act): Effect.Effect<void> =>
      Effect.sync(() => {
        // While it is paused a socket's data waits; its head has been read already.
        if (this.paused && step._tag !== "Head") this.held.push(step)
        else this.act(step)
      })
    return Effect.gen(function* () {
      for (const step of wire) yield* step._tag === "Wait" ? Effect.sleep(step.millis) : act(step)
    })
  }

  private act(step: Act): void {
    if (this.call.state !== "open") return
    switch (step._tag) {
      case "Head":
        return this.sink.onHead(step.status, step.headers)
      case "Data":
        return this.sink.onData(encoder.encode(step.text))
      case "End":
        this.close("ended")
        return this.sink.onEnd()
      case "Reset":
        return this.fail("the connection was reset")
      case "CutChunk":
        this.sink.onData(encoder.encode(step.text))
        return this.fail("the answer was cut off")
      case "NotHttp":
        return this.fail("the answer is not HTTP")
    }
  }

  fail(message: string): void {
    if (this.close("broken")) this.sink.onError(broke(message))
  }

  /** Whoever called has left, or the layer is closed. */
  leave(cancellation?: UpstreamCancellation): void {
    if (!this.close("left")) return
    this.call.cancellation = cancellation
    this.fiber?.interruptUnsafe()
  }

  private close(state: "ended" | "broken" | "left"): boolean {
    this.onClose(this)
    return this.call.close(state, this.clock.currentTimeMillisUnsafe())
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

/**
 * Upstreams that follow scripts, and the record of what they were asked. When the layer is closed its calls are left.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Upstream } from "effect-resilience/relay"
 * import { Script, ScriptedUpstream } from "effect-resilience/testing"
 *
 * const ask = JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hello?" }], stream: true })
 *
 * const program = Effect.gen(function* () {
 *   const upstream = yield* Upstream
 *   const status = yield* Effect.callback<number>((resume) => {
 *     upstream.open(
 *       { url: "http://a/v1/chat/completions", headers: {}, body: ask },
 *       { onHead: (status) => resume(Effect.succeed(status)), onData: () => {}, onEnd: () => {}, onError: () => {} }
 *     )
 *   })
 *   const { calls } = yield* ScriptedUpstream.ScriptedCalls
 *   return { status, model: calls()[0]?.request?.model }
 * }).pipe(
 *   Effect.provide(ScriptedUpstream.layer({ "http://a/v1": { dialect: "openai", scripts: [Script.status(503)] } }))
 * )
 *
 * await Effect.runPromise(program) // => { status: 503, model: "m" }
 * ```
 */
export const layer = (places: Places): Layer.Layer<Upstream | ScriptedCalls> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const clock = yield* Clock.Clock
      const run = Effect.runForkWith(context)
      const addresses = Object.keys(places).sort((a, b) => b.length - a.length)
      const upstreams = new Map(
        Object.entries(places).map(([address, { dialect, scripts }]) => [
          address,
          { dialect, repertoire: new Repertoire(scripts), calls: 0 }
        ])
      )
      const nobody = { dialect: "openai" as const, repertoire: new Repertoire([]), calls: 0 }
      const calls: Array<OpenCall> = []
      // Of a call that is over only its record is kept, and not who read it.
      const open = new Set<Playing>()
      yield* Effect.addFinalizer(() => Effect.sync(() => open.forEach((playing) => playing.leave())))

      const upstreamOf = (url: string) => {
        const address = addresses.find((address) => url.startsWith(address))
        return (address === undefined ? undefined : upstreams.get(address)) ?? nobody
      }

      return Context.make(Upstream, {
        open: ({ body, headers, url }, sink) => {
          const upstream = upstreamOf(url)
          const lowered = Object.fromEntries(Object.entries(headers).map(([name, said]) => [name.toLowerCase(), said]))
          const call = new OpenCall(
            upstream.calls++,
            upstream.dialect,
            { method: "POST", url, headers: lowered, body },
            clock.currentTimeMillisUnsafe()
          )
          calls.push(call)
          const playing = new Playing(call, sink, clock, (closed) => open.delete(closed))
          open.add(playing)
          // The first step comes after `open` has returned, as with a socket.
          const played = Effect.suspend(() =>
            playing.play(wireOf(upstream.repertoire.next(call), upstream.dialect, call))
          ).pipe(
            // A script that cannot be played is no silent upstream.
            Effect.tapCause((cause) => Effect.sync(() => playing.fail(`the script failed: ${Cause.pretty(cause)}`)))
          )
          playing.fiber = run(Effect.andThen(Effect.yieldNow, played))
          return {
            abort: (cancellation) => playing.leave(cancellation),
            pause: () => playing.pause(),
            resume: () => playing.resume()
          }
        }
      }).pipe(
        Context.add(ScriptedCalls, {
          calls: () => calls,
          to: (address) => calls.filter(({ url }) => url.startsWith(address))
        })
      )
    })
  )
