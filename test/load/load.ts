/**
 * Load: so many requests a second of clients of every dialect, a tenth of all calls to upstreams going wrong, against one
 * relay process over real sockets. Judged are the answers, each of which must be whole or end in an error of its dialect;
 * the ledger; and what the relay still holds afterwards.
 *
 * The clock sends them, whether answers come or not, as people do. What the machine cannot keep up with is not hidden by
 * sending less: what was sent late and what was never sent, because too many were open, is counted and told.
 */
import { readdirSync, readFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { Effect, Exit, Scope } from "effect"
import { Script, ScriptedServer } from "effect-resilience/testing"
import { randomOf, sleep } from "../kill/killing.ts"
import { channelOf } from "../support/relay.ts"
import { startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { read } from "../support/sse.ts"

/** What to do. */
export interface LoadOptions {
  readonly seconds: number
  readonly perSecond: number
  readonly seed: number
  readonly say?: (line: string) => void
}

/** What was seen. Milliseconds and bytes. */
export interface LoadReport {
  readonly sent: number
  /** Never sent: as many as may be were open. */
  readonly unsent: number
  readonly whole: number
  /** Answers that ended in an error of their dialect, by its code. */
  readonly errors: { readonly [code: string]: number }
  /** Neither whole nor an error: what it was instead. */
  readonly lost: ReadonlyArray<string>
  /** Calls to upstreams, and those that went wrong. */
  readonly calls: number
  readonly faults: number
  readonly tookMillis: number
  readonly p50: number
  readonly p99: number
  /** How late the latest was sent. */
  readonly latest: number
  readonly ledger: { readonly [name: string]: number }
  /** Of the relay: before the load, a while into it, and after it. */
  readonly resident: readonly [before: number, midway: number, after: number]
  readonly files: readonly [before: number, after: number]
  readonly active: number
}

/** More are not open at once: a machine that cannot keep up would run out of sockets, and show nothing else. */
const mostOpen = 1_000

const words = Array.from({ length: 12 }, (_, at) => `word${at} `)
const text = words.join("")

const good = Script.answer(words)
const wrong: ReadonlyArray<Script.Script> = [
  Script.status(500),
  Script.status(503),
  Script.status(502, { body: "<html>bad gateway</html>" }),
  Script.refused,
  Script.notHttp(),
  good.pipe(Script.cutAfter(0, "reset")),
  good.pipe(Script.cutAfter(4, "reset")),
  good.pipe(Script.cutAfter(7, "end")),
  good.pipe(Script.cutAfter(5, Script.errorFrame())),
  good.pipe(Script.cutAfter(3, "insideEvent"))
]

/** What a client of a dialect sends, and how it reads what comes: the text of a whole answer, or the code of an error. */
interface Asking {
  readonly path: string
  readonly body: object
  readonly headers?: { readonly [name: string]: string }
  readonly wholeIn: (body: string) => string | undefined
}

/** What stands at a path of some JSON; `undefined` where nothing does. `-1` is the last of a list. */
const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>(
    (inner, step) =>
      Array.isArray(inner)
        ? inner.at(Number(step))
        : typeof inner === "object" && inner !== null
          ? (inner as { readonly [field: string]: unknown })[step]
          : undefined,
    value
  )

const textAt = (value: unknown, ...path: ReadonlyArray<string | number>): string | undefined => {
  const found = at(value, ...path)
  return typeof found === "string" ? found : undefined
}

const framesOf = (body: string): ReadonlyArray<unknown> =>
  body.split("\n").flatMap((line) => (line.startsWith("data: {") ? [JSON.parse(line.slice(6)) as unknown] : []))

/** The texts at a path of each frame, one after the other. */
const joined = (body: string, ...path: ReadonlyArray<string | number>): string =>
  framesOf(body)
    .map((frame) => textAt(frame, ...path) ?? "")
    .join("")

const messages = [{ role: "user", content: "say the words" }]
const contents = [{ role: "user", parts: [{ text: "say the words" }] }]

const clients: ReadonlyArray<Asking> = [
  {
    path: "/chat",
    body: { message: "say the words", model: "gpt-load" },
    wholeIn: (body) => (/^event: done$/m.test(body) ? textAt(framesOf(body), -1, "full_content") : undefined)
  },
  {
    path: "/v1/chat/completions",
    body: { model: "gpt-load", stream: true, messages },
    wholeIn: (body) => (body.includes("data: [DONE]") ? joined(body, "choices", 0, "delta", "content") : undefined)
  },
  {
    path: "/v1/chat/completions",
    body: { model: "gpt-load", messages },
    wholeIn: (body) => textAt(JSON.parse(body), "choices", 0, "message", "content")
  },
  {
    path: "/v1/messages",
    body: { model: "gpt-load", stream: true, max_tokens: 100, messages },
    wholeIn: (body) => (/^event: message_stop$/m.test(body) ? joined(body, "delta", "text") : undefined)
  },
  {
    path: "/v1/responses",
    body: { model: "gpt-load", input: "say the words" },
    wholeIn: (body) => textAt(JSON.parse(body), "output", -1, "content", 0, "text")
  },
  {
    path: "/v1beta/models/gpt-load:streamGenerateContent?alt=sse",
    body: { contents },
    wholeIn: (body) =>
      framesOf(body).some((frame) => at(frame, "candidates", 0, "finishReason") === "STOP")
        ? joined(body, "candidates", 0, "content", "parts", 0, "text")
        : undefined
  }
]

/** The code of an error, in whatever envelope it comes; of one without a code its type, or its status. */
const errorIn = (status: number, body: string): string | undefined => {
  if (status !== 200) {
    const error = at(JSON.parse(body), "error")
    return String(at(error, "reason") ?? at(error, "code") ?? at(error, "type") ?? status)
  }
  const last = framesOf(body).at(-1)
  if (/^event: error$/m.test(body)) return String(at(last, "code") ?? at(last, "error", "type"))
  const error = at(last, "error")
  return error === undefined ? undefined : String(at(error, "code"))
}

type Outcome =
  | { readonly _tag: "Whole" }
  | { readonly _tag: "Error"; readonly code: string }
  | { readonly _tag: "Lost"; readonly what: string }

const judge = ({ path, wholeIn }: Asking, status: number, body: string): Outcome => {
  try {
    const error = errorIn(status, body)
    if (error !== undefined) return { _tag: "Error", code: error }
    const whole = wholeIn(body)
    return whole === text
      ? { _tag: "Whole" }
      : { _tag: "Lost", what: `${path}: ${JSON.stringify(whole ?? body.slice(-200))}` }
  } catch (cause) {
    return { _tag: "Lost", what: `${path}: ${status} ${String(cause)} ${body.slice(-200)}` }
  }
}

const linux = process.platform === "linux"
const residentOf = (pid: number): number =>
  linux ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024 : 0
const filesOf = (pid: number): number => (linux ? readdirSync(`/proc/${pid}/fd`).length : 0)

const bearer = { authorization: "Bearer key-of-load" }
const asOps = { authorization: "Bearer key-of-ops" }

/** Runs it, and gives what was seen. */
export const runLoad = async ({ perSecond, say = () => {}, seconds, seed }: LoadOptions): Promise<LoadReport> => {
  const random = randomOf(seed)
  const scope = Effect.runSync(Scope.make())
  const folder = temporaryFolder()
  const agent = new Agent({ keepAlive: true, maxSockets: mostOpen })
  let calls = 0
  let faults = 0
  const scripts = (): Script.Script => {
    calls++
    if (random.below(10) > 0) return good
    faults++
    return wrong[random.below(wrong.length)]!
  }
  const servers = await Promise.all(
    (["openai", "anthropic", "openai"] as const).map((dialect) =>
      Effect.runPromise(Scope.provide(ScriptedServer.make({ dialect, scripts }), scope))
    )
  )
  const file = writeConfiguration(folder.path, {
    server: { port: 0 },
    store: { type: "sqlite", path: `${folder.path}/relay.db` },
    journal: { retention: "10 seconds" },
    timeouts: { headers: "5 seconds", firstContent: "5 seconds", idle: "5 seconds", total: "20 seconds" },
    retry: { base: "5 millis", cap: "50 millis", budget: { ratio: 1, minPerSecond: 100 } },
    tokens: [
      { name: "ops", key: "key-of-ops", admin: true },
      { name: "load", key: "key-of-load", quota: { balance: 1_000_000_000_000 } }
    ],
    prices: { "gpt-*": { input: 2.5, output: 10.25 } },
    channels: servers.map(({ url }, at) =>
      channelOf(`c${at}`, url, {
        dialect: at === 1 ? "anthropic" : "openai",
        keys: Array.from({ length: 3 }, (_, key) => `key-${at}-${key}`),
        models: ["gpt-load"],
        modelMapping: { "gpt-load": at === 1 ? "claude-sonnet-4-5" : "gpt-4.1" }
      })
    )
  })
  const relay = await startRelayProcess(file)
  const lost: Array<string> = []
  const errors: { [code: string]: number } = {}
  const times: Array<number> = []
  let whole = 0
  let open = 0
  let sent = 0
  let unsent = 0
  let latest = 0
  try {
    const warm = await read(`${relay.url}/health/ready`)
    if (warm.status !== 200) throw new Error(`not ready: ${warm.text}`)
    const ask = (asking: Asking): Promise<Outcome> =>
      new Promise((resolve) => {
        const headers = { ...bearer, "content-type": "application/json", ...asking.headers }
        const sending = request(relay.url + asking.path, { method: "POST", agent, headers }, (answer) => {
          let body = ""
          answer.setEncoding("utf8").on("data", (chunk: string) => (body += chunk))
          answer.once("close", () =>
            resolve(
              answer.complete
                ? judge(asking, answer.statusCode ?? 0, body)
                : { _tag: "Lost", what: `${asking.path}: broken off` }
            )
          )
        })
        sending.once("error", (cause) => resolve({ _tag: "Lost", what: `${asking.path}: ${String(cause)}` }))
        sending.end(JSON.stringify(asking.body))
      })
    const one = async (asking: Asking): Promise<void> => {
      open++
      sent++
      const began = performance.now()
      const outcome = await ask(asking)
      times.push(performance.now() - began)
      open--
      if (outcome._tag === "Whole") whole++
      else if (outcome._tag === "Error") errors[outcome.code] = (errors[outcome.code] ?? 0) + 1
      else lost.push(outcome.what)
    }
    const under: Array<Promise<void>> = []
    const drive = async (count: number, gap: number): Promise<void> => {
      const began = performance.now()
      for (let next = 0; next < count; ) {
        const due = Math.min(count, Math.floor((performance.now() - began) / gap) + 1)
        for (; next < due; next++) {
          latest = Math.max(latest, performance.now() - began - next * gap)
          if (open >= mostOpen) unsent++
          else under.push(one(clients[next % clients.length]!))
        }
        for (const server of servers) server.forget()
        await sleep(2)
      }
    }
    // Each path was taken once before anything is measured.
    await drive(60, 20)
    await Promise.all(under.splice(0))
    const files = filesOf(relay.pid)
    const before = residentOf(relay.pid)
    latest = 0
    times.length = 0
    whole = 0
    for (const code of Object.keys(errors)) delete errors[code]
    const sentBefore = sent
    const began = performance.now()
    let midway = 0
    for (let second = 0; second < seconds; second++) {
      await drive(perSecond, 1000 / perSecond)
      if (second === Math.floor(seconds / 2)) midway = residentOf(relay.pid)
      if (second % 5 === 4)
        say(`${second + 1} s: ${sent - sentBefore} sent, ${open} open, ${whole} whole, ${lost.length} lost`)
    }
    await Promise.all(under)
    const tookMillis = performance.now() - began
    agent.destroy()
    // What was answered is settled, what is over is let go.
    let ledger: { readonly [name: string]: number } = {}
    let active = Number.NaN
    for (let tries = 0; tries < 100; tries++) {
      ledger = JSON.parse((await read(`${relay.url}/admin/ledger/sum`, { headers: asOps })).text) as typeof ledger
      const { text: metrics } = await read(`${relay.url}/metrics`, { headers: asOps })
      active = Number(/^active_streams (\d+)$/m.exec(metrics)?.[1])
      if (active === 0 && ledger["open"] === 0 && filesOf(relay.pid) <= files) break
      await sleep(100)
    }
    const sorted = times.toSorted((one, other) => one - other)
    const quantile = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    return {
      sent: sent - sentBefore,
      unsent,
      whole,
      errors,
      lost,
      calls,
      faults,
      tookMillis,
      p50: quantile(0.5),
      p99: quantile(0.99),
      latest,
      ledger,
      resident: [before, midway, residentOf(relay.pid)],
      files: [files, filesOf(relay.pid)],
      active
    }
  } finally {
    agent.destroy()
    relay.kill("SIGKILL")
    await relay.ended
    await Effect.runPromise(Scope.close(scope, Exit.void))
    folder.remove()
  }
}

/** How much more memory a relay may hold after half of the load than in its middle, in bytes: a collector is not prompt. */
const mayGrow = 64 * 1024 * 1024

/** So many connections to upstreams may be kept for the next requests. */
const mayStayOpen = 64

/** What must not be, in words. That the machine was too slow is none of it. */
export const faultsOf = ({
  active,
  errors,
  files,
  ledger,
  lost,
  resident,
  sent,
  whole
}: LoadReport): ReadonlyArray<string> => {
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0)
  return [
    ...(lost.length === 0
      ? []
      : [`${lost.length} answers were neither whole nor an error, such as ${lost.slice(0, 3).join("; ")}`]),
    ...(failed <= Math.max(5, sent / 50)
      ? []
      : [`${failed} of ${sent} answers failed, though there was always somebody to ask`]),
    ...(whole > 0 ? [] : ["no answer was whole"]),
    ...(active === 0 ? [] : [`${active} answers are still under way`]),
    ...(ledger["drift"] === 0 ? [] : [`the ledger is off by ${ledger["drift"]}`]),
    ...(ledger["open"] === 0 ? [] : [`${ledger["open"]} credits are still reserved`]),
    ...(files[1] <= files[0] + mayStayOpen
      ? []
      : [`${files[1] - files[0]} more files and sockets are open than before`]),
    ...(resident[2] <= resident[1] + mayGrow ? [] : [`it holds ${resident[2] - resident[1]} bytes more than midway`])
  ]
}
