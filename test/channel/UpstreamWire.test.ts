/**
 * What an upstream may do on the wire within HTTP/1.1, and beside it: what comes before an answer and behind it, what is
 * read while nobody wants to read, and which connections are kept.
 */
import { readFileSync } from "node:fs"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import { Redacted } from "effect"
import { Client } from "undici"
import { describe, expect, it } from "vitest"
import { loadClient } from "#src/channel/ConnectionNode"
import { cleanUp, cleanups, onRequests, open, rawServer, type Recorded, send, until, wait } from "./kit/calls.ts"

cleanUp()

const answer = (body: string, more = ""): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n${more}content-length: ${body.length}\r\n\r\n${body}`

const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

const ended = async (recorded: Recorded): Promise<Recorded> => {
  await recorded.ended
  return recorded
}

/** A server that answers each request so, over its kept sockets. */
const answering = (act: (socket: Net.Socket, index: number, head: string) => void) =>
  rawServer((socket) => onRequests(socket, (head, _, index) => act(socket, index, head)))

describe("what comes before an answer is passed over", () => {
  const early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
  const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
  it.each([
    ["a 100 that nobody asked for", [goOn + answer("ok")]],
    ["in pieces of their own", [goOn, early, goOn, answer("ok")]],
    ["cut anywhere", [...(goOn + early + answer("ok"))]],
    ["in HTTP/1.0", ["HTTP/1.0 100 Continue\r\n\r\n", answer("ok")]],
    ["a 102 with headers", [`HTTP/1.1 102 Processing\r\nx-a: ${"a".repeat(1000)}\r\n\r\n`, answer("ok")]]
  ])("%s", async (_, pieces) => {
    const upstream = await open()
    const server = await answering(async (socket) => {
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise(setImmediate)
      }
    })
    for (const _ of [1, 2]) {
      const { body, events, status } = await ended(send(upstream, server.url))
      expect([status, body, events.filter((event) => event === "head").length]).toEqual([200, "ok", 1])
      await wait(5)
    }
    expect(server.state.connections).toBe(1)
  })

  it("within bounds", async () => {
    const server = await answering((socket) => void socket.write(`HTTP/1.1 102 X\r\nx-a: ${"a".repeat(70_000)}`))
    const { error } = await ended(send(await open(), server.url))
    expect(error?.message).toMatch(/headers are too large .*while waiting for the answer/)
  })
})

describe("an answer", () => {
  it.each([
    ["of HTTP/1.0, which ends with its connection", "HTTP/1.0 200 OK\r\n\r\nok", "ok", true],
    ["of HTTP/1.0 with a length", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok", true],
    ["with trailers", `${chunked}2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n`, "ok", false],
    ["with extensions of its chunks", `${chunked}2;a=b\r\nok\r\n0;c\r\n\r\n`, "ok", false],
    ["without a body", "HTTP/1.1 204 No Content\r\n\r\n", "", false]
  ])("%s", async (_, bytes, body, closes) => {
    const server = await answering((socket) => (closes ? socket.end(bytes) : socket.write(bytes)))
    const upstream = await open()
    for (const _ of [1, 2]) {
      const recorded = await ended(send(upstream, server.url))
      expect([recorded.body, recorded.events.at(-1)]).toEqual([body, "end"])
      await wait(5)
    }
    expect(server.state.connections).toBe(closes ? 2 : 1)
  })

  it.each([
    ["with two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nokk"],
    ["with a length and chunks", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["with lines of another sort", "HTTP/1.1 200 OK\nx-a: b\n\nok"]
  ])("%s is a broken one", async (_, bytes) => {
    const server = await answering((socket) => void socket.write(bytes))
    const { error } = await ended(send(await open(), server.url))
    expect(error?.message).toMatch(/^the answer is not/)
    await until(() => server.state.closed === 1)
  })
})

describe("a connection is not kept", () => {
  const kept = async (act: (socket: Net.Socket, index: number) => void): Promise<number> => {
    const upstream = await open()
    const server = await answering(act)
    for (const _ of [1, 2]) {
      expect((await ended(send(upstream, server.url))).body).toBe("ok")
      await wait(5)
    }
    return server.state.connections
  }

  it("where its upstream says so", async () => {
    expect(await kept((socket) => void socket.write(answer("ok", "connection: close\r\n")))).toBe(2)
  })

  it("where its upstream will close it in a second", async () => {
    expect(await kept((socket) => void socket.write(answer("ok", "keep-alive: timeout=1\r\n")))).toBe(2)
  })

  it("where more came than the answer, and what came is nobody's answer", async () => {
    expect(await kept((socket) => void socket.write(answer("ok") + answer("no")))).toBe(2)
    expect(
      await kept((socket) => {
        socket.write(answer("ok"))
        setTimeout(() => socket.write(answer("no")), 2)
      })
    ).toBe(2)
  })

  it("where more are idle than may be", async () => {
    const upstream = await open({ maxFreeSockets: 1 })
    const server = await answering((socket) => setTimeout(() => socket.write(answer("ok")), 20))
    await Promise.all([1, 2, 3].map(() => ended(send(upstream, server.url))))
    await until(() => server.state.closed === 2)
    expect(server.state.connections).toBe(3)
  })

  it("where a call on it was given up before it was sent", async () => {
    const upstream = await open()
    let requests = 0
    const server = await answering((socket) => {
      requests += 1
      socket.write(answer("ok"))
    })
    await ended(send(upstream, server.url))
    await wait(5)
    const recorded = send(upstream, server.url)
    recorded.call.abort()
    await until(() => server.state.closed === 1)
    expect([recorded.events, requests]).toEqual([["open"], 1])
    expect((await ended(send(upstream, server.url))).body).toBe("ok")
  })
})

describe("calls that wait for a connection", () => {
  it("have the next that is free, in the order in which they came", async () => {
    const upstream = await open({ maxSockets: 1 })
    const asked: Array<string> = []
    const server = await answering((socket, _, head) => {
      asked.push(/x-a: (\d)/.exec(head)?.[1] ?? "")
      setTimeout(() => socket.write(answer("ok")), 5)
    })
    const calls = ["1", "2", "3"].map((at) => send(upstream, server.url, { "x-a": at }))
    calls[1]?.call.abort()
    await Promise.all([calls[0]?.ended, calls[2]?.ended])
    expect([asked, server.state.connections, calls[1]?.events]).toEqual([["1", "3"], 1, ["open"]])
  })

  it("have a new one in the place of one that broke, and fail when the layer is closed", async () => {
    const upstream = await open({ maxSockets: 1 })
    const server = await answering((socket, _, head) => {
      if (head.includes("x-a: 1")) socket.resetAndDestroy()
      if (head.includes("x-a: 2")) socket.write(answer("ok"))
    })
    const [first, second, third, fourth] = ["1", "2", "3", "4"].map((at) => send(upstream, server.url, { "x-a": at }))
    await first!.ended
    expect((await ended(second!)).body).toBe("ok")
    await wait(5)
    await cleanups[0]?.()
    for (const left of [third!, fourth!]) expect((await ended(left)).error?._tag).toBe("DoRequestFailed")
  })
})

describe("while a call is paused", () => {
  it("nothing comes, not even what was on its way, and no end; all of it comes after", async () => {
    const server = await answering((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\nab")
      setTimeout(() => socket.write("cd"), 30)
      setTimeout(() => socket.end("ef"), 60)
    })
    const recorded = send(await open(), server.url)
    await until(() => recorded.body === "ab")
    recorded.call.pause()
    await wait(120)
    expect(recorded.events).toEqual(["open", "head", "data"])
    recorded.call.resume()
    await recorded.ended
    expect([recorded.body, recorded.events.at(-1)]).toEqual(["abcdef", "end"])
  })

  it("its end is told after, and its connection is kept", async () => {
    const upstream = await open()
    const server = await answering((socket) => {
      socket.write(`${chunked}2\r\nab\r\n`)
      setTimeout(() => socket.write("0\r\n\r\n"), 30)
    })
    const recorded = send(upstream, server.url)
    await until(() => recorded.body === "ab")
    recorded.call.pause()
    await wait(60)
    expect(recorded.events).toEqual(["open", "head", "data"])
    recorded.call.resume()
    await recorded.ended
    expect(recorded.events).toEqual(["open", "head", "data", "end"])
    await ended(send(upstream, server.url))
    expect(server.state.connections).toBe(1)
  })

  it("its upstream has to wait", async () => {
    let written = 0
    let full = false
    const server = await answering((socket) => {
      socket.write(chunked)
      const more = (): void => {
        while (!full && written < 100_000_000) {
          written += 100_000
          full = !socket.write(`186a0\r\n${"a".repeat(100_000)}\r\n`)
        }
      }
      socket.on("drain", () => {
        full = false
        more()
      })
      more()
    })
    const recorded: Recorded = send(await open(), server.url, {}, { onHead: () => recorded.call.pause() })
    await recorded.head
    await wait(300)
    expect(full).toBe(true)
    expect(written).toBeLessThan(30_000_000)
    recorded.call.abort()
  })

  it("another's callback may go on with it", async () => {
    const upstream = await open()
    const body = "a".repeat(300_000)
    const server = await answering((socket) => void socket.write(answer(body)))
    const paused: Recorded = send(upstream, server.url, {}, { onHead: () => paused.call.pause() })
    await paused.head
    await wait(20)
    const other = send(upstream, server.url, {}, { onData: () => paused.call.resume() })
    await Promise.all([paused.ended, other.ended])
    expect([paused.body.length, other.body.length]).toEqual([body.length, body.length])
  })

  it("it may go on at once", async () => {
    const upstream = await open()
    const server = await answering((socket) => void socket.write(answer("abc")))
    const recorded: Recorded = send(
      upstream,
      server.url,
      {},
      {
        onHead: () => {
          recorded.call.pause()
          recorded.call.resume()
        },
        onData: () => {
          recorded.call.pause()
          recorded.call.resume()
        }
      }
    )
    await recorded.ended
    expect(recorded.body).toBe("abc")
    await wait(5)
    expect((await ended(send(upstream, server.url))).body).toBe("abc")
    expect(server.state.connections).toBe(1)
  })
})

describe("a request", () => {
  it("has each header once, in whatever case it is named", async () => {
    let head = ""
    const server = await answering((socket, _, said) => {
      head = said
      socket.write(answer("ok"))
    })
    await ended(
      send(await open(), server.url, {
        "content-type": "application/json",
        accept: "application/json",
        "X-A": "1",
        Accept: "text/plain",
        "Content-Length": "7",
        "x-a": "2"
      })
    )
    const named = (name: string): ReadonlyArray<string> =>
      head.split("\r\n").filter((line) => line.toLowerCase().startsWith(`${name}:`))
    expect([named("accept"), named("x-a")].flat().map((line) => line.split(": ")[1])).toEqual(["text/plain", "2"])
    expect([named("content-type"), named("content-length"), named("host")].map(({ length }) => length)).toEqual([
      1, 1, 1
    ])
    expect(named("content-length")).toEqual(["content-length: 13"])
  })

  it("that is answered before it was read is not mixed with the next", async () => {
    const upstream = await open()
    const server = await rawServer((socket, index) => {
      if (index > 0) return onRequests(socket, () => socket.write(answer("ok")))
      socket.pause()
      socket.write(answer("early"))
    })
    const body = await new Promise<string>((resolve) => {
      let said = ""
      upstream.open(
        { url: server.url, headers: {}, body: "a".repeat(20_000_000) },
        {
          onHead: () => {},
          onData: (chunk) => (said += Buffer.from(chunk).toString()),
          onEnd: () => resolve(said),
          onError: ({ message }) => resolve(message)
        }
      )
    })
    expect(body).toBe("early")
    expect((await ended(send(upstream, server.url))).body).toBe("ok")
    expect(server.state.connections).toBe(2)
  })
})

describe("whatever an upstream does and whoever leaves", () => {
  // Each says in its body who asked, so that an answer which is another's is seen.
  const acts: ReadonlyArray<(socket: Net.Socket, id: string) => void> = [
    (socket, id) => socket.write(answer(id)),
    (socket, id) => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${answer(id)}`),
    (socket, id) => socket.write(answer(id, "connection: close\r\n")),
    (socket, id) => socket.write(answer(id) + answer("another's")),
    (socket, id) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${id}`),
    (socket, id) => {
      socket.write(`${chunked}${id.length.toString(16)}\r\n${id}\r\n`)
      setTimeout(() => socket.write("0\r\n\r\n"), 3)
    },
    (socket) => socket.resetAndDestroy(),
    (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", () => socket.destroy()),
    (socket, id) => {
      socket.write(answer(id))
      setTimeout(() => socket.destroy(), 1)
    },
    () => {}
  ]

  it.each([1, 2, 3])("each call ends once, and with its own answer (%i)", async (seed) => {
    let state = seed
    const below = (bound: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * bound)
    }
    const upstream = await open({ maxSockets: 20, maxFreeSockets: 5 })
    const server = await answering((socket, _, head) =>
      acts[below(acts.length)]?.(socket, /x-id: (\S+)/.exec(head)![1]!)
    )
    const one = async (at: number): Promise<void> => {
      const id = `<${at}>`
      const recorded = send(upstream, server.url, { "x-id": id })
      if (below(3) === 0) {
        recorded.call.pause()
        setTimeout(() => recorded.call.resume(), below(5))
      }
      if (below(4) === 0) setTimeout(() => recorded.call.abort(), below(4))
      // Some upstreams never say anything.
      await Promise.race([recorded.ended, wait(150)])
      recorded.call.abort()
      const { body, events } = recorded
      await wait(2)
      expect(events.filter((event) => event === "end" || event === "error").length).toBeLessThanOrEqual(1)
      expect(events.filter((event) => event === "head").length).toBeLessThanOrEqual(1)
      if (events.at(-1) === "end") expect(body).toBe(id)
      expect(id.startsWith(body)).toBe(true)
    }
    let next = 0
    const asks = Array.from({ length: 30 }, async () => {
      while (next < 400) await one(next++)
    })
    await Promise.all(asks)
    await until(() => server.state.connections - server.state.closed <= 5)
    expect(server.state.connections).toBeGreaterThan(50)
  })
})

describe("over TLS", () => {
  it("a new connection goes on with the session of the last", async () => {
    const pem = (name: string): string => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), "utf8")
    const reused: Array<boolean> = []
    const server = Tls.createServer({ cert: pem("server"), key: pem("server-key") }, (socket) => {
      reused.push(socket.isSessionReused())
      socket.on("error", () => {})
      onRequests(socket, () => socket.end(answer("ok", "connection: close\r\n")))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    cleanups.push(() => new Promise((resolve) => server.close(resolve)))
    const url = `https://localhost:${(server.address() as Net.AddressInfo).port}/v1`
    const route = { proxy: null, tls: { ca: Redacted.make(pem("ca")) } }
    const upstream = await open()
    for (const _ of [1, 2]) {
      expect((await ended(send(upstream, url, {}, {}, route))).body).toBe("ok")
      await wait(20)
    }
    expect(reused).toEqual([false, true])
  })
})

it("undici's client is loaded without the rest of undici", async () => {
  expect((await loadClient()).name).toBe(Client.name)
  expect(Object.getOwnPropertyNames((await loadClient()).prototype)).toEqual(
    Object.getOwnPropertyNames(Client.prototype)
  )
})
