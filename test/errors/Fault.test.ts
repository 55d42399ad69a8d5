/** What every error of the union is: a plain class that says what happened, with figures. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Equal, Exit } from "effect"
import {
  BulkheadFull,
  ChannelQuotaExhausted,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  codes,
  DeadlineExceeded,
  describe as describeError,
  DoRequestFailed,
  InternalError,
  isResilienceError,
  members,
  RateLimited,
  RetriesExhausted,
  Throttled,
  Unauthorized,
  UpstreamOverloaded,
  withHint
} from "effect-resilience/errors"
import { publicMessage, shouldRetryHeader } from "effect-resilience/http"
import { Failures } from "effect-resilience/policy"
import { sample } from "./samples.ts"

describe("an error", () => {
  it.effect("is yielded, and caught by its tag", () =>
    Effect.gen(function* () {
      const call = Effect.gen(function* () {
        return yield* new CircuitOpen({ key: "a" })
      })
      const exit = yield* Effect.exit(call)
      assert.isTrue(Exit.isFailure(exit) && Exit.hasFails(exit))
      const caught = yield* call.pipe(Effect.catchTag("CircuitOpen", (error) => Effect.succeed(error.key)))
      assert.strictEqual(caught, "a")
    })
  )

  it("is an Error of its own name, with a stack, and its fields are its own", () => {
    for (const code of codes) {
      const error = sample(code)
      assert.instanceOf(error, Error)
      assert.strictEqual(error.name, error._tag)
      assert.strictEqual(String(error), `${error._tag}: ${error.message}`)
      assert.include(error.stack ?? "", "    at ")
      assert.isTrue(isResilienceError(error))
      assert.notInclude(Object.keys(error), "message")
    }
    assert.deepStrictEqual({ ...new CircuitOpen({ key: "k" }) }, { _tag: "CircuitOpen", key: "k" } as never)
  })

  it("is equal to one that says the same", () => {
    assert.isTrue(Equal.equals(new CircuitOpen({ key: "a" }), new CircuitOpen({ key: "a" })))
    assert.isFalse(Equal.equals(new CircuitOpen({ key: "a" }), new CircuitOpen({ key: "b" })))
    assert.isFalse(Equal.equals(new CircuitOpen({ message: "a" }), new CircuitOpen({ message: "b" })))
    assert.isFalse(Equal.equals(new CircuitOpen({}), new Throttled({})))
  })

  it("is printed as JSON with its tag and message first", () =>
    assert.strictEqual(
      JSON.stringify(new CircuitOpen({ key: "k", message: "m" })),
      '{"_tag":"CircuitOpen","message":"m","key":"k"}'
    ))

  it("keeps its tag and its prototype, whatever it is given", () => {
    const fields = JSON.parse('{"_tag":"NotFound","__proto__":{"polluted":true},"key":"k"}')
    const error = new CircuitOpen(fields)
    assert.strictEqual(error._tag, "CircuitOpen")
    assert.instanceOf(error, CircuitOpen)
    assert.notProperty(error, "polluted")
  })

  it("is known without a look at its fields, as an instance only", () => {
    for (const member of members) assert.isTrue(isResilienceError(Object.create(member.prototype)), member.identifier)
    assert.isFalse(isResilienceError(Object.assign(new Error("x"), { _tag: "NotFound" })))
  })
})

describe("messages say what a person at night has to know", () => {
  const inner = new DoRequestFailed({ message: "connection reset" })
  const exhausted = (reason: RetriesExhausted["reason"], attempts: number, last: unknown) =>
    new RetriesExhausted({ reason, attempts, elapsedMillis: 1200, last, errors: [] }).message
  const clock = (phase: ChannelResponseTimeExceeded["phase"]) =>
    new ChannelResponseTimeExceeded({ phase, limitMillis: 30_000, elapsedMillis: 30_012 }).message
  const late = "The upstream did not answer in time"
  const cases: ReadonlyArray<readonly [string, string, string]> = [
    ["R27: no headers", clock("headers"), `${late}: no headers came in 30.01 s, limit 30 s.`],
    ["R27: no first content", clock("firstContent"), `${late}: no first content came in 30.01 s, limit 30 s.`],
    ["R27: silence", clock("idle"), `${late}: nothing more came in 30.01 s, limit 30 s.`],
    ["R27: an attempt", clock("attempt"), `${late}: the attempt did not end in 30.01 s, limit 30 s.`],
    ["R27: the upstream's own", clock("upstream"), `${late}: it reported a time-out of its own.`],
    [
      "R27: the deadline",
      new DeadlineExceeded({ limitMillis: 500, elapsedMillis: 501.4 }).message,
      "The request ran out of time: after 501 ms, limit 500 ms."
    ],
    ["R27: a deadline without figures", new DeadlineExceeded({}).message, "The request ran out of time."],
    [
      "P16: a circuit",
      new CircuitOpen({ key: "eu", retryAfterMillis: 2500 }).message,
      'The target is resting after failures: key "eu", again in 2.5 s.'
    ],
    [
      "P16: a bulkhead",
      new BulkheadFull({ key: "db", limit: 25 }).message,
      'Too many requests are under way: key "db", limit 25.'
    ],
    ["P16: a throttle", new Throttled({ retryAfterMillis: 90 }).message, "The request was throttled: again in 90 ms."],
    [
      "P13: attempts",
      exhausted("attempts", 3, inner),
      "3 attempts failed in 1.2 s, no more were allowed; the last: connection reset"
    ],
    [
      "P13: not recoverable",
      exhausted("notRecoverable", 1, inner),
      "1 attempt failed in 1.2 s, asking again would not have helped; the last: connection reset"
    ],
    [
      "P13: a text",
      exhausted("budget", 1, "down"),
      "1 attempt failed in 1.2 s, the retry budget is spent; the last: down"
    ],
    [
      "P13: a tag alone",
      exhausted("deadline", 1, { _tag: "Foreign" }),
      "1 attempt failed in 1.2 s, the deadline was too near; the last: Foreign"
    ],
    [
      "P13: nothing",
      exhausted("elapsed", 1, undefined),
      "1 attempt failed in 1.2 s, there was no more time for retries; the last: undefined"
    ]
  ]
  for (const [name, message, expected] of cases) it(name, () => assert.strictEqual(message, expected))

  it("figures are read as people write them", () => {
    const after = (elapsedMillis: number) => new DeadlineExceeded({ elapsedMillis }).message
    const figures = [
      [0.4, "0 ms"],
      [999.4, "999 ms"],
      [1000, "1 s"],
      [1050, "1.05 s"],
      [1500, "1.5 s"],
      [59_994, "59.99 s"],
      [59_996, "60 s"],
      [600_000, "600 s"]
    ] as const
    for (const [millis, said] of figures) {
      assert.strictEqual(after(millis), `The request ran out of time: after ${said}.`)
    }
  })

  it("a given message stays", () => assert.strictEqual(new CircuitOpen({ key: "a", message: "m" }).message, "m"))

  it("P16: clients read the catalogue's message, without figures", () => {
    assert.strictEqual(publicMessage(new CircuitOpen({ key: "tenant-7" })), "The target is resting after failures.")
    assert.strictEqual(publicMessage(new DeadlineExceeded({ limitMillis: 5 })), "The request ran out of time.")
  })

  it("P13: an uncaught RetriesExhausted is printed with what caused it", () => {
    const error = new RetriesExhausted({
      reason: "attempts",
      attempts: 1,
      elapsedMillis: 1,
      last: inner,
      errors: [inner]
    })
    assert.strictEqual(error.cause, inner)
    assert.include(Cause.pretty(Cause.fail(error)), "connection reset")
  })
})

describe("values that win over their row", () => {
  it("retry decides whether it is recoverable and asked again", () => {
    const never = new UpstreamOverloaded({ retry: false })
    assert.isFalse(describeError(never).recoverable)
    assert.isFalse(Failures.isRetryable(never))
    assert.isTrue(Failures.isFailure(never), "it still says that the target failed")
    assert.strictEqual(shouldRetryHeader(never)["x-should-retry"], "false")
    const always = new Unauthorized({ retry: true })
    assert.isTrue(describeError(always).recoverable)
    assert.isTrue(Failures.isRetryable(always))
    assert.isTrue(Failures.isRetryable(new ChannelQuotaExhausted({ retry: true })))
  })

  it("publicMessage is what a client reads, as it is", () => {
    const error = new InternalError({
      message: "undefined is not a function",
      publicMessage: "See https://status.test."
    })
    assert.strictEqual(publicMessage(error), "See https://status.test.")
    assert.strictEqual(describeError(error).message, "See https://status.test.")
    const caller = new Unauthorized({ message: "the token is for another tenant", publicMessage: "Sign in again." })
    assert.strictEqual(publicMessage(caller), "Sign in again.")
  })

  it("record is a field of all", () => {
    for (const code of codes) assert.isFalse(sample(code, { record: false }).record)
  })
})

describe("withHint", () => {
  it("gives the same error with another hint", () => {
    for (const code of codes) {
      const error = sample(code, { message: "m", publicMessage: "p", upstream: { status: 500 } })
      const hinted = withHint(error, 250)
      assert.strictEqual(hinted.constructor, error.constructor)
      assert.strictEqual(hinted.message, "m")
      assert.deepStrictEqual({ ...hinted }, { ...error, retryAfterMillis: 250 } as never)
      assert.isUndefined(error.retryAfterMillis)
    }
    assert.strictEqual(withHint(new RateLimited({ retryAfterMillis: 5 }), 7).retryAfterMillis, 7)
  })
})
