/**
 * What docs/sdk-retries.md says of the SDKs that are installed: how often each asks, of what, and which headers it heeds.
 */
import Anthropic from "@anthropic-ai/sdk"
import { createOpenAI } from "@ai-sdk/openai"
import { assert, describe, it } from "@effect/vitest"
import { generateText } from "ai"
import { Effect } from "effect"
import { Script, ScriptedServer } from "effect-resilience/testing"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import OpenAI from "openai"
import { root } from "../exports/packageJson.ts"

const page = readFileSync(join(root, "docs/sdk-retries.md"), "utf8")

interface Sdk {
  readonly name: string
  readonly dialect: "openai" | "anthropic"
  /** Asks one question; `maxRetries` only if it is given. */
  readonly ask: (url: string, maxRetries: number | undefined) => Promise<unknown>
}

const messages = [{ role: "user" as const, content: "Hello?" }]

const sdks: ReadonlyArray<Sdk> = [
  {
    name: "openai",
    dialect: "openai",
    ask: (baseURL, maxRetries) =>
      new OpenAI({
        baseURL,
        apiKey: "key",
        ...(maxRetries === undefined ? {} : { maxRetries })
      }).chat.completions.create({ model: "m", messages })
  },
  {
    name: "@anthropic-ai/sdk",
    dialect: "anthropic",
    ask: (url, maxRetries) =>
      new Anthropic({
        baseURL: url.replace(/\/v1$/, ""),
        apiKey: "key",
        ...(maxRetries === undefined ? {} : { maxRetries })
      }).messages.create({ model: "m", max_tokens: 10, messages })
  },
  {
    name: "ai",
    dialect: "openai",
    ask: (baseURL, maxRetries) =>
      generateText({
        model: createOpenAI({ baseURL, apiKey: "key" }).chat("m"),
        messages,
        ...(maxRetries === undefined ? {} : { maxRetries })
      })
  }
]

// Soon, so that no test waits for a backoff of half a second and more.
const soon = { "retry-after-ms": "1" }

/** How many requests are made of a question that always fails so. */
const requests = (sdk: Sdk, status: number, headers: { readonly [name: string]: string }, maxRetries?: number) =>
  Effect.gen(function* () {
    const server = yield* ScriptedServer.ScriptedServer
    yield* Effect.promise(() => sdk.ask(server.url, maxRetries).catch(() => undefined))
    return server.calls().length
  }).pipe(
    Effect.provide(
      ScriptedServer.layer({
        dialect: sdk.dialect,
        scripts: Array.from({ length: 9 }, () => Script.status(status, { headers }))
      })
    )
  )

const cells = (line: string): ReadonlyArray<string> => line.split("|").map((text) => text.trim())
const rowOf = (name: string): ReadonlyArray<string> =>
  page
    .slice(page.indexOf("## What each does by default"))
    .split("\n")
    .map(cells)
    .find(([, first]) => first === `\`${name}\``) ?? []

describe("docs/sdk-retries.md", () => {
  it("names the versions that are installed", () => {
    const majorMinor = (name: string): string => {
      const { version } = JSON.parse(readFileSync(join(root, `node_modules/${name}/package.json`), "utf8"))
      return version.split(".").slice(0, 2).join(".")
    }
    for (const { name } of sdks) assert.include(page, `\`${name}\` ${majorMinor(name)}`)
  })

  for (const sdk of sdks) {
    describe(sdk.name, () => {
      const [, , inAll, again, , heeds] = rowOf(sdk.name)
      const heedsShouldRetry = !/\*\*not\*\* `x-should-retry`/.test(heeds!)

      it.live("asks as often as the page says", () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* requests(sdk, 503, soon), Number(inAll))
          assert.strictEqual(yield* requests(sdk, 503, soon, 0), 1)
        })
      )

      it.live("asks again for 408, 409, 429, 500 and more, and for nothing else", () =>
        Effect.gen(function* () {
          assert.include(sdk.name === "@anthropic-ai/sdk" ? rowOf("openai")[3] : again, "408, 409, 429, 500 and more")
          for (const status of [408, 409, 429, 500, 529]) {
            assert.strictEqual(yield* requests(sdk, status, soon, 1), 2, `${status}`)
          }
          for (const status of [400, 401, 403, 404, 413, 422]) {
            assert.strictEqual(yield* requests(sdk, status, soon, 1), 1, `${status}`)
          }
        })
      )

      it.live(`${heedsShouldRetry ? "heeds" : "does not heed"} x-should-retry`, () =>
        Effect.gen(function* () {
          const no = yield* requests(sdk, 503, { ...soon, "x-should-retry": "false" }, 1)
          const yes = yield* requests(sdk, 400, { ...soon, "x-should-retry": "true" }, 1)
          assert.deepStrictEqual([no, yes], heedsShouldRetry ? [1, 2] : [2, 1])
        })
      )
    })
  }
})
