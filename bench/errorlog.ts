/**
 * The error log: how long a search takes over a million rows in SQLite, by filter; what it costs to write a row; and what
 * a relay costs that leaves a row for each request, beside one that leaves none.
 *
 * `ERRORLOG_ROWS` (1,000,000) and `BENCH_SECONDS` (4, of each round of the relays) scale it.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { Effect, Layer } from "effect"
import { Books } from "#src/books/index"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { errorFindOf } from "#src/operate/ErrorFind"
import type { ErrorRow } from "#src/operate/ErrorRow"
import { insertRows, type PlacedRow } from "#src/operate/ErrorRows"
import { makeSlots } from "#src/operate/ErrorSlots"
import { ErrorLog, type ErrorQuery } from "#src/operate/index"
import { makeClient } from "./relay/client.ts"
import { throughput } from "./relay/measures.ts"
import { pin, cores, ports, stopAll } from "./relay/process.ts"
import { startRelay, startUpstream } from "./relay/subjects.ts"

const total = Number(process.env["ERRORLOG_ROWS"] ?? "1000000")
/** How long a round of the relays is; 0 leaves them out. */
const seconds = Number(process.env["BENCH_SECONDS"] ?? "4")
/** As many rows as the log writes at once. */
const batch = 64

/** Chance that is the same in each run. */
const seeded = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    return ((state ^ (state >>> 14)) >>> 0) / 2 ** 32
  }
}
const next = seeded(7)
const upTo = (many: number): number => Math.floor(next() ** 2 * many)
const words = (many: number): string =>
  Array.from({ length: many }, () => Math.floor(next() * 2 ** 32).toString(36)).join("")

const said = [
  () =>
    `Rate limit reached for gpt-5 in organization org-${words(2)} on tokens per min (TPM): Limit 30000, Used ${upTo(30_000)}, Requested ${upTo(9_000)}.`,
  () => "Incorrect API key provided: ***. You can find your API key in your account.",
  () => `The server had an error while processing your request. Sorry about that! (request id: req_${words(3)})`,
  () => "Overloaded",
  () => `The upstream did not answer in time: no first content came in ${upTo(60_000)} ms, limit 30000 ms.`,
  () =>
    `This model's maximum context length is 128000 tokens. However, your messages resulted in ${upTo(900_000)} tokens.`
]
const codes = ["channel:rate_limited", "channel:invalid_key", "bad_response_status_code", "upstream_overloaded"]
const classes = ["rate", "credential", "upstream", "timeout", "transport", "caller"]

const slot = makeSlots(0)
/** A month of rows. */
const begun = Date.now() - 30 * 86_400_000
const rowAt = (number: number): PlacedRow => {
  const at = begun + Math.floor((number / total) * 30 * 86_400_000)
  const stream = `${words(3)}${number}`
  const isAttempt = next() < 0.7
  const row: ErrorRow = {
    id: isAttempt ? `${stream}.1` : stream,
    at,
    kind: isAttempt ? "attempt" : "request",
    request_id: `req_${words(4)}`,
    stream_id: stream,
    token: `token-${upTo(200)}`,
    group: "default",
    model: `model-${upTo(30)}`,
    channel: `channel-${upTo(10)}`,
    channel_model: "gpt-5-2026",
    key: upTo(3),
    attempt: 1,
    stream: true,
    class: classes[upTo(classes.length)]!,
    code: codes[upTo(codes.length)]!,
    error_type: "openai_error",
    status_code: [429, 502, 503, 504, 400][upTo(5)]!,
    upstream_status: 429,
    upstream_code: "rate_limit_exceeded",
    upstream_request_id: null,
    message: said[upTo(said.length)]!(),
    retry_after_ms: 1200,
    first_content_ms: null,
    duration_ms: upTo(30_000),
    input_tokens: null,
    output_tokens: null,
    credits: null
  }
  return { seq: slot(at), row }
}

const quantile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

const fill = Effect.gen(function* () {
  const books = yield* Books
  const find = errorFindOf(books.engine)
  let cpu = 0
  const held: Array<number> = []
  const kept: Array<ErrorRow> = []
  for (let from = 0; from < total; from += batch) {
    const rows = Array.from({ length: Math.min(batch, total - from) }, (_, at) => rowAt(from + at))
    if (from % (batch * 400) === 0) kept.push(rows[0]!.row)
    const before = process.cpuUsage()
    const began = performance.now()
    yield* books.transaction(
      Effect.gen(function* () {
        yield* books.run(insertRows(rows))
        const index = find.index(rows)
        if (index !== undefined) yield* books.run(index)
      })
    )
    held.push(performance.now() - began)
    const spent = process.cpuUsage(before)
    cpu += spent.user + spent.system
    if (from % (batch * 100) === 0) yield* Effect.yieldNow
  }
  held.sort((one, other) => one - other)
  console.log(
    `${total} rows with messages: ${(cpu / total).toFixed(1)} us CPU a row; a batch of ${batch} holds the loop ` +
      `p50 ${quantile(held, 0.5).toFixed(1)} ms, p99 ${quantile(held, 0.99).toFixed(1)} ms`
  )
  return kept
})

/** The searches: each with other values, as people ask. */
const searches = (known: ReadonlyArray<ErrorRow>): { readonly [name: string]: () => Omit<ErrorQuery, "limit"> } => {
  const any = (): ErrorRow => known[Math.floor(next() * known.length)]!
  const orNone = (value: string | null): string | undefined => value ?? undefined
  return {
    "the newest": () => ({}),
    "from, to": () => ({ from: any().at, to: any().at + 86_400_000 }),
    channel: () => ({ channel: orNone(any().channel) }),
    model: () => ({ model: orNone(any().model) }),
    token: () => ({ token: orNone(any().token) }),
    code: () => ({ code: orNone(any().code) }),
    class: () => ({ class: orNone(any().class) }),
    status: () => ({ status_code: any().status_code }),
    request_id: () => ({ request_id: any().request_id }),
    stream_id: () => ({ stream_id: orNone(any().stream_id) }),
    kind: () => ({ kind: any().kind }),
    "kind, far back": () => ({ kind: any().kind, to: any().at }),
    "channel, model, token": () => {
      const { channel, model, token } = any()
      return { channel: orNone(channel), model: orNone(model), token: orNone(token) }
    },
    "channel, code, kind, day": () => {
      const { at, channel, code, kind } = any()
      return { channel: orNone(channel), code: orNone(code), kind, from: at - 43_200_000, to: at + 43_200_000 }
    },
    "what is not there": () => ({ channel: "nobody" }),
    "q, common": () => ({ q: ["rate limit", "OVERLOADED", "incorrect api"][upTo(3)]! }),
    "q, one message": () => ({ q: any().message?.slice(-24) }),
    "q, not there": () => ({ q: `zz${words(2)}` }),
    "q, its parts are there": () => ({
      q: ["Rate limit reached for gpt-6", "length is 128001 tokens", "Requested tokens per min"][upTo(3)]!
    }),
    "q, channel": () => ({ q: "Rate limit", channel: orNone(any().channel) }),
    "q, token, class": () => {
      const { class: blame, token } = any()
      return { q: "server had an error", token: orNone(token), class: orNone(blame) }
    }
  }
}

/** How often each is asked: the fifth longest is then told, and not what the machine did meanwhile. */
const times = 100

const measure = (known: ReadonlyArray<ErrorRow>) =>
  Effect.gen(function* () {
    const log = yield* ErrorLog
    const cold = performance.now()
    yield* Effect.orDie(log.search({ limit: 100 }))
    console.log(`the first search, which starts the thread that reads: ${(performance.now() - cold).toFixed(0)} ms`)
    const table: Array<object> = []
    const all: Array<number> = []
    for (const [name, query] of Object.entries(searches(known))) {
      const took: Array<number> = []
      const spent: Array<number> = []
      let rows = 0
      for (let n = 0; n < times; n++) {
        const asked = { ...query(), limit: 100 }
        const cpu = process.cpuUsage()
        const began = performance.now()
        rows += (yield* Effect.orDie(log.search(asked))).rows.length
        took.push(performance.now() - began)
        const { system, user } = process.cpuUsage(cpu)
        spent.push((user + system) / 1000)
      }
      all.push(...took)
      took.sort((one, other) => one - other)
      spent.sort((one, other) => one - other)
      table.push({
        search: name,
        "rows, mean": Math.round(rows / took.length),
        "p50 ms": quantile(took, 0.5).toFixed(1),
        "p95 ms": quantile(took, 0.95).toFixed(1),
        // Of all threads: what a machine that does other things too cannot make longer.
        "CPU p95 ms": quantile(spent, 0.95).toFixed(1)
      })
    }
    console.table(table)
    all.sort((one, other) => one - other)
    console.log(`all searches: p50 ${quantile(all, 0.5).toFixed(1)} ms, p95 ${quantile(all, 0.95).toFixed(1)} ms`)
  })

const relays = async (folder: string): Promise<void> => {
  const millis = seconds * 1000
  pin(cores.load)
  await startUpstream()
  const spent: { readonly none: Array<number>; readonly all: Array<number> } = { none: [], all: [] }
  const subjects = {
    none: await startRelay({
      name: "none",
      port: ports.first,
      folder: mkdtempSync(join(folder, "none-")),
      store: "sqlite"
    }),
    all: await startRelay({
      name: "all",
      port: ports.first + 1,
      folder: mkdtempSync(join(folder, "all-")),
      store: "sqlite",
      more: { errorLog: { successes: true } }
    })
  }
  const clients = { none: makeClient(subjects.none), all: makeClient(subjects.all) }
  try {
    for (const name of ["none", "all"] as const) await throughput(subjects[name], clients[name], millis / 2)
    for (let round = 0; round < 5; round++) {
      for (const name of round % 2 === 0 ? (["none", "all"] as const) : (["all", "none"] as const)) {
        spent[name].push((await throughput(subjects[name], clients[name], millis)).cpuPerRequest)
      }
    }
  } finally {
    clients.none.close()
    clients.all.close()
    stopAll()
  }
  const ratios = spent.all.map((all, at) => all / spent.none[at]!).sort((one, other) => one - other)
  const middle = (values: ReadonlyArray<number>): string =>
    quantile(
      values.toSorted((one, other) => one - other),
      0.5
    ).toFixed(0)
  console.log(`a relay's CPU us a request: ${middle(spent.none)} without rows, ${middle(spent.all)} with a row of each`)
  console.log(
    `a relay's CPU a request, a row of each beside none: ${((quantile(ratios, 0.5) - 1) * 100).toFixed(1)} % more ` +
      `(rounds: ${ratios.map((ratio) => `${((ratio - 1) * 100).toFixed(1)} %`).join(", ")})`
  )
}

/** Runs it. */
export const run = async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "bench-errorlog-"))
  try {
    const path = join(folder, "books.db")
    const books = BooksSqliteNode.layer({ path })
    if (total > 0) {
      await Effect.runPromise(
        Effect.scoped(
          Effect.gen(function* () {
            const known = yield* fill
            console.log(`${Math.round(statSync(path).size / 1e6)} MB`)
            yield* measure(known)
          }).pipe(Effect.provide(Layer.provideMerge(ErrorLog.layerReader, books)))
        )
      )
    }
    if (seconds > 0) await relays(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
