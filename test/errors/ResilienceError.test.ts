import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Schema } from "effect"
import {
  BulkheadFull,
  catchBlame,
  CircuitOpen,
  codes,
  decode,
  DoRequestFailed,
  encode,
  handleAll,
  type Handlers,
  isResilienceError,
  match,
  members,
  RateLimited,
  ResilienceError,
  RetriesExhausted,
  stackless,
  tagOf,
  Throttled,
  Unauthorized
} from "effect-resilience/errors"
import { sample } from "./samples.ts"

const roundTrip = (error: ResilienceError) => decode(JSON.parse(JSON.stringify(encode(error))))

describe("encode and decode", () => {
  for (const code of codes) {
    it.effect(`${tagOf(code)} comes back as itself, with all its fields`, () =>
      Effect.gen(function* () {
        const fields = {
          message: "what happened",
          retryAfterMillis: 1500,
          upstream: { status: 500, code: "server_error", type: "t", param: null, message: "theirs" },
          details: [{ field: "messages[0].role", message: "is unknown", code: "unknown" }]
        }
        for (const error of [sample(code), sample(code, fields)]) {
          const back = yield* roundTrip(error)
          assert.strictEqual(back.constructor, error.constructor)
          assert.isTrue(isResilienceError(back))
          assert.deepStrictEqual(encode(back), encode(error))
          if (error._tag !== "RetriesExhausted") assert.deepStrictEqual({ ...back }, { ...error })
        }
      })
    )
  }

  it.effect("keeps the classes of what RetriesExhausted holds, and the names of others' errors", () =>
    Effect.gen(function* () {
      const inner = new RetriesExhausted({
        reason: "budget",
        attempts: 1,
        elapsedMillis: 1,
        last: new Unauthorized({}),
        errors: [new TypeError("theirs"), new RateLimited({ retryAfterMillis: 5 }), "text", { _tag: "Foreign", n: 1 }]
      })
      const outer = new RetriesExhausted({ reason: "elapsed", attempts: 2, elapsedMillis: 2, last: inner, errors: [] })
      const back = yield* roundTrip(outer)
      assert.instanceOf(back, RetriesExhausted)
      assert.instanceOf(back.last, RetriesExhausted)
      assert.instanceOf(back.last.last, Unauthorized)
      const [theirs, limited, text, foreign] = back.last.errors
      assert.instanceOf(theirs, Error)
      assert.deepInclude({ name: theirs.name, message: theirs.message }, { name: "TypeError", message: "theirs" })
      assert.instanceOf(limited, RateLimited)
      assert.strictEqual(limited.retryAfterMillis, 5)
      assert.strictEqual(text, "text")
      assert.deepInclude(foreign, { _tag: "Foreign", n: 1 })
    })
  )

  it("refuses what is no error of ours", () => {
    const read = Schema.decodeUnknownResult(Schema.toCodecJson(ResilienceError))
    for (const json of [null, {}, { _tag: "Nothing" }, { _tag: "BizError", message: "no status" }, "RateLimited"]) {
      assert.isTrue(Result.isFailure(read(json)))
    }
  })

  it("carries no stack", () => assert.notProperty(encode(new DoRequestFailed({})), "stack"))
})

describe("isResilienceError", () => {
  it("knows instances only", () => {
    assert.isTrue(isResilienceError(new RateLimited({})))
    for (const other of [new Error("x"), { _tag: "RateLimited", message: "x" }, null, undefined, "RateLimited"]) {
      assert.isFalse(isResilienceError(other))
    }
  })
})

describe("match", () => {
  it("calls the handler of the error's tag", () => {
    const name = (error: CircuitOpen | Throttled) =>
      match(error, { CircuitOpen: (e) => `open ${e.key}`, Throttled: () => "throttled" })
    assert.strictEqual(name(new CircuitOpen({ key: "a" })), "open a")
    assert.strictEqual(name(new Throttled({})), "throttled")
  })

  it("takes every tag of the union", () => {
    const handlers = Object.fromEntries(members.map(({ identifier }) => [identifier, () => identifier]))
    for (const code of codes) {
      assert.strictEqual(match(sample(code), handlers as unknown as Handlers<ResilienceError, string>), tagOf(code))
    }
  })
})

describe("handleAll", () => {
  it.effect("leaves nothing in the error channel", () =>
    Effect.gen(function* () {
      const call = (error: CircuitOpen | BulkheadFull): Effect.Effect<string, CircuitOpen | BulkheadFull> =>
        Effect.fail(error)
      const handled = (error: CircuitOpen | BulkheadFull): Effect.Effect<string> =>
        call(error).pipe(
          handleAll({ CircuitOpen: () => Effect.succeed("open"), BulkheadFull: () => Effect.succeed("full") })
        )
      assert.strictEqual(yield* handled(new CircuitOpen({})), "open")
      assert.strictEqual(yield* handled(new BulkheadFull({})), "full")
    })
  )

  it.effect("leaves what its handlers fail with, and defects alone", () =>
    Effect.gen(function* () {
      const call: Effect.Effect<string, CircuitOpen> = Effect.fail(new CircuitOpen({}))
      const translated: Effect.Effect<string, Throttled> = call.pipe(
        handleAll({ CircuitOpen: () => Effect.fail(new Throttled({})) })
      )
      assert.strictEqual((yield* Effect.flip(translated))._tag, "Throttled")
      const bug: Effect.Effect<string, CircuitOpen> = Effect.die("bug")
      assert.isTrue(Exit.hasDies(yield* Effect.exit(bug.pipe(handleAll({ CircuitOpen: () => Effect.succeed("x") })))))
    })
  )
})

describe("catchBlame", () => {
  const call = (error: DoRequestFailed | Unauthorized): Effect.Effect<string, DoRequestFailed | Unauthorized> =>
    Effect.fail(error)
  const rescued = (error: DoRequestFailed | Unauthorized): Effect.Effect<string, Unauthorized> =>
    call(error).pipe(catchBlame("transport", (e) => Effect.succeed(e._tag)))

  it.effect("handles one blame and leaves the others", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* rescued(new DoRequestFailed({})), "DoRequestFailed")
      assert.strictEqual((yield* Effect.flip(rescued(new Unauthorized({}))))._tag, "Unauthorized")
    })
  )

  it.effect("leaves errors that are not ours", () =>
    Effect.gen(function* () {
      const foreign = Effect.fail({ _tag: "DoRequestFailed" } as const).pipe(
        catchBlame("transport", () => Effect.succeed("caught"))
      )
      assert.deepStrictEqual(yield* Effect.flip(foreign), { _tag: "DoRequestFailed" })
    })
  )
})

describe("stackless", () => {
  it("makes an error without frames, and leaves the limit as it was", () => {
    const limit = Error.stackTraceLimit
    const error = stackless(() => new CircuitOpen({}))
    assert.notInclude(error.stack ?? "", "    at ")
    assert.include(new CircuitOpen({}).stack ?? "", "    at ")
    assert.strictEqual(Error.stackTraceLimit, limit)
    assert.throws(() =>
      stackless(() => {
        throw new Error("inside")
      })
    )
    assert.strictEqual(Error.stackTraceLimit, limit)
  })
})
