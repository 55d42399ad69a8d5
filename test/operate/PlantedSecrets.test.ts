/**
 * A secret in every place where one can stand, and none of them in any place that leaves the process: logs, answers,
 * metrics, databases, the admin API, faults of a configuration, a crash. Two tables: what is planted, and where it is
 * looked for. What a part adds is a row in either.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { channelOf } from "../support/relay.ts"
import {
  commandFile,
  type RelayProcess,
  startRelayProcess,
  temporaryFolder,
  writeConfiguration
} from "../support/relayProcess.ts"
import { type Ended, runNode } from "../support/spawnNode.ts"
import { read } from "../support/sse.ts"
import { standInSentry } from "../support/standInSentry.ts"
import { until } from "../server/kit.ts"
import { adminOf } from "./admin.ts"

// None of them looks like a key: only who knows what is secret can tell.
const secrets = {
  "a channel's key": `quiet/river"4217`,
  "a channel's second key, in the file itself": "copper-lantern-88",
  "a channel's header": "amber morning tide",
  "the query of a base URL": "willow+thicket=9",
  "the password of a proxy": "blue@lighthouse55",
  "a token's key": "gentle-breeze-over-hills",
  "an admin's token": "marble-staircase-up",
  "a token that nobody has": "guessed-by-somebody-else",
  "a key that was added while it runs": "velvet-harbour-1905",
  "a header that was added while it runs": "saffron-window-22",
  "what the keys in the books are sealed with": "eleven-tall-candles-on-a-very-long-table",
  "the query of the webhook": "lavender-postbox-3",
  "what the webhook is signed with": "seven-wet-umbrellas-in-a-row",
  "the key in the tracker's DSN": "twelve-paper-lanterns"
} as const

/** What is no secret of the relay's, and nobody's business either. */
const privates = {
  "a prompt": "the heron counts seventeen silver fishes before the rain",
  "a system prompt": "you are a gardener of very small volcanoes indeed",
  "an answer": "nobody had told the baker about the orange elephant",
  "a session's name": "conversation-of-the-two-tall-giraffes",
  "an idempotency key": "once-and-only-once-said-the-clock"
} as const

type Planted = keyof typeof secrets | keyof typeof privates

const basic = (text: string): string => Buffer.from(`relay:${text}`).toString("base64")

/** A text as it may be written anywhere, and its halves: who cuts a message may cut a secret. */
const tracesOf = (text: string): ReadonlyArray<string> => [
  ...new Set([
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    new URLSearchParams({ text }).toString().slice("text=".length),
    Buffer.from(text).toString("base64"),
    Buffer.from(text).toString("hex"),
    basic(text),
    text.slice(0, Math.ceil(text.length / 2)),
    text.slice(Math.floor(text.length / 2))
  ])
]

const bodyOf = (request: IncomingMessage): Promise<string> =>
  new Promise((resolve) => {
    let text = ""
    request.on("data", (chunk: Buffer) => (text += chunk.toString()))
    request.on("end", () => resolve(text))
  })

/** An upstream that says all that it was sent, in whatever it says. */
type Reply = (said: string, response: ServerResponse) => void

const error = (said: string) => ({ error: { message: `you sent ${said}`, type: said, code: said, param: said } })
const status =
  (code: number, headers: (said: string) => { readonly [name: string]: string } = () => ({})): Reply =>
  (said, response) =>
    void response
      .writeHead(code, { "content-type": "application/json", ...headers(said) })
      .end(JSON.stringify(error(said)))
const stream =
  (...frames: ReadonlyArray<(said: string) => unknown>): Reply =>
  (said, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    for (const frame of frames) response.write(`data: ${JSON.stringify(frame(said))}\n\n`)
    response.end()
  }
const delta = (content: string) => () => ({ choices: [{ index: 0, delta: { content } }] })
const whole = stream(delta(privates["an answer"]), () => ({
  choices: [{ index: 0, delta: {}, finish_reason: "stop" }]
}))

const replies: ReadonlyArray<readonly [how: string, reply: Reply]> = [
  ["a 400", status(400)],
  [
    "a refusal of what the channel adds",
    (said, response) =>
      void response
        .writeHead(400, { "content-type": "application/json" })
        .end(JSON.stringify({ error: { ...error(said).error, param: "temperature" } }))
  ],
  ["a 401", status(401)],
  ["a 403 that is no JSON", (said, response) => void response.writeHead(403).end(`<b>${said}</b>`)],
  [
    "a 429 with an id",
    status(429, (said) => ({ "retry-after": "0", "x-request-id": encodeURIComponent(said).slice(0, 900) }))
  ],
  ["a 500", status(500)],
  ["an error in a stream", stream(error)],
  ["an error after content", stream(delta(privates["an answer"]), error)],
  [
    "a frame that is no JSON",
    (said, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.end(`data: ${said}\n\n`)
    }
  ],
  ["a 200 that is none", (said, response) => void response.writeHead(200).end(said)],
  ["a broken connection", (_, response) => void response.destroy()],
  ["a good answer", whole]
]

const folder = temporaryFolder()
let upstream: Server
let relay: RelayProcess
let ended: Ended
/** What the upstream was sent, for the proof that each secret was there at all. */
let sent = ""
/** What the webhook was sent, and with which headers. */
let hooked = ""
/** Every answer of the relay, by what was asked. */
const answers: Array<readonly [asked: string, text: string]> = []
let places: { readonly [place: string]: string } = {}

const messages = [
  { role: "system", content: privates["a system prompt"] },
  { role: "user", content: privates["a prompt"] }
]
const parts = (text: string) => [{ text }]
const token = { authorization: `Bearer ${secrets["a token's key"]}` }
const session = { "x-session-id": privates["a session's name"] }
const json = { "content-type": "application/json" }

/** One question in each dialect, each as its SDK would send it. */
const questions = (model: string): ReadonlyArray<readonly [path: string, init: RequestInit]> => [
  [
    `/chat?model=${model}&message=${encodeURIComponent(privates["a prompt"])}&token=${encodeURIComponent(secrets["a token's key"])}`,
    {}
  ],
  [
    "/v1/chat/completions",
    {
      method: "POST",
      headers: { ...token, ...json, ...session },
      body: JSON.stringify({ model, stream: true, messages })
    }
  ],
  [
    "/v1/chat/completions",
    {
      method: "POST",
      headers: { ...token, ...json, "idempotency-key": `${privates["an idempotency key"]} ${model}` },
      body: JSON.stringify({ model, prompt_cache_key: privates["a session's name"], messages })
    }
  ],
  [
    "/v1/messages",
    {
      method: "POST",
      headers: { "x-api-key": secrets["a token's key"], ...json },
      body: JSON.stringify({ model, max_tokens: 9, system: messages[0]!.content, messages: messages.slice(1) })
    }
  ],
  [
    "/v1/responses",
    {
      method: "POST",
      headers: { ...token, ...json },
      body: JSON.stringify({ model, instructions: messages[0]!.content, input: messages[1]!.content })
    }
  ],
  [
    `/v1beta/models/${model}:generateContent?key=${encodeURIComponent(secrets["a token's key"])}`,
    {
      method: "POST",
      headers: json,
      body: JSON.stringify({
        systemInstruction: { parts: parts(privates["a system prompt"]) },
        contents: [{ role: "user", parts: parts(privates["a prompt"]) }]
      })
    }
  ],
  [
    "/v1/embeddings",
    {
      method: "POST",
      headers: { ...token, ...json },
      body: JSON.stringify({ model, input: privates["a prompt"] })
    }
  ]
]

/** What is asked wrongly: no token, another one, in whatever place. */
const strangers: ReadonlyArray<readonly [path: string, init: RequestInit]> = [
  [`/chat?message=x&token=${secrets["a token that nobody has"]}`, {}],
  ["/v1/models", { headers: { authorization: `Bearer ${secrets["a token that nobody has"]}` } }],
  ["/v1/models", { headers: { "x-api-key": secrets["a token that nobody has"], ...token } }],
  ["/admin/tokens", { headers: { authorization: `Bearer ${secrets["a token that nobody has"]}` } }],
  [
    "/v1/chat/completions",
    { method: "POST", headers: { ...token, ...json, "x-channel": secrets["a token that nobody has"] }, body: "{}" }
  ]
]

const ask = async (label: string, path: string, init: RequestInit): Promise<void> => {
  const answer = await fetch(relay.url + path, init)
  const text = await answer.text()
  answers.push([`${label} ${path.split("?")[0]}`, `${JSON.stringify([...answer.headers])}\n${text}`])
}

const bytesOf = (pattern: RegExp): string =>
  readdirSync(folder.path)
    .filter((name) => pattern.test(name))
    .map((name) => readFileSync(join(folder.path, name), "latin1"))
    .join("\n")

const configuration = (url: string, closed: number) => ({
  server: { port: 0, debug: true, shutdownGrace: "2 seconds", secret: "${SEAL}" },
  alerts: { webhook: `${url}/hook?t=\${HOOK}`, secret: "${SIGN}" },
  disable: { after: 1 },
  errorLog: { successes: true, ip: true },
  tracker: { type: "sentry", dsn: "https://${DSN}@sentry.test/1" },
  store: { type: "sqlite", path: join(folder.path, "relay.db") },
  journal: { retention: "1 hour" },
  timeouts: { headers: "2 seconds", firstContent: "2 seconds", idle: "2 seconds" },
  retry: { times: 3, base: "1 millis", cap: "2 millis", waitUpTo: "1 millis" },
  recovery: { waitUpTo: "1 millis" },
  affinity: {},
  tokens: [
    { name: "web", key: "${TOKEN}" },
    { name: "ops", key: secrets["an admin's token"], admin: true }
  ],
  channels: [
    // One for each reply, so that what one has sent to rest keeps nobody from another.
    ...replies.map((_, at) =>
      channelOf(`c${at}`, `${url}/${at}/v1?code=\${QUERY}`, {
        keys: [`\${KEY}-${at}`, `${secrets["a channel's second key, in the file itself"]}-${at}`],
        headers: { "x-team": "${HEADER}" },
        params: { temperature: 0.5 },
        models: [`m${at}`],
        priority: 1
      })
    ),
    // Nobody is behind its proxy: what is told of it is an error of ours.
    channelOf("proxied", `${url}/v1`, {
      keys: [],
      models: ["*"],
      proxy: `http://relay:${encodeURIComponent(secrets["the password of a proxy"])}@127.0.0.1:${closed}`
    })
  ]
})

const sentry = standInSentry(folder.path)

const environment = {
  ...sentry.environment,
  KEY: secrets["a channel's key"],
  HEADER: secrets["a channel's header"],
  QUERY: encodeURIComponent(secrets["the query of a base URL"]),
  TOKEN: secrets["a token's key"],
  SEAL: secrets["what the keys in the books are sealed with"],
  HOOK: secrets["the query of the webhook"],
  SIGN: secrets["what the webhook is signed with"],
  DSN: secrets["the key in the tracker's DSN"]
}

beforeAll(async () => {
  upstream = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const said = [...Object.values(request.headers), decodeURIComponent(request.url!), request.url, body].join(
        " and "
      )
      if (request.url!.startsWith("/hook")) {
        hooked += `${JSON.stringify(request.headers)}\n${body}\n`
        return void response.writeHead(204).end()
      }
      sent += said
      const [, reply] = replies[Number(request.url!.split("/")[1])]!
      reply(said, response)
    })
  })
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve))
  const { port } = upstream.address() as AddressInfo
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve))
  const closed = (probe.address() as AddressInfo).port
  await new Promise((resolve) => probe.close(resolve))
  const base = `http://127.0.0.1:${port}`
  const written = configuration(base, closed)
  const file = writeConfiguration(folder.path, written)
  relay = await startRelayProcess(file, environment)

  for (const [at, [how]] of replies.entries()) {
    for (const [path, init] of questions(`m${at}`)) await ask(how, path, init)
  }
  for (const [path, init] of strangers) await ask("a stranger", path, init)

  const admin = adminOf(relay.url, secrets["an admin's token"])
  const made = await admin("POST", "tokens", { name: "made" })
  assert.strictEqual(made.status, 201, made.text)
  const { key } = made.body as { readonly key: string }
  await ask("with the token that was made", "/v1/models", { headers: { authorization: `Bearer ${key}` } })
  assert.strictEqual((await admin("PATCH", "tokens/made", { models: ["m"] })).status, 200)
  // Channels and settings that come while it runs; the model is asked, so that the key is used.
  const added = {
    id: "added",
    dialect: "openai",
    baseUrl: `${base}/1/v1`,
    keys: [secrets["a key that was added while it runs"]],
    headers: { "x-auth": secrets["a header that was added while it runs"] },
    models: ["added"]
  }
  const writes: ReadonlyArray<readonly [method: string, path: string, body: unknown, status: number]> = [
    ["POST", "channels", added, 201],
    ["POST", "channels", added, 409],
    ["POST", "channels", { ...added, id: "Bad", priority: secrets["a key that was added while it runs"] }, 422],
    ["POST", "channels/added/keys", { key: `${secrets["a key that was added while it runs"]}-2` }, 201],
    ["PATCH", "channels/added", { priority: 3 }, 200],
    ["POST", "channels/added/test", undefined, 200],
    ["POST", "channels/c0/test", undefined, 200],
    ["PATCH", "settings", { "alerts.secret": secrets["what the webhook is signed with"] }, 200],
    ["PATCH", "settings", { "alerts.secret": 5, "retry.times": secrets["what the webhook is signed with"] }, 422],
    ["PATCH", "settings", { "retry.times": 2 }, 200],
    ["POST", "quota/web", { set: 1_000_000_000, reason: "a gift" }, 200],
    ["POST", "reload", undefined, 200]
  ]
  const wrote: Array<string> = []
  for (const [method, path, body, status] of writes) {
    const { status: was, text } = await admin(method, path, body)
    assert.strictEqual(was, status, `${method} ${path}: ${text}`)
    wrote.push(text)
  }
  for (const [path, init] of questions("added")) await ask("an added channel", path, init)
  // What was asked has its rows a moment later.
  const failedRequest = `${/"x-request-id","([^"]+)"/.exec(answers.find(([asked]) => asked.startsWith("a 400"))![1])?.[1]}`
  await until(async () => (await admin("GET", `requests/${failedRequest}`)).status === 200)
  const reads = [
    "openapi.json",
    "tokens",
    "audit",
    "streams",
    "channels",
    "channels/added",
    "channels/c1",
    "settings",
    "quota/web",
    "ledger",
    "ledger/sum",
    "usage?by=channel",
    "summary",
    "errors?limit=1000",
    "errors?limit=1000&kind=request",
    `requests/${failedRequest}`
  ]
  const told = await Promise.all(reads.map((path) => admin("GET", path)))
  for (const [at, { status, text }] of told.entries()) assert.strictEqual(status, 200, `${reads[at]}: ${text}`)
  const csv = await read(`${relay.url}/admin/errors?format=csv&limit=1000`, {
    headers: { authorization: `Bearer ${secrets["an admin's token"]}` }
  })
  assert.strictEqual(csv.status, 200, csv.text)
  const metrics = await read(`${relay.url}/metrics`, {
    headers: { authorization: `Bearer ${secrets["an admin's token"]}` }
  })
  assert.strictEqual(metrics.status, 200)
  const counts = await read(`${relay.url}/metrics/errors`, {
    headers: { authorization: `Bearer ${secrets["an admin's token"]}` }
  })
  assert.strictEqual(counts.status, 200)
  const health = await read(`${relay.url}/health/ready`)

  // A configuration with the same secrets in places where none belongs.
  const { channels, ...sections } = written
  const wrong = writeConfiguration(temporaryFolder().path, {
    ...sections,
    tracker: { ...sections.tracker, type: "log" },
    tokens: { key: secrets["an admin's token"] },
    channels: [
      {
        ...channels[0]!,
        keys: secrets["a channel's second key, in the file itself"],
        headers: secrets["a channel's header"]
      },
      {
        ...channels.at(-1)!,
        proxy: `https://relay:${secrets["the password of a proxy"]}@127.0.0.1/x`,
        priority: "${KEY}"
      }
    ]
  })
  const checked = await runNode(commandFile, ["check", wrong], environment)
  assert.strictEqual(checked.code, 2, checked.stderr)

  await until(() => hooked !== "")
  relay.kill("SIGTERM")
  ended = await relay.ended
  const story = await runNode(commandFile, ["doctor", failedRequest, "--config", file], environment)
  assert.strictEqual(story.code, 0, story.stderr)
  places = {
    "the log": ended.stderr,
    "the banner": ended.stdout,
    "the metrics": metrics.text + counts.text,
    "the health": health.text,
    "the answers of the admin API": [...wrote, ...told.map(({ text }) => text), csv.text].join("\n"),
    "what the webhook was sent": hooked,
    "what the tracker was told": sentry.told(),
    "the story that doctor tells": story.stdout + story.stderr,
    "the bytes of the books": bytesOf(/^books\.db/),
    "the bytes of the store": bytesOf(/^relay\.db/),
    "the faults of a configuration": checked.stderr + checked.stdout
  }
  secretsMade.push(key)
}, 120_000)

/** Keys that the relay has made: shown once, to who asked for them. */
const secretsMade: Array<string> = []

afterAll(async () => {
  relay?.kill("SIGKILL")
  upstream?.closeAllConnections()
  await new Promise((resolve) => upstream?.close(resolve))
  folder.remove()
})

/** What may stand in a place all the same, and why. */
const allowed: { readonly [place: string]: ReadonlyArray<Planted> } = {
  // Answers are kept to be resumed, an error with what an upstream said of the request among them; and requests until
  // their answers have ended.
  "the bytes of the store": ["a prompt", "a system prompt", "an answer", "a session's name"]
}

const where = [
  "the log",
  "the banner",
  "the metrics",
  "the health",
  "the answers of the admin API",
  "what the webhook was sent",
  "what the tracker was told",
  "the story that doctor tells",
  "the bytes of the books",
  "the bytes of the store",
  "the faults of a configuration"
]

describe("planted secrets", () => {
  it("were all used, or the rest would prove nothing", () => {
    const upstreams: ReadonlyArray<Planted> = [
      "a channel's key",
      "a channel's second key, in the file itself",
      "a channel's header",
      "the query of a base URL",
      "a key that was added while it runs",
      "a header that was added while it runs",
      "a prompt",
      "a system prompt"
    ]
    const planted = { ...secrets, ...privates }
    for (const name of upstreams)
      assert.include(sent, JSON.stringify(planted[name]).slice(1, -1).replaceAll("\\", ""), name)
    for (const place of where) assert.isNotEmpty(places[place], place)
    assert.include(places["the log"], "proxied")
    assert.match(places["what the tracker was told"]!, /"code":"channel:param_override_invalid".*\n"closed"\n$/s)
    assert.include(places["the answers of the admin API"], "channel:param_override_invalid")
    assert.include(places["the bytes of the store"], "stream")
    assert.isAbove(answers.filter(([, text]) => text.includes(privates["an answer"])).length, 3)
  })

  describe.each(where)("in %s there is no", (place) => {
    const may = allowed[place] ?? []
    it.each(Object.entries({ ...secrets, ...privates }).filter(([name]) => !may.includes(name as Planted)))(
      "trace of %s",
      (_, value) => {
        for (const trace of tracesOf(value)) assert.notInclude(places[place], trace)
      }
    )

    it("trace of a key that the relay has made", () => {
      for (const trace of tracesOf(secretsMade[0]!)) assert.notInclude(places[place], trace)
    })
  })

  it.each(Object.entries(secrets))("no answer holds a trace of %s", (_, value) => {
    for (const [asked, text] of answers) {
      for (const trace of tracesOf(value)) assert.notInclude(text, trace, asked)
    }
  })
})
