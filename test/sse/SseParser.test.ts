import { assert, describe, it } from "@effect/vitest"
import { makeSseParser, type SseEvent, type SseOverflow } from "effect-resilience/sse"
import * as fc from "fast-check"

interface Observed {
  readonly events: Array<SseEvent>
  readonly comments: Array<string>
  readonly retries: Array<number>
  readonly lastEventId: string
  readonly retryMillis: number | undefined
  readonly overflow: SseOverflow | undefined
}

/** Feeds whole streams, one after the other, each as the chunks given. */
const parse = (
  streams: ReadonlyArray<ReadonlyArray<Uint8Array | string>>,
  options?: { readonly maxEventBytes?: number }
): Observed => {
  const events: Array<SseEvent> = []
  const comments: Array<string> = []
  const retries: Array<number> = []
  let overflow: SseOverflow | undefined
  const parser = makeSseParser({
    ...options,
    onEvent: (event) => events.push(event),
    onComment: (text) => comments.push(text),
    onRetry: (millis) => retries.push(millis)
  })
  for (const chunks of streams) {
    for (const chunk of chunks) overflow = parser.feed(chunk)
    parser.end()
  }
  return { events, comments, retries, lastEventId: parser.lastEventId, retryMillis: parser.retryMillis, overflow }
}

const bytes = (text: string) => new TextEncoder().encode(text)

const single = (all: Uint8Array) => Array.from(all, (byte) => Uint8Array.of(byte))

/** The same whole, byte by byte, and as text. */
const everyWay = (text: string, check: (observed: Observed) => void) => {
  check(parse([[bytes(text)]]))
  check(parse([single(bytes(text))]))
  check(parse([[text]]))
  check(parse([Array.from(text)]))
}

const datas = (text: string, expected: ReadonlyArray<string>) =>
  everyWay(text, (observed) =>
    assert.deepStrictEqual(
      observed.events.map((event) => event.data),
      expected
    )
  )

const long = "x".repeat(2048)

// The body that web-platform-tests' `resources/message.py` sends: the message, then a newline (by default an empty line).
const message = (text: string, newline = "\n\n") => `${text}${newline}\n`

describe("web-platform-tests eventsource/", () => {
  const cases: ReadonlyArray<readonly [file: string, body: string, data: ReadonlyArray<string>]> = [
    ["format-bom", message("\uFEFFdata:1\n\n\uFEFFdata:2\n\ndata:3"), ["1", "3"]],
    ["format-bom-2", message("\uFEFF\uFEFFdata:1\n\ndata:2\n\ndata:3"), ["2", "3"]],
    [
      "format-comments",
      message(`data:1\r:\0\n:\r\ndata:2\n:${long}\rdata:3\n:data:fail\r:${long}\ndata:4\n`, ""),
      ["1\n2\n3\n4"]
    ],
    [
      "format-data-before-final-empty-line",
      `${message("retry:1000\ndata:test1\n\nid:test\ndata:test2", "")}`,
      ["test1"]
    ],
    ["format-field-data", message("data:\n\ndata\ndata\n\ndata:test"), ["", "\n", "test"]],
    [
      "format-field-parsing",
      message(
        "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n"
      ),
      ["\0\n 2\n1\n3\n\n4"]
    ],
    ["format-field-retry-empty", message("retry\ndata:test"), ["test"]],
    [
      "format-field-unknown",
      message("data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test"),
      ["test\n\ntest"]
    ],
    ["format-leading-space", message("data:\ttest\rdata: \ndata:test"), ["\ttest\n\ntest"]],
    ["format-newlines", message("data:test\r\ndata\ndata:test\r\n\r", ""), ["test\n\ntest"]],
    ["format-null-character", message("data:\0\n\n\n\n"), ["\0"]],
    ["format-utf-8", message("data:ok…"), ["ok…"]],
    [
      "event-data",
      message("data:msg\ndata: msg\n\n:\n\nfalsefield:msg\n\nfalsefield:msg\nData:data\n\ndata\n\ndata:end\n\n"),
      ["msg\nmsg", "", "end"]
    ]
  ]
  for (const [file, body, expected] of cases) it(file, () => datas(body, expected))

  it("format-field-event and format-field-event-empty", () => {
    everyWay(message("event:test\ndata:x\n\ndata:x"), ({ events }) =>
      assert.deepStrictEqual(
        events.map((event) => event.event),
        ["test", "message"]
      )
    )
    everyWay(message("event: \ndata:data"), ({ events }) =>
      assert.deepStrictEqual(events, [{ event: "message", data: "data", id: "" }])
    )
  })

  it("format-field-id and -id-2: an id outlives the connection that sent it", () => {
    const { events, lastEventId } = parse([
      [bytes("id: …\nretry: 200\ndata: hello\n\n")],
      [bytes("data: …\n\n")],
      [bytes("data: …\n\n")]
    ])
    assert.deepStrictEqual(
      events.map((event) => event.id),
      ["…", "…", "…"]
    )
    assert.strictEqual(lastEventId, "…")
  })

  it("format-field-id-3", () => {
    const ids = (text: string) => parse([[text]]).events.map((event) => event.id)
    assert.deepStrictEqual(ids("id: 1\ndata: 1\n\ndata:2\n\n"), ["1", "1"])
    assert.deepStrictEqual(ids("id: 1\ndata: 1\n\nid: 2\ndata:2\n\ndata:3\n\n"), ["1", "2", "2"])
    assert.deepStrictEqual(ids("id: 1\ndata: 1\n\nid:\ndata:2\n\ndata:3\n\n"), ["1", "", ""])
    assert.deepStrictEqual(ids("id: 1\ndata: 1\n\nid\ndata:2\n\n"), ["1", ""])
  })

  it("format-field-id-null: an id with NUL is ignored", () => {
    for (const id of ["\0\0", "x\0", "\0x", "x\0x", " \0"]) {
      everyWay(`id: 7\ndata: a\n\nid:${id}\ndata:hello\n\n`, ({ events, lastEventId }) => {
        assert.strictEqual(events[1]?.id, "7")
        assert.strictEqual(lastEventId, "7")
      })
    }
  })

  it("format-field-retry and -retry-bogus", () => {
    everyWay(message("retry:02000\ndata:x"), (o) => assert.strictEqual(o.retryMillis, 2000))
    everyWay(message("retry:2000\nretry:1000x\ndata:x"), (o) => assert.deepStrictEqual(o.retries, [2000]))
    for (const bad of ["-1", "+5", "1.5", "  7", "１２", "1e3", "0x10", " ", ""]) {
      everyWay(`retry:${bad}\ndata:x\n\n`, (o) => assert.strictEqual(o.retryMillis, undefined))
    }
  })
})

describe("SseParser", () => {
  it("commits the id of a block without data", () => {
    everyWay("id: 5\n\n", (o) => {
      assert.deepStrictEqual(o.events, [])
      assert.strictEqual(o.lastEventId, "5")
    })
  })

  it("drops an unfinished event and its id, and starts the next stream without them", () => {
    const o = parse([["id: 1\ndata: a\n\nid: 2\nevent: x\ndata: b\n"], ["\uFEFFdata: c\n\n"]])
    assert.deepStrictEqual(o.events, [
      { event: "message", data: "a", id: "1" },
      { event: "message", data: "c", id: "1" }
    ])
    assert.strictEqual(o.lastEventId, "1")
  })

  it("reports a retry at once, as state and not as an event, clamped to what a timer can take", () => {
    const o = parse([[`data: a\n\nretry: 10\ndata: b\n\nretry: ${"9".repeat(400)}\n`]])
    assert.deepStrictEqual(
      o.events.map((event) => event.data),
      ["a", "b"]
    )
    assert.deepStrictEqual(o.retries, [10, 2 ** 31 - 1])
    assert.strictEqual(o.retryMillis, 2 ** 31 - 1)
  })

  it("reports comments, without one leading space", () => {
    everyWay(": ping\n:\n:  two\n\n", (o) => assert.deepStrictEqual(o.comments, ["ping", "", " two"]))
  })

  it("takes CR, LF and CRLF, split anywhere", () => {
    for (const end of ["\n", "\r", "\r\n"]) {
      everyWay(`id: 1${end}data: a${end}data: b${end}${end}data: c${end}${end}`, ({ events }) =>
        assert.deepStrictEqual(events, [
          { event: "message", data: "a\nb", id: "1" },
          { event: "message", data: "c", id: "1" }
        ])
      )
    }
  })

  it("dispatches at a CR that ends a chunk, and takes the LF after it as its second half", () => {
    const events: Array<string> = []
    const parser = makeSseParser({ onEvent: (event) => events.push(event.data) })
    parser.feed("data: a\r\r")
    assert.deepStrictEqual(events, ["a"])
    parser.feed("\n")
    parser.feed("data: b\r\n\r")
    parser.feed("")
    parser.feed("\ndata: c\r\n\r\n")
    assert.deepStrictEqual(events, ["a", "b", "c"])
  })

  it("forgets everything at a reset", () => {
    const parser = makeSseParser({ onEvent: () => {} })
    parser.feed("id: 1\nretry: 5\ndata: a\n\ndata: b")
    parser.reset()
    assert.strictEqual(parser.lastEventId, "")
    assert.strictEqual(parser.retryMillis, undefined)
  })

  it("copies a truncated character, since a socket may use its memory again", () => {
    const events: Array<string> = []
    const parser = makeSseParser({ onEvent: (event) => events.push(event.data) })
    const memory = Buffer.from("data: 😀\n\n")
    const first = memory.subarray(0, 8)
    parser.feed(first)
    const rest = Buffer.from(memory.subarray(8))
    memory.fill(0)
    parser.feed(rest)
    assert.deepStrictEqual(events, ["😀"])
  })

  describe("is bounded", () => {
    const limit = { maxEventBytes: 100 }
    const overflows = (text: string, expected: boolean, before: ReadonlyArray<string>) => {
      for (const chunks of [[bytes(text)], single(bytes(text)), [text]]) {
        const o = parse([chunks], limit)
        assert.deepStrictEqual(
          o.overflow,
          expected ? { _tag: "SseOverflow", maxEventBytes: 100 } : undefined,
          JSON.stringify(text)
        )
        assert.deepStrictEqual(
          o.events.map((event) => event.data),
          before
        )
      }
    }
    it("for a single line, complete or not", () => {
      overflows(`data: ok\n\ndata: ${"x".repeat(95)}\n\ndata: no\n\n`, true, ["ok"])
      overflows(`data: ${"x".repeat(94)}\n\n`, false, ["x".repeat(94)])
      overflows(`data: ok\n\ndata: ${"x".repeat(500)}`, true, ["ok"])
      overflows(`data: ok\n\n:${"x".repeat(500)}`, true, ["ok"])
      overflows(`data: ok\n\nfoo: ${"x".repeat(500)}\n\n`, true, ["ok"])
      overflows(`data: ok\r\n\r\ndata: ${"x".repeat(500)}\r\n\r\n`, true, ["ok"])
    })
    it("for an event of many lines", () => {
      overflows(`data: ok\n\n${"data: 0123456789\n".repeat(20)}\n`, true, ["ok"])
      overflows("data: ok\n\n" + "data\n".repeat(50), true, ["ok"])
      overflows("event: 0123456789\n".repeat(20), true, [])
    })
    it("in bytes, not characters", () => {
      overflows(`data: ${"€".repeat(31)}\n\n`, false, ["€".repeat(31)])
      overflows(`data: ${"€".repeat(32)}\n\n`, true, [])
      overflows(`data: ${"😀".repeat(23)}\n\n`, false, ["😀".repeat(23)])
      overflows(`data: ${"😀".repeat(24)}\n\n`, true, [])
      for (const [field, colon] of [
        ["event", 7],
        ["id", 4]
      ] as const) {
        const line = `${field}: ${"€".repeat(20)}\n`
        const fits = "x".repeat(100 - colon - 60 - 6)
        overflows(`${line}data: ${fits}\n\n`, false, [fits])
        overflows(`${line}data: ${fits}x\n\n`, true, [])
      }
    })
    it("but not for comments without end", () => overflows(": ping\n".repeat(100) + "data: a\n\n", false, ["a"]))
    it("and ignores everything until a reset", () => {
      const events: Array<string> = []
      const parser = makeSseParser({ ...limit, onEvent: (event) => events.push(event.data) })
      assert.isDefined(parser.feed("x".repeat(101)))
      assert.isDefined(parser.feed("\n\ndata: a\n\n"))
      parser.reset()
      assert.isUndefined(parser.feed("data: b\n\n"))
      assert.deepStrictEqual(events, ["b"])
    })
  })

  it("is linear in a line that comes in many small chunks", () => {
    const events: Array<number> = []
    const parser = makeSseParser({ onEvent: (event) => events.push(event.data.length) })
    const chunk = bytes("y".repeat(5))
    parser.feed("data: ")
    for (let i = 0; i < 200_000; i++) parser.feed(chunk)
    parser.feed("\n\n")
    assert.deepStrictEqual(events, [1_000_000])
  })
})

/** The standard's algorithm, a character at a time. */
const reference = (text: string) => {
  const events: Array<SseEvent> = []
  let [data, type, idBuffer, lastEventId] = ["", "", "", ""]
  let retryMillis: number | undefined
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text
  const lines = source.split(/\r\n|\n|\r/)
  // What no line end follows is not a line.
  for (const line of lines.slice(0, -1)) {
    if (line === "") {
      lastEventId = idBuffer
      if (data !== "") events.push({ event: type === "" ? "message" : type, data: data.slice(0, -1), id: lastEventId })
      data = ""
      type = ""
      continue
    }
    const colon = line.indexOf(":")
    if (colon === 0) continue
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "")
    if (name === "data") data += value + "\n"
    if (name === "event") type = value
    if (name === "id" && !value.includes("\0")) idBuffer = value
    if (name === "retry" && /^[0-9]+$/.test(value)) retryMillis = Math.min(Number(value), 2 ** 31 - 1)
  }
  return { events, lastEventId, retryMillis }
}

const pieces = fc.constantFrom(
  "data",
  "data:",
  "data: ",
  "event:",
  "event: x",
  "id:",
  "id: 1",
  "id: 2\n",
  "retry: 5",
  "retry:6x",
  ":",
  ": c",
  "\n",
  "\n\n",
  "\r",
  "\r\r",
  "\r\n",
  "\r\n\r\n",
  " ",
  "x",
  "\0",
  "é",
  "…",
  "😀",
  "\uFEFF",
  "{}",
  "data: {}\n\n"
)

const invalid = fc.constantFrom(
  [0xff],
  [0xc3],
  [0xe2, 0x80],
  [0xf0, 0x9f, 0x98],
  [0x80],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90]
)

const streamOfBytes = fc
  .array(fc.oneof({ weight: 8, arbitrary: pieces.map((text) => Array.from(bytes(text))) }, invalid), { maxLength: 40 })
  .map((parts) => Uint8Array.from(parts.flat()))

const cutAt = (all: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  let from = 0
  for (let i = 0; from < all.length; i++) {
    const size = sizes.length === 0 ? all.length : sizes[i % sizes.length]!
    chunks.push(all.subarray(from, from + size))
    from += size
  }
  return chunks
}

describe("for every stream and every split into chunks", () => {
  it("gives what the standard's algorithm gives", () => {
    fc.assert(
      fc.property(streamOfBytes, fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 8 }), (all, sizes) => {
        const expected = reference(new TextDecoder("utf-8", { ignoreBOM: true }).decode(all))
        const { events, lastEventId, retryMillis, overflow } = parse([cutAt(all, sizes)])
        assert.deepStrictEqual({ events, lastEventId, retryMillis }, expected)
        assert.isUndefined(overflow)
      }),
      { numRuns: 5000 }
    )
  })

  it("overflows for one split exactly when it does for another", () => {
    fc.assert(
      fc.property(streamOfBytes, fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 8 }), (all, sizes) => {
        const whole = parse([[all]], { maxEventBytes: 12 })
        const split = parse([cutAt(all, sizes)], { maxEventBytes: 12 })
        assert.deepStrictEqual(split.events, whole.events)
        assert.deepStrictEqual(split.overflow, whole.overflow)
      }),
      { numRuns: 2000 }
    )
  })
})

describe("R4: an event that the end of the stream cuts off", () => {
  const read = (chunks: ReadonlyArray<string>, isWholeAtEnd?: (event: SseEvent) => boolean) => {
    const events: Array<string> = []
    const parser = makeSseParser({ onEvent: ({ data, event }) => events.push(`${event} ${data}`), isWholeAtEnd })
    for (const chunk of chunks) parser.feed(chunk)
    parser.end()
    return events
  }
  const always = () => true

  it("is dropped, as the standard says, unless it is said to be whole", () => {
    assert.deepStrictEqual(read(["data: a\n\ndata: b\n"]), ["message a"])
    assert.deepStrictEqual(
      read(["data: a\n\ndata: b\n"], () => false),
      ["message a"]
    )
    assert.deepStrictEqual(read(["data: a\n\ndata: b\n"], always), ["message a", "message b"])
  })

  it("is asked about with its last line, though no line end came", () => {
    assert.deepStrictEqual(read(["event: x\ndata: b\ndata: ", "c"], always), ["x b\nc"])
    assert.deepStrictEqual(read(["data: b\nevent: x"], always), ["message b"])
    assert.deepStrictEqual(read(["event: x\n"], always), [])
    assert.deepStrictEqual(read([""], always), [])
  })
})

describe("A2: a line that the standard ignores", () => {
  const read = (text: string, isWholeAtEnd?: (event: SseEvent) => boolean) => {
    const observed: Array<ReadonlyArray<string>> = []
    for (const chunks of [[text], Array.from(text)]) {
      const lines: Array<string> = []
      const parser = makeSseParser({ onEvent: () => undefined, onIgnored: (line) => lines.push(line), isWholeAtEnd })
      for (const chunk of chunks) parser.feed(chunk)
      parser.end()
      observed.push(lines.filter((line) => line !== ""))
    }
    assert.deepStrictEqual(observed[0], observed[1])
    return observed[0]
  }

  it("is told as it is, and no other one is", () => {
    const fields = "data: a\ndata\nevent: x\nevent\nid: 1\nid\nretry: 5\nretry: x\nretry\n: comment\n:\n\n"
    assert.deepStrictEqual(read(fields), [])
    const ignored = ["error: {}", "{", '  "a": "b:  c",', "}", " data: x", "dataset: x", "Data: x", "x"]
    assert.deepStrictEqual(read(fields + ignored.join("\n") + "\r\n" + fields), ignored)
  })

  it("is told where the end of the stream cuts it off, if that is asked about", () => {
    for (const line of ["}", "error: x", "id: 4"]) {
      assert.deepStrictEqual(read(`data: a\n\n${line}`), [])
      assert.deepStrictEqual(
        read(`data: a\n\n${line}`, () => true),
        [line]
      )
    }
    assert.deepStrictEqual(
      read("data: a\n\ndata: b", () => true),
      []
    )
  })
})
