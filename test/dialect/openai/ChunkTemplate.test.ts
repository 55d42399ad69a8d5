import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { openai, openaiClient, type UpstreamEvent } from "#src/dialect/index"
import { ChunkTemplate } from "#src/dialect/openai/ChunkTemplate"
import { identity } from "./kit.ts"
import { shareOfRuns } from "../../support/share.ts"

const encoded = { body: "", dropped: [], names: undefined }
const decoder = () => openai.decoder(encoded)

/** What each event is by itself, as text too: the order of fields is what a client is given. */
const alone = (events: ReadonlyArray<string>) => events.map((data) => decoder().step("message", data))
const inTurn = (events: ReadonlyArray<string>) => {
  const { step } = decoder()
  return events.map((data) => step("message", data))
}
/** What a client is given of each, by one encoder. */
const written = (steps: ReadonlyArray<UpstreamEvent>) => {
  const encoder = openaiClient.encoder(identity)
  encoder.open("m")
  return steps.flatMap((step) => (step._tag === "Delta" ? encoder.delta(step) : []))
}
const unmarked = (step: UpstreamEvent): UpstreamEvent => {
  if (step._tag !== "Delta") return step
  const { like: _, ...rest } = step
  return rest
}
const same = (events: ReadonlyArray<string>) => {
  const one = inTurn(events).map(unmarked)
  const other = alone(events)
  assert.deepStrictEqual(one, other)
  assert.strictEqual(JSON.stringify(one), JSON.stringify(other))
  assert.deepStrictEqual(written(inTurn(events)), written(other))
}

const chunk = (text: string, more = "", choice = "") =>
  `{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":${text}${choice}},"logprobs":null,"finish_reason":null}]${more}}`

describe("a chunk that is like the one before", () => {
  it("is read by its text, without parsing", () => {
    const template = new ChunkTemplate()
    const first = chunk('"Hel"', ',"usage":null,"obfuscation":"aX"')
    template.learn("message", first, JSON.parse(first) as never)
    const said = template.read("message", chunk('"lo"', ',"usage":null,"obfuscation":"q7Zb"'))
    assert.strictEqual(said?.text, "lo")
    assert.deepStrictEqual(said?.raw, JSON.parse(chunk('"lo"', ',"usage":null,"obfuscation":"q7Zb"')) as never)
    const plain = chunk('"Hel"')
    template.learn("message", plain, JSON.parse(plain) as never)
    assert.strictEqual(template.read("message", chunk('"ü€𝄞"'))?.text, "ü€𝄞")
  })

  it("is parsed when anything else differs", () => {
    const template = new ChunkTemplate()
    const first = chunk('"Hel"')
    template.learn("message", first, JSON.parse(first) as never)
    const others = [
      chunk('""'),
      chunk('"a\\"b"'),
      chunk('"a\\nb"'),
      chunk('"a\nb"'),
      chunk("null"),
      chunk('"a'),
      chunk('"a"', ',"usage":{"prompt_tokens":1}'),
      chunk('"a"', "", ',"content":"b"'),
      `${chunk('"a"')} `,
      chunk('"a"').slice(0, -1),
      "[DONE]",
      ""
    ]
    for (const data of others) assert.isUndefined(template.read("message", data), data)
    assert.isUndefined(template.read("error", chunk('"a"')))
  })

  it("is not learned where a name or a number may not be what it seems", () => {
    for (const first of [
      chunk('"a"', ',"x":{"content":"b"}'),
      chunk('"a"', ',"\\u0063ontent":"b"'),
      chunk('"a"', "", ',"content":"b"'),
      `{"id":"c","created":9007199254740993,"choices":[{"index":0,"delta":{"content":"a"}}]}`
    ]) {
      same([first, first.replace('"a"', '"z"'), first.replace('"b"', '"z"'), first])
    }
  })

  it("gives what each event gives by itself, whatever comes in whatever order", () => {
    const word = fc.oneof(
      fc.constantFrom("a", "bc", " ", "", "\n", '"', "\\", "content", '"content":"', "\u2028", "\u007f", "\ud800"),
      fc.string({ unit: "binary", maxLength: 4 })
    )
    const text = fc.oneof(
      word.map((one) => JSON.stringify(one)),
      word.map((one) => JSON.stringify(one).replace("a", String.raw`\u0061`)),
      word.map((one) => `"${one}"`),
      fc.constantFrom("null", "1", "[]", '["content"]')
    )
    const more = fc.oneof(
      fc.constant(""),
      word.map((one) => `,"obfuscation":${JSON.stringify(one)}`),
      word.map((one) => `,"usage":null,"obfuscation": ${JSON.stringify(one)}`),
      word.map((one) => `,"obfuscation":${JSON.stringify(one)},"z":1.10`),
      fc.constantFrom(
        ',"usage":null',
        ',"usage":{"prompt_tokens":1,"completion_tokens":2}',
        ',"content":"x"',
        ',"big":9007199254740993',
        ',"error":null',
        ',"error":{"message":"no"}',
        ',"x":"\\"content\\":\\""',
        ',"choices":[]',
        '},{"a":"b"'
      )
    )
    const choice = fc.constantFrom(
      "",
      ',"role":"assistant"',
      ',"role":null',
      ',"refusal":null',
      ',"content":"b"',
      ',"tool_calls":[]'
    )
    const event = fc.oneof(
      { weight: 8, arbitrary: fc.tuple(text, more, choice).map((parts) => chunk(...parts)) },
      { weight: 2, arbitrary: fc.tuple(text, more).map(([one, rest]) => chunk(one, rest).replaceAll(":", ": ")) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(text, more)
          .map(([one, rest]) => chunk(one, rest).replace('"finish_reason":null', '"finish_reason":""'))
      },
      { weight: 1, arbitrary: fc.constantFrom("{}", "{", ": ", '{"choices":[]}') }
    )
    // Each several times, as an upstream does.
    const events = fc
      .array(fc.tuple(event, text, fc.nat({ max: 3 })), { minLength: 1, maxLength: 6 })
      .map((list) =>
        list.flatMap(([one, other, times]) => [
          one,
          ...Array.from({ length: times }, () => one.replace(/"content":"[^"]*"/, `"content":${other}`))
        ])
      )
    fc.assert(fc.property(events, same), { numRuns: shareOfRuns(2_000) })
  })
})
