import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { anthropic, anthropicClient, chatClient, gemini, openaiClient } from "#src/dialect/index"
import { encoded, encoding, least, messages, prefill } from "./kit.ts"

const endpoint = (baseUrl: string, request = messages(least)) =>
  anthropic.endpoint({ baseUrl, model: "m", stream: true, request })

const chat = (body: object) =>
  Result.getOrThrow(
    chatClient.parse(
      { parameter: "", query: "?a=1", headers: {}, body: JSON.stringify(body) },
      { maxMessage: 2000, defaultModel: "m" }
    )
  )

describe("where an Anthropic channel is asked, and with what", () => {
  it.each([
    ["https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"],
    ["https://api.anthropic.com/v1/", "https://api.anthropic.com/v1/messages"],
    ["https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"],
    ["https://a.example/x?y=1", "https://a.example/x/messages?y=1"]
  ])("%s is asked at %s", (base, url) => {
    expect(endpoint(base)).toBe(url)
  })

  it("passes the query of an Anthropic client, and of no other", () => {
    const asking = { query: "beta=true&last_event_id=" }
    expect(endpoint("https://a.example/v1?y=1", messages(least, asking))).toBe(
      "https://a.example/v1/messages?y=1&beta=true"
    )
    // What stands in the channel's address already is not said twice: it is the operator's.
    expect(endpoint("https://a.example/v1?beta=true", messages(least, { query: "beta=true" }))).toBe(
      "https://a.example/v1/messages?beta=true"
    )
    expect(
      endpoint("https://a.example/v1?beta=false&y=1", messages(least, { query: "beta=true&x=%201&b%65ta=1" }))
    ).toBe("https://a.example/v1/messages?beta=false&y=1&x=%201")
    expect(endpoint("https://a.example/v1", chat({ message: "Hi" }))).toBe("https://a.example/v1/messages")
  })

  it("asks for a count behind the messages", () => {
    const counting = messages(least, { parameter: "count_tokens", query: "beta=true" })
    for (const base of ["https://a.example/v1", "https://a.example/v1/messages"]) {
      expect(endpoint(base, counting)).toBe("https://a.example/v1/messages/count_tokens?beta=true")
    }
  })

  it("sends the key in x-api-key, and the version that the client names", () => {
    expect(anthropic.headers("k", messages(least))).toEqual({ "x-api-key": "k", "anthropic-version": "2023-06-01" })
    expect(anthropic.headers(undefined, messages(least))).toEqual({ "anthropic-version": "2023-06-01" })
    const headers = { "anthropic-version": "2026-10-21", "anthropic-beta": "a,b" }
    expect(anthropic.headers("k", messages(least, { headers }))).toEqual({ "x-api-key": "k", ...headers })
    const other = { ...chat({ message: "Hi" }), asking: { parameter: "", query: "", headers, body: "" } }
    expect(anthropic.headers("k", other)).toEqual({ "x-api-key": "k", "anthropic-version": "2023-06-01" })
  })

  it("goes on by prefill where the model is not known to refuse it", () => {
    for (const model of [
      "claude-3-5-sonnet-20241022",
      "claude-opus-4-20250514",
      "claude-opus-4-5",
      "claude-haiku-4-5-20251001",
      "anthropic.claude-sonnet-4-5-v1:0",
      "kimi-k2",
      "claude-instant"
    ]) {
      expect(anthropic.continuations(model)).toEqual(["prefill", "message"])
    }
    for (const model of [
      "claude-opus-4-6",
      "anthropic/claude-sonnet-4.6",
      "claude-opus-4-8",
      "claude-sonnet-5",
      "claude-opus-5-5-20261101",
      "claude-mythos-preview",
      "claude-fable-5",
      "us.anthropic.claude-opus-4-6-v1:0"
    ]) {
      expect(anthropic.continuations(model)).toEqual(["message"])
    }
  })
})

describe("an Anthropic client's body for an Anthropic channel", () => {
  const body = {
    model: "named",
    max_tokens: 100,
    stream: false,
    system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
    messages: [
      { role: "user", content: "Hi" },
      {
        role: "user",
        content: [
          { type: "text", text: " " },
          { type: "x_unknown", x: 1 }
        ]
      },
      { role: "assistant", content: [{ type: "thinking", thinking: "t", signature: "sig" }] },
      { role: "assistant", content: "So " }
    ],
    tools: [{ type: "web_search_20250305", name: "web_search" }],
    thinking: { type: "enabled", budget_tokens: 2048 },
    x_unknown: { y: [null] }
  }

  it("passes with every field, known or not: only model and stream are changed", () => {
    expect(encoded(messages(body)).body).toEqual({ ...body, model: "claude-opus-4-5", stream: true })
    const { stream: _, ...rest } = body
    expect(encoded(messages(body), { stream: false }).body).toEqual({ ...rest, model: "claude-opus-4-5" })
    expect(anthropic.unsaid(messages(body), "m")).toEqual([])
    expect(encoded(messages(body))).toMatchObject({ dropped: [], names: undefined, trimmed: "" })
  })

  it("R12: passes the numbers of a call that another client has as text", () => {
    const request = Result.getOrThrow(
      openaiClient.parse(
        {
          parameter: "",
          query: "",
          headers: {},
          body: JSON.stringify({
            model: "m",
            seed: 9007199254740992,
            messages: [
              { role: "user", content: "Hi" },
              {
                role: "assistant",
                tool_calls: [
                  { id: "a", type: "function", function: { name: "f", arguments: '{"n":1}' } },
                  {
                    id: "b",
                    type: "function",
                    function: { name: "f", arguments: '{"seed":9007199254740993,"x":[{"y":0.1234567890123456789}]}' }
                  }
                ]
              },
              { role: "tool", tool_call_id: "a", content: "1" },
              { role: "tool", tool_call_id: "b", content: "2" }
            ]
          })
        },
        { maxMessage: 2000, defaultModel: "" }
      )
    )
    for (const upstream of [anthropic, gemini]) {
      const { body } = Result.getOrThrow(upstream.encode(encoding(request)))
      expect(body).toContain('{"seed":9007199254740993,"x":[{"y":0.1234567890123456789}]}')
      expect(body).toContain('{"n":1}')
    }
  })

  it("R12: passes numbers to the digit", () => {
    const text = `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[{"type":"tool_use","id":"t","name":"n","input":{"n":9007199254740993}}]}],"x":0.12345678901234567890}`
    const request = Result.getOrThrow(
      anthropicClient.parse({ parameter: "", query: "", headers: {}, body: text }, { maxMessage: 0, defaultModel: "" })
    )
    const { body } = Result.getOrThrow(anthropic.encode(encoding(request)))
    expect(body).toContain('{"n":9007199254740993}')
    expect(body).toContain('"x":0.12345678901234567890')
    expect(request.asked().turns[0]!.parts[0]).toMatchObject({ input: '{"n":9007199254740993}' })
    const asked = request.asked()
    const crossed = Result.getOrThrow(
      anthropic.encode(encoding({ ...request, dialect: "openai", asked: () => asked }, { drop: true }))
    )
    expect(crossed.body).toContain('"input":{"n":9007199254740993}')
  })

  it("takes the channel's parameters over it, and null removes", () => {
    const params = { max_tokens: 5, system: null, thinking: { budget_tokens: 1024 }, stream: false, top_k: 3 }
    const { system: _, ...rest } = body
    expect(encoded(messages(body), { params }).body).toEqual({
      ...rest,
      model: "claude-opus-4-5",
      stream: true,
      max_tokens: 5,
      top_k: 3,
      thinking: { type: "enabled", budget_tokens: 1024 }
    })
  })

  it("leaves out what the target has refused, and tells it", () => {
    const asked = messages({ ...least, temperature: 0.5, output_config: { effort: "low" }, metadata: { user_id: "u" } })
    const refused = new Set(["temperature", "output_config.effort", "top_k", "metadata.other"])
    const made = encoded(asked, { refused })
    expect(made.body).toEqual({ ...least, model: "claude-opus-4-5", stream: true, metadata: { user_id: "u" } })
    expect(made.dropped).toEqual(["temperature", "output_config.effort"])
    // The client's own request is as it was.
    expect(asked.body["output_config"]).toEqual({ effort: "low" })
  })

  it("leaves out the reasoning that it marked as another vendor's, and what was cut before it was signed", () => {
    const content = [
      { type: "thinking", thinking: "theirs", signature: "er1.openai.abc" },
      { type: "thinking", thinking: "unsigned", signature: "er1.openai." },
      { type: "redacted_thinking", data: "er1.unknown.abc" },
      { type: "thinking", thinking: "cut", signature: "er1.anthropic." },
      { type: "thinking", thinking: "wrapped", signature: "er1.anthropic.sig" },
      { type: "thinking", thinking: "own", signature: "sig", x: 1 },
      { type: "thinking", thinking: "unsigned of its own", signature: "" },
      { type: "text", text: "er1.openai.abc" }
    ]
    const asked = messages({
      ...least,
      messages: [
        ...least.messages,
        { role: "assistant", content },
        { role: "assistant", content: content.slice(0, 2) },
        ...least.messages
      ]
    })
    expect(encoded(asked).body["messages"]).toEqual([
      ...least.messages,
      {
        role: "assistant",
        content: [{ type: "thinking", thinking: "wrapped", signature: "sig" }, ...content.slice(5)]
      },
      ...least.messages
    ])
  })

  it("is asked for a count without what a count does not take", () => {
    const counting = messages({ model: "m", messages: least.messages, x: 1 }, { parameter: "count_tokens" })
    const params = { max_tokens: 5, temperature: 1 }
    expect(encoded(counting, { params }).body).toEqual({ model: "claude-opus-4-5", messages: least.messages, x: 1 })
  })
})

describe("a continuation on an Anthropic channel", () => {
  const asked = messages({ ...least, max_tokens: 1000 })
  const user = least.messages[0]!

  it("begins the assistant's message with what was shown, and spends what is left", () => {
    const { body, trimmed } = encoded(asked, { continuation: prefill("Hello, I am here.") })
    expect(body["messages"]).toEqual([user, { role: "assistant", content: "Hello, I am here." }])
    expect(body["max_tokens"]).toBe(1000 - 5)
    expect(trimmed).toBe("")
  })

  it("never asks for less than one token, nor for less than is to be thought", () => {
    const few = { ...least, max_tokens: 3 }
    expect(encoded(messages(few), { continuation: prefill("word ".repeat(50)) }).body["max_tokens"]).toBe(1)
    const thinking = { ...least, max_tokens: 1100, thinking: { type: "enabled", budget_tokens: 1024 } }
    const continuation = { mode: "message", partial: "word ".repeat(100), prompt: "Go on" } as const
    expect(encoded(messages(thinking), { continuation }).body["max_tokens"]).toBe(1025)
  })

  it.each([
    ["Hello, \n", "Hello,", " \n"],
    ["Hello", "Hello", ""],
    ["  Hello\u00a0", "  Hello", "\u00a0"]
  ])("sends %j without the white space at its end", (partial, sent, trimmed) => {
    const made = encoded(asked, { continuation: prefill(partial) })
    expect(made.body["messages"]).toEqual([user, { role: "assistant", content: sent }])
    expect(made.trimmed).toBe(trimmed)
  })

  it("asks anew where nothing but white space was shown, or nothing", () => {
    const made = encoded(asked, { continuation: prefill(" \n") })
    expect(made.body["messages"]).toEqual([user])
    expect(made.trimmed).toBe(" \n")
    expect(encoded(asked, { continuation: prefill("") }).body["messages"]).toEqual([user])
  })

  it("goes on from the client's own beginning of the answer", () => {
    const begun = (content: unknown) => messages({ ...least, messages: [user, { role: "assistant", content }] })
    const continuation = prefill("world ")
    expect(encoded(begun("Hello "), { continuation }).body["messages"]).toEqual([
      user,
      { role: "assistant", content: "Hello world" }
    ])
    const blocks = [
      { type: "thinking", thinking: "t", signature: "s" },
      { type: "text", text: "Hello ", x: 1 }
    ]
    expect(encoded(begun(blocks), { continuation }).body["messages"]).toEqual([
      user,
      { role: "assistant", content: [blocks[0], { type: "text", text: "Hello world", x: 1 }] }
    ])
    expect(encoded(begun(blocks.slice(0, 1)), { continuation }).body["messages"]).toEqual([
      user,
      { role: "assistant", content: [blocks[0], { type: "text", text: "world" }] }
    ])
    expect(encoded(begun(blocks), { continuation: prefill(" ") })).toMatchObject({ trimmed: "  " })
  })

  it("is not to be thought out once more where the text is given: Anthropic refuses the two together", () => {
    const thinking = messages({ ...least, max_tokens: 9000, thinking: { type: "enabled", budget_tokens: 1024 } })
    expect(encoded(thinking, { continuation: prefill("Hello") }).body["thinking"]).toBe(undefined)
    const continuation = { mode: "message", partial: "Hello", prompt: "Go on" } as const
    expect(encoded(thinking, { continuation }).body["thinking"]).toEqual({ type: "enabled", budget_tokens: 1024 })
    const disabled = messages({ ...least, thinking: { type: "disabled" } })
    expect(encoded(disabled, { continuation: prefill("Hello") }).body["thinking"]).toEqual({ type: "disabled" })
  })

  it("by message shows what was said and asks for the rest, in turns that alternate", () => {
    const prompt = "It ended with: {partial} {partial}"
    const continuation = { mode: "message", partial: "a$& ", prompt } as const
    expect(encoded(asked, { continuation }).body["messages"]).toEqual([
      user,
      { role: "assistant", content: "a$& " },
      { role: "user", content: "It ended with: a$&  a$& " }
    ])
    expect(encoded(asked, { continuation: { ...continuation, partial: " " } }).body["messages"]).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "Hi" },
          { type: "text", text: "It ended with:    " }
        ]
      }
    ])
  })
})

describe("an answer that goes on from white space", () => {
  const after = (trimmed: string, texts: ReadonlyArray<string>) => {
    const decoder = anthropic.decoder({ body: "", dropped: [], names: undefined, trimmed })
    return texts.map((text) => {
      const event = decoder.step(
        "content_block_delta",
        JSON.stringify({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })
      )
      if (event._tag !== "Delta" || event.from !== "anthropic") throw new Error(event._tag)
      expect(event.raw["delta"]).toEqual({ type: "text_delta", text: event.text })
      return event.text
    })
  }

  it.each([
    ["", [" a"], [" a"]],
    [" ", [" a", " b"], ["a", " b"]],
    [" \n", [" ", "\n", "\n\n"], ["", "", "\n\n"]],
    [" \n", [" a"], ["a"]],
    [" \n", ["a \n"], ["a \n"]],
    ["\n", [" \na"], [" \na"]],
    [" ", ["  a"], [" a"]],
    ["  ", [" ", "a", " "], ["", "a", " "]]
  ])("%j is cut from what it begins with, and no more: %j is %j", (trimmed, texts, shown) => {
    expect(after(trimmed, texts)).toEqual(shown)
  })
})

describe("a chat's conversation for an Anthropic channel", () => {
  it("is system, turns that alternate, and a number of tokens", () => {
    const asked = chat({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
        { role: "user", content: "  " },
        { role: "user", content: "there" },
        { role: "system", content: "Now in French." },
        { role: "assistant", content: "Salut " }
      ]
    })
    const made = encoded(asked)
    expect(made.body).toEqual({
      model: "claude-opus-4-5",
      max_tokens: 8192,
      stream: true,
      system: "Be brief.",
      messages: [
        { role: "user", content: ["Hi", "there", "Now in French."].map((text) => ({ type: "text", text })) },
        { role: "assistant", content: "Salut" }
      ]
    })
    // What the client has already is cut from what comes.
    expect(made.trimmed).toBe(" ")
    expect(made.dropped).toEqual([])
    expect(encoded(asked, { continuation: prefill("toi") }).body["messages"]).toMatchObject([
      {},
      { content: "Salut toi" }
    ])
  })

  it("asks for 8,192 tokens above a thinking budget", () => {
    const params = { thinking: { type: "enabled", budget_tokens: 10_000 } }
    expect(encoded(chat({ message: "Hi" }), { params }).body["max_tokens"]).toBe(18_192)
  })
})

describe("an OpenAI client's request that cannot be said", () => {
  it("is refused with the fields by path", () => {
    const request = Result.getOrThrow(
      openaiClient.parse(
        {
          parameter: "",
          query: "",
          headers: {},
          body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hi" }], x_unknown: 1 })
        },
        { maxMessage: 0, defaultModel: "" }
      )
    )
    const unsaid = anthropic.unsaid(request, "m")
    expect(unsaid).toContain("x_unknown")
    const made = anthropic.encode(encoding(request))
    if (made._tag === "Success") throw new Error(made.success.body)
    expect(made.failure._tag).toBe("ConvertRequestFailed")
    expect(made.failure.message).toContain("x_unknown")
    expect(made.failure.details?.map(({ field }) => field)).toEqual(unsaid)
    const dropping = encoded(request, { drop: true })
    expect(dropping.dropped).toEqual(expect.arrayContaining(["x_unknown"]))
  })
})
