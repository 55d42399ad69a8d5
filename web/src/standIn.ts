// Thrown away when `effect-resilience/react` is there.
import { useCallback, useRef, useState } from "react"

type Handlers = { readonly [event: string]: (data: never) => void }
interface Failure {
  readonly type: string
  readonly code?: string
  readonly message: string
  readonly recoverable?: boolean
}
interface Retry {
  readonly attempt: number
  readonly maxRetries: number
  readonly delay: number
  readonly remaining: number
}

export const useRetryStreaming = (
  url: string,
  options: { readonly fetch?: typeof fetch; readonly headers?: Record<string, string>; readonly maxRetries?: number }
) => {
  const [isStreaming, setStreaming] = useState(false)
  const [text, setText] = useState("")
  const [reasoning, setReasoning] = useState("")
  const [error, setError] = useState<Failure | null>(null)
  const [retryInfo, setRetry] = useState<Retry | null>(null)
  const [partial, setPartial] = useState<string | null>(null)
  const live = useRef<
    | { params: object; handlers: Handlers; id: string | undefined; stream: string | undefined; abort: AbortController }
    | undefined
  >(undefined)

  const start = useCallback(
    async (params: object, handlers: Handlers = {}) => {
      if (live.current) return
      const run = {
        params,
        handlers,
        id: undefined as string | undefined,
        stream: undefined as string | undefined,
        abort: new AbortController()
      }
      live.current = run
      setStreaming(true)
      setText("")
      setReasoning("")
      setError(null)
      setPartial(null)
      const key = crypto.randomUUID()
      const tell = (event: string, data: unknown) => handlers[event]?.(data as never)
      let tries = 0,
        over = false
      const f = options.fetch ?? fetch
      let whole = ""
      while (!over && live.current === run) {
        try {
          const answer = await f(url, {
            method: "POST",
            headers: {
              "content-type": "application/json",
              "idempotency-key": key,
              ...options.headers,
              ...(run.id ? { "last-event-id": run.id } : {})
            },
            body: JSON.stringify(params),
            signal: run.abort.signal
          })
          if (!answer.ok) {
            const e = (await answer.json()) as { error: { reason: string; message: string } }
            setError({ type: "connection", code: e.error.reason, message: e.error.message })
            tell("fatal", {})
            break
          }
          tell("open", undefined)
          setRetry(null)
          const decoder = new TextDecoder()
          let buffer = ""
          for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
            buffer += decoder.decode(chunk, { stream: true })
            const parts = buffer.split("\n\n")
            buffer = parts.pop() ?? ""
            for (const part of parts) {
              const field = (name: string) =>
                part
                  .split("\n")
                  .find((l) => l.startsWith(name + ": "))
                  ?.slice(name.length + 2)
              const data = field("data")
              if (data === undefined) continue
              const event = field("event") ?? "message"
              const value = JSON.parse(data) as Record<string, unknown>
              run.id = field("id") ?? run.id
              tries = 0
              if (event === "init") run.stream = String(value["stream_id"])
              if (event === "message") {
                whole += String(value["content"])
                setText(whole)
                tell("message", value["content"])
              } else {
                if (event === "reasoning") setReasoning((r) => r + String(value["content"]))
                tell(event, value)
              }
              if (event === "done") {
                over = true
                tell("end", undefined)
              }
              if (event === "error") {
                over = true
                setError(value as unknown as Failure)
                setPartial(String(value["partial_content"]))
                tell("end", undefined)
              }
            }
          }
          if (!over) throw new TypeError("cut")
        } catch (e) {
          if (live.current !== run) return
          if (++tries > (options.maxRetries ?? 5)) {
            setError({ type: "connection", message: String(e) })
            setPartial(whole)
            tell("fatal", {})
            break
          }
          const delay = 1000
          setRetry({ attempt: tries, maxRetries: 5, delay, remaining: 1 })
          tell("retry", { attempt: tries, maxRetries: 5, delay, reason: String(e) })
          await new Promise((r) => setTimeout(r, delay))
        }
      }
      if (live.current === run) {
        live.current = undefined
        setStreaming(false)
        setRetry(null)
      }
    },
    [url]
  )
  const stop = useCallback(() => {
    const run = live.current
    if (!run) return
    live.current = undefined
    run.abort.abort()
    setStreaming(false)
    setRetry(null)
    if (run.stream) void fetch("/streams/" + run.stream, { method: "DELETE", headers: options.headers ?? {} })
  }, [])
  return {
    isStreaming,
    text,
    reasoning,
    error,
    retryInfo,
    partial,
    failovers: [] as ReadonlyArray<unknown>,
    usage: null,
    start,
    stop,
    regenerate: () => {},
    tryFromHere: () => {}
  }
}
