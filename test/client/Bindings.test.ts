/**
 * Bindings of the kind that docs/client.md shows, over the plain client, against a server that breaks.
 */
import { assert, describe, it } from "@effect/vitest"
import { RetryStreamingClient } from "effect-resilience/client/browser"
import { readable } from "svelte/store"
import { afterEach } from "vitest"
import { computed, effectScope, onScopeDispose, ref, type Ref } from "vue"
import { type Answer, type RawServer, startRawServer, stream } from "./rawServer.ts"

const useAnswer = (client: RetryStreamingClient): Ref<string> => {
  const text = ref("")
  client.on("message", (content) => void (text.value += content)).on("reset", () => void (text.value = ""))
  onScopeDispose(() => client.close())
  return text
}

const answerOf = (client: RetryStreamingClient, params: object) =>
  readable("", (set, update) => {
    client.on("message", (content) => update((text) => text + content)).on("reset", () => set(""))
    client.connect({ ...params })
    return () => client.close()
  })

const id = "AAAAAAAAAAAAAAAAAAAAAA"
const init = `id: ${id}.0\nevent: init\ndata: {"stream_id":"${id}"}\n\n`
const says = (seq: number, content: string): string => `id: ${id}.${seq}\ndata: {"content":"${content}"}\n\n`
const done = (seq: number): string => `id: ${id}.${seq}\nevent: done\ndata: {}\n\n`

/** Breaks in the middle, and says the last piece again when it is asked for the rest. */
const breaks: ReadonlyArray<Answer> = [
  stream(init + says(1, "Hello ") + says(2, "wo"), "cut"),
  stream(says(2, "wo") + says(3, "rld") + done(4))
]
/** Has no ids: what comes after the break is a new answer. */
const beginsAnew: ReadonlyArray<Answer> = [
  stream('data: {"content":"half of"}\n\n', "cut"),
  stream('data: {"content":"Hello world"}\n\nevent: done\ndata: {}\n\n')
]

let server: RawServer | undefined
afterEach(() => server?.close())

const clientOf = async (answers: ReadonlyArray<Answer>): Promise<RetryStreamingClient> => {
  server = await startRawServer(answers)
  return new RetryStreamingClient(`${server.url}/chat`, { method: "POST", initialDelay: 5 })
}
const ended = (client: RetryStreamingClient): Promise<unknown> =>
  new Promise((resolve) => void client.on("end", () => resolve("end")).on("fatal", resolve))
const firstWords = (client: RetryStreamingClient): Promise<void> =>
  new Promise((resolve) => void client.on("message", () => resolve()))

describe("Vue", () => {
  it.each([
    ["goes on after a break", breaks],
    ["begins anew with a new answer", beginsAnew]
  ] as const)("a ref that %s, and what is computed of it", async (_, answers) => {
    const client = await clientOf(answers)
    const scope = effectScope()
    const length = scope.run(() => {
      const text = useAnswer(client)
      return computed(() => [text.value, text.value.length])
    })
    client.connect({ message: "hi" })
    assert.strictEqual(await ended(client), "end")
    assert.deepStrictEqual(length?.value, ["Hello world", 11])
    assert.lengthOf(server!.received, 2)
    scope.stop()
  })

  it("leaves with its component, and without cancelling", async () => {
    const client = await clientOf([stream(init + says(1, "Hello"), "open")])
    const scope = effectScope()
    scope.run(() => useAnswer(client))
    client.connect({ message: "hi" })
    await firstWords(client)
    scope.stop()
    assert.strictEqual(client.state, "closed")
    await server!.received[0]!.left
    assert.deepStrictEqual(
      server!.received.map(({ method }) => method),
      ["POST"]
    )
  })
})

describe("Svelte", () => {
  it.each([
    ["goes on after a break", breaks],
    ["begins anew with a new answer", beginsAnew]
  ] as const)("a store that %s, asked for by the first who subscribes", async (_, answers) => {
    const client = await clientOf(answers)
    const store = answerOf(client, { message: "hi" })
    assert.strictEqual(client.state, "idle")
    const over = ended(client)
    const shown: Array<string> = []
    const leave = store.subscribe((text) => void shown.push(text))
    assert.strictEqual(await over, "end")
    assert.strictEqual(shown[0], "")
    assert.strictEqual(shown.at(-1), "Hello world")
    assert.lengthOf(server!.received, 2)
    leave()
  })

  it("leaves with the last who has subscribed, and without cancelling", async () => {
    const client = await clientOf([stream(init + says(1, "Hello"), "open")])
    const store = answerOf(client, { message: "hi" })
    const said = firstWords(client)
    const leaves = [store.subscribe(() => {}), store.subscribe(() => {})]
    await said
    leaves[0]!()
    assert.strictEqual(client.state, "open")
    leaves[1]!()
    assert.strictEqual(client.state, "closed")
    await server!.received[0]!.left
    assert.deepStrictEqual(
      server!.received.map(({ method }) => method),
      ["POST"]
    )
  })
})
