/**
 * `init`: a first configuration by asking.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { afterAll } from "vitest"
import { configurationOf, interview, type Interview } from "#src/cli/Init"
import { keepFolder, load, optionsOf } from "./kit.ts"
import { root } from "../exports/packageJson.ts"
import { commandFile } from "../support/relayProcess.ts"

keepFolder()

const folder = mkdtempSync(join(tmpdir(), "init-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const answered = (lines: ReadonlyArray<string>): Extract<Interview, { _tag: "Done" }>["answers"] => {
  let step = interview
  for (const line of lines) {
    if (step._tag === "Done") return assert.fail(`nothing is asked for ${line}`)
    step = Result.getOrThrow(step.question.answer(line))
  }
  return step._tag === "Done" ? step.answers : assert.fail(`not asked: ${step.question.text}`)
}

describe("what is asked", () => {
  it.each([
    ["defaults", ["", "", "", ""]],
    ["openai", ["OpenAI", "MY_KEY", "gpt-5, gpt-*", "memory"]],
    ["anthropic", ["2", "", "", "sqlite"]],
    ["gemini", ["google", "G_KEY", "gemini-2.5-pro", "SQLite"]],
    ["a pattern alone", ["openai", "", "*", "memory"]],
    ["other", ["other", "", "", "", ""]],
    ["other, elsewhere", ["ollama", "LOCAL", "qwen3:8b,deepseek/r1", "memory", "https://models.example.com/v1/"]]
  ])("%s: the file that comes of it is accepted, and says what was answered", async (_, lines) => {
    const answers = answered(lines)
    const text = configurationOf(answers)
    const loaded = await load(text, { [answers.variable]: "sk-from-the-environment" })
    assert.deepStrictEqual(Result.isFailure(loaded) ? loaded.failure.lines : [], [])
    const { channels, store } = optionsOf(Result.getOrThrow(loaded))
    assert.strictEqual(store.type, answers.store)
    assert.deepStrictEqual(channels[0]?.models, answers.models)
    // The comments are configuration, too, once they are taken away.
    const more = text.replaceAll(
      /^( *)# (?=- id: backup| {2}(?:dialect|baseUrl|keys|models): |tokens:| {2}- \{ name|timeouts:|rateLimit:| {2}(?:headers|firstContent|idle|total): )/gm,
      "$1"
    )
    assert.notStrictEqual(more, text)
    const environment = { [answers.variable]: "sk-1", BACKUP_KEY: "sk-2", MY_TOKEN: "t-1", OPS_TOKEN: "t-2" }
    const whole = await load(more, environment)
    assert.deepStrictEqual(Result.isFailure(whole) ? whole.failure.lines : [], [])
    assert.lengthOf(optionsOf(Result.getOrThrow(whole)).channels, 2)
  })

  it.each([
    [["azure"]],
    [["openai", "sk-proj-hunter2"]],
    [["openai", "AIzaSyHunter2"]],
    [["openai", "", "a model, ${X}"]],
    [["openai", "", "", "redis"]],
    [["other", "", "", "", "https://me:hunter2@x.test/v1"]],
    [["other", "", "", "", "x"]]
  ])("%j is refused, and not repeated", (lines) => {
    let step = interview
    for (const line of lines.slice(0, -1)) {
      if (step._tag === "Asks") step = Result.getOrThrow(step.question.answer(line))
    }
    const last = step._tag === "Asks" ? step.question.answer(lines.at(-1)!) : assert.fail()
    assert.isTrue(Result.isFailure(last))
    assert.notInclude(Result.isFailure(last) ? last.failure : "", lines.at(-1)!)
  })
})

/** Runs the command in the folder; `close` ends its stdin. */
const start = (args: ReadonlyArray<string>, input: string, close = true) => {
  const child = spawn(process.execPath, [join(root, commandFile), ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"], KEY_OF_MINE: "sk-1" }
  })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk))
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk))
  child.stdin.on("error", () => {})
  child.stdin.write(input)
  if (close) child.stdin.end()
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once("close", (code) => resolve({ code, stdout, stderr }))
  )
  const asked = async (text: string): Promise<void> => {
    while (!stderr.includes(text)) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return { child, ended, asked }
}

describe("effect-resilience init", () => {
  it("reads answers from a pipe, and what it writes is accepted by check", async () => {
    const { code, stderr, stdout } = await start(
      ["init", "mine.yaml"],
      "anthropic\nKEY_OF_MINE\nclaude-sonnet-4-5\nmemory\n"
    ).ended
    assert.strictEqual(code, 0, stderr)
    assert.match(stdout, /^mine\.yaml: written\n {2}export KEY_OF_MINE=…\n/)
    assert.deepInclude(await start(["check", "mine.yaml"], "").ended, { code: 0, stdout: "mine.yaml: ok\n" })
  })

  it("without a name and without answers it is relay.yaml, by default; a file that is there stays", async () => {
    assert.strictEqual((await start(["init"], "").ended).code, 0)
    const written = readFileSync(join(folder, "relay.yaml"), "utf8")
    assert.include(written, "${OPENAI_API_KEY}")
    const again = await start(["init"], "gemini\n").ended
    assert.deepStrictEqual([again.code, again.stdout], [1, ""])
    assert.include(again.stderr, "relay.yaml: is there already, and is not written over")
    assert.strictEqual(readFileSync(join(folder, "relay.yaml"), "utf8"), written)
  })

  it("takes the answers of a file, and of none", () => {
    const answers = join(folder, "answers.txt")
    writeFileSync(answers, "ollama\n")
    for (const from of [answers, "/dev/null"]) {
      const input = openSync(from, "r")
      const name = `of-${basename(from)}.yaml`
      const { status, stderr } = spawnSync(process.execPath, [join(root, commandFile), "init", name], {
        cwd: folder,
        stdio: [input, "pipe", "pipe"],
        encoding: "utf8"
      })
      closeSync(input)
      assert.strictEqual(status, 0, stderr)
      assert.notInclude(stderr, "relay_crashed")
      assert.isTrue(existsSync(join(folder, name)))
    }
  })

  it("an answer that cannot be is told, and nothing is written", async () => {
    const { code, stderr, stdout } = await start(["init", "key.yaml"], "openai\nsk-proj-hunter2\n").ended
    assert.deepStrictEqual([code, stdout], [2, ""])
    assert.include(stderr, "init: expected the name of a variable")
    assert.notInclude(stderr, "hunter2")
    assert.isFalse(existsSync(join(folder, "key.yaml")))
  })

  it.each(["SIGINT", "SIGTERM"] as const)("%s in the middle writes nothing", async (signal) => {
    const before = readdirSync(folder)
    const { asked, child, ended } = start(["init", `${signal}.yaml`], "openai\nSOME_KEY\n", false)
    await asked("Models")
    child.kill(signal)
    const { code, stderr } = await ended
    assert.strictEqual(code, 1)
    assert.include(stderr, "nothing was written")
    assert.deepStrictEqual(readdirSync(folder), before)
  })

  it("a folder that is not there, a JSON file and a second name are faults before anything is asked", async () => {
    writeFileSync(join(folder, "file"), "")
    const results = await Promise.all(
      [["nowhere/relay.yaml"], ["relay.json"], ["a.yaml", "b.yaml"]].map((names) => start(["init", ...names], "").ended)
    )
    assert.deepStrictEqual(
      results.map(({ code }) => code),
      [1, 2, 2]
    )
    for (const { stderr } of results) assert.notInclude(stderr, "Vendor")
  })
})
