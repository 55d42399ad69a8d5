/**
 * What a relay has told of its own in any dialect is read by another one as what it is.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  ApplicationException,
  BizError,
  ClientGone,
  InternalError,
  InvalidRequest,
  type ResilienceError,
  ShuttingDown,
  StreamCancelled,
  StreamFault,
  streamFault,
  UpstreamOverloaded
} from "effect-resilience/errors"
import { clientDialects, type ClientDialectName, relayErrorIn } from "#src/dialect/index"

const names = ["openai", "anthropic", "gemini", "responses", "chat"] as const satisfies ReadonlyArray<ClientDialectName>

/** Every text in which a dialect tells an error. */
const tellings = (name: ClientDialectName, error: ResilienceError): ReadonlyArray<string> => {
  const dialect = clientDialects[name]
  const encoder = dialect.encoder({
    requestId: "req_1",
    streamId: "s",
    createdAt: 0,
    includeUsage: false,
    debug: false,
    request: undefined
  })
  const payloads = encoder.fail({ error, partial: "Once", retryAfterMillis: undefined }).map(({ data }) => data)
  const about = { requestId: "req_1", method: "POST", path: "/", now: 0, accept: undefined }
  // `/chat` has told its head by then.
  return name === "chat" ? payloads : [...payloads, dialect.failure(error, about).body]
}

describe.each(names)("RelayError: %s", (name) => {
  const read = (error: ResilienceError) => tellings(name, error).map(relayErrorIn)

  it("a service's own refusal, with its code, message and extra", () => {
    const error = new BizError({ status: 10001, message: "insufficient user balance", extra: { testKey: "testVal" } })
    for (const found of read(error)) {
      assert.instanceOf(found, BizError)
      assert.deepInclude(found, { status: 10001, extra: { testKey: "testVal" } })
      assert.strictEqual(found.message, "insufficient user balance")
    }
  })

  it("an application exception, with its type and its own message", () => {
    for (const found of read(new ApplicationException({ typeId: 7, message: "the ledger is closed" }))) {
      assert.instanceOf(found, ApplicationException)
      assert.strictEqual(found.typeId, 7)
      assert.strictEqual(found.message, "the ledger is closed")
    }
  })

  it("a stream that was cancelled there is 12009, and says who and why", () => {
    for (const [said, fault] of [
      [
        streamFault({ code: 12007, side: "server", path: ["A", "B"] }),
        streamFault({ code: 12009, side: "client", path: ["A", "B"] })
      ],
      [
        streamFault({ code: 12008, side: "server", path: ["A"], message: "enough" }),
        streamFault({ code: 12009, side: "client", path: ["A"], message: "enough" })
      ],
      [
        streamFault({ code: 1111, side: "server", path: ["Proxy Egress"], message: "proxy timeout" }),
        streamFault({ code: 1111, side: "client", path: ["Proxy Egress"], message: "proxy timeout" })
      ]
    ] as const) {
      for (const found of read(new StreamCancelled({ fault: said, message: said.message }))) {
        assert.instanceOf(found, StreamCancelled)
        assert.deepStrictEqual(found.fault, fault)
      }
    }
  })

  it("a stream fault keeps its code", () => {
    const fault = streamFault({ code: 12004, side: "server", path: ["A"] })
    for (const found of read(new StreamFault({ fault }))) {
      assert.instanceOf(found, StreamFault)
      assert.deepStrictEqual(found.fault, { ...fault, side: "client" })
    }
  })

  it.each([
    new InvalidRequest({ message: "model: missing" }),
    new UpstreamOverloaded({}),
    new ShuttingDown({}),
    new ClientGone({}),
    new InternalError({ message: "a bug" })
  ])("any other error is read as every upstream's: %s", (error) => {
    for (const found of read(error)) assert.isUndefined(found)
  })
})

describe("RelayError", () => {
  it("a relay that does not say the fault has cancelled all the same", () => {
    const found = relayErrorIn('{"error":{"message":"The stream was cancelled.","code":"stream_cancelled"}}')
    assert.instanceOf(found, StreamCancelled)
    assert.deepStrictEqual(found.fault, streamFault({ code: 12009, side: "client" }))
  })

  it("what is no error of a relay's is none, whatever it is", () => {
    for (const text of [
      "",
      "[DONE]",
      "null",
      "[]",
      '{"error":"biz_error"}',
      '{"error":{"code":429}}',
      '{"code":"stream_fault","fault":{"code":"x"}}',
      '{"code":"stream_fault"}'
    ]) {
      assert.isUndefined(relayErrorIn(text), text)
    }
  })

  it("fields of another kind are left out, and names are bounded", () => {
    const biz = relayErrorIn('{"code":"biz_error","message":"no","biz":{"code":"1","extra":{"a":1,"b":"2"}}}')
    assert.instanceOf(biz, BizError)
    assert.deepInclude(biz, { status: 0, extra: { b: "2" } })
    assert.strictEqual(biz.message, "no")
    const path = JSON.stringify([1, ...Array.from({ length: 100 }, (_, at) => `s${at}`)])
    const cut = relayErrorIn(
      `{"code":"stream_cancelled","fault":{"code":5,"side":"client","path":${path},"message":7}}`
    )
    assert.instanceOf(cut, StreamCancelled)
    assert.lengthOf(cut.fault.path, 65)
    assert.deepInclude(cut.fault, { code: 5, side: "server", message: "stream fault" })
  })
})
