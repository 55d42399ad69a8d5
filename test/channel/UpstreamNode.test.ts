import * as Http from "node:http"
import type * as Net from "node:net"
import * as Zlib from "node:zlib"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { describe, expect, it } from "vitest"
import { Upstream, UpstreamNode } from "../../src/channel/index.ts"
import { cleanUp, cleanups, onRequests, open, rawServer, type Recorded, send, until, wait } from "./kit/calls.ts"

cleanUp()

const answer = (body: string, more = ""): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n${more}content-length: ${body.length}\r\n\r\n${body}`

describe("UpstreamNode", () => {
  it("posts JSON with its own headers and gives the answer in order", async () => {
    const upstream = await open()
    let head = ""
    let body = ""
    const server = await rawServer((socket) =>
      onRequests(socket, (h, b) => {
        head = h
        body = b
        socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: b\r\n\r\n")
        setTimeout(() => socket.write("3\r\nabc\r\n"), 10)
        setTimeout(() => socket.write("2\r\nde\r\n0\r\n\r\n"), 20)
      })
    )
    const recorded = send(upstream, server.url, { authorization: "Bearer k", "Accept-Encoding": "gzip" })
    await recorded.ended
    expect(recorded.events).toEqual(["open", "head", "data", "data", "end"])
    expect(recorded.body).toBe("abcde")
    expect(recorded.status).toBe(200)
    expect(recorded.headers["x-a"]).toBe("b")
    expect(head).toMatch(/^POST \/v1\/chat\/completions HTTP\/1\.1\r\n/)
    expect(head.toLowerCase()).toContain("authorization: bearer k")
    expect(head.toLowerCase()).toContain("content-type: application/json")
    expect(head.toLowerCase()).toContain("accept-encoding: identity")
    expect(head.toLowerCase()).not.toContain("gzip")
    expect(body).toBe('{"model":"m"}')
  })

  it("never follows a redirect", async () => {
    const upstream = await open()
    const server = await rawServer((socket) =>
      onRequests(socket, () => socket.write("HTTP/1.1 307 Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"))
    )
    const recorded = send(upstream, server.url)
    await recorded.ended
    expect(recorded.status).toBe(307)
    expect(recorded.events).toEqual(["open", "head", "end"])
    expect(server.state.connections).toBe(1)
  })

  it("gives any status to its caller", async () => {
    const upstream = await open()
    for (const status of ["000", "050", "099", "100", "101", "103", "199", "299", "304", "599", "799"]) {
      const server = await rawServer((socket) =>
        onRequests(socket, () =>
          socket.end(
            `HTTP/1.1 ${status} X\r\nconnection: ${status === "101" ? "upgrade\r\nupgrade: x" : "close"}\r\n\r\n`
          )
        )
      )
      const recorded = send(upstream, server.url)
      await recorded.ended
      expect([status, recorded.status, recorded.events.at(-1)]).toEqual([status, Number(status), "end"])
    }
  })

  it.each([
    ["no body", "content-length: 0\r\n\r\n"],
    ["a body", "content-length: 2\r\n\r\nab"],
    ["a body in chunks", "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"],
    ["a body without an end", "\r\nab"]
  ])("takes a status below 100 for an answer, with %s, and asks nothing more on its connection", async (_, rest) => {
    const upstream = await open()
    const server = await rawServer((socket) => onRequests(socket, () => socket.write(`HTTP/1.1 050 X\r\n${rest}`)))
    for (const connections of [1, 2]) {
      const recorded = send(upstream, server.url)
      await recorded.ended
      expect([recorded.status, recorded.events]).toEqual([50, ["open", "head", "end"]])
      expect(server.state.connections).toBe(connections)
    }
  })

  describe("a connection that breaks is do_request_failed, and says where", () => {
    const cases: ReadonlyArray<
      readonly [name: string, act: (socket: Net.Socket) => void, reason: RegExp, data: string]
    > = [
      ["reset before the headers", (s) => s.resetAndDestroy(), /reset .*while waiting for the answer/, ""],
      ["closed before the headers", (s) => s.end(), /while waiting for the answer/, ""],
      [
        "reset behind a 199",
        (s) => {
          s.write("HTTP/1.1 199 X\r\n\r\n")
          setTimeout(() => s.resetAndDestroy(), 30)
        },
        /reset .*while waiting for the answer/,
        ""
      ],
      ["half of the headers behind a 199", (s) => s.end("HTTP/1.1 199 X\r\n\r\nHTTP/1.1 2"), /while waiting/, ""],
      ["half of a 199", (s) => s.end("HTTP/1.1 199 X\r\n"), /while waiting/, ""],
      ["half of the headers", (s) => s.end("HTTP/1.1 200 OK\r\nx-a: "), /while waiting for the answer/, ""],
      ["garbage", (s) => s.end("\u0000\u0001garbage\r\n\r\n"), /not HTTP .*while waiting for the answer/, ""],
      [
        "reset after the headers",
        (s) => {
          s.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab")
          setTimeout(() => s.resetAndDestroy(), 30)
        },
        /while reading the answer/,
        "ab"
      ],
      [
        "a chunked body without its last chunk",
        (s) => s.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"),
        /while reading the answer/,
        "ab"
      ],
      [
        "a chunk that is no chunk",
        (s) => {
          s.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n")
          setTimeout(() => s.write("zz\r\n"), 30)
        },
        /not HTTP .*while reading the answer/,
        "ab"
      ],
      [
        "a body shorter than its length",
        (s) => s.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab"),
        /while reading the answer/,
        "ab"
      ],
      [
        "a reset of a body that ends with its connection",
        (s) => {
          s.write("HTTP/1.1 200 OK\r\n\r\nab")
          setTimeout(() => s.resetAndDestroy(), 30)
        },
        /while reading the answer/,
        "ab"
      ],
      [
        "headers without end",
        (s) => s.write(`HTTP/1.1 200 OK\r\nx-a: ${"a".repeat(70_000)}\r\n`),
        /headers are too large .*while waiting/,
        ""
      ]
    ]
    for (const [name, act, reason, data] of cases) {
      it(name, async () => {
        const upstream = await open()
        const server = await rawServer((socket) => onRequests(socket, () => act(socket)))
        const recorded = send(upstream, server.url)
        await recorded.ended
        expect(recorded.events.filter((event) => event === "error" || event === "end")).toEqual(["error"])
        expect(recorded.error?._tag).toBe("DoRequestFailed")
        expect(recorded.error?.message).toMatch(reason)
        expect(recorded.body).toBe(data)
        // A fresh socket that breaks is not tried again.
        expect(server.state.connections).toBe(1)
        await until(() => server.state.closed === 1)
      })
    }

    it("refused", async () => {
      const upstream = await open()
      const server = await rawServer(() => {})
      await new Promise((resolve) => server.server.close(resolve))
      const recorded = send(upstream, server.url)
      expect(recorded.events).toEqual(["open"])
      await recorded.ended
      expect(recorded.error?.message).toMatch(/refused .*while connecting/)
      cleanups.pop()
    })

    it("no such host, and its name is not told", async () => {
      const upstream = await open()
      const recorded = send(upstream, "http://secret-host.invalid/v1")
      await recorded.ended
      expect(recorded.error?.message).toMatch(/while connecting/)
      expect(recorded.error?.message).not.toContain("secret-host")
    })

    it("no TLS at the other end", async () => {
      const upstream = await open()
      const server = await rawServer((socket) => socket.on("data", () => socket.end("HTTP/1.1 400 Bad\r\n\r\n")))
      const recorded = send(upstream, server.url.replace("http:", "https:"))
      await recorded.ended
      expect(recorded.error?.message).toMatch(/secure connection .*while connecting/)
    })

    it("a request that cannot be made", async () => {
      const upstream = await open()
      for (const [url, key] of [
        ["not a url", "k"],
        ["ftp://127.0.0.1/x", "k"],
        ["http://127.0.0.1:1/x", "sk-secret\r\nkey"]
      ] as const) {
        const recorded = send(upstream, url, { authorization: key })
        expect(recorded.events).toEqual(["open"])
        await recorded.ended
        expect(recorded.events).toEqual(["open", "error"])
        expect(recorded.error?.message).not.toContain("sk-secret")
      }
    })
  })

  it("a body that ends with its connection is complete", async () => {
    const upstream = await open()
    const server = await rawServer((socket) =>
      onRequests(socket, () => socket.end("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nabc"))
    )
    const recorded = send(upstream, server.url)
    await recorded.ended
    expect(recorded.events.at(-1)).toBe("end")
    expect(recorded.body).toBe("abc")
  })

  describe("abort closes the socket within 100 ms, and nothing more is called", () => {
    const aborted = async (
      act: (socket: Net.Socket) => void,
      when: (recorded: Recorded, server: { state: { connections: number } }) => Promise<unknown>
    ) => {
      const upstream = await open()
      const server = await rawServer((socket) => onRequests(socket, () => act(socket)))
      const recorded = send(upstream, server.url)
      await when(recorded, server)
      const before = recorded.events.length
      recorded.call.abort()
      recorded.call.abort()
      const took = await until(() => server.state.closed === server.state.connections)
      await wait(50)
      expect(recorded.events.length).toBe(before)
      expect(took).toBeLessThan(100)
    }
    const headers = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

    it("before it is connected", () =>
      aborted(
        () => {},
        async () => {}
      ))
    it("before the headers", () =>
      aborted(
        () => {},
        async (_, server) => {
          await until(() => server.state.connections === 1)
          await wait(20)
        }
      ))
    it("after the headers", () =>
      aborted(
        (socket) => socket.write(headers),
        (recorded) => recorded.head
      ))
    it("amid the data", () =>
      aborted(
        (socket) => {
          socket.write(headers)
          const timer = setInterval(() => socket.write("2\r\nab\r\n"), 1)
          socket.on("close", () => clearInterval(timer))
        },
        (recorded) => until(() => recorded.body.length > 4)
      ))
    it("while paused, with data waiting", () =>
      aborted(
        (socket) => {
          socket.write(headers)
          socket.write(`${(1_000_000).toString(16)}\r\n${"a".repeat(1_000_000)}\r\n`)
        },
        async (recorded) => {
          await recorded.head
          recorded.call.pause()
          await wait(30)
        }
      ))

    it("from inside a callback", async () => {
      const upstream = await open()
      const server = await rawServer((socket) =>
        onRequests(socket, () => socket.write(`${headers}2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n`))
      )
      const inHead: Recorded = send(upstream, server.url, {}, { onHead: () => inHead.call.abort() })
      await inHead.head
      const inData: Recorded = send(upstream, server.url, {}, { onData: () => inData.call.abort() })
      await inData.head
      await until(() => inData.body !== "")
      await wait(30)
      expect(inHead.events).toEqual(["open", "head"])
      expect(inData.events).toEqual(["open", "head", "data"])
    })

    it("while it waits for a socket", async () => {
      const upstream = await open({ maxSockets: 1 })
      let requests = 0
      const server = await rawServer((socket) => onRequests(socket, () => (requests += 1)))
      const first = send(upstream, server.url)
      await until(() => requests === 1)
      const second = send(upstream, server.url)
      second.call.abort()
      first.call.abort()
      await until(() => server.state.closed === 1)
      await wait(30)
      // Node makes the connection that was waited for all the same, and keeps it for the next call.
      expect(requests).toBe(1)
      expect(second.events).toEqual(["open"])
    })

    it("after the end it does nothing: the socket is kept", async () => {
      const upstream = await open()
      const server = await rawServer((socket) => onRequests(socket, () => socket.write(answer("ok"))))
      const first = send(upstream, server.url)
      await first.ended
      first.call.abort()
      await wait(10)
      const second = send(upstream, server.url)
      await second.ended
      expect(second.body).toBe("ok")
      expect(server.state.connections).toBe(1)
    })
  })

  it("holds the data back while it is paused", async () => {
    const upstream = await open()
    const server = await rawServer((socket) =>
      onRequests(socket, () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        setTimeout(() => socket.write("cd"), 20)
      })
    )
    const recorded: Recorded = send(upstream, server.url, {}, { onHead: () => recorded.call.pause() })
    await recorded.head
    await wait(60)
    expect(recorded.events).toEqual(["open", "head"])
    recorded.call.resume()
    await recorded.ended
    expect(recorded.body).toBe("abcd")
  })

  describe("kept-alive sockets", () => {
    it("are used again", async () => {
      const upstream = await open()
      const server = await rawServer((socket) => onRequests(socket, () => socket.write(answer("ok"))))
      for (let i = 0; i < 5; i++) {
        const recorded = send(upstream, server.url)
        await recorded.ended
        expect(recorded.body).toBe("ok")
        await wait(2)
      }
      expect(server.state.connections).toBe(1)
    })

    it("that were closed meanwhile are noticed", async () => {
      const upstream = await open()
      const server = await rawServer((socket) =>
        onRequests(socket, () => {
          socket.write(answer("ok"))
          setTimeout(() => socket.destroy(), 10)
        })
      )
      for (let i = 0; i < 3; i++) {
        const recorded = send(upstream, server.url)
        await recorded.ended
        expect(recorded.body).toBe("ok")
        await wait(40)
      }
      expect(server.state.connections).toBe(3)
    })

    for (const [name, close] of [
      ["reset", (socket: Net.Socket) => void socket.resetAndDestroy()],
      ["closed", (socket: Net.Socket) => void socket.destroy()]
    ] as const) {
      it(`that are ${name} by the next request are replaced once, unseen`, async () => {
        const upstream = await open()
        const server = await rawServer((socket, connection) =>
          onRequests(socket, (_head, _body, index) => {
            if (connection === 0 && index === 1) close(socket)
            else socket.write(answer(`${connection}`))
          })
        )
        await send(upstream, server.url).ended
        await wait(5)
        const recorded = send(upstream, server.url)
        await recorded.ended
        expect(recorded.events).toEqual(["open", "head", "data", "end"])
        expect(recorded.body).toBe("1")
        expect(server.state.connections).toBe(2)
      })
    }

    it("are replaced only once", async () => {
      const upstream = await open()
      const server = await rawServer((socket, connection) =>
        onRequests(socket, (_head, _body, index) => {
          if (connection === 0 && index === 0) socket.write(answer("ok"))
          else socket.resetAndDestroy()
        })
      )
      await send(upstream, server.url).ended
      await wait(5)
      const recorded = send(upstream, server.url)
      await recorded.ended
      expect(recorded.error?._tag).toBe("DoRequestFailed")
      expect(server.state.connections).toBe(2)
    })

    it("that have answered a byte are not replaced", async () => {
      const upstream = await open()
      const server = await rawServer((socket) =>
        onRequests(socket, (_head, _body, index) => {
          if (index === 0) socket.write(answer("ok"))
          else {
            socket.write("HTTP/1.1 2")
            setTimeout(() => socket.resetAndDestroy(), 20)
          }
        })
      )
      await send(upstream, server.url).ended
      await wait(5)
      const recorded = send(upstream, server.url)
      await recorded.ended
      expect(recorded.error?._tag).toBe("DoRequestFailed")
      expect(server.state.connections).toBe(1)
    })

    it("that idle too long are closed", async () => {
      const upstream = await open({ idleMillis: 50 })
      const server = await rawServer((socket) => onRequests(socket, () => socket.write(answer("ok"))))
      await send(upstream, server.url).ended
      await until(() => server.state.closed === 1)
    })

    it("in use have no time-out of their own", async () => {
      const upstream = await open({ idleMillis: 30 })
      const server = await rawServer((socket) =>
        onRequests(socket, () => setTimeout(() => socket.write(answer("late")), 150))
      )
      const recorded = send(upstream, server.url)
      await recorded.ended
      expect(recorded.body).toBe("late")
    })
  })

  it("an answer that did not wait for the request frees its socket", async () => {
    const upstream = await open()
    const server = await rawServer((socket) => {
      socket.pause()
      socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
    })
    const events: Array<string> = []
    await new Promise<void>((resolve) => {
      upstream.open(
        { url: server.url, headers: {}, body: "a".repeat(20_000_000) },
        {
          onHead: (status) => void events.push(`${status}`),
          onData: () => {},
          onEnd: () => {
            events.push("end")
            resolve()
          },
          onError: (error) => {
            events.push(error.message)
            resolve()
          }
        }
      )
    })
    expect(events).toEqual(["413", "end"])
    server.sockets[0]?.resume()
    await until(() => server.state.closed === 1)
  })

  it("closing the layer ends the calls under way, and starts no more", async () => {
    const scope = Effect.runSync(Scope.make())
    const services = await Effect.runPromise(Layer.buildWithScope(UpstreamNode.layer, scope))
    const upstream = Context.get(services, Upstream)
    const server = await rawServer((socket) => onRequests(socket, () => {}))
    const recorded = send(upstream, server.url)
    await until(() => server.state.connections === 1)
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await recorded.ended
    expect(recorded.error?._tag).toBe("DoRequestFailed")
    const after = send(upstream, server.url)
    await after.ended
    expect(after.error?._tag).toBe("DoRequestFailed")
    expect(server.state.connections).toBe(1)
  })

  describe("R11: compressed although nobody asked for it", () => {
    const packers = {
      gzip: () => Zlib.createGzip(),
      "x-gzip": () => Zlib.createGzip(),
      deflate: () => Zlib.createDeflate(),
      "deflate ": () => Zlib.createDeflateRaw(),
      br: () => Zlib.createBrotliCompress(),
      zstd: () => Zlib.createZstdCompress()
    }
    const serve = async (play: (response: Http.ServerResponse) => void): Promise<string> => {
      const server = Http.createServer((request, response) => {
        response.on("error", () => {})
        request.resume()
        request.on("end", () => play(response))
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      cleanups.push(() => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())))
      return `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}/`
    }
    const serveBytes = (status: number, coding: string | undefined, bytes: Uint8Array): Promise<string> =>
      serve((response) => {
        response.writeHead(status, coding === undefined ? {} : { "content-encoding": coding })
        response.end(bytes)
      })

    it.each(Object.entries(packers))(
      "%s: each event is there when it was sent, and an error is read",
      async (coding, make) => {
        const upstream = await open()
        let packer: Zlib.Gzip | Zlib.BrotliCompress | Zlib.ZstdCompress | undefined
        const url = await serve((response) => {
          response.writeHead(200, { "content-encoding": coding.trim(), "content-type": "text/event-stream" })
          packer = make()
          packer.pipe(response)
          packer.write("data: 1\n\n")
          packer.flush()
        })
        const one = send(upstream, url)
        await until(() => one.body === "data: 1\n\n")
        packer!.write("data: 2\n\n")
        packer!.flush()
        await until(() => one.body === "data: 1\n\ndata: 2\n\n")
        packer!.end("data: 3\n\n")
        await one.ended
        expect([one.body, one.events.at(-1)]).toEqual(["data: 1\n\ndata: 2\n\ndata: 3\n\n", "end"])
        const failed = send(upstream, await serveBytes(429, "gzip", Zlib.gzipSync('{"error":"slow"}')))
        await failed.ended
        expect([failed.status, failed.body]).toEqual([429, '{"error":"slow"}'])
      }
    )

    it.each([
      ["twice", "gzip, br", Zlib.brotliCompressSync(Zlib.gzipSync("hello"))],
      ["under a label that stayed behind", "gzip", Buffer.from("hello")],
      ["plain, under deflate's label", "deflate", Buffer.from('data: {"a":1}\n\n')],
      ["plain, under brotli's label", "br", Buffer.from('{"a":1}')],
      ["plain, under zstd's label", "zstd", Buffer.from("hello")],
      ["plain, under two labels", "deflate, br", Buffer.from('{"a":1}')],
      ["gzip under no label", undefined, Zlib.gzipSync("hello")],
      ["deflate under no label", undefined, Zlib.deflateSync("hello")],
      ["zstd under no label", undefined, Zlib.zstdCompressSync("hello")],
      ["gzip under identity", "identity", Zlib.gzipSync("hello")],
      ["gzip under a label that nobody knows", "utf-8", Zlib.gzipSync("hello")],
      ["gzip under brotli's label", "br", Zlib.gzipSync("hello")],
      ["gzip under deflate's label", "deflate", Zlib.gzipSync("hello")],
      ["zstd under gzip's label", "gzip", Zlib.zstdCompressSync("hello")],
      ["twice, under one label", "gzip", Zlib.gzipSync(Zlib.gzipSync("hello"))],
      ["twice, under none", undefined, Zlib.gzipSync(Zlib.zstdCompressSync("hello"))],
      ["once, under two labels", "gzip, gzip", Zlib.gzipSync("hello")],
      ["under no label of ours", "identity", Buffer.from("hello")],
      ["under a label that nobody knows", "rot13", Buffer.from("hello")]
    ] as const)("%s", async (_name, coding, bytes) => {
      const upstream = await open()
      const plain = ["hello", 'data: {"a":1}\n\n', '{"a":1}']
      const one = send(upstream, await serveBytes(200, coding, bytes))
      await one.ended
      expect(plain).toContain(one.body)
      expect(one.events.at(-1)).toBe("end")
      // Byte by byte, as a slow line gives it; but of one byte nobody can say whether it is brotli's.
      const begun = coding?.includes("gzip") === true || coding === undefined ? 1 : 5
      const url = await serve((response) => {
        response.writeHead(200, coding === undefined ? {} : { "content-encoding": coding })
        const next = (at: number): void => {
          if (at === bytes.length) return void response.end()
          const to = at === 0 ? begun : at + 1
          response.write(bytes.subarray(at, to), () => setTimeout(next, 1, to))
        }
        next(0)
      })
      const slow = send(upstream, url)
      await slow.ended
      expect([slow.body, slow.events.at(-1)]).toEqual([one.body, "end"])
    })

    it.each([
      ["cut", "gzip", Zlib.gzipSync("hello hello hello").subarray(0, 20)],
      ["broken", "br", Buffer.from("this is no brotli at all, and never was")],
      ["broken inside", "zstd", Buffer.concat([Zlib.zstdCompressSync("hello").subarray(0, 8), Buffer.alloc(40, 7)])]
    ] as const)("%s, it is a broken answer, told once", async (_name, coding, bytes) => {
      const one = send(await open(), await serveBytes(200, coding, bytes))
      await one.ended
      await wait(20)
      expect(one.events.filter((event) => event === "error" || event === "end")).toEqual(["error"])
      expect(one.error?._tag).toBe("DoRequestFailed")
    })

    it("may be empty, and may be left", async () => {
      const upstream = await open()
      const empty = send(upstream, await serveBytes(200, "gzip", Buffer.alloc(0)))
      await empty.ended
      expect([empty.body, empty.events.at(-1)]).toEqual(["", "end"])
      const bomb = Zlib.gzipSync(Buffer.alloc(64 * 1024 * 1024))
      const url = await serveBytes(200, "gzip", bomb)
      let bytes = 0
      const one = upstream.open(
        { url, headers: {}, body: "{}" },
        {
          onHead: () => {},
          onData: (chunk) => {
            bytes += chunk.length
            if (bytes > 1_000_000) one.abort()
          },
          onEnd: () => {},
          onError: () => {}
        }
      )
      await until(() => bytes > 1_000_000)
      await wait(50)
      expect(bytes).toBeLessThan(1_200_000)
    })

    it("waits while it is paused", async () => {
      const url = await serveBytes(200, "gzip", Zlib.gzipSync(Buffer.alloc(8 * 1024 * 1024)))
      let bytes = 0
      let ended = false
      const call = (await open()).open(
        { url, headers: {}, body: "{}" },
        {
          onHead: () => {},
          onData: (chunk) => {
            if (bytes === 0) call.pause()
            bytes += chunk.length
          },
          onEnd: () => (ended = true),
          onError: () => {}
        }
      )
      await until(() => bytes > 0)
      await wait(50)
      expect(bytes).toBeLessThan(1_000_000)
      call.resume()
      await until(() => ended)
      expect(bytes).toBe(8 * 1024 * 1024)
    })
  })

  it("works with a real server, many at once", async () => {
    const upstream = await open()
    const server = Http.createServer((request, response) => {
      request.resume()
      request.on("end", () => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        for (let i = 0; i < 20; i++) response.write(`data: ${i}\n\n`)
        response.end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    cleanups.push(() => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())))
    const url = `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}/`
    const all = Array.from({ length: 200 }, () => send(upstream, url))
    await Promise.all(all.map((one) => one.ended))
    const whole = Array.from({ length: 20 }, (_, i) => `data: ${i}\n\n`).join("")
    expect(all.every((one) => one.body === whole && one.events.at(-1) === "end")).toBe(true)
  })
})
