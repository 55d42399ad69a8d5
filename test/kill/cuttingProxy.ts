/**
 * A network that breaks: a proxy of plain TCP that cuts connections in the middle of what goes through them.
 */
import { connect, createServer, type AddressInfo, type Socket } from "node:net"

/** Where a connection is cut. */
export type Cut =
  /** Once so many bytes have gone to the server. */
  | { readonly of: "request"; readonly after: number }
  /** Once so many bytes have come from it. */
  | { readonly of: "response"; readonly after: number }
  /** In the middle of the piece in which this stands: what a client reads of it is no whole event. */
  | { readonly of: "piece"; readonly holding: string }

/** A running proxy. */
export interface CuttingProxy {
  readonly url: string
  /** How many connections it has cut. */
  readonly cuts: () => number
  readonly close: () => Promise<void>
}

/** What passes of a piece, and whether it is cut behind that. */
const passes = (cut: Cut, before: number, piece: Uint8Array): Uint8Array | undefined => {
  if (cut.of === "piece") {
    const at = Buffer.from(piece).indexOf(cut.holding)
    return at < 0 ? undefined : piece.subarray(0, at + Math.floor(cut.holding.length / 2))
  }
  return before + piece.length < cut.after ? undefined : piece.subarray(0, Math.max(0, cut.after - before))
}

/** Whether what has passed of a connection ends inside the head of an answer. It may be one of many. */
const endsInHead = (inHead: boolean, piece: Uint8Array): boolean => {
  const text = Buffer.from(piece).toString("latin1")
  const begins = text.lastIndexOf("HTTP/1.1 ")
  return begins < 0 ? inHead && !text.includes("\r\n\r\n") : !text.includes("\r\n\r\n", begins)
}

/** How soon an `EventSource` comes back: said at the beginning of each stream, in a chunk of its own. */
const hint = "retry: 30\n\n"
const hinted = (piece: Uint8Array): Uint8Array => {
  const head = Buffer.from(piece).toString("latin1")
  const end = head.indexOf("\r\n\r\n") + 4
  if (end < 4 || !/^HTTP\/1\.1 200 [^]*content-type: text\/event-stream/i.test(head)) return piece
  if (!/^transfer-encoding: chunked/im.test(head)) return piece
  const chunk = `${hint.length.toString(16)}\r\n${hint}\r\n`
  return Buffer.concat([piece.subarray(0, end), Buffer.from(chunk), piece.subarray(end)])
}

/**
 * Starts one. `port` is where a new connection goes, `next` how it is cut, if it is; `onAsked` is told each piece that went
 * to the server.
 */
export const startCuttingProxy = (
  port: () => number | undefined,
  next: () => Cut | undefined,
  onAsked: (piece: string) => void = () => {}
): Promise<CuttingProxy> => {
  let cuts = 0
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on("error", () => {})
    socket.once("close", () => sockets.delete(socket))
    return socket
  }
  const server = createServer((client) => {
    keep(client)
    const to = port()
    if (to === undefined) return void client.resetAndDestroy()
    const cut = next()
    const relay = keep(connect(to, "127.0.0.1"))
    const end = (inHead: boolean): void => {
      relay.destroy()
      // A goodbye in the middle of a head is to Chromium the end of the head: an answer without a content type, and so the
      // end of an `EventSource`. No network that breaks says goodbye.
      if (inHead) client.resetAndDestroy()
      else client.destroy()
    }
    const pass = (from: Socket, into: Socket, mine: boolean): void => {
      let passed = 0
      let inHead = true
      from.on("data", (read: Uint8Array) => {
        const piece = from === relay ? hinted(read) : read
        const rest = cut === undefined || !mine ? undefined : passes(cut, passed, piece)
        passed += piece.length
        if (from === client) onAsked(Buffer.from(rest ?? piece).toString("latin1"))
        if (rest === undefined) {
          inHead = endsInHead(inHead, piece)
          return void into.write(piece)
        }
        cuts++
        const torn = rest.length < "HTTP/1.1 ".length || endsInHead(inHead, rest)
        // What came before it arrives; then the connection is gone for both.
        into.write(rest, () => end(torn))
        from.pause()
      })
      from.once("end", () => into.end())
      from.once("close", () => {
        // A peer that died did not say goodbye: nor do we.
        if (!from.readableEnded) into.resetAndDestroy()
      })
    }
    pass(client, relay, cut?.of === "request")
    pass(relay, client, cut !== undefined && cut.of !== "request")
  })
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port: own } = server.address() as AddressInfo
      resolve({
        url: `http://127.0.0.1:${own}`,
        cuts: () => cuts,
        close: () =>
          new Promise((closed) => {
            for (const socket of sockets) socket.destroy()
            server.close(() => closed())
          })
      })
    })
  })
}
