/**
 * Groups, over real sockets: a token is served by the channels of its group and by no other, whatever fails.
 */
import { assert, describe, it } from "@effect/vitest"
import { answer, silence, status } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, startRelay, type RunningRelay } from "../support/relay.ts"
import { temporaryFolder } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, streamIdOf, until } from "./kit.ts"
import { whole } from "./matrix.ts"

interface Groups {
  readonly relay: RunningRelay
  readonly gold: FaultServer
  readonly common: FaultServer
  readonly asked: () => readonly [gold: number, common: number]
}

const bearer = (name: string) => ({ authorization: `Bearer key-of-${name}` })
const asGold = bearer("gold-token")
const asCommon = bearer("common-token")

const tokens = [
  { name: "gold-token", key: "key-of-gold-token", group: "gold" },
  { name: "common-token", key: "key-of-common-token" },
  { name: "admin-token", key: "key-of-admin-token", admin: true }
]

/** A relay before a channel of the group `gold`, and one of `default` that would be asked first. */
const withGroups = async (sections: object, run: (world: Groups) => Promise<void>): Promise<void> => {
  const [gold, common] = await Promise.all([startFaultServer(), startFaultServer()])
  const relay = await startRelay({
    channels: [
      channelOf("gold", gold.url, { group: "gold", models: ["m", "only-gold", "gpt-*"] }),
      channelOf("common", common.url, { priority: 5, models: ["first-common", "m", "gpt-*"] })
    ],
    tokens,
    ...sections
  })
  try {
    await run({ relay, gold, common, asked: () => [gold.requests.length, common.requests.length] })
  } finally {
    await relay.close()
    await Promise.all([gold.close(), common.close()])
  }
}

const post = (headers: { readonly [name: string]: string }, body: unknown) => ({ method: "POST", headers, body })

describe("a token's group", () => {
  it.each([
    ["OpenAI", "/v1/chat/completions", completion({ stream: false })],
    ["OpenAI's stream", "/v1/chat/completions", completion()],
    ["Responses", "/v1/responses", { model: "m", input: "hello" }],
    ["Anthropic", "/v1/messages", { model: "m", max_tokens: 9, messages: [{ role: "user", content: "hello" }] }],
    ["Gemini", "/v1beta/models/m:generateContent", { contents: [{ role: "user", parts: [{ text: "hello" }] }] }],
    ["our own", "/chat", { model: "m", message: "hello" }]
  ])("says which channels serve it, by the dialect of %s", (_, path, body) =>
    withGroups({}, async ({ asked, relay }) => {
      assert.strictEqual((await read(relay.url + path, post(asGold, body))).status, 200)
      assert.deepStrictEqual(asked(), [1, 0])
      assert.strictEqual((await read(relay.url + path, post(asCommon, body))).status, 200)
      assert.deepStrictEqual(asked(), [1, 1])
    })
  )

  it("has its own models, in every list, and what others have is not there", () =>
    withGroups({}, async ({ asked, relay }) => {
      const listed = async (path: string, headers: { readonly [name: string]: string }) =>
        (await read(relay.url + path, { headers })).text
      const lists = [
        ["/v1/models", {}],
        ["/v1/models", { "anthropic-version": "2023-06-01" }],
        ["/v1beta/models", {}]
      ] as const
      for (const [path, more] of lists) {
        const [gold, common] = [
          await listed(path, { ...asGold, ...more }),
          await listed(path, { ...asCommon, ...more })
        ]
        assert.include(gold, "only-gold")
        assert.notInclude(gold, "first-common")
        assert.include(common, "first-common")
        assert.notInclude(common, "only-gold")
      }
      for (const [model, headers, expected] of [
        ["only-gold", asGold, 200],
        ["only-gold", asCommon, 404],
        ["first-common", asCommon, 200],
        ["first-common", asGold, 404]
      ] as const) {
        assert.strictEqual((await read(`${relay.url}/v1/models/${model}`, { headers })).status, expected, model)
      }
      const refused = await read(`${relay.url}/v1/chat/completions`, post(asCommon, completion({ model: "only-gold" })))
      assert.strictEqual(refused.status, 404)
      assert.strictEqual(JSON.parse(refused.text).error.code, "model_not_found")
      assert.deepStrictEqual(asked(), [0, 0])
    }))

  it("says which model /chat asks where none is named", () =>
    withGroups({}, async ({ relay }) => {
      const init = async (headers: { readonly [name: string]: string }) =>
        (await read(`${relay.url}/chat?message=hello`, { headers })).events[0]?.json?.["model"]
      assert.deepStrictEqual([await init(asGold), await init(asCommon)], ["m", "first-common"])
    }))

  it("is not left when its channel fails, breaks or rests, and not for a second attempt beside the first", () =>
    withGroups({ retry: { base: "20 millis", cap: "100 millis", hedgeAfter: "50 millis" } }, async (world) => {
      const { asked, common, gold, relay } = world
      const chat = () => read(`${relay.url}/chat?message=hello&model=m`, { headers: asGold })
      gold.enqueue(answer({ ending: "reset", after: 3 }))
      const broken = await chat()
      assert.strictEqual(contentOf(broken.events), whole)
      gold.enqueue(silence)
      await chat()
      gold.setDefault(status(500))
      for (let time = 0; time < 6; time++) {
        assert.strictEqual((await chat()).events.at(-1)?.event, "error")
      }
      assert.strictEqual(asked()[1], 0)
      assert.strictEqual(
        (await read(`${relay.url}/chat?message=hello&model=m`, { headers: asCommon })).events.at(-1)?.event,
        "done"
      )
      assert.lengthOf(common.requests, 1)
    }))

  it("says who counts tokens and who makes embeddings", () =>
    withGroups({}, async ({ asked, common, gold, relay }) => {
      for (const server of [gold, common]) server.setDefault(status(400))
      await read(`${relay.url}/v1/embeddings`, post(asGold, { model: "m", input: "hello" }))
      assert.deepStrictEqual(asked(), [1, 0])
      await read(`${relay.url}/v1/embeddings`, post(asCommon, { model: "m", input: "hello" }))
      assert.deepStrictEqual(asked(), [1, 1])
    }))

  it("is an answer's to its end: it goes on there in the next process, whatever became of the token", async () => {
    const folder = temporaryFolder()
    const [gold, common] = await Promise.all([startFaultServer(), startFaultServer()])
    const configuration = (group: string) => ({
      store: { type: "sqlite", path: `${folder.path}/relay.db` },
      tokens: [{ name: "gold-token", key: "key-of-gold-token", group }],
      channels: [
        channelOf("common", common.url, { priority: 5, models: ["another", "m"] }),
        channelOf("gold", gold.url, { group: "gold" })
      ]
    })
    try {
      gold.setDefault(answer({ delay: 40 }))
      const first = await startRelay(configuration("gold"))
      const live = await open(`${first.url}/chat?message=hello`, { headers: asGold })
      await live.until(() => live.events.length >= 5)
      await first.close()
      const { events } = await live.done
      gold.setDefault(answer())
      const second = await startRelay(configuration("default"))
      try {
        const resumed = await read(`${second.url}/streams/${streamIdOf(events)}`, { headers: asGold })
        assert.strictEqual(contentOf(resumed.events), whole)
        assert.deepStrictEqual([gold.requests.length, common.requests.length], [2, 0])
        assert.deepStrictEqual(
          gold.requests.map(({ body }) => body.model),
          ["m", "m"]
        )
        // What is asked from now on is the token's own group's.
        await read(`${second.url}/chat?message=hello&model=m`, { headers: asGold })
        await until(() => common.requests.length === 1)
      } finally {
        await second.close()
      }
    } finally {
      await Promise.all([gold.close(), common.close()])
      folder.remove()
    }
  })
})
