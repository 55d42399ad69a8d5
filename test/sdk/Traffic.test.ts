/**
 * Programs that write code, at work over a channel of each dialect: a prompt of many pages, forty tools, thinking between
 * calls, results of 100 kB. What their upstream was asked in each turn, and what they were told.
 */
import { assert, describe, it } from "@effect/vitest"
import { Script, type ScriptedCall } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { dialects } from "./sdks.ts"
import { claudeCode } from "./traffic/claudeCode.ts"
import { codex } from "./traffic/codex.ts"
import { geminiCli } from "./traffic/geminiCli.ts"
import { longPrompt, longResult, type Program, sessionId, tools } from "./traffic/program.ts"
import { type Body, bodiesOf, type World, withWorld } from "./world.ts"

const programs: ReadonlyArray<Program> = [claudeCode, codex, geminiCli]
const places = programs.flatMap((program) => dialects.map((dialect) => ({ program, dialect, name: program.name })))

const prompt = "Make the tests of /repo pass."
const reads = [
  { id: "call_a", name: "Read", input: { file_path: "/repo/a.ts" } },
  { id: "call_b", name: "Read", input: { file_path: "/repo/b.ts" } }
]
const runs = [{ id: "call_c", name: "Bash", input: { command: "npm test" } }]
const outputs = [longResult("a.ts"), longResult("b.ts")]
const failing = "1 failed | 12 passed"
const signatures = ["c2lnbmVkLTAtb2YtdGhlLXRob3VnaHQ", "c2lnbmVkLTEtb2YtdGhlLXRob3VnaHQ"]

type Calls = typeof reads | typeof runs

/** A call that Gemini has signed, which it signs in the part where the call stands. */
const signedCall = ({ id, input, name }: Calls[number], signature: string): ReadonlyArray<Script.Step> => [
  { _tag: "ToolCall", index: 0, id, name },
  Script.signature(signature, { call: 0 }),
  { _tag: "ToolInput", index: 0, text: JSON.stringify(input) }
]

/** Thinks, says something, and calls. */
const step = (
  { dialect, program }: { readonly dialect: UpstreamDialectName; readonly program: Program },
  at: 0 | 1,
  said: string,
  [first, ...others]: Calls
): Script.Script => {
  const thoughts = [Script.reasoning("Let me "), Script.reasoning(`see, ${at}.`)]
  const words = said === "" ? [] : Script.inWords(said).map(Script.text)
  // The Gemini CLI keeps no thoughts, but what stands with a call.
  const inCall = dialect === "gemini" && program === geminiCli
  if (inCall) {
    return Script.answer([
      ...thoughts,
      ...words,
      ...signedCall(first!, signatures[at]!),
      ...others.flatMap(
        ({ id, input, name }, i): ReadonlyArray<Script.Step> => [
          { _tag: "ToolCall", index: i + 1, id, name },
          { _tag: "ToolInput", index: i + 1, text: JSON.stringify(input) }
        ]
      )
    ])
  }
  return Script.answer([
    ...thoughts,
    ...(dialect === "openai" ? [] : [Script.signature(signatures[at]!)]),
    ...words,
    ...[first!, ...others].map(({ id, input, name }) =>
      Script.toolCall({ id, name, input: JSON.stringify(input).split(/(?<=:)/) })
    )
  ])
}

const model =
  (place: { readonly dialect: UpstreamDialectName; readonly program: Program }) =>
  ({ body }: ScriptedCall): Script.Script => {
    const anew = Script.continuing({ message: "anew" })
    if (body.includes(failing)) return Script.answer("One test fails, and I know why.").pipe(anew)
    return body.includes("<end of b.ts>") ? step(place, 1, "I run them.", runs) : step(place, 0, "", reads)
  }

const stringsIn = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : []
}

const namesOf: { readonly [D in UpstreamDialectName]: (tool: Body) => unknown } = {
  openai: ({ function: own }) => (own as Body)["name"],
  responses: ({ name }) => name,
  anthropic: ({ name }) => name,
  gemini: ({ name }) => name
}

const toolsIn = (body: Body, dialect: UpstreamDialectName): ReadonlyArray<unknown> => {
  const list = body["tools"] as ReadonlyArray<Body>
  const own = dialect === "gemini" ? (list[0]!["functionDeclarations"] as ReadonlyArray<Body>) : list
  return own.map(namesOf[dialect])
}

/** Works until there is nothing to call. */
const work = async ({ relay }: World, program: Program) => {
  const session = program.open(relay.url)
  const first = await session.say(prompt)
  const second = await session.give(first.calls.map((call, i) => ({ call, output: outputs[i]! })))
  const third = await session.give(second.calls.map((call) => ({ call, output: failing })))
  return { session, told: [first, second, third] as const }
}

describe("at work", () => {
  it.each(places)("$name, over $dialect", ({ dialect, program }) => {
    const own = program.dialect === dialect
    // What only their own vendor has words for is left out for others, where the configuration says so.
    const channel = { onUnsupported: "drop" }
    const upstream = { dialect, plays: model({ dialect, program }), channel }
    return withWorld({ a: upstream }, {}, async (world) => {
      const { told } = await work(world, program)
      assert.deepStrictEqual(
        told.map(({ calls, text }) => ({ calls, text })),
        [
          { calls: reads, text: "" },
          { calls: runs, text: "I run them." },
          { calls: [], text: "One test fails, and I know why." }
        ]
      )
      for (const { headers } of told) {
        const dropped = headers["x-dropped"]?.split(",") ?? []
        if (own) assert.deepStrictEqual(dropped, [])
        else assert.includeMembers(dropped, [...program.unsaid])
      }

      const bodies = bodiesOf(world.upstreams["a"]!)
      assert.lengthOf(bodies, 3)
      const names = tools.map(({ name }) => name)
      for (const body of bodies) {
        const said = stringsIn(body)
        assert.lengthOf(
          said.filter((text) => text.includes(longPrompt)),
          1
        )
        assert.lengthOf(
          said.filter((text) => text.includes(prompt)),
          1
        )
        assert.deepStrictEqual(toolsIn(body, dialect).slice(0, names.length), names)
      }
      const last = stringsIn(bodies[2])
      const results = [...outputs, failing].map((output) => last.indexOf(output))
      assert.deepStrictEqual(
        results,
        results.toSorted((a, b) => a - b)
      )
      assert.notInclude(results, -1, "every result is there, whole")
      for (const { id } of [...reads, ...runs])
        assert.lengthOf(
          last.filter((text) => text === id),
          2
        )
      // What was signed goes back to who has signed it, and nobody else's mark does.
      const signs = dialect !== "openai" && (program !== geminiCli || dialect === "gemini")
      for (const signature of signatures) assert.strictEqual(last.includes(signature), signs, signature)
      assert.isFalse(last.some((text) => text.startsWith("er1.")))
    })
  })

  it.each(places.filter(({ dialect, program }) => program.dialect !== dialect && program.unsaid.length > 0))(
    "$name is told what $dialect has no words for, and nobody is asked, where the configuration does not let it out",
    ({ dialect, program }) =>
      withWorld({ a: { dialect, plays: model({ dialect, program }) } }, {}, async ({ relay, upstreams: { a } }) => {
        const raised: unknown = await program
          .open(relay.url)
          .say(prompt)
          .catch((error: unknown) => error)
        for (const field of program.unsaid) assert.include(String(raised), field)
        assert.include(String(raised), "convert_request_failed")
        assert.lengthOf(a!.calls(), 0)
      })
  )
})

describe("what is cached of a conversation", () => {
  it("is marked as Claude Code marks it, over its own vendor's channel", () =>
    withWorld(
      { a: { dialect: "anthropic", plays: model({ dialect: "anthropic", program: claudeCode }) } },
      {},
      async (world) => {
        await work(world, claudeCode)
        for (const body of bodiesOf(world.upstreams["a"]!)) {
          const marks = JSON.stringify(body).split('"cache_control":{"type":"ephemeral"}').length - 1
          assert.strictEqual(marks, 3)
          const messages = body["messages"] as ReadonlyArray<{ readonly content: ReadonlyArray<Body> }>
          assert.property(messages.at(-1)!.content.at(-1), "cache_control")
        }
        const { headers, url } = world.upstreams["a"]!.calls()[0]!
        assert.include(headers["anthropic-beta"], "context-management-2025-06-27")
        assert.strictEqual(new URL(url).searchParams.get("beta"), "true")
      }
    ))

  it.each(["openai", "responses"] as const)("is named as Codex names it, over %s", (dialect) =>
    withWorld(
      { a: { dialect, plays: model({ dialect, program: codex }), channel: { onUnsupported: "drop" } } },
      {},
      async (world) => {
        await work(world, codex)
        for (const body of bodiesOf(world.upstreams["a"]!)) {
          assert.strictEqual(body["prompt_cache_key"], sessionId)
          if (dialect === "responses") assert.deepInclude(body, { store: false, stream: true })
        }
      }
    )
  )

  it.each(dialects)("begins in each turn as in the turn before, whoever asks: over %s", async (dialect) => {
    for (const program of programs) {
      const upstream = { dialect, plays: model({ dialect, program }), channel: { onUnsupported: "drop" } }
      await withWorld({ a: upstream }, {}, async (world) => {
        await work(world, program)
        const field = { openai: "messages", responses: "input", anthropic: "messages", gemini: "contents" }[dialect]
        const [, second, third] = bodiesOf(world.upstreams["a"]!).map((body) => {
          const turns = body[field] as ReadonlyArray<Body>
          // Where the mark stands is no part of what is said.
          return turns.map((turn) => JSON.stringify(turn).replaceAll(',"cache_control":{"type":"ephemeral"}', ""))
        })
        assert.isAbove(third!.length, second!.length)
        assert.deepStrictEqual(third!.slice(0, second!.length), second)
      })
    }
  })
})

describe("the tokens of a conversation", () => {
  const counting = places.filter(({ program }) => program !== codex)
  it.each(counting)("are counted for $name: over $dialect", ({ dialect, program }) =>
    withWorld(
      {
        a: {
          dialect,
          plays: (call) => {
            if (call.request?.operation !== "count") return model({ dialect, program })(call)
            return Script.answer("no").pipe(Script.usage({ inputTokens: 4242, outputTokens: 0 }))
          },
          channel: { onUnsupported: "drop" }
        }
      },
      {},
      async (world) => {
        const { session } = await work(world, program)
        const before = world.upstreams["a"]!.calls().length
        const tokens = await session.count!()
        const asked = world.upstreams["a"]!.calls().length - before
        if (program.dialect === dialect) assert.deepStrictEqual([tokens, asked], [4242, 1])
        else {
          // Some 200 kB of results: nobody is asked, and the estimate is of their size.
          assert.strictEqual(asked, 0)
          assert.isAbove(tokens, 30_000)
          assert.isBelow(tokens, 200_000)
        }
      }
    )
  )
})
