import { Effect } from "effect"
import {
  type Blame,
  type BlamedOn,
  type ByBlame,
  type BulkheadFull,
  catalogue,
  catchBlame,
  type CircuitOpen,
  type Code,
  codeOf,
  type DoRequestFailed,
  handleAll,
  match,
  type ResilienceError,
  type Row,
  type Severity,
  type Tag,
  tagOf,
  type Throttled,
  type Unauthorized
} from "effect-resilience/errors"
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
    expect<BlamedOn<ResilienceError, "transport">>().type.toBe<DoRequestFailed>()
    expect<BlamedOn<{ readonly _tag: "Foreign" }, Blame>>().type.toBe<never>()
  })

  test("takes no blame that there is not", () => {
    expect(catchBlame).type.not.toBeCallableWith("nobody", () => Effect.void)
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
