/**
 * Known secrets are masked wherever they stand in a text, in whatever writing, and nothing else is.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  BadResponseStatusCode,
  InternalError,
  InvalidRequest,
  makeSecrets,
  maskError,
  redactValue,
  RetriesExhausted,
  StreamFault
} from "effect-resilience/errors"

const secret = `correct/horse"bätt<ery&1`

const masking = (...known: ReadonlyArray<string>) => {
  const secrets = makeSecrets()
  secrets.know(known)
  return secrets.mask
}

describe("S5: a known secret", () => {
  it.each([
    ["as it is", `no key ${secret}!`],
    ["in JSON", JSON.stringify({ message: `no key ${secret}` })],
    ["in JSON in JSON", JSON.stringify({ raw: JSON.stringify({ message: secret }) })],
    ["in JSON as PHP prints it", JSON.stringify(secret).replaceAll("/", "\\/")],
    ["in JSON as Go prints it", JSON.stringify(secret).replaceAll("<", "\\u003c").replaceAll("&", "\\u0026")],
    ["in a URL", `GET /v1?key=${encodeURIComponent(secret)}&x=1`],
    ["in a URL, in small hex", encodeURIComponent(secret).toLowerCase()],
    ["in a form", new URLSearchParams({ key: secret }).toString()],
    ["in HTML", `<b>${secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")}</b>`],
    ["as a user of Basic", `authorization: Basic ${Buffer.from(`${secret}:`).toString("base64")}`],
    ["as a password of Basic", `you sent ${Buffer.from(`me:${secret}`).toString("base64")}`],
    ["as a password of a longer user", `you sent ${Buffer.from(`mei:${secret}`).toString("base64")}`],
    ["in base64 for URLs", Buffer.from(`{"key":"${secret}"}`).toString("base64url")]
  ])("%s is masked", (_, text) => {
    const masked = masking(secret)(text)
    assert.include(masked, "***")
    for (const part of ["horse", "ery", "orrect", Buffer.from(secret).toString("base64").slice(2, 12)]) {
      assert.notInclude(masked, part)
    }
  })

  it("S17: is found in base64 in time that goes with the text, however often it stands there", () => {
    // (Each of them once for each other one is an hour in one turn.)
    const run = btoa("123456789012").repeat(100_000)
    assert.strictEqual(masking("123456789012")(`at ${run}, not at ${run}!`), "at ***, not at ***!")
  })
  it("is masked each time, and what stands around it stays", () => {
    assert.strictEqual(masking("hunter22")("a hunter22 b hunter22hunter22 c"), "a *** b ****** c")
  })
  it("is masked whole where one holds or overlaps another", () => {
    const mask = masking("abcdefgh", "abcdefgh-ijkl", "efghijkl", "ijklmnop")
    assert.strictEqual(mask("1 abcdefgh-ijkl 2 abcdefghijklmnop 3"), "1 *** 2 *** 3")
  })
  it("of fewer than eight characters is masked where it stands alone, and not inside of a word", () => {
    const mask = masking("token")
    assert.strictEqual(
      mask("token 'token' token=token, tokens re-token token_1"),
      "*** '***' ***=***, tokens re-token token_1"
    )
  })
  it("of fewer than four characters is text", () => {
    assert.strictEqual(masking("abc", "", "k")("abc k"), "abc k")
  })
  it("stays one when others are told", () => {
    const secrets = makeSecrets()
    secrets.know(["the-old-one"])
    secrets.know(["the-new-one"])
    assert.strictEqual(secrets.mask("the-old-one, the-new-one"), "***, ***")
  })

  it("is nowhere in what is masked, and a text without one is that text", () => {
    const word = fc
      .string({ minLength: 8, maxLength: 40, unit: "grapheme-ascii" })
      .filter((text) => !text.includes("*"))
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 20 }),
        fc.array(fc.string()),
        fc.nat(),
        (known, around, at) => {
          const mask = masking(...known)
          const one = known[at % known.length]!
          const masked = mask([...around, one, ...around].join(" "))
          for (const secret of known) assert.notInclude(masked, secret)
          const clean = around.join(" ").replaceAll(/[^a-c ]/g, "")
          assert.strictEqual(masking("dddddddd")(clean), clean)
        }
      )
    )
  })
})

describe("an error without what is masked", () => {
  const mask = masking("hunter22")

  it("is the same class, with every text of it masked", () => {
    const masked = maskError(
      new BadResponseStatusCode({
        message: "the upstream answered 500: hunter22",
        upstream: { status: 500, code: "hunter22", type: "hunter22", param: "hunter22", message: "no hunter22" },
        details: [{ field: "hunter22", message: "hunter22", code: "x" }],
        retryAfterMillis: 5
      }),
      mask
    )
    assert.instanceOf(masked, BadResponseStatusCode)
    assert.notInclude(JSON.stringify(masked) + masked.message + String(masked.stack), "hunter22")
    assert.strictEqual(masked.retryAfterMillis, 5)
    assert.strictEqual(masked.upstream?.status, 500)
  })
  it("is itself where there is nothing to mask", () => {
    const error = new InvalidRequest({ message: "no", upstream: { message: "no" }, details: [] })
    assert.strictEqual(maskError(error, mask), error)
  })
  it("keeps its stack, masked", () => {
    const error = new InternalError({ message: "failed on hunter22" })
    const { stack } = maskError(error, mask)
    assert.include(stack, "Secrets.test.ts")
    assert.notInclude(stack, "hunter22")
  })
  it("is masked within: the errors of a retry, the fault of a stream", () => {
    const last = new InvalidRequest({ message: "hunter22" })
    const retries = new RetriesExhausted({ reason: "attempts", attempts: 1, elapsedMillis: 1, last, errors: [last] })
    const masked = maskError(retries, mask)
    assert.instanceOf(masked.last, InvalidRequest)
    assert.deepEqual([masked.message.includes("hunter22"), (masked.last as InvalidRequest).message], [false, "***"])
    const fault = { code: 12007, side: "client", path: ["hunter22"], message: "hunter22" } as const
    assert.deepEqual(maskError(new StreamFault({ fault }), mask).fault, { ...fault, path: ["***"], message: "***" })
  })
})

describe("redactValue", () => {
  it("masks what it is told to, before it looks for shapes", () => {
    const value = { said: "hunter22", hunter22: [new Error("no hunter22")], n: 5 }
    const masked = JSON.stringify(redactValue(value, { mask: masking("hunter22") }))
    assert.notInclude(masked, "hunter22")
    assert.include(masked, '"n":5')
  })
})
