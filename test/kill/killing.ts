/**
 * Kills a relay, again and again, while clients read from it, and judges what each of them has got in the end.
 *
 * A round is: some clients ask; the relay is killed (SIGKILL) when one of them has so many events, or its upstream so many
 * calls; it is started again on the same database; the clients come back with what they have, a cursor or the key of their
 * request, until each has its terminal event. In some rounds their network is cut too, or instead. What is chosen is chosen by a seed, so that a round that went wrong can be played again, as far as processes can.
 */
import { createHash } from "node:crypto"
import { Effect, Exit, Scope } from "effect"
import { Script, type ScriptedCall, ScriptedServer } from "effect-resilience/testing"
import { channelOf } from "../support/relay.ts"
import { type RelayProcess, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import type { Ended } from "../support/spawnNode.ts"
import { open, type RawResponse, read, type SseEvent } from "../support/sse.ts"
import { type Cut, type CuttingProxy, startCuttingProxy } from "./cuttingProxy.ts"
import { type Read, reads, type ReturningKind, returningKinds, startBrowser } from "./returningClients.ts"

/** What is done to the clients of a round. */
export const scenes = ["anywhere", "cut", "failover", "twice", "both", "finish", "unseen"] as const

/**
 * - `anywhere`: the relay is killed at some event;
 * - `failover`: the first channel breaks at some word, and the relay is killed while the second is asked, or goes on;
 * - `twice`: it is killed at some event, and again at some later one, or while the first continuation is asked;
 * - `finish`: it is killed when the finish was said, and nothing after it;
 * - `unseen`: it is killed before anything was shown;
 * - `cut`: connections are cut at any byte, of requests and of answers, and in the middle of the terminal event;
 * - `both`: the same, and the relay is killed at some event, its upstream breaking meanwhile or not.
 */
export type Scene = (typeof scenes)[number]

/** What to do. */
export interface KillOptions {
  readonly seed: number
  /** So many kills, and rounds of cuts alone. */
  readonly runs: number
  /** So many relays, each with a database and clients of its own, are killed side by side. */
  readonly worlds: number
  /** Called after each round. */
  readonly onRound?: (soFar: KillReport) => void
}

/** What was seen. All counts but the first five and `undecided` are to be 0. */
export interface KillReport {
  readonly kills: number
  /** How often a client's connection was cut. */
  readonly cuts: number
  readonly answers: number
  /** How often an answer was under way when its relay was killed. */
  readonly hits: number
  /** How often a client had nothing to come back with, and asked anew. */
  readonly askedAnew: number
  /** Events that were never read. */
  readonly lost: number
  /** Events that were read twice. */
  readonly doubled: number
  /** Answers without a terminal event, with more than one, or with something after it. */
  readonly terminals: number
  /** Answers whose terminal event is an error. */
  readonly errors: number
  /** Answers whose text is not the upstream's. */
  readonly wrongTexts: number
  /**
   * Answers that were told as broken though all of their text had come. They may be: who dies between the last word and the
   * finish of an answer that was joined by a message leaves nobody who could say that it was all. (R18: a channel that has
   * nothing to add proves nothing.) It takes a kill within less than a millisecond, and is told as a failure where it is
   * more than one in a hundred.
   */
  readonly undecided: number
  /** Answers that read otherwise from their beginning than their client had read them. */
  readonly otherwise: number
  /** Answers for which an upstream was asked more often in one life than they have broken in it, and once more. */
  readonly generations: number
  /** What went wrong, in words. */
  readonly complaints: ReadonlyArray<string>
  /** From the moment that a relay listens again to the first new event of an answer, in milliseconds. */
  readonly toGoOn: ReadonlyArray<number>
  /** From the kill to the terminal event. */
  readonly toEnd: ReadonlyArray<number>
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }
type Counts = Mutable<Omit<KillReport, "complaints" | "toGoOn" | "toEnd">> & {
  readonly complaints: Array<string>
  readonly toGoOn: Array<number>
  readonly toEnd: Array<number>
}

const nothing = (): Counts => ({
  kills: 0,
  cuts: 0,
  answers: 0,
  hits: 0,
  askedAnew: 0,
  lost: 0,
  doubled: 0,
  terminals: 0,
  errors: 0,
  wrongTexts: 0,
  undecided: 0,
  otherwise: 0,
  generations: 0,
  complaints: [],
  toGoOn: [],
  toEnd: []
})

/** The value below which a part of them are. */
export const quantile = (values: ReadonlyArray<number>, part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN

/** Mulberry32: a number in [0, 1) from a seed. */
export const randomOf = (seed: number) => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return { next, below: (limit: number): number => Math.floor(next() * limit) }
}

/** Waits so many milliseconds. */
export const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const hash = (text: string): string => createHash("sha256").update(text).digest("hex")

// ------------------------------------------------------------------------------------------------------ the upstream

const words = 40
/** Milliseconds between two words. */
const pace = 6

/** The answer to a question: no word of it comes twice, so that no overlap can be taken for another. */
const textOf = (question: string): string => {
  const random = randomOf(Array.from(question).reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7))
  const list = Array.from({ length: words }, (_, at) => `w${at}-${random.below(1e6).toString(36)}`)
  return `${list.join(" ")}.`
}

const questionOf = ({ request }: ScriptedCall): string => {
  const messages = request?.body["messages"]
  const first: unknown = Array.isArray(messages) ? messages[0] : undefined
  const content = typeof first === "object" && first !== null && "content" in first ? first.content : ""
  return typeof content === "string" ? content : ""
}

/** How the calls for a question go, counted from 0, of the relay that it was put to. All others are good. */
type Play = (answer: Script.Answer, call: number) => Script.Script

const unharmed: Play = (answer) => answer

/** All but the first call are good. */
const onlyFirst =
  (play: (answer: Script.Answer) => Script.Script): Play =>
  (answer, call) =>
    call === 0 ? play(answer) : answer

/** What the upstreams were asked for one question. */
interface Asked {
  readonly play: Play
  /** The life of the relay that it was put to. */
  readonly life: number
  /** In which lives of the relay it was asked, call by call. */
  readonly lives: Array<number>
}

// -------------------------------------------------------------------------------------------------------- the relay

/** A relay that is killed and started again, between its clients and two false upstreams. */
class World {
  readonly asked = new Map<string, Asked>()
  /** How often a question was put by GET, through the proxy, by who had no id to come back with. */
  readonly askings = new Map<string, number>()
  /** How a browser reads from it, where there is one. */
  browser: Read | undefined
  /** The streams that there are complaints of. */
  readonly complained = new Set<string>()
  /** How often it was started. */
  life = 0
  /** Not yet. */
  killedAt = Number.POSITIVE_INFINITY
  /** How the next connection is cut; `undefined`: clients go to the relay itself. */
  cutting: (() => Cut | undefined) | undefined
  private proxy: CuttingProxy | undefined
  private port: number | undefined
  private relay: Promise<RelayProcess & { readonly since: number }> | undefined
  private readonly scope = Effect.runSync(Scope.make())
  private readonly folder = temporaryFolder()
  private file = ""
  private readonly calls: Array<() => void> = []
  /** What its lives have logged, life by life, of streams that there are complaints of. */
  private readonly logs: Array<string> = []

  /** The relay that runs, or is being started. */
  get running(): Promise<RelayProcess & { readonly since: number }> {
    return this.relay ?? Promise.reject(new Error("no relay was started"))
  }

  async open(): Promise<void> {
    const script = (call: ScriptedCall): Script.Script => {
      const question = questionOf(call)
      const asked = this.asked.get(question)
      if (asked === undefined) return Script.status(500)
      // By whom it was asked, and not when: what a relay sends last may be read after its death, or never.
      const life = Number(call.headers["x-life"])
      asked.lives.push(life)
      for (const come of this.calls.splice(0)) come()
      const good = Script.answer(textOf(question)).pipe(Script.every(pace))
      return life === asked.life ? asked.play(good, asked.lives.length - 1) : good
    }
    const [a, b] = await Promise.all(
      ["a", "b"].map(() =>
        Effect.runPromise(Scope.provide(ScriptedServer.make({ dialect: "openai", scripts: script }), this.scope))
      )
    )
    const life = { "x-life": "${LIFE}" }
    this.file = writeConfiguration(this.folder.path, {
      server: { port: 0 },
      store: { type: "sqlite", path: `${this.folder.path}/relay.db` },
      channels: [
        channelOf("a", a!.url, { priority: 1, continuation: "prefill", headers: life }),
        channelOf("b", b!.url, { continuation: "message", headers: life })
      ],
      // Nothing but the kills is tested: no answer ends for having been killed too often, no channel rests.
      retry: { times: 100 },
      recovery: { maxContinuations: 100 },
      breaker: { minimum: 1_000_000 }
    })
    this.proxy = await startCuttingProxy(
      () => this.port,
      () => this.cutting?.(),
      (piece) => {
        const [, path] = /^GET (\/chat\?\S+) [^]*\r\n\r\n$/.exec(piece) ?? []
        if (path === undefined || /^last-event-id:/im.test(piece)) return
        const question = new URL(path, "http://relay").searchParams.get("message") ?? ""
        this.askings.set(question, (this.askings.get(question) ?? 0) + 1)
      }
    )
    await this.start()
  }

  /** Where clients go. */
  urlOf(relay: RelayProcess): string {
    return this.cutting === undefined || this.proxy === undefined ? relay.url : this.proxy.url
  }

  /** Where those go that come back by themselves: the address stays. */
  get address(): string {
    return this.proxy?.url ?? ""
  }

  get cuts(): number {
    return this.proxy?.cuts() ?? 0
  }

  async start(): Promise<void> {
    this.life++
    this.relay = startRelayProcess(this.file, { LIFE: String(this.life) }).then((relay) => ({
      ...relay,
      since: performance.now()
    }))
    this.port = (await this.relay).port
  }

  /** Kills the relay and starts it again. */
  async kill(): Promise<void> {
    const relay = await this.running
    this.killedAt = performance.now()
    this.port = undefined
    relay.kill("SIGKILL")
    // Nobody is sent to a dead one.
    const { promise, reject, resolve } = Promise.withResolvers<RelayProcess & { readonly since: number }>()
    this.relay = promise
    this.keep(await relay.ended)
    await this.start().then(
      () => this.running.then(resolve),
      (error: Error) => {
        reject(error)
        throw error
      }
    )
  }

  /** Waits until an upstream is asked again. */
  call(): Promise<void> {
    return new Promise((resolve) => this.calls.push(resolve))
  }

  private keep({ stderr }: Ended): void {
    this.logs.push(stderr)
  }

  /** What was logged of a stream. */
  logOf(id: string): ReadonlyArray<string> {
    return this.logs.flatMap((log, life) =>
      log.split("\n").flatMap((line) => (line.includes(id) ? [`  life ${life + 1}: ${line}`] : []))
    )
  }

  /** What ended a round, with what was logged of the requests that it names. */
  async told(error: unknown): Promise<never> {
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error)
    await this.stop()
    const ids = new Set(said.match(/req_[\w-]+/g))
    const lines = this.logs.join("\n").split("\n")
    const named = lines.filter((line) => [...ids].some((id) => line.includes(id)))
    for (const line of named) for (const [, id] of line.matchAll(/"stream_id":"([^"]+)"/g)) ids.add(id!)
    const all = lines.filter((line) => [...ids].some((id) => line.includes(id)))
    throw new Error([said, ...all].join("\n"), { cause: error })
  }

  private async stop(): Promise<void> {
    const relay = await this.running
    relay.kill("SIGKILL")
    this.keep(await relay.ended)
  }

  async close(): Promise<void> {
    await this.stop()
    await this.proxy?.close()
    await Effect.runPromise(Scope.close(this.scope, Exit.void))
    this.folder.remove()
  }
}

// ------------------------------------------------------------------------------------------------------ the clients

/**
 * How a raw client asks, and comes back: `chat`, `streams` and `openai` with the id of their last event; `keyedChat`, `keyed`
 * and `body`, which asks for one, with the same request and the same key, knowing nothing else.
 */
const kinds = ["chat", "streams", "openai", "keyedChat", "keyed", "body"] as const
type RawKind = (typeof kinds)[number]
type Kind = RawKind | ReturningKind

const isReturning = (kind: Kind): kind is ReturningKind => returningKinds.some((one) => one === kind)

const hasKey = (kind: Kind): boolean => kind === "keyedChat" || kind === "keyed" || kind === "body"

const isDialect = (kind: Kind): boolean => kind === "openai" || kind === "keyed" || kind === "body"

const isTerminal = (kind: Kind, { data, event, json }: SseEvent): boolean =>
  isDialect(kind) ? data === "[DONE]" || json?.["error"] !== undefined : event === "done" || event === "error"

const isError = (kind: Kind, { event, json }: SseEvent): boolean =>
  isDialect(kind) ? json?.["error"] !== undefined : event === "error"

const textIn = (kind: Kind, { event, json }: SseEvent): string => {
  if (!isDialect(kind)) return event === "message" && typeof json?.["content"] === "string" ? json["content"] : ""
  const [choice] = (json?.["choices"] ?? []) as ReadonlyArray<{ readonly delta?: { readonly content?: unknown } }>
  return typeof choice?.delta?.content === "string" ? choice.delta.content : ""
}

/** A client that comes back until it has its terminal event. */
class Client {
  readonly kind: Kind
  /** All that it has read, over all its connections. */
  readonly events: Array<SseEvent> = []
  /** Its answer was told as broken, and what there is of it is all. */
  undecided = false
  /** The answer that it has got as one body. */
  body: { readonly streamId: string; readonly text: string } | undefined
  /** What was read again, otherwise than before. */
  readonly otherwise: Array<string> = []
  question: string
  askedAnew = 0
  endedAt = 0
  /** For each life in which it came back: how long it took from its relay's listening to the first new event. */
  readonly waits: Array<number> = []
  private readonly world: World
  private readonly play: Play
  private readonly name: string
  private readonly watching = new Set<() => void>()

  constructor(world: World, kind: Kind, name: string, play: Play) {
    this.world = world
    this.kind = kind
    this.play = play
    this.name = name
    this.question = this.ask()
  }

  private ask(): string {
    const question = `${this.name} asks ${this.askedAnew}`
    this.world.asked.set(question, { play: this.play, life: this.world.life, lives: [] })
    return question
  }

  get ended(): boolean {
    return this.undecided || this.body !== undefined || this.events.some((event) => isTerminal(this.kind, event))
  }

  get streamId(): string {
    if (this.body !== undefined) return this.body.streamId
    const id = this.events.at(-1)?.id ?? ""
    return id.slice(0, id.lastIndexOf("."))
  }

  /** Waits until it has so many events, or its last one. */
  has(count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.events.length < count && !this.ended) return
        this.watching.delete(look)
        resolve()
      }
      this.watching.add(look)
      look()
    })
  }

  async run(): Promise<void> {
    if (isReturning(this.kind)) {
      await this.returns(this.kind).catch((error: unknown) => {
        // It gives up, or begins anew.
        if (!this.hasAll(this.events)) throw error
        this.undecided = true
      })
    } else await this.comesBack(this.kind)
    this.endedAt = performance.now()
  }

  /** It comes back by itself, and gives what it has read. */
  private async returns(kind: ReturningKind): Promise<void> {
    const read = kind === "chromium" ? this.world.browser : reads[kind]
    if (read === undefined) throw new Error("there is no browser")
    await read({
      url: this.world.address,
      question: this.question,
      posts: this.posts,
      onEvent: (event) => {
        this.events.push(event)
        for (const look of this.watching) look()
      }
    })
  }

  /** Whether the text of events is all of the answer's. */
  private hasAll(events: ReadonlyArray<SseEvent>): boolean {
    return events.map((event) => textIn(this.kind, event)).join("") === textOf(this.question)
  }

  /** A body that is an error, of an answer of which all had come. */
  private async isUndecided(
    url: string,
    { headers, status }: Pick<RawResponse, "headers" | "status">
  ): Promise<boolean> {
    const id = headers["x-stream-id"]
    return status === 502 && id !== undefined && this.hasAll((await read(`${url}/streams/${String(id)}`)).events)
  }

  /** In half of the rounds. */
  private get posts(): boolean {
    return Array.from(this.name).reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 2 === 0
  }

  private async comesBack(kind: RawKind): Promise<void> {
    while (!this.ended) {
      const relay = await this.world.running
      const before = this.events.length
      try {
        const live = await this.connect(kind, this.world.urlOf(relay))
        if (this.kind === "body" && (await this.isUndecided(relay.url, live))) {
          this.undecided = true
          return
        }
        if (live.status !== 200) throw new Error(`${this.question}: status ${live.status}: ${(await live.done).text}`)
        if (kind === "body") {
          const { ended, headers, text } = await live.done
          if (ended === "complete") this.body = { streamId: String(headers["x-stream-id"]), text }
          for (const look of this.watching) look()
        }
        // Whoever comes by a key reads from the beginning.
        const again = hasKey(kind) ? before : 0
        let taken = 0
        const take = (): void => {
          for (; taken < live.events.length; taken++) {
            const event = live.events[taken]!
            const known = taken < again ? this.events[taken] : undefined
            if (known === undefined) this.events.push(event)
            else if (known.id !== event.id || known.data !== event.data) {
              this.otherwise.push(`${known.id} ${known.data}, and then ${event.id} ${event.data}`)
            }
          }
          for (const look of this.watching) look()
        }
        // Each event as it comes.
        for (let read = 0; ; read++) {
          const more = await live
            .until(() => live.events.length > read)
            .then(
              () => true,
              () => false
            )
          take()
          if (!more) break
          if (before > 0 && this.world.cutting === undefined && this.waits.length < this.world.life && read === 0) {
            this.waits.push(live.events[0]!.at - relay.since)
          }
        }
        if ((await live.done).ended === "complete" && !this.ended) {
          throw new Error(`${this.question}: the answer ended without a terminal event`)
        }
      } catch (error) {
        if (!isConnectionError(error)) throw error
      }
      if (this.ended) break
      if (this.events.length === 0 && !hasKey(kind)) {
        // It has no id: nothing to come back with.
        this.askedAnew++
        this.question = this.ask()
      }
      // Until the next one listens it is of no use to ask. A network that is cut says nothing of that.
      if (this.world.cutting !== undefined) await sleep(5)
      else while ((await this.world.running) === relay) await sleep(2)
    }
  }

  private connect(kind: RawKind, url: string): ReturnType<typeof open> {
    const last = this.events.at(-1)?.id
    const headers = last === undefined ? {} : { "last-event-id": last }
    const key = { "idempotency-key": this.question }
    const messages = [{ role: "user", content: this.question }]
    const chat = `${url}/chat?message=${encodeURIComponent(this.question)}`
    switch (kind) {
      case "chat":
        return open(chat, { headers })
      case "streams":
        return last === undefined ? open(chat) : open(`${url}/streams/${this.streamId}`, { headers })
      case "openai":
        return open(`${url}/v1/chat/completions`, {
          headers,
          body: { model: "m", stream: true, messages }
        })
      case "keyedChat":
        return open(`${url}/chat`, { headers: key, body: { message: this.question, model: "m" } })
      case "keyed":
        return open(`${url}/v1/chat/completions`, { headers: key, body: { model: "m", stream: true, messages } })
      case "body":
        return open(`${url}/v1/chat/completions`, { headers: key, body: { model: "m", messages } })
    }
  }
}

/** The text of an answer that came as one body. */
const textOfBody = (text: string): string => {
  const { choices } = JSON.parse(text) as {
    readonly choices: ReadonlyArray<{ readonly message: { readonly content: string } }>
  }
  return choices[0]?.message.content ?? ""
}

const isConnectionError = (error: unknown): boolean =>
  error instanceof Error && "code" in error && ["ECONNREFUSED", "ECONNRESET", "EPIPE"].includes(String(error.code))

// ---------------------------------------------------------------------------------------------------------- rounds

const judge = async (world: World, client: Client, perLife: number, counts: Counts): Promise<void> => {
  const { body, kind, otherwise, question, streamId } = client
  const complain = (what: string): void => {
    counts.complaints.push(`${question} (${kind}, ${streamId}): ${what}`)
    world.complained.add(streamId)
  }
  counts.answers++
  counts.askedAnew += client.askedAnew
  if (client.undecided) return void counts.undecided++
  counts.otherwise += otherwise.length
  for (const what of otherwise) complain(`it was ${what}`)
  const { url } = await world.running
  const again = await read(`${url}/streams/${streamId}`)
  // Of one body the stream is read in its place.
  const events = body === undefined ? client.events : again.events
  if (body !== undefined && textOfBody(body.text) !== textOf(question)) {
    counts.wrongTexts++
    complain(`its body is ${body.text}`)
  }
  const seqs = events.map(({ id }) => (id?.startsWith(`${streamId}.`) ? Number(id.slice(streamId.length + 1)) : -1))
  const once = new Set(seqs)
  const doubled = seqs.length - once.size
  const lost = Math.max(...seqs) + 1 - once.size
  counts.doubled += doubled
  counts.lost += lost
  if (doubled > 0 || lost > 0 || seqs.some((seq, at) => seq !== at)) {
    complain(`lost ${lost}, doubled ${doubled}: ${seqs.join(" ")}`)
  }
  const terminal = events.filter((event) => isTerminal(kind, event))
  if (terminal.length !== 1 || terminal[0] !== events.at(-1)) {
    counts.terminals++
    complain(`${terminal.length} terminal events`)
  }
  const text = events.map((event) => textIn(kind, event)).join("")
  if (terminal[0] !== undefined && isError(kind, terminal[0])) {
    // Each that could go on was asked.
    if (text === textOf(question)) return void counts.undecided++
    else {
      counts.errors++
      complain(`it ended with ${terminal[0].data}`)
    }
  }
  if (hash(text) !== hash(textOf(question))) {
    counts.wrongTexts++
    complain(`its text is\n${text}\nand not\n${textOf(question)}`)
  }
  // Who comes back by itself gives what was parsed, and of a message the content.
  const dataOf = ({ data, event, json }: SseEvent): string =>
    isReturning(kind) ? `${event} ${JSON.stringify(event === "message" ? json?.["content"] : json)}` : data
  const said = (list: ReadonlyArray<SseEvent>): string => list.map((event) => `${event.id} ${dataOf(event)}`).join("\n")
  if (said(again.events) !== said(events)) {
    counts.otherwise++
    complain(`from its beginning it is\n${said(again.events)}\nand was\n${said(events)}`)
  }
  const { lives = [] } = world.asked.get(question) ?? {}
  for (let life = 1; life <= world.life; life++) {
    const calls = lives.filter((one) => one === life).length
    // Who had read no id, and has no key, has asked for another answer. That of before belongs to its journal, too.
    const askings = Math.max(1, world.askings.get(question) ?? 1)
    if (calls <= (life === lives[0] ? perLife : 1) * askings) continue
    if (kind === "body" && perLife === 2 && life > lives[0]! && calls === 3) {
      // It was told as broken before its client was back: the key was free, and the answer is another one.
      counts.undecided++
      continue
    }
    counts.generations++
    complain(`an upstream was asked ${calls} times in life ${life}: ${lives.join(" ")}`)
  }
}

/** What happens in a round: how the calls of each client go, and when the relay is killed. */
interface Plan {
  readonly kinds: ReadonlyArray<Kind>
  readonly play: Play
  /** How connections are cut, if they are. */
  readonly cutting?: () => Cut | undefined
  /** How often an upstream may be asked in the first life. */
  readonly perLife: number
  /** Waits for each kill. */
  readonly kills: ReadonlyArray<(clients: ReadonlyArray<Client>, world: World) => Promise<void>>
}

const planOf = (scene: Scene, random: ReturnType<typeof randomOf>, hasBrowser: boolean): Plan => {
  const all: ReadonlyArray<Kind> = [
    ...kinds,
    ...kinds,
    ...returningKinds.filter((kind) => hasBrowser || kind !== "chromium")
  ]
  const at = random.below(words)
  const who = random.below(all.length)
  const later = random.next() * 8
  /** One of those that read events. */
  const oneOf = (clients: ReadonlyArray<Client>): Client => {
    const readers = clients.filter(({ kind }) => kind !== "body")
    return readers[who % readers.length]!
  }
  const atEvent = (count: number) => async (clients: ReadonlyArray<Client>) => {
    await oneOf(clients).has(count)
    await sleep(later)
  }
  const afterMore = (more: number) => (clients: ReadonlyArray<Client>) =>
    atEvent(oneOf(clients).events.length + more)(clients)
  // A client of a dialect that leaves without a key has cancelled.
  const returning = all.filter((kind) => kind !== "openai")
  let left = 8 * returning.length
  const cutting = (): Cut | undefined => {
    // An answer has some 5,000 bytes, or 10,000; a request some 300.
    const which = left-- <= 0 ? 9 : random.below(10)
    if (which < 6) return { of: "response", after: random.below(7000) }
    if (which < 7) return { of: "request", after: random.below(400) }
    if (which < 9) return { of: "piece", holding: random.below(2) === 0 ? "event: done" : "[DONE]" }
    return undefined
  }
  const atCall = async (_: ReadonlyArray<Client>, world: World) => {
    await world.call()
    await sleep(later)
  }
  switch (scene) {
    case "anywhere":
      return { kinds: all, play: unharmed, perLife: 1, kills: [atEvent(at + 1)] }
    case "cut":
      return { kinds: returning, play: unharmed, perLife: 1, kills: [], cutting }
    case "both": {
      const breaks = random.below(words - 5) + 1
      const play: Play = (answer, call) => (call === 0 ? answer.pipe(Script.cutAfter(breaks, "reset")) : answer)
      const breaksToo = random.below(2) === 0
      return {
        kinds: returning,
        play: breaksToo ? play : unharmed,
        perLife: breaksToo ? 2 : 1,
        kills: [atEvent(at + 1)],
        cutting
      }
    }
    case "failover": {
      const breaks = random.below(words - 5) + 1
      const headers = random.below(30)
      const play: Play = (answer, call) =>
        call === 0
          ? answer.pipe(Script.cutAfter(breaks, "reset"))
          : call === 1
            ? answer.pipe(Script.startsAfter(headers))
            : answer
      const whileAsked = async (clients: ReadonlyArray<Client>, world: World) => {
        await atEvent(breaks)(clients)
        await atCall(clients, world)
      }
      // There is one event before the first word, and one for each: what is more comes from the second channel.
      const whileGoingOn = atEvent(breaks + 3 + random.below(6))
      return { kinds: all, play, perLife: 2, kills: [random.below(2) === 0 ? whileGoingOn : whileAsked] }
    }
    case "twice":
      return {
        kinds: all,
        play: unharmed,
        perLife: 1,
        kills: [atEvent(random.below(words / 2) + 1), random.below(2) === 0 ? atCall : afterMore(random.below(12))]
      }
    case "finish":
      return {
        kinds: all,
        play: onlyFirst((answer) => answer.pipe(Script.ending("finishThenStall"))),
        perLife: 1,
        // One event for each word, one before them, and in the dialect the finish.
        kills: [
          async (clients) => {
            const readers = clients.filter(({ kind }) => kind !== "body")
            await Promise.all(readers.map((client) => client.has(words + (isDialect(client.kind) ? 2 : 1))))
            await sleep(20 + later)
          }
        ]
      }
    case "unseen":
      return {
        // A client of the dialect has no id before its first content.
        kinds: all.filter((kind) => kind !== "openai"),
        play: onlyFirst((answer) => answer.pipe(Script.startsAfter(60_000))),
        perLife: 1,
        kills: [
          async (clients, world) => {
            await Promise.all(clients.filter(({ kind }) => !isDialect(kind)).map((client) => client.has(1)))
            if (random.below(2) === 0) await sleep(later)
            else
              while ([...world.asked.values()].slice(-clients.length).some(({ lives }) => lives.length === 0))
                await sleep(2)
          }
        ]
      }
  }
}

const round = async (world: World, name: string, plan: Plan, counts: Counts): Promise<void> => {
  world.cutting = plan.cutting
  const before = world.cuts
  const clients = plan.kinds.map((kind, at) => new Client(world, kind, `${name}.${at}`, plan.play))
  const running = clients.map((client) => client.run())
  // A failure is told below.
  for (const one of running) one.catch(() => {})
  for (const comes of plan.kills) {
    // All of them may be over before it comes: an upstream is not asked again then.
    await Promise.race([comes(clients, world), Promise.all(running)])
    const hit = clients.filter(({ ended }) => !ended)
    counts.kills++
    counts.hits += hit.length
    await world.kill()
  }
  const late = sleep(60_000).then(() => Promise.reject(new Error(`${name}: not every answer has ended after a minute`)))
  await Promise.race([Promise.all(running), late])
  late.catch(() => {})
  world.cutting = undefined
  counts.cuts += world.cuts - before
  for (const client of clients) {
    counts.toGoOn.push(...client.waits)
    if (client.endedAt > world.killedAt) counts.toEnd.push(client.endedAt - world.killedAt)
    await judge(world, client, plan.perLife, counts)
  }
}

/** Kills and cuts so often. */
export const runKills = async ({ onRound, runs, seed, worlds }: KillOptions): Promise<KillReport> => {
  const counts = nothing()
  let planned = 0
  const work = async (at: number): Promise<void> => {
    const random = randomOf(seed + at * 7919)
    const world = new World()
    await world.open()
    world.browser = await browser?.readOf(world.address)
    try {
      for (let number = at; planned < runs; number++) {
        const scene = scenes[number % scenes.length]!
        const plan = planOf(scene, random, browser !== undefined)
        planned += Math.max(1, plan.kills.length)
        await round(world, `${scene} ${at}.${number}`, plan, counts).catch((error: unknown) => world.told(error))
        onRound?.(counts)
      }
    } finally {
      await world.close()
      for (const id of world.complained) counts.complaints.push(`the log of ${id}:`, ...world.logOf(id))
    }
  }
  const browser = await startBrowser()
  try {
    await Promise.all(Array.from({ length: worlds }, (_, at) => work(at)))
  } finally {
    await browser?.close()
  }
  if (counts.undecided > Math.max(1, counts.answers / 100)) {
    counts.complaints.push(`${counts.undecided} answers that were all there were told as broken`)
  }
  return counts
}
