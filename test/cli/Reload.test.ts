/**
 * The configuration, read again while the relay runs, and what was changed by hand over its death: on a relay in a process
 * of its own, started from a file.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { answer } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import {
  commandFile,
  logOf,
  type RelayProcess,
  startRelayProcess,
  temporaryFolder,
  writeConfiguration
} from "../support/relayProcess.ts"
import { runNode, startNode } from "../support/spawnNode.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, until } from "../server/kit.ts"

const key = "ops-token"
const authorization = { authorization: `Bearer ${key}` }
const secret = "planted: a secret of the relay with enough bytes"

interface World {
  readonly a: FaultServer
  readonly b: FaultServer
  readonly folder: string
  /** Writes the file, with these sections over those that it has. */
  readonly write: (sections: object) => string
  readonly start: (environment?: { readonly [name: string]: string }) => Promise<RelayProcess>
}

/** Runs a test with a folder of its own, and kills the relays that it has left. */
const inFolder = async (run: (world: World) => Promise<void>): Promise<void> => {
  const [a, b] = await Promise.all([startFaultServer(), startFaultServer()])
  a.setDefault(answer({ words: ["one ", "two ", "three ", "four"], delay: 100 }))
  b.setDefault(answer({ words: ["other"] }))
  const folder = temporaryFolder()
  const running: Array<RelayProcess> = []
  const write = (sections: object): string =>
    writeConfiguration(folder.path, {
      server: { port: 0 },
      store: { path: join(folder.path, "relay.db") },
      tokens: [{ name: "ops", key, admin: true }],
      channels: [channelOf("a", a.url)],
      ...sections
    })
  try {
    await run({
      a,
      b,
      folder: folder.path,
      write,
      start: async (environment) => {
        const relay = await startRelayProcess(join(folder.path, "relay.yaml"), environment)
        running.push(relay)
        return relay
      }
    })
  } finally {
    for (const relay of running) relay.kill("SIGKILL")
    await Promise.all([...running.map(({ ended }) => ended), a.close(), b.close()])
    folder.remove()
  }
}

const admin = async ({ url }: RelayProcess, method: string, path: string, body?: object) => {
  const answered = await read(`${url}/admin/${path}`, {
    method,
    headers: { ...authorization, "content-type": "application/json" },
    ...(body === undefined ? {} : { body })
  })
  return { status: answered.status, text: answered.text, json: answered.text === "" ? {} : JSON.parse(answered.text) }
}
const settingOf = async (relay: RelayProcess, path: string) =>
  (await admin(relay, "GET", "settings")).json.data.find((one: { path: string }) => one.path === path)
const ask = (relay: RelayProcess, more: object = {}) =>
  read(`${relay.url}/v1/chat/completions`, { headers: authorization, body: completion(more) })

/** What a relay has logged so far, under a name. */
const logged = (relay: RelayProcess, event: string) =>
  logOf({ ...relay, stderr: relay.said().split("\n").slice(0, -1).join("\n") } as never).filter(
    (line) => line.event === event
  )
const hangUp = async (relay: RelayProcess, event: string) => {
  const before = logged(relay, event).length
  relay.kill("SIGHUP")
  await until(() => logged(relay, event).length > before, 20_000)
  return logged(relay, event).at(-1)!
}

/** Each test starts processes, which take their time on a machine that has other things to do. */
const patient = { timeout: 120_000 }

/** Code of a module that has its process send itself a signal when another module is about to be loaded. */
const signalAt = (signal: string, module: string): string =>
  [
    'import { registerHooks } from "node:module"',
    `const load = (url, context, next) => (url.endsWith("${module}") && process.kill(process.pid, "${signal}"), next(url, context))`,
    "registerHooks({ load })"
  ].join("\n")

describe("SIGTERM and SIGINT", patient, () => {
  it.each(["SIGTERM", "SIGINT"])("%s stops a relay in time while it is loaded, too", (signal) =>
    inFolder(async ({ write }) => {
      const file = write({})
      for (const module of ["cli/RunCommand.ts", "cli/RunRelay.ts"]) {
        const preload = `data:text/javascript,${encodeURIComponent(signalAt(signal, module))}`
        const relay = startNode("src/cli/Main.ts", ["relay", "--config", file], {}, undefined, ["--import", preload])
        assert.strictEqual((await relay.ended).code, 0, module)
      }
    })
  )
})

describe("SIGHUP", patient, () => {
  it("is no death while the relay is loaded, either", () =>
    inFolder(async ({ write }) => {
      const file = write({})
      const preload = `data:text/javascript,${encodeURIComponent(signalAt("SIGHUP", "cli/RunCommand.ts"))}`
      const relay = startNode("src/cli/Main.ts", ["relay", "--config", file], {}, undefined, ["--import", preload])
      await relay.printed("listening on")
      relay.kill("SIGTERM")
      assert.strictEqual((await relay.ended).code, 0)
    }))
  it("R13: reads the file again: channels, tokens, values; an answer under way keeps its channel", () =>
    inFolder(async ({ a, b, start, write }) => {
      write({})
      const relay = await start()
      const first = await open(`${relay.url}/chat?message=hi&model=m`, { headers: authorization })
      await first.until(({ event }) => event === "message")
      write({
        channels: [channelOf("b", b.url, { models: ["m", "n"] })],
        tokens: [
          { name: "ops", key, admin: true },
          { name: "new", key: "new-token" }
        ],
        retry: { times: 1 }
      })
      assert.deepInclude(await hangUp(relay, "reloaded"), { level: "info", by: "signal" })
      assert.strictEqual((await ask(relay, { model: "n" })).status, 200)
      const models = await read(`${relay.url}/v1/models`, { headers: { authorization: "Bearer new-token" } })
      assert.deepStrictEqual(
        JSON.parse(models.text).data.map(({ id }: { id: string }) => id),
        ["m", "n"]
      )
      assert.deepInclude(await settingOf(relay, "retry.times"), { value: 1, source: "file" })
      const { events } = await first.done
      assert.strictEqual(contentOf(events), "one two three four")
      assert.deepStrictEqual([a.requests.length, b.requests.length], [1, 1])
    }))

  it("R13: of a file with faults changes nothing, and says each of them, as POST /admin/reload does", () =>
    inFolder(async ({ a, folder, start, write }) => {
      write({})
      const relay = await start({ PLANTED: "planted-environment" })
      write({
        channels: [channelOf("x", "x", { keys: ["planted key", "${PLANTED}"] })],
        timeouts: { idle: "never" },
        colour: "red"
      })
      const faults = [
        'channels[0].baseUrl: expected a URL, got "x"',
        "channels[0].keys[0]: expected a key without spaces and control characters, got <redacted>",
        "colour: unknown key",
        'timeouts.idle: expected a duration above zero such as "5 seconds" (at most 24 days), got "never"'
      ]
      const line = await hangUp(relay, "reload_failed")
      const file = join(folder, "relay.yaml")
      assert.deepStrictEqual(
        String(line["error"]).split("\n"),
        faults.map((fault) => `${file}: ${fault}`)
      )
      const refused = await admin(relay, "POST", "reload")
      assert.strictEqual(refused.status, 422)
      assert.deepStrictEqual(
        refused.json.error.details.map(({ field, message }: Record<string, string>) => `${field}: ${message}`),
        faults
      )
      writeFileSync(file, "channels: [")
      assert.strictEqual((await admin(relay, "POST", "reload")).status, 422)
      write({ server: { port: 1 }, journal: { detachGrace: "1 second" } })
      const restart = await admin(relay, "POST", "reload")
      assert.deepStrictEqual(
        restart.json.error.details.map(({ field, message }: Record<string, string>) => `${field}: ${message}`),
        ["journal.detachGrace", "server.port"].map((path) => `${path}: can only be changed by a restart`)
      )
      assert.strictEqual((await ask(relay)).status, 200)
      assert.strictEqual(a.requests.length, 1)
      write({ timeouts: { idle: "9 seconds" } })
      assert.deepStrictEqual((await admin(relay, "POST", "reload")).json, { status: "reloaded" })
      assert.strictEqual((await settingOf(relay, "timeouts.idle")).value, "9 seconds")
    }))

  it("reads the files that the file names: words that may not be said", () =>
    inFolder(async ({ folder, start, write }) => {
      const words = join(folder, "words.txt")
      writeFileSync(words, "bluebird\n")
      write({ sensitiveWords: { file: words } })
      const relay = await start()
      const said = (content: string) => ask(relay, { messages: [{ role: "user", content }] })
      assert.strictEqual((await said("a bluebird")).status, 400)
      writeFileSync(words, "goldfinch\n")
      await hangUp(relay, "reloaded")
      assert.strictEqual((await said("a bluebird")).status, 200)
      assert.strictEqual((await said("a goldfinch")).status, 400)
    }))

  it("reads them once, by their paths from the file: one that is gone makes a reload fail, and no change of a setting", () =>
    inFolder(async ({ folder, start, write }) => {
      const words = join(folder, "words.txt")
      writeFileSync(words, "bluebird\n")
      write({ sensitiveWords: { words: ["wren"], file: "./words.txt" } })
      const relay = await start()
      const said = async (content: string) => (await ask(relay, { messages: [{ role: "user", content }] })).status
      assert.deepStrictEqual([await said("a bluebird"), await said("a wren")], [400, 400])
      assert.deepInclude(await settingOf(relay, "sensitiveWords.words"), { value: ["wren"] })
      writeFileSync(words, "goldfinch\n")
      assert.strictEqual((await admin(relay, "PATCH", "settings", { "retry.times": 7 })).status, 200)
      assert.deepStrictEqual([await said("a bluebird"), await said("a goldfinch")], [400, 200])
      rmSync(words)
      assert.strictEqual((await admin(relay, "PATCH", "settings", { "sensitiveWords.words": ["robin"] })).status, 200)
      assert.deepStrictEqual([await said("a bluebird"), await said("a robin"), await said("a wren")], [400, 400, 200])
      write({ retry: { cap: "1 second" }, sensitiveWords: { file: "./words.txt" } })
      const refused = await admin(relay, "POST", "reload")
      assert.strictEqual(refused.status, 422)
      assert.deepStrictEqual(
        refused.json.error.details.map(({ field, message }: Record<string, string>) => `${field}: ${message}`),
        ['sensitiveWords.file: expected a file of words that can be read (ENOENT), got "./words.txt"']
      )
      assert.strictEqual((await settingOf(relay, "retry.cap")).source, "default")
      assert.strictEqual(await said("a bluebird"), 400)
    }))
})

describe("what was changed by hand", patient, () => {
  it("is there after kill -9, wins over the file, and is taken back", () =>
    inFolder(async ({ b, folder, start, write }) => {
      write({ server: { port: 0, secret } })
      const first = await start()
      const values = { "retry.times": 7, "channels.a.models": ["m", "gone"], "timeouts.idle": "9 seconds" }
      assert.strictEqual((await admin(first, "PATCH", "settings", values)).status, 200)
      const channel = {
        ...channelOf("new", b.url),
        keys: ["planted-key"],
        models: ["n"],
        headers: { "x-key": "planted-2" }
      }
      assert.strictEqual((await admin(first, "POST", "channels", channel)).status, 201)
      first.kill("SIGKILL")
      await first.ended

      // Nothing secret is in the books, in whatever file of theirs.
      for (const name of readdirSync(folder).filter((name) => name.startsWith("books.db"))) {
        assert.notInclude(readFileSync(join(folder, name), "latin1"), "planted", name)
      }

      write({ server: { port: 0, secret }, retry: { times: 2 } })
      const second = await start()
      assert.deepInclude(await settingOf(second, "retry.times"), { value: 7, source: "admin" })
      assert.deepInclude(await settingOf(second, "channels.a.models"), { value: ["m", "gone"] })
      assert.strictEqual((await ask(second, { model: "n" })).status, 200)
      assert.strictEqual(b.requests[0]?.headers["authorization"], "Bearer planted-key")
      assert.strictEqual(b.requests[0]?.headers["x-key"], "planted-2")
      assert.strictEqual((await admin(second, "DELETE", "settings/retry.times")).status, 200)
      await hangUp(second, "reloaded")
      assert.deepInclude(await settingOf(second, "retry.times"), { value: 2, source: "file" })
      second.kill("SIGTERM")
      const { stderr, stdout } = await second.ended
      assert.notInclude(stderr + stdout, "planted")
    }))

  it("and what the file has made wrong since is left out, told, and kept; the relay starts", () =>
    inFolder(async ({ start, write }) => {
      write({})
      const first = await start()
      await admin(first, "PATCH", "settings", { "retry.base": "8 seconds", "retry.times": 7 })
      first.kill("SIGKILL")
      await first.ended
      write({ retry: { cap: "5 seconds" } })
      const second = await start()
      await until(() => logged(second, "relay_setting_left_out").length > 0)
      const [line, ...more] = logged(second, "relay_setting_left_out")
      assert.deepStrictEqual(more, [])
      assert.strictEqual(
        line?.["error"],
        'retry.base in the books: retry.base: expected at most retry.cap (5000 millis), got "8 seconds"'
      )
      const left = await settingOf(second, "retry.base")
      assert.deepInclude(left, { value: "200 millis", source: "default" })
      assert.include(left.fault, "at most retry.cap")
      assert.deepInclude(await settingOf(second, "retry.times"), { value: 7, source: "admin" })
      write({})
      await hangUp(second, "reloaded")
      assert.deepInclude(await settingOf(second, "retry.base"), { value: "8 seconds", source: "admin" })
    }))

  it("with another secret is not read: the relay says so and does not start", () =>
    inFolder(async ({ b, folder, start, write }) => {
      const file = write({ server: { port: 0, secret } })
      const first = await start()
      await admin(first, "POST", "channels", { ...channelOf("new", b.url), models: ["n"] })
      first.kill("SIGTERM")
      await first.ended
      const run = (sections: object) => {
        write(sections)
        return runNode(commandFile, ["relay", "--config", file])
      }
      const wrong = await run({ server: { port: 0, secret: `another ${secret}` } })
      assert.deepStrictEqual([wrong.code, wrong.stdout], [1, ""])
      assert.strictEqual(
        wrong.stderr,
        "books: server.secret: is not the one that secrets of channels.new in the books were encrypted with\n"
      )
      const none = await run({})
      assert.strictEqual(none.code, 1)
      assert.include(none.stderr, "server.secret: is needed")
      const short = await run({ server: { port: 0, secret: "planted-short" } })
      assert.deepStrictEqual(
        [short.code, short.stderr],
        [2, `${file}: server.secret: expected a secret of 32 bytes or more, got <redacted>\n`]
      )
      assert.isTrue(readdirSync(folder).includes("books.db"))
    }))
})

describe("books backup", patient, () => {
  it("copies the books of a relay that uses them, whole, and refuses to overwrite", () =>
    inFolder(async ({ folder, start, write }) => {
      const file = write({})
      const relay = await start()
      await admin(relay, "PATCH", "settings", { "retry.times": 7 })
      const copy = join(folder, "copy.db")
      const backup = () => runNode(commandFile, ["books", "backup", copy, "--config", file])
      const done = await backup()
      assert.deepStrictEqual(
        [done.code, done.stdout, done.stderr],
        [0, `${copy}: a copy of ${join(folder, "books.db")}\n`, ""]
      )
      assert.strictEqual((await admin(relay, "PATCH", "settings", { "retry.times": 8 })).status, 200)
      const again = await backup()
      assert.deepStrictEqual([again.code, again.stdout], [1, ""])
      assert.include(again.stderr, "already")
      relay.kill("SIGTERM")
      await relay.ended
      // A relay on the copy is as the other one was.
      write({ books: { path: copy } })
      assert.strictEqual((await settingOf(await start(), "retry.times")).value, 7)
    }))

  it("says where it has looked for books, and makes none", () =>
    inFolder(async ({ folder, write }) => {
      const file = write({})
      const copy = join(folder, "copy.db")
      const none = await runNode(commandFile, ["books", "backup", copy, "--config", file])
      assert.deepStrictEqual([none.code, none.stderr], [1, `there are no books at ${join(folder, "books.db")}\n`])
      write({ books: { type: "memory" } })
      const memory = await runNode(commandFile, ["books", "backup", copy, "--config", file])
      assert.deepStrictEqual(
        [memory.code, memory.stderr],
        [1, "the books are in the memory of the relay: nobody else can copy them\n"]
      )
      assert.deepStrictEqual(readdirSync(folder), ["relay.yaml"])
    }))
})

describe("books rekey", patient, () => {
  const next = "planted: another secret of the relay, with enough bytes"

  it("encrypts the keys of channels anew: a relay with the new secret has them", () =>
    inFolder(async ({ b, folder, start, write }) => {
      const file = write({ server: { port: 0, secret } })
      const relay = await start()
      const channel = { ...channelOf("new", b.url), keys: ["planted-key"], models: ["n"] }
      assert.strictEqual((await admin(relay, "POST", "channels", channel)).status, 201)
      relay.kill("SIGTERM")
      await relay.ended
      write({ server: { port: 0, secret: "${NEXT}" } })
      const rekey = (args: ReadonlyArray<string>, environment: { readonly [name: string]: string } = {}) =>
        runNode(commandFile, ["books", "rekey", "--config", file, ...args], { NEXT: next, ...environment })
      const unset = await rekey(["--from", "OLD"])
      assert.deepStrictEqual([unset.code, unset.stderr], [2, "books rekey: the environment variable OLD is not set\n"])
      const missing = await rekey([])
      assert.strictEqual(missing.code, 1)
      assert.include(
        missing.stderr,
        "encrypted with another secret than this server.secret: channels.new; say with --from"
      )
      const wrong = await rekey(["--from", "OLD"], { OLD: "planted: a secret that was never that of this relay" })
      assert.strictEqual(wrong.code, 1)
      assert.include(wrong.stderr, "neither the old secret nor the new one: channels.new; nothing was changed")
      const place = join(folder, "books.db")
      const done = await rekey(["--from", "OLD"], { OLD: secret })
      assert.deepStrictEqual(
        [done.code, done.stdout, done.stderr],
        [0, `${place}: encrypted with this server.secret now: 1\n`, ""]
      )
      const again = await rekey(["--from", "OLD"], { OLD: secret })
      assert.include(again.stdout, "encrypted with this server.secret already")
      const renewed = await start({ NEXT: next })
      assert.strictEqual((await ask(renewed, { model: "n" })).status, 200)
      assert.strictEqual(b.requests[0]?.headers["authorization"], "Bearer planted-key")
    }))

  it("needs a server.secret in the configuration, and books", () =>
    inFolder(async ({ folder, write }) => {
      const file = write({})
      const none = await runNode(commandFile, ["books", "rekey", "--config", file])
      assert.deepStrictEqual(
        [none.code, none.stderr],
        [2, `${file}: server.secret: is needed: what is secret is encrypted with it\n`]
      )
      write({ server: { port: 0, secret } })
      const away = await runNode(commandFile, ["books", "rekey", "--config", file])
      assert.deepStrictEqual([away.code, away.stderr], [1, `there are no books at ${join(folder, "books.db")}\n`])
    }))
})
