/**
 * The measure of the relay's benchmark: a bare `node:http` relay. It parses the same frames (blank lines, `data:`,
 * JSON), changes the model as we do, and writes them on. It keeps nothing, retries nothing and survives nothing.
 */
import { Agent, createServer, request as ask } from "node:http"

const upstream = Number(process.argv[3])
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

const server = createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { readonly model: string }
    const call = ask(
      {
        agent,
        host: "127.0.0.1",
        port: upstream,
        path: "/v1/chat/completions",
        method: "POST",
        headers: { "content-type": "application/json" }
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, { "content-type": "text/event-stream" })
        let rest = ""
        answer.setEncoding("utf8")
        answer.on("data", (text: string) => {
          rest += text
          let out = ""
          for (let at = rest.indexOf("\n\n"); at >= 0; at = rest.indexOf("\n\n")) {
            const data = rest.slice(6, at)
            rest = rest.slice(at + 2)
            if (data === "[DONE]") out += "data: [DONE]\n\n"
            else {
              const event = JSON.parse(data) as { model: string }
              event.model = body.model
              out += `data: ${JSON.stringify(event)}\n\n`
            }
          }
          if (out !== "") response.write(out)
        })
        answer.on("end", () => response.end())
      }
    )
    call.on("error", () => response.destroy())
    response.on("close", () => call.destroy())
    call.end(JSON.stringify(body))
  })
})
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"))
