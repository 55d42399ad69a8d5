import { describe, expect, it } from "vitest"
import { askedOfGemini } from "#src/dialect/gemini/Asked"

const call = (name: string, id?: string) => ({ functionCall: { name, args: {}, ...(id === undefined ? {} : { id }) } })
const response = (output: string, name: string, id?: string) => ({
  functionResponse: { name, response: { output }, ...(id === undefined ? {} : { id }) }
})

/** What each call was given, by its place; a response that is of no call is one more. */
const paired = (calls: ReadonlyArray<object>, responses: ReadonlyArray<object>): ReadonlyArray<string | undefined> => {
  const { turns } = askedOfGemini({
    contents: [
      { role: "user", parts: [{ text: "q" }] },
      { role: "model", parts: calls },
      { role: "user", parts: responses }
    ]
  })
  const parts = turns.flatMap(({ parts }) => parts)
  const ids = parts.flatMap((part) => (part._tag === "ToolCall" ? [part.id] : []))
  const given = new Map<string, string>()
  for (const part of parts) {
    if (part._tag === "ToolResult" && part.parts[0]?._tag === "Text") given.set(part.id, part.parts[0].text)
  }
  expect(new Set(ids).size).toBe(ids.length)
  return [...ids.map((id) => given.get(id)), ...[...given].filter(([id]) => !ids.includes(id)).map(([, text]) => text)]
}

describe("a response of a Gemini client", () => {
  it.each<readonly [string, ReadonlyArray<object>, ReadonlyArray<object>, ReadonlyArray<string | undefined>]>([
    ["has its id", [call("f", "1"), call("f", "2")], [response("b", "f", "2"), response("a", "f", "1")], ["a", "b"]],
    ["has no id: by name", [call("f"), call("g")], [response("b", "g"), response("a", "f")], ["a", "b"]],
    ["has no id: then by order", [call("f"), call("f")], [response("a", "f"), response("b", "f")], ["a", "b"]],
    [
      "has no id, and its call has",
      [call("f", "1"), call("g", "2")],
      [response("b", "g"), response("a", "f")],
      ["a", "b"]
    ],
    ["has no name that was called", [call("f")], [response("a", "h")], ["a"]],
    ["has an id of its own, and its call has none", [call("f")], [response("a", "f", "f-1")], ["a"]],
    [
      "has an id of its own: by name",
      [call("f"), call("g")],
      [response("b", "g", "g-1"), response("a", "f", "f-1")],
      ["a", "b"]
    ],
    [
      "has an id of its own: then by order",
      [call("f"), call("f")],
      [response("a", "f", "f-1"), response("b", "f", "f-2")],
      ["a", "b"]
    ],
    [
      "has none, beside one that has",
      [call("f", "1"), call("f")],
      [response("b", "f"), response("a", "f", "1")],
      ["a", "b"]
    ],
    ["is of no call: another id is its call's", [call("f", "1")], [response("a", "f", "2")], [undefined, "a"]]
  ])("is of the call that is meant: it %s", (_, calls, responses, expected) => {
    expect(paired(calls, responses)).toEqual(expected)
  })
})
