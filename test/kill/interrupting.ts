/**
 * Interrupts requests at every kind of moment, and adds up what was reserved, settled and refunded for them: not a credit
 * may be lost, doubled or left open.
 *
 * A round is some requests at once, of clients of every kind, to upstreams that break as upstreams do; meanwhile the relay
 * is killed (SIGKILL), or its books are locked by somebody else, or nothing is done to it. It is started again on the same
 * files; clients that have a key send their request again, those that have a cursor come back. In the end all that is open
 * has come to its end, and the ledger is judged by its rows. What is chosen is chosen by a seed.
 */
import { DatabaseSync } from "node:sqlite"
import { Effect, Exit, Scope } from "effect"
import { Script, type ScriptedCall, ScriptedServer } from "effect-resilience/testing"
import { channelOf } from "../support/relay.ts"
import { type RelayProcess, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { open, read } from "../support/sse.ts"
import { randomOf, sleep } from "./killing.ts"

/** What to do. */
export interface InterruptOptions {
  readonly seed: number
  /** So many requests, about. */
  readonly requests: number
  readonly onRound?: (soFar: InterruptReport) => void
}

/** What was seen. */
export interface InterruptReport {
  /** Requests that were sent, replays among them, and how many of them were refused for want of credits. */
  readonly requests: number
  readonly refused: number
  readonly kills: number
  readonly locks: number
  /** By the ledger: reservations, and how they ended. */
  readonly reserved: number
  readonly settled: number
  readonly refunded: number
  /** Its sum, in the end. */
  readonly sum: { readonly [name: string]: number }
  /** What went wrong, in words. */
  readonly complaints: ReadonlyArray<string>
}

const kinds = [
  "stream",
  "whole",
  "keyed",
  "replayed",
  "cancelled",
  "left",
  "resumed",
  "embeddings",
  "count",
  "background"
] as const
type Kind = (typeof kinds)[number]

/** Requests of a round. */
const perRound = 30

const embeddings = Script.status(200, {
  body: {
    object: "list",
    data: [{ object: "embedding", index: 0, embedding: [0.1] }],
    model: "m",
    usage: { prompt_tokens: 2, total_tokens: 2 }
  }
})

type Random = ReturnType<typeof randomOf>

const pick = <A>(random: Random, all: ReadonlyArray<A>): A => all[random.below(all.length)]!

/** How an upstream does. */
const scriptOf = (random: Random, call: ScriptedCall): Script.Script => {
  if (call.url.includes("/embeddings")) return random.below(5) === 0 ? Script.status(500) : embeddings
  const good = Script.answer("one two three four five six seven eight").pipe(Script.every(random.below(12)))
  switch (random.below(9)) {
    case 0:
      return good.pipe(Script.cutAfter(1 + random.below(6), "reset"))
    case 1:
      return good.pipe(Script.cutAfter(random.below(6), "stall"))
    case 2:
      return good.pipe(Script.startsAfter(random.below(200)))
    case 3:
      return pick(random, [Script.status(500), Script.status(400), Script.status(429), Script.refused, Script.silence])
    default:
      return good
  }
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

/** `poor` has too little for many of its requests, `free` has no limit at all, `trusted` reserves nothing. */
const tokens = [
  { name: "ops", key: "key-of-ops", admin: true },
  { name: "alice", key: "key-of-alice", quota: { balance: 1_000_000_000 } },
  { name: "poor", key: "key-of-poor", quota: { balance: 60_000, budget: { amount: 6000, per: "day" } } },
  { name: "trusted", key: "key-of-trusted", quota: { balance: 1_000_000_000_000 } },
  { name: "free", key: "key-of-free" }
]
const askers = ["alice", "alice", "alice", "poor", "trusted", "free"]

/** A relay that is interrupted. */
class World {
  readonly folder = temporaryFolder()
  readonly complaints: Array<string> = []
  requests = 0
  refused = 0
  kills = 0
  locks = 0
  private readonly scope = Effect.runSync(Scope.make())
  private file = ""
  private relay: RelayProcess | undefined
  /** Whether it listens: who asks waits for that, or a slow host's starts would leave nothing to interrupt. */
  private listens: Promise<void> = Promise.resolve()
  private readonly random: Random

  constructor(random: Random) {
    this.random = random
  }

  async open(): Promise<void> {
    const scripts = (call: ScriptedCall): Script.Script => scriptOf(this.random, call)
    const [a, b] = await Promise.all(
      ["a", "b"].map(() =>
        Effect.runPromise(Scope.provide(ScriptedServer.make({ dialect: "openai", scripts }), this.scope))
      )
    )
    this.file = writeConfiguration(this.folder.path, {
      server: { port: 0 },
      store: { type: "sqlite", path: `${this.folder.path}/relay.db` },
      tokens,
      groups: [{ name: "default", quota: { balance: 3_000_000_000 } }],
      quota: { trustAbove: 500_000_000_000 },
      prices: { "gpt-*": { input: 2.5, output: 10.25 } },
      timeouts: { headers: "300 millis", firstContent: "300 millis", idle: "300 millis", total: "3 seconds" },
      retry: { base: "10 millis", cap: "50 millis" },
      journal: { detachGrace: "200 millis" },
      breaker: { minimum: 1_000_000 },
      channels: [
        channelOf("a", a!.url, { priority: 1, continuation: "prefill" }),
        channelOf("b", b!.url, { continuation: "message" })
      ]
    })
    await this.start()
  }

  async start(): Promise<void> {
    this.relay = await startRelayProcess(this.file)
  }

  /** Kills it, and starts another on the same files. */
  async restart(): Promise<void> {
    const { relay } = this
    if (relay === undefined) return
    this.kills++
    const { promise, resolve } = Promise.withResolvers<void>()
    this.listens = promise
    try {
      relay.kill("SIGKILL")
      await relay.ended
      await this.start()
    } finally {
      resolve()
    }
  }

  /** Somebody else has the books for a while. */
  async lock(millis: number): Promise<void> {
    this.locks++
    const other = new DatabaseSync(`${this.folder.path}/books.db`)
    try {
      other.exec("PRAGMA busy_timeout = 500; BEGIN IMMEDIATE")
      await sleep(millis)
      other.exec("ROLLBACK")
    } catch {
      // The relay had it: that is a moment too.
    } finally {
      other.close()
    }
  }

  get url(): string {
    return this.relay?.url ?? ""
  }

  async close(): Promise<void> {
    this.relay?.kill("SIGKILL")
    await this.relay?.ended
    await Effect.runPromise(Scope.close(this.scope, Exit.void))
    this.folder.remove()
  }

  /** What an admin is told. */
  async admin(path: string): Promise<{ readonly [field: string]: unknown }> {
    const { status, text } = await read(`${this.url}/admin${path}`, { headers: bearer("key-of-ops") })
    if (status !== 200) throw new Error(`${path} is ${status}: ${text}`)
    return JSON.parse(text) as { readonly [field: string]: unknown }
  }

  /** One client, to the end of its patience. */
  async ask(): Promise<void> {
    const { random } = this
    const kind: Kind = pick(random, kinds)
    const headers = bearer(`key-of-${pick(random, askers)}`)
    const model = pick(random, ["m", "gpt-x"])
    const body = {
      model,
      stream: kind !== "whole",
      max_tokens: 1 + random.below(2000),
      messages: [{ role: "user", content: "hello ".repeat(random.below(20)) }]
    }
    const key = { ...headers, "idempotency-key": `key-${random.below(1e9)}` }
    const completions = "/v1/chat/completions"
    const patience = 20 + random.below(300)
    const once = async (path: string, request: Parameters<typeof read>[1]): Promise<number> => {
      await this.listens
      this.requests++
      const { status } = await read(`${this.url}${path}`, request)
      if (status === 403) this.refused++
      return status
    }
    try {
      switch (kind) {
        case "stream":
        case "whole":
          return void (await once(completions, { headers, body }))
        case "embeddings":
          return void (await once("/v1/embeddings", { headers, body: { model, input: "hello" } }))
        case "count":
          return void (await once("/v1/messages/count_tokens", { headers, body: { ...body, stream: undefined } }))
        case "background":
          return void (await once("/v1/responses", { headers, body: { model, input: "hello", background: true } }))
        case "keyed":
          await once(completions, { headers: key, body }).catch(() => 0)
          await sleep(random.below(1500))
          return void (await once(completions, { headers: key, body }))
        case "replayed":
          await Promise.all([0, 1, 2].map(() => once(completions, { headers: key, body }).catch(() => 0)))
          return
        case "left":
          await this.listens
          this.requests++
          return void (await read(`${this.url}${completions}`, { headers, body, cutAfter: 1 + random.below(6) }))
        case "cancelled":
        case "resumed": {
          await this.listens
          this.requests++
          const live = await open(`${this.url}/chat`, { headers, body: { model, message: "hello" } })
          if (live.status === 403) this.refused++
          const first = await live.until(({ event }) => event === "init")
          const id = String(first.json?.["stream_id"])
          await sleep(patience)
          if (kind === "cancelled") await read(`${this.url}/streams/${id}`, { method: "DELETE", headers })
          else {
            live.cut()
            await sleep(patience)
            await this.listens
            await read(`${this.url}/chat?message=x`, { headers: { ...headers, "last-event-id": `${id}.0` } })
          }
          return
        }
      }
    } catch {
      // Its relay was killed, or refused it.
    }
  }

  /** Waits until nothing is open any more: what waits for its client ends with its grace. */
  async settled(): Promise<{ readonly [name: string]: number }> {
    const end = performance.now() + 60_000
    for (;;) {
      const sum = (await this.admin("/ledger/sum")) as { readonly [name: string]: number }
      const live = (await this.admin("/streams"))["data"] as ReadonlyArray<unknown>
      if ((sum["open"] === 0 && live.length === 0) || performance.now() > end) return sum
      await sleep(100)
    }
  }

  /** Judges the ledger by its rows. */
  async judge(): Promise<Pick<InterruptReport, "reserved" | "settled" | "refunded" | "sum">> {
    const sum = await this.settled()
    const count = { reserve: 0, settle: 0, refund: 0, grant: 0 }
    const streams = new Map<string, { reserves: number; finals: number }>()
    const spent = new Map<string, number>()
    let cursor = ""
    do {
      const page = await this.admin(`/ledger?limit=1000${cursor === "" ? "" : `&cursor=${cursor}`}`)
      for (const row of page["data"] as ReadonlyArray<Row>) {
        count[row.kind]++
        if (row.kind === "settle" || row.kind === "grant") {
          const token = row.token ?? "the group"
          spent.set(token, (spent.get(token) ?? 0) + (row.kind === "grant" ? row.amount : -row.amount))
        }
        if (row.stream_id === undefined) continue
        const seen = streams.get(row.stream_id) ?? { reserves: 0, finals: 0 }
        if (row.kind === "reserve") seen.reserves++
        else seen.finals++
        streams.set(row.stream_id, seen)
      }
      cursor = (page["next"] as string | null) ?? ""
    } while (cursor !== "")
    for (const [id, { finals, reserves }] of streams) {
      if (finals !== 1 || reserves > 1) this.complaints.push(`${id} has ${reserves} reservations and ${finals} ends`)
    }
    if (sum["drift"] !== 0) this.complaints.push(`the drift is ${sum["drift"]}`)
    if (sum["open"] !== 0) this.complaints.push(`${sum["open"]} credits are open`)
    for (const token of ["alice", "poor", "trusted"]) {
      const { balance, reserved } = await this.admin(`/quota/${token}`)
      if (balance !== spent.get(token))
        this.complaints.push(`${token} has ${String(balance)}, by its rows ${spent.get(token)}`)
      if (reserved !== 0) this.complaints.push(`${String(reserved)} of ${token} are reserved`)
    }
    return { reserved: count.reserve, settled: count.settle, refunded: count.refund, sum }
  }
}

interface Row {
  readonly kind: "reserve" | "settle" | "refund" | "grant"
  readonly token: string | null
  readonly amount: number
  readonly stream_id?: string
}

/** Interrupts requests. */
export const runInterrupts = async ({ onRound, requests, seed }: InterruptOptions): Promise<InterruptReport> => {
  const random = randomOf(seed)
  const world = new World(random)
  const report = (judged: Pick<InterruptReport, "reserved" | "settled" | "refunded" | "sum">): InterruptReport => ({
    requests: world.requests,
    refused: world.refused,
    kills: world.kills,
    locks: world.locks,
    complaints: world.complaints,
    ...judged
  })
  const unknown = { reserved: 0, settled: 0, refunded: 0, sum: {} }
  try {
    await world.open()
    for (let round = 0; world.requests < requests; round++) {
      const clients = Array.from({ length: perRound }, async () => {
        await sleep(random.below(400))
        await world.ask()
      })
      await sleep(random.below(600))
      // Of the first three rounds each has its own, so that few requests are interrupted by all of them, too.
      switch (round < 3 ? round : random.below(3)) {
        case 0:
        case 1:
          await world.restart()
          break
        case 2:
          await world.lock(random.below(400))
          break
      }
      await Promise.all(clients)
      onRound?.(report(unknown))
    }
    // Once more: what is found at start is found.
    await world.restart()
    return report(await world.judge())
  } finally {
    await world.close()
  }
}
