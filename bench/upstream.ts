/**
 * The upstream of the relay's benchmark: an OpenAI-compatible stream of numbered events, each with the moment of its
 * birth in it. `?` of the model's name says how many and how fast: `bench-<events>-<every ms>`; 0 ms is all at once.
 */
import { createServer } from "node:http"
import { performance } from "node:perf_hooks"

const now = (): number => performance.timeOrigin + performance.now()

const server = createServer((request, response) => {
  let body = ""
  request.setEncoding("utf8")
  request.on("data", (chunk: string) => (body += chunk))
  request.on("end", () => {
    const { model } = JSON.parse(body) as { readonly model: string }
    const [, count = "10", every = "0"] = model.split("-")
    const total = Number(count)
    const frame = (delta: object, finish: string | null = null): string =>
      `data: ${JSON.stringify({
        id: "chatcmpl-bench",
        object: "chat.completion.chunk",
        created: 1,
        model,
        choices: [{ index: 0, delta, finish_reason: finish }]
      })}\n\n`
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write(frame({ role: "assistant", content: "" }))
    const end = (): void => {
      response.end(`${frame({}, "stop")}data: [DONE]\n\n`)
    }
    if (every === "0") {
      let all = ""
      for (let i = 0; i < total; i++) all += frame({ content: `${now()} ` })
      response.write(all)
      return end()
    }
    let sent = 0
    const timer = setInterval(() => {
      response.write(frame({ content: `${now()} ` }))
      if (++sent < total) return
      clearInterval(timer)
      end()
    }, Number(every))
    response.on("close", () => clearInterval(timer))
  })
})
// A proxy that asks again on a connection that is being closed has no way to know whether it was heard: none is closed.
server.keepAliveTimeout = 0
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"))
