/**
 * Calls through a real proxy and over real TLS: a private certificate authority, certificates of clients, tunnels that
 * are kept, given up and refused.
 */
import { readFileSync } from "node:fs"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { Redacted } from "effect"
import { describe, expect, it } from "vitest"
import type { UpstreamRoute } from "#src/channel/index"
import { cleanUp, cleanups, onRequests, open, rawServer, type Recorded, send, until, wait } from "./kit/calls.ts"

cleanUp()

const pem = (name: string): string => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), "utf8")
const [ca, client, clientKey] = ["ca", "client", "client-key"].map((name) => Redacted.make(pem(name)))

const route = (proxy: string | null, tls: UpstreamRoute["tls"] = { ca: ca! }): UpstreamRoute => ({
  proxy: proxy === null ? null : Redacted.make(proxy),
  tls
})

const ok = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"

/** An upstream over TLS: `onRequest` is given each request's head. */
const secureServer = async (onRequest: (socket: Tls.TLSSocket, head: string) => void, options: Tls.TlsOptions = {}) => {
  const state = { connections: 0, closed: 0, names: [] as Array<string>, clients: [] as Array<string> }
  const server = Tls.createServer(
    { cert: pem("server"), key: pem("server-key"), ca: pem("ca"), ...options },
    (socket) => {
      state.connections += 1
      state.names.push(String(socket.servername))
      state.clients.push(String(socket.getPeerCertificate().subject?.CN))
      socket.on("error", () => {})
      socket.on("close", () => (state.closed += 1))
      onRequests(socket, (head) => onRequest(socket, head))
    }
  )
  server.on("tlsClientError", () => {})
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  return { port: (server.address() as Net.AddressInfo).port, state }
}

/** An HTTP proxy. `to`: where it connects whatever it is asked for; `answer`: what it says in place of connecting. */
const proxyServer = async (
  options: { readonly to?: number; readonly answer?: string; readonly silent?: boolean } = {}
) => {
  const asked: Array<{ line: string; headers: Http.IncomingHttpHeaders }> = []
  const state = { connections: 0, closed: 0 }
  const sockets = new Set<Net.Socket>()
  const server = Http.createServer((request, response) => {
    asked.push({ line: `${request.method} ${request.url}`, headers: request.headers })
    if (options.answer !== undefined) return void request.socket.end(options.answer)
    const { "proxy-authorization": _, ...headers } = request.headers
    const { host, pathname, port, search } = new URL(request.url ?? "")
    const onward = Http.request(
      {
        host: "127.0.0.1",
        port: options.to ?? port,
        path: pathname + search,
        method: "POST",
        headers: { ...headers, host }
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      }
    )
    onward.on("error", () => response.destroy())
    response.on("close", () => onward.destroy())
    request.pipe(onward)
  })
  server.on("connection", (socket: Net.Socket) => {
    state.connections += 1
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => {
      state.closed += 1
      sockets.delete(socket)
    })
  })
  server.on("connect", (request, socket: Net.Socket) => {
    asked.push({ line: `CONNECT ${request.url}`, headers: request.headers })
    // A server's sockets stay half open otherwise.
    if (options.silent === true) return void socket.on("end", () => socket.destroy()).resume()
    if (options.answer !== undefined) return void socket.resume().end(options.answer)
    const port = options.to ?? Number(request.url?.split(":").at(-1))
    const upstream = Net.connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
      socket.pipe(upstream).pipe(socket)
    })
    upstream.on("error", () => socket.destroy())
    socket.on("close", () => upstream.destroy())
    upstream.on("close", () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return { url: `127.0.0.1:${(server.address() as Net.AddressInfo).port}`, asked, state }
}

const ended = async (recorded: Recorded): Promise<Recorded> => {
  await recorded.ended
  return recorded
}
const key = { authorization: "Bearer sk-secret-key" }

describe("R16: https through a proxy", () => {
  it("goes through a tunnel, which is kept, and the key goes to the upstream alone", async () => {
    const heads: Array<string> = []
    const server = await secureServer((socket, head) => {
      heads.push(head)
      socket.write(ok)
    })
    const proxy = await proxyServer({ to: server.port })
    const upstream = await open()
    const way = route(`http://user:p%40ss@${proxy.url}`)
    for (let at = 0; at < 3; at++) {
      const { body, error } = await ended(send(upstream, "https://upstream.example/v1?api-version=1", key, {}, way))
      expect([error, body]).toEqual([undefined, "ok"])
      await wait(5)
    }
    // Another route that says the same goes by the same sockets.
    await ended(send(upstream, "https://upstream.example/v1", key, {}, route(`http://user:p%40ss@${proxy.url}`)))
    expect(proxy.asked.map(({ line }) => line)).toEqual(["CONNECT upstream.example:443"])
    expect(proxy.asked[0]?.headers["proxy-authorization"]).toBe(`Basic ${Buffer.from("user:p@ss").toString("base64")}`)
    expect(proxy.asked[0]?.headers.authorization).toBeUndefined()
    expect(server.state.names).toEqual(["upstream.example"])
    expect(heads).toHaveLength(4)
    expect(heads[0]).toMatch(/^POST \/v1\?api-version=1 HTTP\/1\.1\r\n/)
    expect(heads[0]).toMatch(/\r\nauthorization: Bearer sk-secret-key\r\n/i)
    expect(heads[0]).not.toMatch(/proxy/i)
  })

  it("asks for an upstream by its address, and without credentials where there are none", async () => {
    const server = await secureServer((socket) => socket.write(ok))
    const proxy = await proxyServer()
    const { body } = await ended(
      send(await open(), `https://127.0.0.1:${server.port}/v1`, key, {}, route(`http://${proxy.url}`))
    )
    expect(body).toBe("ok")
    expect(proxy.asked[0]?.line).toBe(`CONNECT 127.0.0.1:${server.port}`)
    expect(proxy.asked[0]?.headers["proxy-authorization"]).toBeUndefined()
  })

  it("trusts nobody the more for it", async () => {
    const server = await secureServer((socket) => socket.write(ok))
    const proxy = await proxyServer({ to: server.port })
    const upstream = await open()
    const untrusted = await ended(
      send(upstream, "https://upstream.example/v1", key, {}, route(`http://${proxy.url}`, {}))
    )
    expect(untrusted.error?.message).toMatch(/no secure connection .*while connecting/)
    const another = await ended(send(upstream, "https://other.example/v1", key, {}, route(`http://${proxy.url}`)))
    expect(another.error?.message).toMatch(/no secure connection .*ERR_TLS_CERT_ALTNAME_INVALID.*while connecting/)
    await until(() => proxy.state.closed === proxy.state.connections)
  })

  const amid = (socket: Net.Socket) => socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n")
  it.each([
    ["before the headers", () => {}, (_: Recorded, connections: () => number) => until(() => connections() === 1)],
    ["amid the data", amid, (recorded: Recorded) => until(() => recorded.body === "ab")]
  ] as const)("is closed up to the upstream within 100 ms of a cancel %s", async (_, act, when) => {
    const server = await secureServer(act)
    const proxy = await proxyServer({ to: server.port })
    const recorded = send(await open(), "https://upstream.example/v1", key, {}, route(`http://${proxy.url}`))
    await when(recorded, () => server.state.connections)
    recorded.call.abort()
    const took = await until(() => server.state.closed === 1 && proxy.state.closed === 1)
    expect(took).toBeLessThan(100)
    expect(recorded.error).toBeUndefined()
  })

  it("is closed within 100 ms of a cancel, or of the layer's end, while its tunnel is made", async () => {
    const proxy = await proxyServer({ silent: true })
    const upstream = await open()
    const recorded = send(upstream, "https://upstream.example/v1", key, {}, route(`http://${proxy.url}`))
    await until(() => proxy.asked.length === 1)
    recorded.call.abort()
    expect(await until(() => proxy.state.closed === 1)).toBeLessThan(100)
    expect(recorded.events).toEqual(["open"])
    const left = send(upstream, "https://upstream.example/v1", key, {}, route(`http://${proxy.url}`))
    await until(() => proxy.asked.length === 2)
    await cleanups.pop()?.()
    await left.ended
    expect(await until(() => proxy.state.closed === 2)).toBeLessThan(100)
  })

  it("that idles too long is closed, and one in use has no time-out of its own", async () => {
    const server = await secureServer((socket, head) => {
      if (head.includes("/slow")) setTimeout(() => socket.write(ok), 250)
      else socket.write(ok)
    })
    const proxy = await proxyServer({ to: server.port })
    const upstream = await open({ idleMillis: 100 })
    const way = route(`http://${proxy.url}`)
    for (const path of ["v1", "slow"]) {
      const { body, error } = await ended(send(upstream, `https://upstream.example/${path}`, key, {}, way))
      expect([error, body]).toEqual([undefined, "ok"])
    }
    expect(proxy.state).toEqual({ connections: 1, closed: 0 })
    await until(() => proxy.state.closed === 1 && server.state.closed === 1)
  })

  it("of which the kept tunnel has died is asked once more, unseen", async () => {
    let requests = 0
    const server = await secureServer((socket) => {
      if (++requests === 2) socket.destroy()
      else socket.write(ok)
    })
    const proxy = await proxyServer({ to: server.port })
    const upstream = await open()
    const way = route(`http://${proxy.url}`)
    for (const _ of [1, 2]) {
      expect((await ended(send(upstream, "https://upstream.example/v1", key, {}, way))).body).toBe("ok")
      await wait(5)
    }
    expect([requests, proxy.asked.length]).toEqual([3, 2])
  })
})

describe("R16: http through a proxy", () => {
  it("is passed on by the proxy, over kept sockets", async () => {
    let heads: ReadonlyArray<string> = []
    const server = await rawServer((socket) =>
      onRequests(socket, (head) => {
        heads = [...heads, head]
        socket.write(ok)
      })
    )
    const proxy = await proxyServer({ to: server.port })
    const upstream = await open()
    const way = route(`http://user:pass@${proxy.url}`, {})
    for (const _ of [1, 2]) {
      const { body, error } = await ended(send(upstream, "http://upstream.example:81/v1?a=b", key, {}, way))
      expect([error, body]).toEqual([undefined, "ok"])
      await wait(5)
    }
    expect(proxy.asked.map(({ line }) => line)).toEqual(Array(2).fill("POST http://upstream.example:81/v1?a=b"))
    expect(proxy.asked[0]?.headers.host).toBe("upstream.example:81")
    expect(proxy.asked[0]?.headers["proxy-authorization"]).toMatch(/^Basic /)
    expect(proxy.state.connections).toBe(1)
    expect(heads[0]).toMatch(/^POST \/v1\?a=b HTTP\/1\.1\r\n/)
  })

  it("is closed up to the upstream within 100 ms of a cancel", async () => {
    const server = await rawServer((socket) =>
      onRequests(socket, () => socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"))
    )
    const proxy = await proxyServer({ to: server.port })
    const recorded = send(await open(), "http://upstream.example/v1", key, {}, route(`http://${proxy.url}`, {}))
    await until(() => recorded.body === "ab")
    recorded.call.abort()
    expect(await until(() => server.state.closed === 1 && proxy.state.closed === 1)).toBeLessThan(100)
  })
})

describe("R16: what a proxy itself refuses is a connection that was not made", () => {
  const wants =
    'HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="hunter2"\r\ncontent-length: 0\r\n\r\n'
  const denied = "HTTP/1.1 403 Forbidden\r\nx-squid-error: ERR_ACCESS_DENIED 0\r\ncontent-length: 0\r\n\r\n"
  it.each([
    ["https", wants, "the proxy wants other credentials (407) while connecting"],
    ["http", wants, "the proxy wants other credentials (407) while waiting for the answer"],
    [
      "http",
      "HTTP/1.1 407 No\r\ncontent-length: 100\r\n\r\n<html>",
      "the proxy wants other credentials (407) while waiting for the answer"
    ],
    ["https", "HTTP/1.1 200 OK\r\n\r\n", "the connection was reset (ECONNRESET) while connecting"],
    [
      "https",
      "HTTP/1.1 200 OK\r\n\r\nhello, this is no TLS",
      /^no secure connection could be made .* while connecting$/
    ],
    ["https", denied, "the proxy did not connect to the upstream (403) while connecting"],
    ["http", denied, "the proxy did not connect to the upstream (403) while waiting for the answer"],
    ["https", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy did not connect to the upstream (502) while connecting"],
    ["https", "hello\r\n\r\n", /^the proxy cannot be reached: the answer is not HTTP \(HPE_\w+\) while connecting$/],
    ["https", "", "the proxy cannot be reached: the connection was reset (ECONNRESET) while connecting"]
  ])("%s: %j", async (scheme, answer, message) => {
    const proxy = await proxyServer({ answer })
    const way = route(`http://hunter2:hunter2@${proxy.url}`)
    const { error, events } = await ended(send(await open(), `${scheme}://upstream.example/v1`, key, {}, way))
    expect(events.filter((event) => event !== "open")).toEqual(["error"])
    expect(error?._tag).toBe("DoRequestFailed")
    if (typeof message === "string") expect(error?.message).toBe(message)
    else expect(error?.message).toMatch(message)
    await until(() => proxy.state.closed === proxy.state.connections)
  })

  it.each(["http", "https"])("%s: nobody listens there", async (scheme) => {
    const gone = await rawServer(() => {})
    await new Promise((resolve) => gone.server.close(resolve))
    cleanups.pop()
    const way = route(`http://127.0.0.1:${gone.port}`)
    const { error } = await ended(send(await open(), `${scheme}://upstream.example/v1`, key, {}, way))
    expect(error?.message).toBe(
      "the proxy cannot be reached: the connection was refused (ECONNREFUSED) while connecting"
    )
  })
})

describe("R16: certificates of a channel", () => {
  it("are those that are trusted, and those that are shown", async () => {
    const server = await secureServer((socket) => socket.write(ok), { requestCert: true, rejectUnauthorized: true })
    const url = `https://localhost:${server.port}/v1`
    const upstream = await open()
    const shown = { ca: ca!, cert: client!, key: clientKey! }
    expect((await ended(send(upstream, url, key, {}, route(null, shown)))).body).toBe("ok")
    expect(server.state.clients).toEqual(["relay"])
    // The socket of one is not another's.
    const without = await ended(send(upstream, url, key, {}, route(null)))
    expect(without.error?.message).toMatch(/^no secure connection could be made|^the connection was reset/)
    const untrusted = await ended(send(upstream, url, key, {}, route(null, {})))
    expect(untrusted.error?.message).toMatch(/^no secure connection could be made .*while connecting/)
  })

  it("are shown through a proxy too", async () => {
    const server = await secureServer((socket) => socket.write(ok), { requestCert: true, rejectUnauthorized: true })
    const proxy = await proxyServer({ to: server.port })
    const way = route(`http://${proxy.url}`, { ca: ca!, cert: client!, key: clientKey! })
    expect((await ended(send(await open(), "https://upstream.example/v1", key, {}, way))).body).toBe("ok")
    expect(server.state.clients).toEqual(["relay"])
  })

  it("that cannot be read are a connection that was not made, and no crash", async () => {
    for (const proxy of [null, "http://127.0.0.1:1"]) {
      const bad = Redacted.make("-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----")
      const { error } = await ended(
        send(await open(), "https://localhost:1/v1", key, {}, route(proxy, { cert: bad, key: clientKey! }))
      )
      expect(error?.message).toMatch(/^no secure connection could be made \(ERR_OSSL_\w+\) while connecting$/)
    }
  })
})
