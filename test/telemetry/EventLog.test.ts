import { spawn } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted, References } from "effect"
import { TestClock } from "effect/testing"
import { InternalError, makeSecrets, Secrets } from "effect-resilience/errors"
import { CollectedEvents, EventLog, EventLogNode, lineOf } from "effect-resilience/telemetry"
import * as fc from "fast-check"

const emit = (...args: Parameters<EventLog["Service"]["emit"]>) => EventLog.useSync((log) => log.emit(...args))

/** What `layerLines` writes while the effect runs. */
const linesOf = (effect: Effect.Effect<unknown, never, EventLog>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    yield* Effect.provide(
      effect,
      EventLog.layerLines((line) => lines.push(line))
    )
    return lines
  })

describe("lines", () => {
  it.effect("are one JSON object each: timestamp, level, event, then the fields as they were given", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 2, 3, 4, 5, 6))
      const lines = yield* linesOf(
        emit("info", "stream_completed", { request_id: "req_1", stream_id: "s", token_count: 60, duration: 1.5 })
      )
      assert.deepStrictEqual(lines, [
        '{"timestamp":"2026-01-02T03:04:05.006Z","level":"info","event":"stream_completed",' +
          '"request_id":"req_1","stream_id":"s","token_count":60,"duration":1.5}'
      ])
    })
  )

  it.effect("leave out what is undefined, and keep null and false", () =>
    Effect.gen(function* () {
      const [line] = yield* linesOf(emit("info", "x", { a: undefined, b: null, c: false, d: 0, e: "" }))
      assert.deepStrictEqual(Object.keys(JSON.parse(line!)), ["timestamp", "level", "event", "b", "c", "d", "e"])
    })
  )

  it.effect("stay one line whatever is in them", () =>
    Effect.gen(function* () {
      const [line] = yield* linesOf(emit("error", "x", { error: "a\nb\r\u2028c\u0000" }))
      assert.notInclude(line!, "\n")
      assert.strictEqual(JSON.parse(line!).error, "a\nb\r\u2028c\u0000")
    })
  )

  it.effect("cannot be given another time, level or event by a field", () =>
    Effect.gen(function* () {
      const [line] = yield* linesOf(emit("info", "x", { level: "fatal", event: "y", timestamp: 0 }))
      assert.deepStrictEqual(JSON.parse(line!), { timestamp: "1970-01-01T00:00:00.000Z", level: "info", event: "x" })
    })
  )

  it.effect("S15: have an end, whatever is in them", () =>
    Effect.gen(function* () {
      const book = "n".repeat(5_000_000)
      const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`field_${at}`, "x".repeat(100)]))
      const lines = yield* linesOf(
        Effect.gen(function* () {
          yield* emit("error", "x", { error: book, path: "/chat" })
          yield* emit("error", "x", { error: new Error(book), list: [book, book, book, book, book] })
          yield* emit("error", "x", { [book]: 1, many })
          yield* emit("error", "x", many)
          yield* emit("error", "x", { error: "\u0000".repeat(5_000_000), count: 5n })
        })
      )
      assert.lengthOf(lines, 5)
      for (const line of lines) {
        assert.isBelow(line.length, 17_000)
        assert.strictEqual(JSON.parse(line).event, "x")
      }
      assert.match(JSON.parse(lines[0]!).error, /^n{4096}…$/)
      assert.strictEqual(JSON.parse(lines[0]!).path, "/chat")
    })
  )

  it.effect("tell no secret", () =>
    Effect.gen(function* () {
      const [line] = yield* linesOf(
        emit("error", "attempt_failed", {
          key: Redacted.make("s3cret-value"),
          headers: { authorization: "Bearer s3cret-value" },
          error: new InternalError({ message: "no answer from https://s3cret-value.example.com/v1?key=s3cret-value" }),
          list: ["sk-proj-s3cretvalue"]
        })
      )
      assert.notMatch(line!, /s3cret/)
    })
  )

  it.effect("are written for values that JSON cannot say", () =>
    Effect.gen(function* () {
      const circle: Record<string, unknown> = { name: "circle" }
      circle["self"] = circle
      const lines = yield* linesOf(emit("info", "x", { big: 12n, circle, call: () => 1, not: Number.NaN }))
      assert.strictEqual(lines.length, 1)
      assert.strictEqual(JSON.parse(lines[0]!).big, "12")
    })
  )

  it.effect("are written without their fields when these throw", () =>
    Effect.gen(function* () {
      const fields = {
        get a(): string {
          throw new Error("no")
        }
      }
      const [line] = yield* linesOf(emit("info", "x", fields))
      assert.strictEqual(JSON.parse(line!).event, "x")
    })
  )

  it("are what the collected events are as JSON, whatever the fields are", () => {
    const name = fc.oneof(
      fc.constantFrom(
        "request_id",
        "key",
        "api_key",
        "token",
        "level",
        "event",
        "__proto__",
        "field_1",
        "7",
        "http://x"
      ),
      fc.string()
    )
    const word = fc.constantFrom(
      "known-secret-1",
      "a known-secret-1",
      "sk-proj-abc123",
      "gpt-4.1",
      "req_A1",
      "-",
      "gsk",
      ""
    )
    const value = fc.oneof(
      { arbitrary: fc.oneof(word, fc.double(), fc.boolean(), fc.constant(null), fc.constant(undefined)), weight: 3 },
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true }),
      fc.string({ maxLength: 80, unit: "binary" }),
      fc.constantFrom(new InternalError({ message: "known-secret-1" }), Redacted.make("x"), Symbol("x"), 5n, () => 1)
    )
    const secrets = makeSecrets()
    secrets.know(["known-secret-1"])
    fc.assert(
      fc.property(fc.constantFrom("stream_started", 'an "event"'), fc.dictionary(name, value), (event, fields) => {
        const lines: Array<string> = []
        const inLines = EventLog.layerLines((line) => lines.push(line))
        const told = emit("info", event, fields)
        const collected = Effect.andThen(
          told,
          CollectedEvents.useSync(({ events }) => events.map(lineOf))
        )
        const both = Effect.andThen(Effect.provide(told, inLines), Effect.provide(collected, EventLog.layerTest))
        const expected = Effect.runSync(
          both.pipe(Effect.provide(TestClock.layer()), Effect.provideService(Secrets, secrets), Effect.scoped)
        )
        assert.deepStrictEqual(lines, expected)
      })
    )
  })

  it.effect("are lost when whoever writes them throws, and nothing else is", () =>
    emit("info", "x").pipe(
      Effect.provide(
        EventLog.layerLines(() => {
          throw new Error("EPIPE")
        })
      )
    )
  )
})

describe("a stream", () => {
  const stream = (write: (chunk: string) => void) => {
    const listeners = new Set<(error: Error) => void>()
    return {
      write,
      on: (_: "error", listener: (error: Error) => void) => listeners.add(listener),
      off: (_: "error", listener: (error: Error) => void) => listeners.delete(listener),
      fail: () => listeners.forEach((listener) => listener(new Error("EPIPE"))),
      listeners
    }
  }

  it.live("gets one line each, and none after it broke; its errors end nobody", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const to = stream((chunk) => written.push(chunk))
      yield* Effect.gen(function* () {
        yield* emit("info", "one")
        assert.strictEqual(to.listeners.size, 1)
        EventLogNode.flush()
        to.fail()
        yield* emit("info", "two")
      }).pipe(Effect.provide(EventLogNode.layerStream(to)))
      assert.strictEqual(written.length, 1)
      assert.match(written[0]!, /^\{.*"event":"one"\}\n$/)
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
      assert.strictEqual(to.listeners.size, 0)
    })
  )

  it.live("gets the lines of a turn in one write, in order, at its end", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const events = (text: string) =>
        text
          .trimEnd()
          .split("\n")
          .map((line) => (JSON.parse(line) as { event: string }).event)
      yield* Effect.gen(function* () {
        const { emit } = yield* EventLog
        emit("info", "one")
        emit("info", "two")
        assert.strictEqual(written.length, 0)
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        assert.deepStrictEqual(written.map(events), [["one", "two"]])
        emit("info", "three")
        EventLogNode.flush()
        emit("info", "four")
        assert.deepStrictEqual(written.map(events), [["one", "two"], ["three"]])
      }).pipe(Effect.provide(EventLogNode.layerStream(stream((chunk) => written.push(chunk)))))
      // What waits when the Layer ends is written then.
      assert.deepStrictEqual(written.map(events), [["one", "two"], ["three"], ["four"]])
    })
  )

  it.live("is listened to once, however many logs write to it, until the last is gone", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const to = stream((chunk) => written.push(chunk))
      const log = Layer.fresh(EventLogNode.layerStream(to))
      const turns = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
      yield* Effect.gen(function* () {
        yield* Effect.provide(emit("info", "one"), log)
        yield* turns
        assert.strictEqual(to.listeners.size, 1)
        yield* emit("info", "two")
        yield* Effect.provide(emit("info", "three"), log)
      }).pipe(Effect.provide(log))
      assert.deepStrictEqual(
        written.join("").match(/"event":"\w+"/g),
        ["one", "two", "three"].map((event) => `"event":"${event}"`)
      )
      yield* turns
      assert.strictEqual(to.listeners.size, 0)
    })
  )

  it.live("gets what has only begun a turn later, and at once where something else is told", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      const events = () =>
        written
          .join("")
          .split("\n")
          .flatMap((line) => (line === "" ? [] : [(JSON.parse(line) as { event: string }).event]))
      yield* Effect.gen(function* () {
        const { emit } = yield* EventLog
        let asked = 0
        emit("info", "stream_started", {
          get model() {
            return `m${++asked}`
          }
        })
        yield* turn
        assert.deepStrictEqual(events(), [])
        assert.strictEqual(asked, 0)
        yield* turn
        assert.include(written.join(""), `"model":"m`)
        assert.deepStrictEqual(events(), ["stream_started"])
        emit("info", "stream_started")
        emit("info", "stream_completed")
        yield* turn
        assert.deepStrictEqual(events(), ["stream_started", "stream_started", "stream_completed"])
        // Whatever was still to come of the first one's turn.
        yield* turn
        emit("info", "one")
        yield* turn
        assert.deepStrictEqual(events().slice(3), ["one"])
      }).pipe(Effect.provide(EventLogNode.layerStream(stream((chunk) => written.push(chunk)))))
    })
  )

  it.live("does not hold back more than 64 kB", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      yield* Effect.gen(function* () {
        const { emit } = yield* EventLog
        for (let i = 0; i < 500; i++) emit("info", "one", { error: "x".repeat(200) })
        assert.isAtLeast(written.length, 1)
        const before = written.length
        for (let i = 0; i < 500; i++) emit("info", "stream_started", { error: "x".repeat(200) })
        assert.isAbove(written.length, before)
      }).pipe(Effect.provide(EventLogNode.layerStream(stream((chunk) => written.push(chunk)))))
      assert.strictEqual(written.join("").split("\n").length, 1001)
    })
  )

  it.live("gets all of it when the process exits in the same turn", () =>
    Effect.promise(async () => {
      const program = `
        import { Effect } from "effect"
        import { EventLog, EventLogNode } from "effect-resilience/telemetry"
        Effect.runSync(Effect.provide(Effect.flatMap(EventLog, ({ emit }) => Effect.sync(() => {
          emit("info", "one")
          emit("info", "two")
          process.exit(3)
        })), EventLogNode.layerStderr))`
      const child = spawn(process.execPath, [
        "--conditions=effect-resilience-source",
        "--input-type=module",
        "-e",
        program
      ])
      let text = ""
      child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()))
      const code = await new Promise((resolve) => child.on("close", resolve))
      assert.strictEqual(code, 3)
      assert.match(text, /"event":"one"[^\n]*\n[^\n]*"event":"two"[^\n]*\n$/)
    })
  )
})

describe("other Layers", () => {
  it.effect("the test Layer collects", () =>
    Effect.gen(function* () {
      yield* emit("warning", "a", { channel: "primary", url: "https://host.example.com/x", nothing: undefined })
      const { events } = yield* CollectedEvents
      assert.deepStrictEqual(events, [
        {
          timestamp: "1970-01-01T00:00:00.000Z",
          level: "warning",
          event: "a",
          fields: { channel: "primary", url: "https://***" }
        }
      ])
    }).pipe(Effect.provide(EventLog.layerTest))
  )

  it.effect("two test Layers do not share", () =>
    Effect.gen(function* () {
      const once = Effect.andThen(
        emit("info", "a"),
        CollectedEvents.useSync(({ events }) => events.length)
      )
      assert.strictEqual(yield* Effect.provide(once, Layer.fresh(EventLog.layerTest)), 1)
      assert.strictEqual(yield* Effect.provide(once, Layer.fresh(EventLog.layerTest)), 1)
    })
  )

  it.effect("the silent Layer forgets", () => emit("fatal", "a").pipe(Effect.provide(EventLog.layerSilent)))

  it.effect("Effect's Logger gets the event, its level and its fields", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const logger = Logger.make(({ fiber, logLevel, message }) => {
        seen.push([logLevel, message, fiber.getRef(References.CurrentLogAnnotations)])
      })
      yield* Effect.andThen(emit("warning", "a", { channel: "primary" }), emit("fatal", "b")).pipe(
        Effect.provide(EventLog.layerEffect.pipe(Layer.provideMerge(Logger.layer([logger]))))
      )
      assert.deepStrictEqual(seen, [
        ["Warn", ["a"], { channel: "primary" }],
        ["Fatal", ["b"], {}]
      ])
    })
  )
})
