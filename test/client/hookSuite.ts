/**
 * What the hook promises, for whichever React it is given.
 */
import { assert, describe, it } from "@effect/vitest"
import { Window } from "happy-dom"
import type * as ReactModule from "react"
import type * as ReactDomModule from "react-dom/client"
import { afterEach, beforeEach, vi } from "vitest"
import type { AnswerOptions, RetryStreaming } from "effect-resilience/react"

/** A React, and the hook over it. */
export interface Reacts {
  readonly React: typeof ReactModule
  readonly createRoot: typeof ReactDomModule.createRoot
  readonly useRetryStreaming: (url: string, options?: AnswerOptions) => RetryStreaming
}

const a = "AAAAAAAAAAAAAAAAAAAAAA"
const b = "BBBBBBBBBBBBBBBBBBBBBB"
const init = (id = a): string => `id: ${id}.0\nevent: init\ndata: {"stream_id":"${id}"}\n\n`
const says = (seq: number, content: string, id = a): string => `id: ${id}.${seq}\ndata: {"content":"${content}"}\n\n`
const named = (seq: number, event: string, data: object, id = a): string =>
  `id: ${id}.${seq}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
const usage = { input_tokens: 1, output_tokens: 2, total_tokens: 3, estimated: false }

/** A request, and the body that answers it. */
class Asked {
  readonly method: string
  readonly url: string
  readonly body: unknown
  readonly signal: AbortSignal | undefined
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined
  readonly response: Response
  constructor(url: string, init: RequestInit) {
    this.url = url
    this.method = init.method ?? "GET"
    this.body = typeof init.body === "string" ? JSON.parse(init.body) : undefined
    this.signal = init.signal ?? undefined
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.controller = controller) })
    this.signal?.addEventListener("abort", () => this.controller?.error(new Error("aborted")))
    this.response = new Response(this.method === "DELETE" ? "{}" : body, {
      headers: { "content-type": "text/event-stream" }
    })
  }
  says(text: string): void {
    this.controller?.enqueue(new TextEncoder().encode(text))
  }
  cuts(): void {
    this.controller?.error(new Error("reset"))
  }
}

/** Before React's DOM is loaded: it looks once whether there is a document. */
export const withDocument = (): Window => {
  const window = new Window()
  vi.stubGlobal("window", window)
  vi.stubGlobal("document", window.document)
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true)
  return window
}

/** The suite. `load` is called when there is a document. `hides`: it can hide a component and show it again. */
export const hookSuite = (name: string, load: () => Promise<Reacts>, { hides }: { readonly hides: boolean }): void => {
  describe(name, () => {
    let reacts: Reacts
    let asked: Array<Asked> = []
    let unmount: () => void = () => {}
    let renders: Array<RetryStreaming> = []

    const options: AnswerOptions = {
      jitter: "none",
      fetch: async (url, init) => {
        const one = new Asked(String(url), init ?? {})
        asked.push(one)
        return one.response
      }
    }

    beforeEach(async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] })
      withDocument()
      vi.stubGlobal("requestAnimationFrame", (callback: () => void) => setTimeout(callback, 16))
      vi.stubGlobal("cancelAnimationFrame", (frame: ReturnType<typeof setTimeout>) => clearTimeout(frame))
      reacts = await load()
      asked = []
      renders = []
    })
    afterEach(() => {
      unmount()
      vi.useRealTimers()
    })

    const passes = (millis: number): Promise<void> =>
      reacts.React.act(async () => {
        await vi.advanceTimersByTimeAsync(millis)
      })
    const frame = (): Promise<void> => passes(16)
    const now = (): RetryStreaming => renders.at(-1)!

    const mount = async (inside: (hook: RetryStreaming) => void = () => {}, strict = false): Promise<void> => {
      const { act, createElement, StrictMode, useEffect } = reacts.React
      const Chat = () => {
        const hook = reacts.useRetryStreaming("http://relay/chat", options)
        useEffect(() => inside(hook), [])
        renders.push(hook)
        return createElement("p", null, hook.text)
      }
      const root = reacts.createRoot(document.createElement("div"))
      unmount = () => act(() => root.unmount())
      await act(async () =>
        root.render(strict ? createElement(StrictMode, null, createElement(Chat)) : createElement(Chat))
      )
    }

    const asks = async (params: object = { message: "hi" }): Promise<Asked> => {
      reacts.React.act(() => now().start({ ...params }))
      await frame()
      return asked.at(-1)!
    }

    it("streams an answer: text, reasoning, seams, usage", async () => {
      await mount()
      assert.deepInclude(now(), {
        isStreaming: false,
        text: "",
        error: null,
        retryInfo: null,
        partial: null,
        usage: null
      })
      const request = await asks()
      assert.deepStrictEqual(
        [request.method, request.url, request.body],
        ["POST", "http://relay/chat", { message: "hi" }]
      )
      assert.isTrue(now().isStreaming)
      const failover = { from: "p", to: "q", reason: "timeout", offset: 3, dropped: 0, seam: "exact" }
      request.says(
        init() +
          named(1, "reasoning", { content: "Hm" }) +
          says(2, "Hel") +
          named(3, "failover", failover) +
          says(4, "lo")
      )
      await frame()
      assert.deepInclude(now(), { isStreaming: true, text: "Hello", reasoning: "Hm" })
      assert.deepStrictEqual(now().failovers, [{ ...failover, at: 3 } as never])
      request.says(named(5, "done", { usage }))
      await frame()
      assert.deepInclude(now(), { isStreaming: false, text: "Hello", usage, partial: null, error: null })
    })

    it("renders at most once a frame, however much comes", async () => {
      await mount()
      const request = await asks()
      request.says(init())
      await frame()
      const before = renders.length
      for (let seq = 1; seq <= 100; seq++) request.says(says(seq, "x"))
      await frame()
      assert.strictEqual(renders.length, before + 1)
      assert.strictEqual(now().text.length, 100)
    })

    it("keeps the identity of its functions", async () => {
      await mount()
      const { regenerate, start, stop, tryFromHere } = now()
      const request = await asks()
      request.says(init() + says(1, "x"))
      await frame()
      assert.isAbove(renders.length, 1)
      for (const render of renders) assert.isTrue(render.start === start && render.stop === stop)
      assert.isTrue(now().regenerate === regenerate && now().tryFromHere === tryFromHere)
    })

    it("counts down to a retry by the second, and is as before when it is connected again", async () => {
      await mount()
      const request = await asks()
      request.says(`retry: 3000\n\n${init()}${says(1, "Hel")}`)
      await frame()
      request.cuts()
      const seen: Array<number | undefined> = []
      for (let second = 0; second < 3; second++) {
        await passes(second === 0 ? 20 : 1000)
        seen.push(now().retryInfo?.remaining)
      }
      assert.deepStrictEqual(seen, [3, 2, 1])
      assert.deepInclude(now().retryInfo, { attempt: 1, maxRetries: 5, delay: 3000 })
      assert.deepInclude(now(), { isStreaming: true, error: null, text: "Hel" })
      await passes(1000)
      assert.isNull(now().retryInfo)
      asked.at(-1)!.says(says(2, "lo"))
      await frame()
      assert.strictEqual(now().text, "Hello")
      assert.strictEqual(asked.length, 2)
    })

    it("tells why an answer is not whole, and what there is of it", async () => {
      await mount()
      const request = await asks()
      request.says(init() + says(1, "Hel") + named(2, "error", { type: "timeout", code: "total", message: "too late" }))
      await frame()
      assert.deepInclude(now(), { isStreaming: false, text: "Hel", partial: "Hel" })
      assert.deepStrictEqual(now().error, { type: "timeout", code: "total", message: "too late", recoverable: false })
    })

    it("goes on from the partial, which stays, and which a reset goes back to", async () => {
      await mount()
      const request = await asks({ message: "hi", model: "m" })
      request.says(init() + says(1, "Hel") + named(2, "error", { message: "no" }))
      await frame()
      reacts.React.act(() => now().tryFromHere())
      await frame()
      const again = asked.at(-1)!
      const messages = [
        { role: "user", content: "hi" },
        { role: "assistant", content: "Hel" }
      ]
      assert.deepStrictEqual(again.body, { model: "m", messages })
      assert.deepInclude(now(), { isStreaming: true, text: "Hel", error: null, partial: null })
      again.says(init() + says(1, "XX") + named(2, "error", { message: "no", recoverable: true, retry_after: 0 }))
      await passes(20)
      asked.at(-1)!.says(init(b) + says(1, "lo", b))
      await frame()
      assert.strictEqual(now().text, "Hello")
      asked.at(-1)!.says(named(2, "error", { message: "no" }, b))
      await frame()
      reacts.React.act(() => now().tryFromHere())
      await frame()
      assert.deepStrictEqual(asked.at(-1)!.body, {
        model: "m",
        messages: [messages[0], { role: "assistant", content: "Hello" }]
      })
    })

    it("ignores a start while it streams; regenerates afterwards, from nothing", async () => {
      await mount()
      const request = await asks()
      await asks({ message: "other" })
      assert.strictEqual(asked.length, 1)
      request.says(init() + says(1, "old") + named(2, "done", { usage }))
      await frame()
      reacts.React.act(() => now().regenerate())
      await frame()
      assert.deepStrictEqual(asked.at(-1)!.body, { message: "hi" })
      assert.deepInclude(now(), { isStreaming: true, text: "", usage: null })
    })

    it("stops by cancelling, and keeps what it has as the partial", async () => {
      await mount()
      const request = await asks()
      request.says(init() + says(1, "Hel"))
      await frame()
      reacts.React.act(() => now().stop())
      await frame()
      assert.deepStrictEqual([asked[1]!.method, asked[1]!.url], ["DELETE", `http://relay/streams/${a}`])
      assert.deepInclude(now(), { isStreaming: false, text: "Hel", partial: "Hel", error: null })
      assert.isTrue(request.signal!.aborted)
    })

    it("calls the handlers of the answer that they were given with", async () => {
      await mount()
      const heard: Array<unknown> = []
      reacts.React.act(() =>
        now().start(
          { message: "hi" },
          {
            message: (content) => void heard.push(content.length),
            init: ({ stream_id }) => void heard.push(stream_id),
            mine: (data: unknown) => void heard.push(data)
          }
        )
      )
      await frame()
      asked[0]!.says(init() + says(1, "Hel") + named(2, "mine", { x: 1 }))
      await frame()
      assert.deepStrictEqual(heard, [a, 3, { x: 1 }])
    })

    it("leaves when it is unmounted, and does not cancel", async () => {
      await mount()
      const request = await asks()
      request.says(init())
      await frame()
      unmount()
      unmount = () => {}
      await vi.advanceTimersByTimeAsync(200)
      assert.isTrue(request.signal!.aborted)
      assert.strictEqual(asked.length, 1)
      assert.strictEqual(vi.getTimerCount(), 0)
    })

    it.each([
      ["before the head", () => {}],
      ["while it reads", (request: Asked) => request.says(init() + says(1, "Hel"))],
      ["while it waits", (request: Asked) => request.cuts()],
      ["after the end", (request: Asked) => request.says(init() + named(1, "done", { usage }))]
    ])("leaves no timer behind when it is unmounted %s", async (_, happens) => {
      await mount()
      const request = await asks()
      happens(request)
      await passes(0)
      unmount()
      unmount = () => {}
      await Promise.resolve()
      assert.strictEqual(vi.getTimerCount(), 0)
      await vi.advanceTimersByTimeAsync(60_000)
      assert.strictEqual(asked.length, 1)
    })

    it("asks nothing once it is unmounted, whoever still holds its functions", async () => {
      await mount()
      const request = await asks()
      request.says(init() + says(1, "Hel") + named(2, "error", { message: "no" }))
      await frame()
      const { regenerate, start, tryFromHere } = now()
      unmount()
      unmount = () => {}
      await Promise.resolve()
      for (const ask of [() => start({ message: "late" }), regenerate, tryFromHere]) ask()
      await vi.advanceTimersByTimeAsync(60_000)
      assert.strictEqual(asked.length, 1)
    })

    if (hides) {
      it("asks when it is shown again after it was hidden, also by a child's effect", async () => {
        const { act, Activity, createElement, useEffect } = reacts.React
        const Child = ({ start }: Pick<RetryStreaming, "start">) => {
          useEffect(() => start({ message: "hi" }), [])
          return null
        }
        const Chat = () => createElement(Child, { start: reacts.useRetryStreaming("http://relay/chat", options).start })
        const root = reacts.createRoot(document.createElement("div"))
        unmount = () => act(() => root.unmount())
        const show = (mode: "hidden" | "visible"): Promise<void> =>
          act(async () => root.render(createElement(Activity, { mode, children: createElement(Chat) })))
        await show("visible")
        await show("hidden")
        await show("visible")
        assert.deepStrictEqual(
          asked.map(({ signal }) => signal?.aborted),
          [true, false]
        )
      })
    }

    it("asks again what was asked, whatever became of the parameters meanwhile", async () => {
      await mount()
      const messages = [{ role: "user", content: "Say hello" }]
      const request = await asks({ messages })
      messages.push({ role: "user", content: "Another thing" })
      request.says(init() + says(1, "Hel") + named(2, "error", { message: "no" }))
      await frame()
      reacts.React.act(() => now().tryFromHere())
      await frame()
      assert.deepStrictEqual(asked.at(-1)!.body, {
        messages: [
          { role: "user", content: "Say hello" },
          { role: "assistant", content: "Hel" }
        ]
      })
    })

    it("asks once under StrictMode, and reads on", async () => {
      await mount((hook) => hook.start({ message: "hi" }), true)
      await frame()
      assert.strictEqual(asked.length, 1)
      asked[0]!.says(init() + says(1, "Hello"))
      await frame()
      assert.isFalse(asked[0]!.signal!.aborted)
      assert.strictEqual(now().text, "Hello")
    })

    it("shows one text in one rendering, also while a transition is under way", async () => {
      const { act, createElement, startTransition, useState } = reacts.React
      const torn: Array<string> = []
      let change: (count: number) => void = () => {}
      const Word = ({ text }: { readonly text: string }) => createElement("i", null, text)
      const Chat = () => {
        const hook = reacts.useRetryStreaming("http://relay/chat", options)
        const [count, setCount] = useState(0)
        change = setCount
        renders.push(hook)
        return createElement(
          "p",
          null,
          Array.from({ length: 50 * count + 2 }, (_, at) => createElement(Word, { key: at, text: hook.text }))
        )
      }
      const element = document.createElement("div")
      const root = reacts.createRoot(element)
      unmount = () => act(() => root.unmount())
      await act(async () => root.render(createElement(Chat)))
      const request = await asks()
      request.says(init())
      for (let seq = 1; seq < 8; seq++) {
        act(() => startTransition(() => change(seq)))
        request.says(says(seq, String(seq)))
        await frame()
        const texts = new Set(Array.from(element.querySelectorAll("i"), (word) => word.textContent))
        if (texts.size !== 1) torn.push([...texts].join("|"))
      }
      assert.deepStrictEqual(torn, [])
      assert.strictEqual(now().text, "1234567")
    })
  })
}
