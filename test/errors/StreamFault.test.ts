import { assert, describe, it } from "@effect/vitest"
import {
  forwardStreamFault,
  parseCancelPath,
  parseStreamFault,
  printStreamFault,
  streamFault,
  streamFaultKind,
  streamFaultMessages
} from "effect-resilience/errors"
import * as fc from "fast-check"

const cancelled =
  "user code invoking stream RPC with context processed by context.WithCancel or context.WithTimeout, then invoking cancel() actively"

// Kitex's own samples (exception_test.go).
const samples = [
  [
    `[ttstream error, code=12007] [server-side stream] [canceled path: ttstream ServiceA] ${cancelled}`,
    streamFault({ code: 12007, side: "server", path: ["ttstream ServiceA"] })
  ],
  [
    `[ttstream error, code=12007] [client-side stream] [canceled path: ttstream ServiceA -> ttstream ServiceB] ${cancelled}`,
    streamFault({ code: 12007, side: "client", path: ["ttstream ServiceA", "ttstream ServiceB"] })
  ],
  [
    "[ttstream error, code=1111] [client-side stream] [canceled path: Proxy Egress] proxy timeout",
    streamFault({ code: 1111, side: "client", path: ["Proxy Egress"], message: "proxy timeout" })
  ],
  ["[ttstream error, code=12004] [client-side stream] illegal frame", streamFault({ code: 12004, side: "client" })]
] as const

describe("StreamFault", () => {
  it("is printed as Kitex prints it, and read back", () => {
    for (const [text, fault] of samples) {
      assert.strictEqual(printStreamFault(fault), text)
      assert.deepStrictEqual(parseStreamFault(text), fault)
    }
    assert.isUndefined(parseStreamFault("proxy timeout"))
    assert.isUndefined(parseStreamFault("[ttstream error, code=x] [client-side stream] m"))
  })

  it("is read back whatever it says", () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !/[\r\n\]]| -> /.test(text) && text.trim() === text)
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom("client", "server"),
        fc.array(name, { maxLength: 4 }),
        fc.string().filter((text) => !text.startsWith("[canceled path: ")),
        (code, side, path, message) => {
          const fault = streamFault({ code, side, path, message })
          assert.deepStrictEqual(parseStreamFault(printStreamFault(fault)), fault)
        }
      )
    )
  })

  it("cascades: the next service sees the same code and message, the side turned, and its name at the end", () => {
    const first = streamFault({ code: 12007, side: "server", path: ["ttstream ServiceA"] })
    const second = forwardStreamFault(first, "ttstream ServiceB")
    assert.strictEqual(printStreamFault(second), samples[1][0])
    const third = forwardStreamFault(second, "ttstream ServiceC")
    assert.deepStrictEqual(third, {
      ...first,
      side: "server",
      path: ["ttstream ServiceA", "ttstream ServiceB", "ttstream ServiceC"]
    })
    const proxy = forwardStreamFault(streamFault({ code: 1111, side: "client", message: "proxy timeout" }), "Egress")
    assert.deepStrictEqual(proxy, { code: 1111, side: "server", path: ["Egress"], message: "proxy timeout" })
  })

  it("has the fifteen codes of Kitex, in its kinds", () => {
    const kinds = Object.keys(streamFaultMessages).map((code) => [Number(code), streamFaultKind(Number(code))])
    assert.deepStrictEqual(kinds, [
      [12001, "application"],
      [12002, "protocol"],
      [12003, "protocol"],
      [12004, "protocol"],
      [12005, "protocol"],
      [12006, "protocol"],
      [12007, "cancelled"],
      [12008, "cancelled"],
      [12009, "cancelled"],
      [12010, "cancelled"],
      [12011, "cancelled"],
      [12012, "cancelled"],
      [12013, "cancelled"],
      [12014, "timeout"],
      [12015, "timeout"]
    ])
    assert.strictEqual(streamFaultKind(1111), "application")
    assert.strictEqual(streamFault({ code: 1111, side: "server" }).message, "stream fault")
  })

  it("reads the path of a header", () => {
    assert.deepStrictEqual(parseCancelPath("A,B"), ["A", "B"])
    assert.deepStrictEqual(parseCancelPath(" A , ,B,"), ["A", "B"])
    assert.deepStrictEqual(parseCancelPath(""), [])
    assert.deepStrictEqual(parseCancelPath(undefined), [])
  })
})
