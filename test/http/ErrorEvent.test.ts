/**
 * An error as the last event of a stream, from any server that writes our SSE.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause } from "effect"
import {
  ApplicationException,
  BizError,
  ClientGone,
  InternalError,
  StreamCancelled,
  streamFault,
  Throttled
} from "effect-resilience/errors"
import { carriedBy, carriedIn, errorEvent, retryHeaders } from "effect-resilience/http"
import * as fc from "fast-check"

const about = { requestId: "req_1" }

describe("errorEvent", () => {
  it("a service's own refusal travels as biz, and is read back", () => {
    const refused = new BizError({ status: 10001, message: "insufficient user balance", extra: { testKey: "testVal" } })
    const data = errorEvent(refused, { ...about, partial: "Once 🙂" })
    assert.deepStrictEqual(data, {
      request_id: "req_1",
      type: "validation",
      code: "biz_error",
      severity: "warning",
      message: "insufficient user balance",
      recoverable: false,
      partial_content: "Once 🙂",
      partial_length: 6,
      biz: { code: 10001, message: "insufficient user balance", extra: { testKey: "testVal" } }
    })
    const back = carriedIn(JSON.parse(JSON.stringify(data)))
    assert.instanceOf(back, BizError)
    assert.deepInclude(back, { status: 10001, extra: { testKey: "testVal" } })
  })

  it("a hint is told as headers tell it: at most an hour, and none where it is no number", () => {
    for (const [retryAfterMillis, told] of [
      [1001, 2],
      [0, 1],
      [1e12, 3600],
      [Number.POSITIVE_INFINITY, 3600],
      [Number.NaN, undefined],
      [-5, undefined]
    ] as const) {
      const error = new Throttled({ retryAfterMillis })
      assert.strictEqual(errorEvent(error, about).retry_after, told)
      assert.strictEqual(errorEvent(new Throttled({}), { ...about, retryAfterMillis }).retry_after, told)
      assert.strictEqual(retryHeaders(error)["retry-after"], String(told ?? 1))
    }
  })

  it("an application exception travels as a fault of 12001, with its type and the message that was written for its reader", () => {
    const data = errorEvent(new ApplicationException({ typeId: 7, message: "the ledger is closed" }), about)
    assert.deepInclude(data, { code: "application_exception", message: "Internal error." })
    assert.deepStrictEqual(data.fault, {
      code: 12001,
      side: "server",
      path: [],
      message: "the ledger is closed",
      typeId: 7
    })
    const back = carriedIn(data)
    assert.instanceOf(back, ApplicationException)
    assert.strictEqual(back.typeId, 7)
    assert.strictEqual(back.message, "the ledger is closed")
  })

  it("an unknown error shows its message only, without what looks like a secret", () => {
    const data = errorEvent(new Error("test error: Bearer sk-abcdefghijklmnopqrstuvwxyz123456"), about)
    assert.deepInclude(data, { code: "internal_error", severity: "fatal", recoverable: false })
    assert.include(data.message, "test error")
    assert.notInclude(JSON.stringify(data), "abcdefghijklmnop")
    for (const field of ["biz", "fault", "detail", "traceback"]) assert.notProperty(data, field)
  })

  it("an error of ours that is a bug shows the catalogue's message, and Effect's own errors their blame", () => {
    assert.strictEqual(
      errorEvent(new InternalError({ message: "undefined is not a function" }), about).message,
      "Internal error."
    )
    assert.strictEqual(errorEvent(new Cause.TimeoutError(), about).type, "timeout")
  })

  it("what ended by somebody's cancel says by whose", () => {
    const fault = streamFault({ code: 12007, side: "server", path: ["A"] })
    assert.deepStrictEqual(carriedBy(new StreamCancelled({ fault })), { fault })
    assert.deepStrictEqual(carriedBy(new ClientGone({})), { fault: streamFault({ code: 12013, side: "server" }) })
  })

  it("a refusal is read back whatever it says", () => {
    const text = fc.string({ maxLength: 40 }).filter((one) => /^[a-z0-9 ]*$/.test(one) && one.trim() !== "")
    fc.assert(
      fc.property(fc.maxSafeInteger(), text, fc.dictionary(text, text), (status, message, extra) => {
        const back = carriedIn(JSON.parse(JSON.stringify(errorEvent(new BizError({ status, message, extra }), about))))
        assert.instanceOf(back, BizError)
        assert.strictEqual(back.status, status)
        assert.strictEqual(back.message, message)
        assert.deepStrictEqual({ ...back.extra }, { ...extra })
      })
    )
  })
})
