/**
 * A dialect that was written with nothing but `docs/adding-a-dialect.md`, against what that page says must hold. Owl is a
 * vendor that nobody knows: `POST /hoot` takes `{ model, chat, tools, cap, stream }`, and streams events with names.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import {
  type Asked,
  classify,
  classifyInBand,
  type Encoded,
  endpointOf,
  estimateTokens,
  failedMark,
  type FitNames,
  isObject,
  type JsonObject,
  makeFitNames,
  mergeDeep,
  nothing,
  parseJson,
  type Part,
  printJson,
  spentOn,
  sse,
  type Turn,
  type UpstreamDialect,
  type UpstreamEvent,
  withoutRefused
} from "effect-resilience/dialect"
import { BadResponseBody, ConvertRequestFailed } from "effect-resilience/errors"
import { Script, ScriptedServer } from "effect-resilience/testing"
import * as fc from "fast-check"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { keepLog } from "../../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../../support/relay.ts"
import { contentOf, read } from "../../support/sse.ts"

keepLog()

// ------------------------------------------------------------------------------------------------ the dialect

const textOf = (parts: ReadonlyArray<Part>): string =>
  parts.map((part) => (part._tag === "Text" || part._tag === "Refusal" ? part.text : "")).join("")

const unsaidPart = (part: Part): ReadonlyArray<string> =>
  part._tag === "Image" || part._tag === "File"
    ? [part.path]
    : part._tag === "ToolResult"
      ? part.parts.flatMap(unsaidPart)
      : []

const unsaid = ({ format, meanings, stop, turns }: Asked): ReadonlyArray<string> => [
  ...meanings.map(({ path }) => path),
  ...(stop === undefined ? [] : [stop.path]),
  ...(format._tag === "Json" ? [format.path] : []),
  ...turns.flatMap(({ parts }) => parts.flatMap(unsaidPart))
]

const chatOf = ({ parts, role }: Turn, names: FitNames): ReadonlyArray<JsonObject> => {
  const text = textOf(parts)
  const said = text === "" ? [] : [{ by: { user: "human", assistant: "owl", system: "house" }[role], say: text }]
  const used = parts.flatMap((part) =>
    part._tag === "ToolCall" ? [{ tag: part.id, tool: names.fit(part.name), with: parseJson(part.input || "{}") }] : []
  )
  const results = parts.flatMap((part) =>
    part._tag === "ToolResult"
      ? [{ by: "tool", for: part.id, say: (part.failed ? failedMark : "") + textOf(part.parts) }]
      : []
  )
  return [...results, ...said, ...(used.length === 0 ? [] : [{ by: "owl", use: used }])]
}

const encode: UpstreamDialect["encode"] = (options) => {
  const { continuation, drop, model, params, refused, request, stream } = options
  const asked = request.asked()
  const lost = unsaid(asked)
  if (lost.length > 0 && !drop) return Result.fail(new ConvertRequestFailed({ message: `no words for ${lost.join()}` }))
  const names = makeFitNames(
    asked.tools.map(({ name }) => name),
    { longest: 20, unfit: /[^a-z]/g }
  )
  const chosen = asked.toolChoice
  const tools = typeof chosen === "object" ? asked.tools.filter(({ name }) => name === chosen.name) : asked.tools
  const spent = continuation === undefined ? 0 : estimateTokens(spentOn(continuation))
  const body = {
    model,
    chat: [
      ...(asked.system.length === 0 ? [] : [{ by: "house", say: textOf(asked.system) }]),
      ...asked.turns.flatMap((turn) => chatOf(turn, names)),
      ...(continuation?.mode === "message"
        ? [
            { by: "owl", say: continuation.partial },
            { by: "human", say: continuation.prompt.replaceAll("{partial}", () => continuation.partial) }
          ]
        : [])
    ],
    ...(tools.length === 0 || chosen === "none"
      ? {}
      : { tools: tools.map(({ name, schema, strict }) => ({ tool: names.fit(name), takes: schema, strict })) }),
    ...(asked.maxTokens === undefined ? {} : { cap: Math.max(1, asked.maxTokens - spent) })
  }
  const sent = withoutRefused(mergeDeep(body, params), refused, () => undefined)
  return Result.succeed({
    body: printJson({ ...sent.body, stream }, request.body),
    dropped: [
      ...asked.hints.map(({ path }) => path),
      ...(asked.effort === undefined ? [] : [asked.effort.path]),
      ...(asked.oneCallAtATime ? ["parallel_tool_calls"] : []),
      ...lost,
      ...sent.dropped
    ],
    names: names.changed()
  })
}

const reasons = { rest: "stop", cap: "length", tools: "tool-calls" } as const

const fault = (error: Extract<UpstreamEvent, { _tag: "Fault" }>["error"]): UpstreamEvent => ({ _tag: "Fault", error })

const makeRead = (names: Encoded["names"]) => {
  let calls = 0
  return (event: string, data: string): UpstreamEvent => {
    const said = parseJson(data)
    if (!isObject(said)) return fault(new BadResponseBody({ message: "Owl's event is no object" }))
    switch (event) {
      case "hoot":
        return typeof said["t"] === "string" ? { ...nothing, text: said["t"] } : nothing
      case "use": {
        const index = calls++
        const name = String(said["tool"])
        return {
          ...nothing,
          pieces: [
            { _tag: "ToolCall", index, id: String(said["tag"] ?? ""), name: names?.get(name) ?? name },
            { _tag: "ToolInput", index, text: JSON.stringify(said["with"] ?? {}) }
          ]
        }
      }
      case "over": {
        const native = String(said["why"])
        const reason = Object.hasOwn(reasons, native) ? reasons[native as keyof typeof reasons] : "unknown"
        return { ...nothing, finish: { reason, native, from: undefined } }
      }
      case "broke":
        return fault(classifyInBand({ message: said["why"] }))
      default:
        return nothing
    }
  }
}

const owl: UpstreamDialect = {
  endpoint: ({ baseUrl }) => endpointOf(baseUrl, "/hoot"),
  headers: (key) => (key === undefined ? {} : { "owl-token": key }),
  framing: sse,
  unsaid: (request) => unsaid(request.asked()),
  refusable: () => ["tools[].strict"],
  encode,
  decoder: ({ names }) => ({ step: makeRead(names), halt: () => undefined }),
  decodeWhole: (answer, { names }) => {
    const body = parseJson(answer.body)
    if (answer.status !== 200 || !isObject(body) || !Array.isArray(body["events"]))
      return [fault(classify(answer).error)]
    const step = makeRead(names)
    const events = body["events"] as ReadonlyArray<readonly [string, object]>
    return [...events.map(([event, data]) => step(event, JSON.stringify(data))), { _tag: "Done" }]
  },
  continuations: () => ["message"]
}

// ------------------------------------------------------------------------------------------------- its vendor

type Said = readonly [event: string, data: object]

let server: Server
let relay: RunningRelay
let openai: ScriptedServer.ScriptedServerService
let plays: ReadonlyArray<Said> | { readonly status: number; readonly message: string } = []
let cut = false
const bodies: Array<JsonObject> = []
const scope = Effect.runSync(Scope.make())

beforeAll(async () => {
  openai = await Effect.runPromise(
    Effect.provideService(
      ScriptedServer.make({
        dialect: "openai",
        scripts: ({ goesOn }) => Script.answer(whole.slice(goesOn?.partial.length))
      }),
      Scope.Scope,
      scope
    )
  )
  server = createServer((request, response) => {
    let text = ""
    request.on("data", (part: Buffer) => (text += part.toString()))
    request.on("end", () => {
      const body = JSON.parse(text) as JsonObject
      bodies.push(body)
      const play = plays
      if ("status" in play) {
        plays = over
        return void response.writeHead(play.status).end(JSON.stringify({ message: play.message }))
      }
      if (body["stream"] !== true) return void response.end(JSON.stringify({ events: play }))
      response.writeHead(200, { "content-type": "text/event-stream" })
      for (const [event, data] of play) response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
      if (cut) setTimeout(() => response.socket?.resetAndDestroy(), 20)
      else response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const owls = { dialect: "owl", models: ["m"] }
  const channels = [
    channelOf("streams", url, { ...owls, models: ["m", "n"], priority: 2 }),
    channelOf("whole", url, { ...owls, models: ["w"], stream: false }),
    channelOf("openai", openai.url, { models: ["m"], priority: 1 })
  ]
  relay = await startRelay({ channels }, {}, {}, { owl })
})

afterAll(async () => {
  await relay.close()
  server.close()
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

const whole = "The owl says what it says, and says it to its end."
const over: ReadonlyArray<Said> = [
  ["hoot", { t: whole.slice(0, 24) }],
  ["hoot", { t: whole.slice(24) }],
  ["over", { why: "rest" }]
]

const ask = async (body: object, said: typeof plays, model = "m") => {
  plays = said
  bodies.length = 0
  const messages = [{ role: "user", content: "hoo?" }]
  const answer = await read(`${relay.url}/v1/chat/completions`, { method: "POST", body: { model, messages, ...body } })
  const [choice] = (JSON.parse(answer.text) as { readonly choices?: ReadonlyArray<JsonObject> }).choices ?? []
  return { ...answer, choice }
}

describe("a dialect that was written from the page", () => {
  it.each(["m", "w"])("answers, streamed and whole (%s)", async (model) => {
    const { choice } = await ask({}, over, model)
    assert.deepInclude(choice, { finish_reason: "stop" })
    assert.deepInclude(choice?.["message"], { content: whole })
    assert.deepStrictEqual(bodies[0]?.["chat"], [{ by: "human", say: "hoo?" }])
  })

  it("calls several tools, by names that were made fit, one without arguments", async () => {
    const tools = ["find.it", "look"].map((name) => ({ type: "function", function: { name, strict: true } }))
    const { choice } = await ask({ tools }, [
      ["use", { tag: "1", tool: "find_it", with: { q: "a" } }],
      ["use", { tag: "2", tool: "look" }],
      ["over", { why: "tools" }]
    ])
    assert.deepInclude(choice, { finish_reason: "tool_calls" })
    assert.deepInclude(choice?.["message"], {
      tool_calls: [
        { id: "1", type: "function", function: { name: "find.it", arguments: '{"q":"a"}' } },
        { id: "2", type: "function", function: { name: "look", arguments: "{}" } }
      ]
    })
  })

  it("is asked again at once without what it refuses", async () => {
    const tools = [{ type: "function", function: { name: "look", strict: true } }]
    const { choice } = await ask({ tools }, { status: 400, message: "tools[0].strict: is not supported" })
    assert.deepInclude(choice?.["message"], { content: whole })
    assert.deepStrictEqual(
      bodies.map(({ tools }) => JSON.stringify(tools).includes("strict")),
      [true, false]
    )
  })

  it("is told what its tools gave, also what failed", async () => {
    const call = (id: string) => ({ id, type: "function", function: { name: "look", arguments: "{}" } })
    const messages = [
      { role: "system", content: "be wise" },
      { role: "user", content: "hoo?" },
      { role: "assistant", content: null, tool_calls: [call("1")] },
      { role: "tool", tool_call_id: "1", content: "Error: too dark" }
    ]
    await ask({ messages }, over)
    assert.deepStrictEqual(bodies[0]?.["chat"], [
      { by: "house", say: "be wise" },
      { by: "human", say: "hoo?" },
      { by: "owl", use: [{ tag: "1", tool: "look", with: {} }] },
      { by: "tool", for: "1", say: "Error: too dark" }
    ])
  })

  it("goes on over another channel where it breaks in a text, by itself or by a cut", async () => {
    const half = over.slice(0, 1)
    for (const [said, cuts] of [
      [half, true],
      [half, false],
      [[...half, ["broke", { why: "no more" }]], false]
    ] as ReadonlyArray<readonly [ReadonlyArray<Said>, boolean]>) {
      plays = said
      cut = cuts
      const { events } = await read(`${relay.url}/chat?message=hoo&model=m`)
      cut = false
      assert.strictEqual(contentOf(events), whole)
      assert.deepInclude(events.find(({ event }) => event === "failover")?.json, { from: "streams", to: "openai" })
    }
  })

  it("tells what it left out, and is not asked what it has no words for", async () => {
    const { headers } = await ask({ seed: 1, reasoning_effort: "low", parallel_tool_calls: false }, over)
    assert.strictEqual(headers["x-dropped"], "seed,reasoning_effort,parallel_tool_calls")
    const refused = await ask({ stop: ["x"] }, over, "n")
    assert.strictEqual(refused.status, 400)
    assert.include(refused.text, '"code":"convert_request_failed"')
    assert.lengthOf(bodies, 0)
  })

  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(fc.constantFrom("hoot", "use", "over", "broke", "x"), fc.jsonValue(), (event, data) => {
        const { step } = owl.decoder({ body: "", dropped: [], names: undefined })
        step(event, JSON.stringify(data))
      })
    )
  })
})
