import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Asking, parseChatRequest, parseOpenAIRequest } from "../../src/dialect/index.ts"
import { depthOf } from "../../src/dialect/Json.ts"
import { type BadRequestBody, codeOf, describe as tell, type InvalidRequest } from "../../src/errors/index.ts"

const limits = { maxMessage: 10, defaultModel: "default" }
const asking = (fields: Partial<Asking>): Asking => ({
  parameter: "",
  query: "",
  headers: {},
  body: undefined,
  ...fields
})
const json = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))
const body = (value: unknown) => parseChatRequest(asking({ body: json(value) }), limits)
const query = (text: string) => parseChatRequest(asking({ query: text }), limits)
const openai = (value: unknown) => parseOpenAIRequest(asking({ body: json(value) }))

type Parsed = Result.Result<unknown, InvalidRequest | BadRequestBody>

/** The faults as `path code`, or the error's code where it has none; `ok` if it passed. */
const faults = (parsed: Parsed): ReadonlyArray<string> => {
  if (Result.isSuccess(parsed)) return ["ok"]
  expect(tell(parsed.failure).status).toBe(400)
  return parsed.failure.details?.map(({ field, code }) => `${field} ${code}`) ?? [codeOf(parsed.failure)]
}

const user = { role: "user", content: "hi" }

describe("parseChatRequest", () => {
  it("reads a body", () => {
    const one = Result.getOrThrow(body({ message: "hi", model: "m", timeout: 1.5 }))
    expect(one).toMatchObject({
      dialect: "chat",
      operation: "generate",
      model: "m",
      body: { message: "hi", model: "m", timeout: 1.5 },
      delivery: "stream",
      includeUsage: true,
      choices: 1,
      timeoutMillis: 1500,
      messageLength: 2
    })
    expect(one.asked()).toMatchObject({ system: [], turns: [{ role: "user", parts: [{ _tag: "Text", text: "hi" }] }] })
    const messages = [{ role: "system", content: "" }, user, { role: "assistant", content: "so" }]
    const several = Result.getOrThrow(body({ messages }))
    expect(several).toMatchObject({ model: "default", timeoutMillis: undefined, messageLength: 4 })
    expect([one.given, several.given?.text]).toEqual([undefined, "so"])
    expect(several.given?.before().turns).toEqual(several.asked().turns.slice(0, 1))
    expect(several.asked()).toMatchObject({
      system: [{ _tag: "Text", text: "" }],
      turns: [
        { role: "user", parts: [{ _tag: "Text", text: "hi" }] },
        { role: "assistant", parts: [{ _tag: "Text", text: "so" }] }
      ]
    })
  })

  it("reads a query", () => {
    const asked = Result.getOrThrow(query("message=h+i&model=m&timeout=2.5&token=t&last_event_id="))
    expect(asked).toMatchObject({ model: "m", timeoutMillis: 2500 })
    expect(asked.asked().turns).toEqual([{ role: "user", parts: [{ _tag: "Text", text: "h i" }] }])
    expect(Result.getOrThrow(query("message=hi&model=&timeout="))).toMatchObject({
      model: "default",
      timeoutMillis: undefined
    })
  })

  const rows: ReadonlyArray<readonly [value: unknown, faults: ReadonlyArray<string>]> = [
    ["", ["bad_request_body"]],
    ["{oops", ["bad_request_body"]],
    ["[]", ["bad_request_body"]],
    ["null", ["bad_request_body"]],
    ['"x"', ["bad_request_body"]],
    [{}, ["message required"]],
    [{ message: "" }, ["message too_short"]],
    [{ message: "0123456789" }, ["ok"]],
    [{ message: "0123456789a" }, ["message too_long"]],
    [{ message: "😀".repeat(10) }, ["ok"]],
    [{ message: "😀".repeat(11) }, ["message too_long"]],
    [{ message: null }, ["message type"]],
    [{ message: ["hi"] }, ["message type"]],
    [{ message: "hi", messages: [user] }, ["messages exclusive"]],
    [{ messages: [] }, ["messages too_short"]],
    [{ messages: {} }, ["messages type"]],
    [{ messages: ["hi"] }, ["messages[0] type", "messages too_short"]],
    [{ messages: [{ role: "assistant", content: "x" }] }, ["messages too_short"]],
    [{ messages: [{ role: "tool", content: "x" }, user] }, ["messages[0].role invalid_value"]],
    [{ messages: [{ role: "user", content: [{ type: "text", text: "x" }] }] }, ["messages[0].content type"]],
    [{ messages: [{ role: "user" }] }, ["messages[0].content type"]],
    [{ messages: [{ ...user, name: "x" }] }, ["messages[0].name unknown_field"]],
    [{ messages: [{ role: "user", content: "0123456789a" }, user] }, ["ok"]],
    [{ messages: [user, { role: "user", content: "0123456789a" }] }, ["messages[1].content too_long"]],
    [{ messages: [{ role: "user", content: "" }] }, ["messages[0].content too_short"]],
    [{ messages: [user, { role: "assistant", content: "0123456789abc" }] }, ["ok"]],
    [{ message: "hi", temperature: 1 }, ["temperature unknown_field"]],
    [{ message: "hi", model: 7 }, ["model type"]],
    [{ message: "hi", model: "" }, ["model too_short"]],
    [{ message: "hi", model: null }, ["model type"]],
    [{ message: "hi", timeout: 1 }, ["ok"]],
    [{ message: "hi", timeout: 0.99 }, ["timeout too_small"]],
    [{ message: "hi", timeout: -1 }, ["timeout too_small"]],
    [{ message: "hi", timeout: "5" }, ["timeout type"]],
    ['{"message":"hi","timeout":1e999}', ["timeout type"]],
    ['{"message":"hi","__proto__":{}}', ["__proto__ unknown_field"]],
    [
      { message: "", model: 7, timeout: 0, x: 1 },
      ["x unknown_field", "message too_short", "model type", "timeout too_small"]
    ]
  ]
  for (const [value, expected] of rows) {
    it(`${(typeof value === "string" ? value : JSON.stringify(value)).slice(0, 80)}: ${expected.join(", ")}`, () => {
      expect(faults(body(value))).toEqual(expected)
    })
  }

  const queries: ReadonlyArray<readonly [text: string, faults: ReadonlyArray<string>]> = [
    ["", ["message required"]],
    ["message=", ["message too_short"]],
    ["message=a&message=b", ["message exclusive"]],
    ["message=a&x=1", ["x unknown_field"]],
    ["message=a&messages=[]", ["messages unknown_field"]],
    ["message=a&timeout=abc", ["timeout type"]],
    ["message=a&timeout=-5", ["timeout too_small"]],
    ["message=a&timeout=1e3", ["timeout type"]],
    ["message=a&timeout=Infinity", ["timeout type"]],
    ["message=a&timeout=0", ["timeout too_small"]],
    ["message=a&timeout=1", ["ok"]]
  ]
  for (const [text, expected] of queries) {
    it(`?${text}: ${expected.join(", ")}`, () => {
      expect(faults(query(text))).toEqual(expected)
    })
  }
})

describe("parseOpenAIRequest", () => {
  it("reads a body, and keeps all of it", () => {
    const sent = {
      model: "m",
      messages: [user],
      stream: true,
      n: 2,
      stream_options: { include_usage: true },
      x: { y: 1 }
    }
    const read = Result.getOrThrow(openai(sent))
    expect(read).toMatchObject({
      dialect: "openai",
      operation: "generate",
      model: "m",
      delivery: "stream",
      includeUsage: true,
      choices: 2,
      messageLength: 2
    })
    expect(read.body).toEqual(sent)
    expect(read.asking.body).toBe(JSON.stringify(sent))
    expect(Result.getOrThrow(openai({ model: "m", messages: [user], stream: true }))).toMatchObject({
      includeUsage: false
    })
  })

  it("a whole answer has its usage", () => {
    for (const stream of [{}, { stream: false }, { stream: null }]) {
      expect(Result.getOrThrow(openai({ model: "m", messages: [user], n: null, ...stream }))).toMatchObject({
        delivery: "whole",
        includeUsage: true,
        choices: 1
      })
    }
  })

  const good = { model: "m", messages: [user] }
  const silent = (message: object) => ({ model: "m", messages: [message] })
  const rows: ReadonlyArray<readonly [value: unknown, faults: ReadonlyArray<string>]> = [
    ["{", ["bad_request_body"]],
    ["7", ["bad_request_body"]],
    [{}, ["model required", "messages required"]],
    [{ ...good, model: 7 }, ["model type"]],
    [{ ...good, model: "" }, ["model too_short"]],
    [{ ...good, messages: "hi" }, ["messages type"]],
    [{ ...good, messages: [] }, ["messages too_short"]],
    [{ ...good, messages: ["hi", null, []] }, ["messages[0] type", "messages[1] type", "messages[2] type"]],
    [silent({ content: "x" }), ["messages[0].role type"]],
    [silent({ role: 7, content: "x" }), ["messages[0].role type"]],
    [silent({ role: "", content: "x" }), ["messages[0].role too_short"]],
    [silent({ role: "developer", content: "x", name: "n", unknown: 1 }), ["ok"]],
    [silent({ role: "user" }), ["messages[0].content required"]],
    [silent({ role: "user", content: null }), ["messages[0].content required"]],
    [silent({ role: "user", content: 7 }), ["messages[0].content type"]],
    [silent({ role: "tool", tool_call_id: "a", content: null }), ["messages[0].content required"]],
    [silent({ role: "assistant", content: null, tool_calls: [] }), ["ok"]],
    [silent({ role: "assistant" }), ["ok"]],
    [
      silent({
        role: "user",
        content: [
          { type: "text", text: "x" },
          { type: "image_url", image_url: {} }
        ]
      }),
      ["ok"]
    ],
    [
      silent({ role: "user", content: ["x", { text: "y" }, { type: "text" }] }),
      ["messages[0].content[0] type", "messages[0].content[1].type type", "messages[0].content[2].text type"]
    ],
    [{ ...good, stream: "true" }, ["stream type"]],
    [{ ...good, stream: 1 }, ["stream type"]],
    [{ ...good, n: 0 }, ["n too_small"]],
    [{ ...good, n: 129 }, ["n too_large"]],
    [{ ...good, n: 128 }, ["ok"]],
    [{ ...good, n: 1.5 }, ["n type"]],
    [{ ...good, n: "2" }, ["n type"]],
    [{ ...good, stream_options: [] }, ["stream_options type"]],
    [{ ...good, stream_options: { include_usage: 1 } }, ["stream_options.include_usage type"]],
    [{ ...good, stream_options: { include_usage: null } }, ["ok"]],
    [
      { ...good, temperature: "hot", max_tokens: 1.5, tools: {}, stop: 7 },
      ["max_tokens type", "temperature type", "stop type", "tools type"]
    ],
    [{ ...good, temperature: null, max_tokens: null, stop: ["a"], tools: [{}] }, ["ok"]]
  ]
  for (const [value, expected] of rows) {
    it(`${(typeof value === "string" ? value : JSON.stringify(value)).slice(0, 90)}: ${expected.join(", ")}`, () => {
      expect(faults(openai(value))).toEqual(expected)
    })
  }

  it("says the first fault in words, and how many more there are", () => {
    const parsed = openai({ messages: [{ role: 7, content: "x" }], n: 0 })
    expect(Result.isFailure(parsed) ? parsed.failure.message : "").toBe("model: is required (and 2 more)")
  })

  it("a thousand faults are not all told", () => {
    const parsed = openai({ model: "m", messages: Array.from({ length: 5000 }, () => 7) })
    expect(faults(parsed).length).toBeLessThan(100)
  })

  it("is nested at most 64 deep", () => {
    const nested = (depth: number) =>
      `{"model":"m","messages":[{"role":"user","content":"x"}],"x":${"[".repeat(depth)}${"]".repeat(depth)}}`
    expect(faults(openai(nested(63)))).toEqual(["ok"])
    expect(faults(openai(nested(64)))).toEqual(["bad_request_body"])
    expect(faults(openai(nested(500_000)))).toEqual(["bad_request_body"])
    expect(faults(body(`{"message":${"[".repeat(70)}${"]".repeat(70)}}`))).toEqual(["bad_request_body"])
  })
})

describe("any JSON", () => {
  it("is read or refused, and never throws", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        for (const value of [a, { model: "m", messages: a, n: b }, { message: a, timeout: b }, { messages: [a, b] }]) {
          faults(openai(value))
          faults(body(value))
        }
      })
    )
  })
})

describe("depthOf", () => {
  it("counts levels, without recursion", () => {
    expect([depthOf(7), depthOf(null), depthOf([]), depthOf({}), depthOf([[{}], 1])]).toEqual([0, 0, 1, 1, 3])
    let deep: unknown = 1
    for (let i = 0; i < 200_000; i++) deep = [deep]
    expect(depthOf(deep)).toBe(200_000)
    expect(depthOf(deep, 64)).toBe(65)
  })
})
