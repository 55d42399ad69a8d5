/**
 * What an SDK assembled goes back with the next question, as that SDK would send it: calls with their results, and
 * reasoning with what signed it, to whom it came from and to nobody else.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Script, type ScriptedCall } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { aiGoogle } from "./aiSdk.ts"
import { openaiSdk } from "./openaiSdk.ts"
import type { Question } from "./question.ts"
import { share } from "../support/share.ts"
import { clients, dialects, type Place, places, showsReasoning } from "./sdks.ts"
import { faultsOf, type Judged } from "./vendorTypes.ts"
import { type Body, bodiesOf, type Upstreams, withWorld, worldsInTurn } from "./world.ts"

const inTurn = worldsInTurn()

const weather = {
  name: "weather",
  description: "The weather of a city",
  schema: { type: "object", properties: { city: { type: "string" } } }
}
const asks: Question = { tools: [weather], effort: "medium" }
const thought = "Hm, the weather. I had better look."
const signature = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds"

const thinks = (dialect: UpstreamDialectName): Script.Script =>
  Script.answer([
    ...Script.inWords(thought).map(Script.reasoning),
    ...(dialect === "openai" ? [] : [Script.signature(signature)]),
    "I look ",
    "it up.",
    Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] }),
    Script.toolCall({ id: "call_2", name: "weather", input: ['{"city":"Rome"}'] })
  ])

const answers: Question = {
  ...asks,
  turns: [
    {
      role: "user",
      says: [
        { result: "sunny", id: "call_1", name: "weather" },
        { result: "rain", id: "call_2", name: "weather" }
      ]
    }
  ]
}

const block = (fields: object) => ({ type: "tool_use", name: "weather", ...fields })
const call = (id: string, city: string) => ({
  id,
  type: "function",
  function: { name: "weather", arguments: JSON.stringify({ city }) }
})

const itemsIn = (body: Body | undefined): ReadonlyArray<Body> => body?.["input"] as ReadonlyArray<Body>
const geminiCall = (id: string, city: string, thoughtSignature = "skip_thought_signature_validator") => ({
  functionCall: { id, name: "weather", args: { city } },
  thoughtSignature
})
const geminiResult = (id: string, output: string) => ({
  functionResponse: { id, name: "weather", response: { output } }
})

/** The conversation as Gemini is given it: with what it has signed, where the client gives that back. */
const geminiContents = (place: Place) => [
  { role: "user", parts: [{ text: "hello" }] },
  {
    role: "model",
    parts: [
      ...signedIn(place),
      { text: "I look it up." },
      // An OpenAI client is given a signature with the next call, as Google's own chat completions do.
      place.client === openaiSdk ? geminiCall("call_1", "Oslo", signature) : geminiCall("call_1", "Oslo"),
      geminiCall("call_2", "Rome")
    ]
  },
  { role: "user", parts: [geminiResult("call_1", "sunny"), geminiResult("call_2", "rain")] }
]

interface OwnPart {
  readonly text?: string
  readonly thought?: boolean
  readonly thoughtSignature?: string
  readonly functionCall?: object
  readonly functionResponse?: { readonly id: string }
}

/** A Gemini client's own words pass as they are: chunk by chunk with `@google/genai`, put together by `ai`. */
const assertOwnContents = (body: Body | undefined, { client, delivery }: Place): void => {
  const contents = body?.["contents"] as ReadonlyArray<{ readonly parts: ReadonlyArray<OwnPart> }>
  const parts = contents.flatMap(({ parts }) => parts)
  const said = (thought: boolean) =>
    parts.map((part) => ((part.thought ?? false) === thought ? (part.text ?? "") : "")).join("")
  assert.strictEqual(said(true), thought)
  assert.strictEqual(said(false), "helloI look it up.")
  // `ai` loses what signs a thought behind its last word, if it comes by itself.
  const forgotten = client === aiGoogle && delivery === "stream"
  assert.deepStrictEqual(
    parts.flatMap(({ thoughtSignature }) => thoughtSignature ?? []),
    forgotten ? [] : [signature]
  )
  assert.deepStrictEqual(
    parts.flatMap(({ functionCall }) => functionCall ?? []),
    [
      { id: "call_1", name: "weather", args: { city: "Oslo" } },
      { id: "call_2", name: "weather", args: { city: "Rome" } }
    ]
  )
  assert.deepStrictEqual(
    parts.flatMap(({ functionResponse }) => functionResponse?.id ?? []),
    ["call_1", "call_2"]
  )
}

const messagesIn = (body: Body | undefined): ReadonlyArray<Body> => body?.["messages"] as ReadonlyArray<Body>

const judged: Array<Judged> = []

/** Its vendor takes back what it has signed as it was, or not at all. */
const strict = (call: ScriptedCall): Script.Script => {
  if (call.number === 0) return thinks("anthropic")
  const blocks = messagesIn(JSON.parse(call.body) as Body).flatMap(({ content }) =>
    Array.isArray(content) ? (content as ReadonlyArray<Body>) : []
  )
  const altered = blocks.some(({ thinking, type }) => type === "thinking" && thinking !== thought)
  const message = "messages.1.content.0: `thinking` blocks in the latest assistant message cannot be modified."
  return altered
    ? Script.status(400, { body: { type: "error", error: { type: "invalid_request_error", message } } })
    : Script.answer("Sunny.")
}

// The helper of `openai` keeps the last piece of a field that it does not know: its program cannot send back the thought.
const forgets = ({ client, delivery }: Place): boolean => client === openaiSdk && delivery === "stream"

const signedIn = (place: Place): ReadonlyArray<object> =>
  showsReasoning(place.client) && place.client !== openaiSdk
    ? [{ text: thought, thought: true, thoughtSignature: signature }]
    : []

describe("reasoning and calls go back to whom they came from", () => {
  it.each(share(places))("$where", (place) => {
    const { client, delivery, dialect, where } = place
    return inTurn(
      { a: { dialect, plays: dialect === "anthropic" ? strict : [thinks(dialect), Script.answer("Sunny.")] } },
      {},
      async ({ relay, upstreams }) => {
        const ask = { url: relay.url, delivery }
        const { history, raised: first } = await client.ask({ ...ask, question: asks })
        assert.isUndefined(first, first?.message)
        const { raised, text } = await client.ask({ ...ask, question: answers, history })
        assert.isUndefined(raised, raised?.message)
        assert.strictEqual(text, "Sunny.")
        const body = bodiesOf(upstreams["a"]!).at(-1)
        if (dialect === "responses") {
          const [, ...items] = itemsIn(body)
          const told = items.map(({ content, encrypted_content: sealed, summary, type, ...item }) => {
            switch (type) {
              case "reasoning":
                return {
                  sealed,
                  summary: (summary as ReadonlyArray<{ readonly text: string }>).map(({ text }) => text)
                }
              case "function_call":
                return [item["call_id"], item["name"], item["arguments"]]
              case "function_call_output":
                return [item["call_id"], item["output"]]
              default:
                return typeof content === "string" ? content : (content as [{ readonly text: string }])[0].text
            }
          })
          const reasoning = { sealed: signature, summary: forgets(place) ? [thought.slice(-6)] : [thought] }
          assert.deepStrictEqual(told, [
            ...(showsReasoning(client) ? [reasoning] : []),
            "I look it up.",
            ["call_1", "weather", '{"city":"Oslo"}'],
            ["call_2", "weather", '{"city":"Rome"}'],
            ["call_1", "sunny"],
            ["call_2", "rain"]
          ])
          if (client.dialect !== dialect) {
            judged.push({ name: where, dialect, body: upstreams["a"]!.calls().at(-1)!.body })
          }
          return
        }
        if (dialect === "gemini" && client.dialect === dialect) return assertOwnContents(body, place)
        if (dialect === "gemini") {
          assert.deepStrictEqual(body?.["contents"], geminiContents(place))
          judged.push({ name: where, dialect, body: upstreams["a"]!.calls().at(-1)!.body })
          return
        }
        const [, assistant, ...results] = messagesIn(body)
        if (dialect === "anthropic") {
          const thinking = { type: "thinking", thinking: thought, signature }
          assert.deepStrictEqual(assistant?.["content"], [
            ...(showsReasoning(client) && !forgets(place) ? [thinking] : []),
            { type: "text", text: "I look it up." },
            block({ id: "call_1", input: { city: "Oslo" } }),
            block({ id: "call_2", input: { city: "Rome" } })
          ])
          assert.deepStrictEqual(
            results.map(({ content }) => content),
            [
              [
                { type: "tool_result", tool_use_id: "call_1", content: "sunny" },
                { type: "tool_result", tool_use_id: "call_2", content: "rain" }
              ]
            ]
          )
        } else {
          assert.deepInclude(assistant, {
            role: "assistant",
            content: "I look it up.",
            tool_calls: [call("call_1", "Oslo"), call("call_2", "Rome")]
          })
          if (client.dialect !== "openai") assert.strictEqual(assistant?.["reasoning_content"], thought)
          assert.deepStrictEqual(results, [
            { role: "tool", tool_call_id: "call_1", content: "sunny" },
            { role: "tool", tool_call_id: "call_2", content: "rain" }
          ])
        }
        // What goes through as it is are the SDK's own words: its helper leaves a field of its own in its messages.
        if (client.dialect !== dialect)
          judged.push({ name: where, dialect, body: upstreams["a"]!.calls().at(-1)!.body })
      }
    )
  })
})

describe("reasoning of one vendor's is not given to another's", () => {
  const rows = clients.flatMap((client) =>
    dialects.flatMap((from) =>
      dialects.filter((to) => to !== from).map((to) => ({ client, from, to, name: client.name }))
    )
  )
  it.each(share(rows))("$name, from $from to $to", ({ client, from, name, to }) => {
    const upstreams: Upstreams = {
      a: { dialect: from, plays: [thinks(from), Script.status(500)] },
      b: { dialect: to, plays: [Script.answer("Sunny.")] }
    }
    return withWorld(upstreams, {}, async ({ relay, upstreams: { b } }) => {
      // Whole, so that all that was thought could go on.
      const ask = { url: relay.url, delivery: "whole" } as const
      const { history, raised: first } = await client.ask({ ...ask, question: asks })
      assert.isUndefined(first, first?.message)
      const { raised, text } = await client.ask({ ...ask, question: answers, history })
      assert.isUndefined(raised, raised?.message)
      assert.strictEqual(text, "Sunny.")
      const [call] = b!.calls()
      assert.notInclude(call?.body, thought)
      assert.notInclude(call?.body, signature)
      assert.notInclude(call?.body, "er1.")
      assert.include(call?.body, "I look it up.")
      // What goes through as it is are the SDK's own words.
      if (client.dialect !== to) judged.push({ name: `${name}, from ${from}`, dialect: to, body: call!.body })
    })
  })
})

afterAll(() => {
  assert.deepStrictEqual(faultsOf(judged), [], "what the vendors' types have against these bodies")
})
