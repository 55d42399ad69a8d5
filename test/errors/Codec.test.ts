/** Errors as data: byte for byte as they have been written, and back to their classes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import {
  CircuitOpen,
  codes,
  decode,
  encode,
  type ResilienceError,
  RetriesExhausted,
  schemaOf,
  tagOf,
  Throttled,
  Unauthorized
} from "effect-resilience/errors"
import { readFileSync } from "node:fs"
import { sample } from "./samples.ts"

// What version 0.1.0 wrote. It is in stores and on wires: what is written today has to be read by it, and the other way.
const written = JSON.parse(readFileSync(new URL("encoded.json", import.meta.url), "utf8")) as Record<string, string>

const more: { readonly [name: string]: readonly [Parameters<typeof sample>[0], object] } = {
  allow: ["method_not_allowed", { allow: ["GET", "POST"] }],
  extra: ["biz_error", { extra: { a: "b" } }],
  limitBytes: ["payload_too_large", { limitBytes: 5 }],
  model: ["model_not_found", { model: "k" }]
}

const fields = {
  message: "what happened",
  retryAfterMillis: 1500,
  upstream: { status: 500, code: "server_error", type: "t", param: null, message: "theirs" },
  details: [{ field: "messages[0].role", message: "is unknown", code: "unknown" }]
}

const samples: ReadonlyArray<readonly [string, ResilienceError]> = [
  ...codes.flatMap((code) => [
    [tagOf(code), sample(code)] as const,
    [`${tagOf(code)}+`, sample(code, fields)] as const
  ]),
  ...Object.entries(more).map(([name, [code, own]]) => [name, sample(code, own)] as const)
]

describe("an error as JSON", () => {
  it("has a sample for each line", () =>
    assert.deepStrictEqual(samples.map(([name]) => name).sort(), Object.keys(written).sort()))

  for (const [name, error] of samples) {
    it.effect(name, () =>
      Effect.gen(function* () {
        assert.strictEqual(JSON.stringify(encode(error)), written[name])
        const back = yield* decode(JSON.parse(written[name]!))
        assert.strictEqual(back.constructor, error.constructor)
        assert.strictEqual(back.message, error.message)
        assert.strictEqual(JSON.stringify(encode(back)), written[name])
      })
    )
  }

  it("leaves out what is undefined, and a hint that is no number", () => {
    // As a program may write it that compiles without `exactOptionalPropertyTypes`.
    const fields = { key: undefined, retry: undefined, upstream: { status: 503, code: undefined } } as object
    const circuit = new CircuitOpen({ ...fields, message: "m" })
    const plain = { _tag: "CircuitOpen", message: "m", upstream: { status: 503 } }
    assert.deepStrictEqual(encode(circuit), plain)
    assert.deepStrictEqual(encode(new CircuitOpen({ ...fields, message: "m", retryAfterMillis: Number.NaN })), plain)
    const given = new RetriesExhausted({
      reason: "attempts",
      attempts: 1,
      elapsedMillis: 0,
      last: circuit,
      errors: [circuit]
    })
    const json = encode(given) as { readonly last: unknown }
    assert.deepStrictEqual(json.last, plain)
  })

  it("has no field that the class has not, and the fields in their order", () => {
    const given = { key: "k", retryAfterMillis: 5, message: "m", zzz: 1 }
    const error = new CircuitOpen(given)
    assert.strictEqual(
      JSON.stringify(encode(error)),
      '{"_tag":"CircuitOpen","message":"m","retryAfterMillis":5,"key":"k"}'
    )
  })

  it.effect("carries what wins over the error's row", () =>
    Effect.gen(function* () {
      const error = new Unauthorized({ retry: false, record: false, publicMessage: "Sign in." })
      const json = encode(error)
      assert.deepStrictEqual(json, {
        _tag: "Unauthorized",
        message: "A valid token is required.",
        retry: false,
        record: false,
        publicMessage: "Sign in."
      })
      const back = yield* decode(json)
      assert.deepStrictEqual({ ...back }, { ...error })
    })
  )

  it("encodes others' errors inside of ours by name and message", () => {
    const last = new Error("a", { cause: new Error("b") })
    const errors = ["text", { _tag: "Foreign", n: 1 }, undefined, null, 5, last]
    const json = encode(new RetriesExhausted({ reason: "budget", attempts: 1, elapsedMillis: 1, last, errors }))
    const encoded = { name: "Error", message: "a", cause: { name: "Error", message: "b" } }
    assert.deepInclude(json, { last: encoded, errors: ["text", { _tag: "Foreign", n: 1 }, null, null, 5, encoded] })
  })
})

describe("schemaOf", () => {
  it("is the schema of one class", () => {
    const schema = schemaOf(CircuitOpen)
    assert.isTrue(Schema.is(schema)(new CircuitOpen({})))
    assert.isFalse(Schema.is(schema)(new Throttled({})))
    assert.isTrue(Result.isFailure(Schema.decodeUnknownResult(schema)({ _tag: "Throttled", message: "m" })))
    const back = Schema.decodeUnknownSync(schema)({ _tag: "CircuitOpen", message: "m", key: "k" })
    assert.instanceOf(back, CircuitOpen)
    assert.strictEqual(back.key, "k")
  })
})
