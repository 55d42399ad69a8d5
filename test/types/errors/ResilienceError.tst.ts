import { Data, Effect } from "effect"
import type { HttpClientError } from "effect/http"
import {
  Blame,
  type BlamedOn,
  blameOf,
  type ByBlame,
  type BulkheadFull,
  catalogue,
  catchBlame,
  type CircuitOpen,
  type Code,
  codeOf,
  type DeadlineExceeded,
  type DoRequestFailed,
  handleAll,
  match,
  type NotBlamedOn,
  type ResilienceError,
  RetriesExhausted,
  type Row,
  type Severity,
  type Tag,
  tagOf,
  Throttled,
  type Unauthorized
} from "effect-resilience/errors"
import { Deadline, Fallback, Retry } from "effect-resilience/policy"
import { describe, expect, test } from "tstyche"

declare const rejection: CircuitOpen | BulkheadFull
declare const rejected: Effect.Effect<number, CircuitOpen | BulkheadFull>
declare const call: Effect.Effect<string, DoRequestFailed | Unauthorized | Throttled>

describe("match", () => {
  test("gives what its handlers give", () => {
    expect(match(rejection, { CircuitOpen: () => 1, BulkheadFull: () => 2 })).type.toBe<number>()
  })

  test("types the error of each handler", () => {
    match(rejection, {
      CircuitOpen: (error) => expect(error).type.toBe<CircuitOpen>(),
      BulkheadFull: (error) => expect(error).type.toBe<BulkheadFull>()
    })
  })

  test("needs a handler for each tag", () => {
    expect(match).type.not.toBeCallableWith(rejection, { CircuitOpen: () => 1 })
    expect(match).type.toBeCallableWith(rejection, { CircuitOpen: () => 1, BulkheadFull: () => 2 })
  })

  test("takes no handler for another tag", () => {
    expect(match).type.not.toBeCallableWith(rejection, {
      CircuitOpen: () => 1,
      BulkheadFull: () => 2,
      Throttled: () => 3
    })
  })

  test("needs a handler for each tag of the whole union", () => {
    expect(match).type.not.toBeCallableWith({} as ResilienceError, { CircuitOpen: () => 1 })
  })
})

describe("handleAll", () => {
  test("empties the error channel", () => {
    expect(
      rejected.pipe(handleAll({ CircuitOpen: () => Effect.succeed("a"), BulkheadFull: () => Effect.succeed(true) }))
    ).type.toBe<Effect.Effect<number | string | boolean>>()
  })

  test("keeps what its handlers fail with and need", () => {
    expect(
      rejected.pipe(
        handleAll({
          CircuitOpen: () => Effect.fail("open" as const),
          BulkheadFull: (error) => {
            expect(error).type.toBe<BulkheadFull>()
            return Effect.succeed("a")
          }
        })
      )
    ).type.toBe<Effect.Effect<number | string, "open">>()
  })

  test("needs a handler for each tag", () => {
    expect(rejected.pipe).type.not.toBeCallableWith(handleAll({ CircuitOpen: () => Effect.succeed(1) }))
  })

  test("takes no handler for another tag", () => {
    expect(rejected.pipe).type.not.toBeCallableWith(
      handleAll({
        CircuitOpen: () => Effect.succeed(1),
        BulkheadFull: () => Effect.succeed(2),
        Throttled: () => Effect.succeed(3)
      })
    )
  })
})

describe("catchBlame", () => {
  test("takes one blame's errors away and keeps the rest", () => {
    expect(call.pipe(catchBlame("transport", () => Effect.succeed(1)))).type.toBe<
      Effect.Effect<string | number, Unauthorized | Throttled>
    >()
    expect(call.pipe(catchBlame("rejected", () => Effect.succeed("")))).type.toBe<
      Effect.Effect<string, DoRequestFailed | Unauthorized>
    >()
  })

  test("narrows the error that its handler gets", () => {
    call.pipe(
      catchBlame("caller", (error) => {
        expect(error).type.toBe<Unauthorized>()
        return Effect.void
      })
    )
    // What a retry of anything failed with may be it too.
    expect<BlamedOn<ResilienceError, "transport">>().type.toBe<DoRequestFailed | RetriesExhausted>()
  })

  test("takes no blame that there is not", () => {
    expect(catchBlame).type.not.toBeCallableWith("nobody", () => Effect.void)
  })
})

describe("catchBlame, of the errors of others", () => {
  class Foreign extends Data.TaggedError("Foreign")<{}> {}
  class Annotated extends Data.TaggedError("Annotated")<{}> {
    readonly [Blame.of] = "transport"
  }
  class Unsure extends Data.TaggedError("Unsure")<{}> {
    get [Blame.of](): "transport" | "caller" {
      return "caller"
    }
  }

  test("one that does not say in its type whom it blames may be it, and stays", () => {
    expect<BlamedOn<Foreign, "transport">>().type.toBe<Foreign>()
    expect<NotBlamedOn<Foreign, "transport">>().type.toBe<Foreign>()
    expect<BlamedOn<Unsure, "transport">>().type.toBe<Unsure>()
    expect<NotBlamedOn<Unsure, "transport">>().type.toBe<Unsure>()
    expect<BlamedOn<Unsure, "storage">>().type.toBe<never>()
    expect<NotBlamedOn<Unsure, "transport" | "caller">>().type.toBe<never>()
  })

  test("one that does is taken out, or left alone", () => {
    expect<BlamedOn<Annotated, "transport">>().type.toBe<Annotated>()
    expect<NotBlamedOn<Annotated, "transport">>().type.toBe<never>()
    expect<BlamedOn<Annotated, "caller">>().type.toBe<never>()
    expect(
      ({} as Effect.Effect<string, Foreign | Annotated | HttpClientError.HttpClientError>).pipe(
        catchBlame("transport", (error) => {
          expect(error).type.toBe<Foreign | Annotated | HttpClientError.HttpClientError>()
          return Effect.succeed(1)
        })
      )
    ).type.toBe<Effect.Effect<string | number, Foreign | HttpClientError.HttpClientError>>()
  })

  test("blameOf is as exact as the type", () => {
    expect(blameOf({} as DoRequestFailed | Unauthorized)).type.toBe<"transport" | "caller">()
    expect(blameOf({} as Annotated)).type.toBe<"transport">()
    expect(blameOf({} as Foreign)).type.toBe<Blame | undefined>()
    expect(blameOf({} as unknown)).type.toBe<Blame | undefined>()
    expect(blameOf({} as ResilienceError)).type.toBe<Blame>()
  })
})

describe("P13: RetriesExhausted", () => {
  const retried = call.pipe(Retry.retry(Retry.standard))

  test("keeps the type of what was retried", () => {
    expect(retried).type.toBe<Effect.Effect<string, RetriesExhausted<DoRequestFailed | Unauthorized | Throttled>>>()
    expect(new RetriesExhausted({ reason: "attempts", attempts: 1, elapsedMillis: 1, last: 1, errors: [2] })).type.toBe<
      RetriesExhausted<number>
    >()
    expect<RetriesExhausted<Unauthorized>>().type.toBeAssignableTo<ResilienceError>()
  })

  test("catchBlame narrows the last error, on both sides", () => {
    const caught = retried.pipe(
      catchBlame("transport", (error) => {
        expect(error.last).type.toBe<DoRequestFailed>()
        expect(error.errors).type.toBe<ReadonlyArray<DoRequestFailed | Unauthorized | Throttled>>()
        return Effect.succeed(1)
      })
    )
    expect<Effect.Error<typeof caught>["last"]>().type.toBe<Unauthorized | Throttled>()
    const unreachable: Effect.Effect<string, DoRequestFailed> = Effect.fail({} as DoRequestFailed)
    expect(
      unreachable.pipe(
        Retry.retry(Retry.standard),
        catchBlame("transport", () => Effect.succeed(1))
      )
    ).type.toBe<Effect.Effect<string | number>>()
    expect(retried.pipe(catchBlame("exhausted", () => Effect.succeed(1)))).type.toBe<Effect.Effect<string | number>>()
  })

  test("catchBlame of what the last error cannot be leaves it as it is", () => {
    expect(
      retried.pipe(
        catchBlame("storage", (error) => {
          expect(error).type.toBe<never>()
          return Effect.succeed(1)
        })
      )
    ).type.toBe<Effect.Effect<string | number, RetriesExhausted<DoRequestFailed | Unauthorized | Throttled>>>()
  })

  test("Fallback.onBlame does the same, in a pipe and as a call", () => {
    const piped = retried.pipe(Fallback.onBlame(["transport", "rejected"], () => Effect.succeed("cached")))
    expect<Effect.Error<typeof piped>["last"]>().type.toBe<Unauthorized>()
    const called = Fallback.onBlame(retried, ["transport"], (error) => {
      expect(error.last).type.toBe<DoRequestFailed>()
      return Effect.succeed("cached")
    })
    expect<Effect.Error<typeof called>["last"]>().type.toBe<Unauthorized | Throttled>()
  })

  test("unwrap gives the last error back, beside what else there is", () => {
    expect(retried.pipe(Retry.unwrap)).type.toBe<typeof call>()
    expect(Retry.unwrap(retried)).type.toBe<typeof call>()
    const limited = retried.pipe(Deadline.total("1 second"), Retry.unwrap)
    expect<Effect.Error<typeof limited>>().type.toBe<DoRequestFailed | Unauthorized | Throttled | DeadlineExceeded>()
  })
})

describe("values that win over the row", () => {
  test("are options of every class", () => {
    expect(Throttled).type.toBeConstructableWith({ retry: false, record: false, publicMessage: "Later." })
    expect(Throttled).type.not.toBeConstructableWith({ retry: "no" })
    expect(Throttled).type.not.toBeConstructableWith({ status: 429 })
    expect(RetriesExhausted).type.not.toBeConstructableWith({ reason: "attempts" })
  })
})

describe("the catalogue", () => {
  test("has a row for each tag, and a tag for each row", () => {
    expect<Tag>().type.toBe<ReturnType<typeof tagOf<Code>>>()
  })

  test("knows the tag of a code and the code of a tag", () => {
    expect(tagOf("channel:response_time_exceeded")).type.toBe<"ChannelResponseTimeExceeded">()
    expect(codeOf({} as CircuitOpen)).type.toBe<"circuit_open">()
  })

  test("refuses a table with a row too few, or too many", () => {
    type Table = Record<Code, Row>
    const { unauthorized: _, ...tooFew } = catalogue
    expect(catalogue).type.toBeAssignableTo<Table>()
    expect(tooFew).type.not.toBeAssignableTo<Table>()
    expect<Code>().type.not.toBeAssignableFrom("no_such_code")
  })
})

describe("a function of the blame", () => {
  test("refuses a table that leaves one out", () => {
    type Severities = ByBlame<Severity>
    type WithoutDefect = Omit<Severities, "defect">
    expect<Severities>().type.not.toBeAssignableFrom<WithoutDefect>()
    expect<Severities>().type.not.toBeAssignableFrom<WithoutDefect & { readonly defect: "loud" }>()
  })
})
