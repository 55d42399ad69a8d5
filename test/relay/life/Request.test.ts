/**
 * A request as it is stored: what one process has read, another reads again.
 */
import { pathOf } from "../../support/paths.ts"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { type Asking, clientDialects, type ClientDialectName } from "#src/dialect/index"
import { decodeRequest, encodeRequest } from "#src/relay/Request"

const rules = { maxMessage: 2000, defaultModel: "m" }
const names = Object.keys(clientDialects) as ReadonlyArray<ClientDialectName>

/** A body of each dialect; a new one does not compile until it has its row. */
const bodies: { readonly [N in ClientDialectName]: object } = {
  openai: { model: "m", messages: [{ role: "user", content: "hello" }], stream: true, seed: 7, n: 2 },
  responses: { model: "m", input: "hello", stream: true, store: false },
  anthropic: { model: "m", max_tokens: 100, messages: [{ role: "user", content: "hello" }], stream: true },
  gemini: {
    contents: [{ role: "user", parts: [{ text: "hello" }] }],
    generationConfig: { seed: 7, candidateCount: 2 }
  },
  chat: { message: "hello", model: "m" }
}

const asking = (name: ClientDialectName, more: Partial<Asking> = {}): Asking => ({
  ...pathOf(name),
  headers: {},
  body: JSON.stringify(bodies[name]),
  ...more
})

describe("a stored request", () => {
  it.each(names)("of %s is read again as it was", (name) => {
    const dialect = clientDialects[name]
    const before = Result.getOrThrow(dialect.parse(asking(name), rules))
    const stored = decodeRequest(name, encodeRequest(before.asking), rules)
    assert.strictEqual(stored?.dialect, dialect)
    const { asked, inputEstimate, ...fields } = stored!.request
    const { asked: askedBefore, inputEstimate: estimateBefore, ...fieldsBefore } = before
    assert.deepStrictEqual(fields, fieldsBefore)
    assert.deepStrictEqual(asked(), askedBefore())
    assert.strictEqual(inputEstimate(), estimateBefore())
  })

  it("of a query alone has no body", () => {
    const { asking: asked } = Result.getOrThrow(
      clientDialects.chat.parse({ parameter: "", query: "message=hello&model=x", headers: {}, body: undefined }, rules)
    )
    const stored = decodeRequest("chat", encodeRequest(asked), rules)
    assert.strictEqual(stored?.request.model, "x")
    assert.strictEqual(stored?.request.asking.body, undefined)
  })

  it("is read by today's rules", () => {
    const { asking: asked } = Result.getOrThrow(clientDialects.chat.parse(asking("chat"), rules))
    assert.isDefined(decodeRequest("chat", encodeRequest(asked), { ...rules, maxMessage: 5 }))
    assert.isUndefined(decodeRequest("chat", encodeRequest(asked), { ...rules, maxMessage: 4 }))
  })

  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["what the version before stored", JSON.stringify({ requestId: "req_1", model: "m", includeUsage: false })],
    ["a version that is not known", encodeRequest(asking("chat")).replace('"version":1', '"version":2')],
    ["no request", encodeRequest(asking("chat", { body: "{}" }))],
    ["no JSON in it", encodeRequest(asking("chat", { body: "{" }))]
  ])("that is %s means nothing", (_, text) => {
    assert.isUndefined(decodeRequest("chat", text, rules))
  })

  it("of a dialect that is not known means nothing", () => {
    assert.isUndefined(decodeRequest("morse", encodeRequest(asking("chat")), rules))
    assert.isUndefined(decodeRequest("toString", encodeRequest(asking("chat")), rules))
  })

  it("that is anything at all is read or not, and nothing is thrown", () =>
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((body) => encodeRequest(asking("openai", { body })))
        ),
        (name, text) => {
          const stored = decodeRequest(name, text, rules)
          assert.isTrue(stored === undefined || stored.request.model !== undefined)
        }
      ),
      { numRuns: 300 }
    ))
})
