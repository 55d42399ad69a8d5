import { type RelayEvent, type Sink, sinkOf } from "effect-resilience/relay"
import { describe, expect, test } from "tstyche"

declare const whole: Sink
declare const most: Omit<Sink, "StreamEnded">

describe("a sink", () => {
  test("has an answer for every event", () => {
    expect(most).type.not.toBeAssignableTo<Sink>()
    expect({ ...most, StreamEnded: () => {} }).type.toBeAssignableTo<Sink>()
    expect<keyof Sink>().type.toBe<RelayEvent["_tag"]>()
  })

  test("gets in each handler the event of that name", () => {
    expect<Parameters<Sink["Committed"]>[0]["afterMillis"]>().type.toBe<number>()
    expect({
      ...whole,
      Committed: (event: { readonly tokenCount: number }) => void event.tokenCount
    }).type.not.toBeAssignableTo<Sink>()
  })

  test("may be one function that matches them itself", () => {
    expect(sinkOf((event) => void (event._tag === "RelayStopped" && event.clean))).type.toBe<Sink>()
  })
})
