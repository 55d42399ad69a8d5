/**
 * Answers that are kept: found by the id of their response, followed, asked for in the background, cancelled, deleted, and
 * gone on from, over channels of every dialect, by OpenAI's own SDK.
 */
import { assert, describe, it } from "@effect/vitest"
import OpenAI, { APIError, BadRequestError, NotFoundError } from "openai"
import type { Response, ResponseStreamEvent } from "openai/resources/responses/responses"
import { Script } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { dialects } from "../sdk/sdks.ts"
import { bodiesOf, withWorld } from "../sdk/world.ts"
import { read } from "../support/sse.ts"

const text = "Once upon a time there was a relay."
const story = Script.answer(text)
const sdk = (url: string): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0, timeout: 15_000 })

const ask = { model: "gpt-4.1", input: "hello" } as const

const eventsOf = async (stream: AsyncIterable<ResponseStreamEvent>): Promise<ReadonlyArray<ResponseStreamEvent>> => {
  const events: Array<ResponseStreamEvent> = []
  for await (const event of stream) events.push(event)
  return events
}

const textOf = (events: ReadonlyArray<ResponseStreamEvent>): string =>
  events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("")

const raisedBy = async (promise: Promise<unknown>): Promise<unknown> => promise.then(() => undefined).catch((e) => e)

const until = async (client: OpenAI, id: string, over: (response: Response) => boolean): Promise<Response> => {
  for (let n = 0; n < 400; n++) {
    const response = await client.responses.retrieve(id)
    if (over(response)) return response
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`${id} did not come so far`)
}

const isOver = ({ status }: Response): boolean => status !== "queued" && status !== "in_progress"

const over = (dialect: UpstreamDialectName, plays: ReadonlyArray<Script.Script> = [story]) => ({
  a: { dialect, plays }
})

describe.each(dialects)("an answer over a channel of %s", (dialect) => {
  it("is found by the id of its response, whole and as its events from any of them on", () =>
    withWorld(over(dialect), {}, async ({ relay, upstreams }) => {
      const client = sdk(relay.url)
      const response = await client.responses.create(ask)
      assert.strictEqual(response.output_text, text)
      const found = await client.responses.retrieve(response.id)
      assert.deepStrictEqual({ ...found }, { ...response })
      const events = await eventsOf(await client.responses.retrieve(response.id, { stream: true }))
      assert.deepStrictEqual(
        events.map((event) => ("sequence_number" in event ? event.sequence_number : -1)),
        events.map((_, n) => n)
      )
      assert.strictEqual(textOf(events), text)
      for (const after of [0, 4, events.length - 2, events.length - 1]) {
        const rest = await eventsOf(
          await client.responses.retrieve(response.id, { stream: true, starting_after: after })
        )
        assert.deepStrictEqual(rest, events.slice(after + 1))
      }
      assert.lengthOf(upstreams["a"]!.calls(), 1)
    }))

  it("is asked for in the background, and found once it is over", () =>
    withWorld(over(dialect, [story.pipe(Script.every(20))]), {}, async ({ relay }) => {
      const client = sdk(relay.url)
      const queued = await client.responses.create({ ...ask, background: true })
      assert.deepInclude(queued, { status: "queued", background: true, object: "response" })
      assert.deepStrictEqual(queued.output, [])
      const ended = await until(client, queued.id, isOver)
      assert.deepInclude(ended, { status: "completed", output_text: text, background: true, id: queued.id })
    }))

  it("is asked for in the background as events, left, and read on from where it was left", () =>
    withWorld(over(dialect, [story.pipe(Script.every(20))]), {}, async ({ relay, upstreams }) => {
      const client = sdk(relay.url)
      const stream = await client.responses.create({ ...ask, background: true, stream: true })
      const first: Array<ResponseStreamEvent> = []
      let id = ""
      for await (const event of stream) {
        first.push(event)
        if (event.type === "response.created") ({ id } = event.response)
        if (event.type === "response.output_text.delta") break
      }
      assert.deepStrictEqual(
        first.slice(0, 3).map(({ type }) => type),
        ["response.created", "response.queued", "response.in_progress"]
      )
      const after = first.length - 1
      const rest = await eventsOf(await client.responses.retrieve(id, { stream: true, starting_after: after }))
      assert.strictEqual(textOf([...first, ...rest]), text)
      assert.strictEqual(rest.at(-1)?.type, "response.completed")
      assert.lengthOf(upstreams["a"]!.calls(), 1)
    }))

  it("is cancelled, and its upstream is closed", () =>
    withWorld(
      over(dialect, [story.pipe(Script.cutAfter(3, "stall"))]),
      { timeouts: { idle: "10 seconds" } },
      async ({ relay, upstreams }) => {
        const client = sdk(relay.url)
        const { id } = await client.responses.create({ ...ask, background: true })
        await until(client, id, ({ status }) => status === "in_progress")
        const cancelled = await client.responses.cancel(id)
        assert.deepInclude(cancelled, { id, status: "cancelled" })
        assert.strictEqual((await client.responses.retrieve(id)).status, "cancelled")
        // Once more says the same.
        assert.strictEqual((await client.responses.cancel(id)).status, "cancelled")
        assert.strictEqual(upstreams["a"]!.calls()[0]!.state, "left")
      }
    ))

  it("is deleted, and from then on is not found", () =>
    withWorld(over(dialect), {}, async ({ relay }) => {
      const client = sdk(relay.url)
      const { id } = await client.responses.create(ask)
      const deleted = await read(`${relay.url}/v1/responses/${id}`, { method: "DELETE" })
      assert.deepStrictEqual(JSON.parse(deleted.text), { id, object: "response", deleted: true })
      assert.instanceOf(await raisedBy(client.responses.retrieve(id)), NotFoundError)
      assert.instanceOf(await raisedBy(client.responses.delete(id)), NotFoundError)
      // What the relay does not know, an upstream of the dialect may.
      const raised = await raisedBy(client.responses.create({ ...ask, previous_response_id: id }))
      if (dialect === "responses") assert.isUndefined(raised)
      else assert.deepInclude(raised, { code: "convert_request_failed", param: "previous_response_id" })
    }))

  it("is gone on from by its id, with what was asked and answered before", () =>
    withWorld(
      over(dialect, [story, Script.answer("And then?").pipe(Script.continuing({ message: "anew" }))]),
      {},
      async ({ relay, upstreams }) => {
        const client = sdk(relay.url)
        const first = await client.responses.create({ ...ask, instructions: "Be kind." })
        const next = await client.responses.create({ ...ask, input: "and?", previous_response_id: first.id })
        assert.strictEqual(next.output_text, "And then?")
        assert.strictEqual(next.previous_response_id, first.id)
        const [, body] = bodiesOf(upstreams["a"]!)
        const sent = JSON.stringify(body)
        for (const said of ["hello", text, "and?"]) assert.include(sent, said)
        assert.notInclude(sent, "previous_response_id")
        assert.notInclude(sent, "Be kind.")
        const items = await client.responses.inputItems.list(next.id, { order: "asc" })
        assert.deepStrictEqual(
          items.data.map((item) => ("role" in item ? item.role : item.type)),
          ["user", "assistant", "user"]
        )
      }
    ))

  it("has items that others refer to, and an unknown one is a 400 at its path", () =>
    withWorld(
      over(dialect, [story, Script.answer("Yes.").pipe(Script.continuing({ message: "anew" }))]),
      {},
      async ({ relay, upstreams }) => {
        const client = sdk(relay.url)
        const first = await client.responses.create(ask)
        const item = { type: "item_reference", id: first.output[0]!.id! } as const
        const next = await client.responses.create({ ...ask, input: [item, { role: "user", content: "so?" }] })
        assert.strictEqual(next.output_text, "Yes.")
        assert.include(JSON.stringify(bodiesOf(upstreams["a"]!)[1]), text)
        const unknown = await raisedBy(
          client.responses.create({
            ...ask,
            input: [
              { role: "user", content: "so?" },
              { ...item, id: "msg_nobody" }
            ]
          })
        )
        assert.instanceOf(unknown, BadRequestError)
        assert.deepInclude(unknown, { code: "invalid_request", param: "input[1].id" })
      }
    ))

  it("is referred to under a key: sent again it is the same answer, whatever has become of what it refers to", () =>
    withWorld(
      over(dialect, [story, Script.answer("Yes.").pipe(Script.continuing({ message: "anew" }))]),
      {},
      async ({ relay, upstreams }) => {
        const client = sdk(relay.url)
        const first = await client.responses.create(ask)
        const input = [
          { type: "item_reference" as const, id: first.output[0]!.id! },
          { role: "user" as const, content: "so?" }
        ]
        const keyed = async (more: object, key: string) =>
          read(`${relay.url}/v1/responses`, {
            body: { ...ask, input, ...more },
            headers: { "idempotency-key": key, authorization: "Bearer key" }
          })
        const next = await keyed({}, "one")
        assert.strictEqual(next.status, 200, next.text)
        assert.isUndefined(next.headers["x-idempotent-replay"])
        assert.include(JSON.stringify(bodiesOf(upstreams["a"]!)[1]), text)
        await client.responses.delete(first.id)
        const again = await keyed({}, "one")
        assert.deepStrictEqual([again.status, again.headers["x-idempotent-replay"]], [200, "true"], again.text)
        assert.strictEqual(again.text, next.text)
        // Another request under it is another one, and a new key is none to what is gone.
        const codeOf = ({ text: said }: { readonly text: string }) => {
          const { error } = JSON.parse(said) as {
            readonly error: { readonly code: string; readonly param: string | null }
          }
          return [error.code, error.param]
        }
        const other = await keyed({ temperature: 1 }, "one")
        assert.deepStrictEqual([other.status, codeOf(other)[0]], [409, "conflict"])
        const unknown = await keyed({}, "two")
        assert.deepStrictEqual([unknown.status, ...codeOf(unknown)], [400, "invalid_request", "input[0].id"])
        // It has bound nothing: mended, it may be sent with its key.
        assert.strictEqual((await keyed({ input: "so?" }, "two")).status, 200)
        assert.lengthOf(upstreams["a"]!.calls(), 3)
      }
    ))

  it("is not found by its id where nobody is to keep it", () =>
    withWorld(over(dialect), {}, async ({ relay }) => {
      const client = sdk(relay.url)
      const { id, output_text: said } = await client.responses.create({ ...ask, store: false })
      assert.strictEqual(said, text)
      assert.instanceOf(await raisedBy(client.responses.retrieve(id)), NotFoundError)
      assert.instanceOf(await raisedBy(client.responses.retrieve(id, { stream: true })), NotFoundError)
    }))
})

describe("an answer in the background that fails", () => {
  it("is found with its status and its error", () =>
    withWorld(over("openai", [Script.status(401)]), {}, async ({ relay }) => {
      const client = sdk(relay.url)
      const { id } = await client.responses.create({ ...ask, background: true })
      const ended = await until(client, id, isOver)
      assert.strictEqual(ended.status, "failed")
      assert.strictEqual(String(ended.error?.code), "channel:invalid_key")
      const events: Array<ResponseStreamEvent> = []
      const raised = await raisedBy(
        (async () => {
          for await (const event of await client.responses.retrieve(id, { stream: true })) events.push(event)
        })()
      )
      assert.instanceOf(raised, APIError)
      assert.deepInclude(raised, { code: "channel:invalid_key" })
      assert.strictEqual(events.at(-1)?.type, "response.failed")
    }))

  it("cannot be one that nobody keeps", () =>
    withWorld(over("openai"), {}, async ({ relay }) => {
      const raised = await raisedBy(sdk(relay.url).responses.create({ ...ask, background: true, store: false }))
      assert.instanceOf(raised, BadRequestError)
      assert.deepInclude(raised, { param: "background" })
    }))
})

describe("another token's answer", () => {
  const tokens = ["alice", "bob"].map((name) => ({ name, key: `key-of-${name}` }))

  it("is not found, cancelled, deleted, gone on from or referred to", () =>
    withWorld(over("openai"), { tokens }, async ({ relay, upstreams }) => {
      const [alice, bob] = tokens.map(
        ({ key }) => new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: key, maxRetries: 0 })
      ) as [OpenAI, OpenAI]
      const { id, output } = await alice.responses.create(ask)
      const item = { type: "item_reference", id: output[0]!.id! } as const
      for (const asked of [
        async () => bob.responses.retrieve(id),
        async () => bob.responses.cancel(id),
        async () => bob.responses.delete(id),
        async () => bob.responses.inputItems.list(id)
      ]) {
        assert.instanceOf(await raisedBy(asked()), NotFoundError)
      }
      for (const asked of [
        async () => bob.responses.create({ ...ask, previous_response_id: id }),
        async () => bob.responses.create({ ...ask, input: [item] })
      ]) {
        assert.instanceOf(await raisedBy(asked()), BadRequestError)
      }
      assert.strictEqual((await alice.responses.retrieve(id)).output_text, text)
      assert.lengthOf(upstreams["a"]!.calls(), 1)
    }))
})

describe("what cannot be found", () => {
  it.each(["resp_nobody", "resp_AAAAAAAAAAAAAAAAAAAAAA", "x"])("is a 404: %s", (id) =>
    withWorld(over("openai"), {}, async ({ relay }) => {
      const client = sdk(relay.url)
      assert.instanceOf(await raisedBy(client.responses.retrieve(id)), NotFoundError)
      assert.instanceOf(await raisedBy(client.responses.cancel(id)), NotFoundError)
      assert.instanceOf(await raisedBy(client.responses.delete(id)), NotFoundError)
    })
  )
})
