import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Upstream, UpstreamScripted as Scripted } from "../../src/channel/index.ts"

const listen = (log: Array<string>) => ({
  onHead: (status: number) => void log.push(`head ${status}`),
  onData: (chunk: Uint8Array) => void log.push(new TextDecoder().decode(chunk)),
  onEnd: () => void log.push("end"),
  onError: () => void log.push("error")
})

const open = (url: string, log: Array<string>) =>
  Effect.map(Upstream, (upstream) => upstream.open({ url, headers: {}, body: "{}" }, listen(log)))

describe("UpstreamScripted", () => {
  it.effect("plays its steps on the clock's time", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* open("http://a/x", log)
      expect(log).toEqual([])
      yield* TestClock.adjust(0)
      expect(log).toEqual(["head 200"])
      yield* TestClock.adjust(99)
      expect(log).toEqual(["head 200"])
      yield* TestClock.adjust(1)
      expect(log).toEqual(["head 200", "hi", "end"])
    }).pipe(
      Effect.provide(
        Scripted.layer({ "http://a": [[Scripted.head(), Scripted.wait(100), Scripted.data("hi"), Scripted.end]] })
      )
    )
  )

  it.effect("each call takes the next script of its address, and the last one stays", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      for (const url of ["http://a/x", "http://b/x", "http://a/x", "http://a/x", "http://c"]) {
        yield* open(url, log)
        yield* TestClock.adjust(0)
      }
      expect(log).toEqual(["head 503", "{}", "end", "head 429", "{}", "end", "error", "error", "error"])
      const calls = yield* Scripted.ScriptedCalls
      expect(calls.to("http://a").map((call) => call.state)).toEqual(["ended", "failed", "failed"])
      expect(calls.calls().length).toBe(5)
    }).pipe(
      Effect.provide(
        Scripted.layer({ "http://a": [Scripted.fails(503), Scripted.refused], "http://b": [Scripted.fails(429)] })
      )
    )
  )

  it.effect("records when a call was aborted, and calls nothing more", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const call = yield* open("http://a", log)
      yield* TestClock.adjust(15)
      call.abort()
      const seen = [...log]
      yield* TestClock.adjust(1000)
      expect(log).toEqual(seen)
      const { calls } = yield* Scripted.ScriptedCalls
      expect(calls()[0]).toMatchObject({ openedAt: 0, abortedAt: 15, state: "aborted" })
    }).pipe(Effect.provide(Scripted.layer({ "http://a": [Scripted.says(["a", "b", "c"], 10)] })))
  )

  it.effect("holds the data back while it is paused", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const call = yield* open("http://a", log)
      yield* TestClock.adjust(0)
      call.pause()
      yield* TestClock.adjust(100)
      expect(log).toEqual(["head 200"])
      call.resume()
      expect(log.length).toBe(5)
      expect(log.at(-1)).toBe("end")
    }).pipe(Effect.provide(Scripted.layer({ "http://a": [Scripted.says(["a"], 10)] })))
  )
})
