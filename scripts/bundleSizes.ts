/**
 * What a program pays for what it imports, Effect included: bundled, minified and gzipped, for each of some small
 * programs. Exits with 1 if one is over its limit.
 *
 *   npm run check:size              # the table
 *   npm run check:size -- Retry     # and the modules that make up the bundles of one, the largest first
 *
 * With Rolldown, and with esbuild where that is installed: it keeps the whole of a namespace that comes out of a barrel,
 * so the programs import Effect's modules by themselves, as the library does.
 */
import { createRequire } from "node:module"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

type BundlerName = "rolldown" | "esbuild"

interface Program {
  readonly name: string
  readonly code: string
  /** The most that it may weigh, in kB of 1,000 bytes: a little over what it does. */
  readonly limits: { readonly [N in BundlerName]: number }
}

/** A program of one policy around a call. A policy must stay below 45 kB, whatever bundles it. */
const policy = (name: string, run: string, rolldown: number, esbuild: number): Program => ({
  name,
  code: `import * as Effect from "effect/Effect"
    import { ${name} } from "effect-resilience/policy"
    export const run = (call) => Effect.runPromise(${run})`,
  limits: { rolldown, esbuild }
})

/** A policy that is made by an effect. */
const made = (name: string, options: string, put: string, rolldown: number, esbuild: number): Program =>
  policy(name, `Effect.flatMap(${name}.make(${options}), (made) => ${name}.${put}(call, made))`, rolldown, esbuild)

const programs: ReadonlyArray<Program> = [
  {
    name: "Effect alone",
    code: `import * as Effect from "effect/Effect"
      export const run = (call) => Effect.runPromise(Effect.catch(call, Effect.succeed))`,
    limits: { rolldown: 9, esbuild: 10 }
  },
  {
    name: "errors",
    code: `import * as Effect from "effect/Effect"
      import { catchBlame, DoRequestFailed } from "effect-resilience/errors"
      export const run = () => Effect.runPromise(catchBlame("transport", Effect.succeed)(new DoRequestFailed({})))`,
    limits: { rolldown: 13, esbuild: 14 }
  },
  policy("Retry", "Retry.retry(call, Retry.make({ attempts: 3 }))", 30, 32),
  policy("Deadline", 'Deadline.total(call, "5 seconds")', 21, 24),
  policy("Fallback", 'Fallback.value(call, "cached")', 22, 24),
  policy("RetryBudget", "Effect.flatMap(RetryBudget.tokenRatio(), (made) => RetryBudget.spend(made)(call))", 17, 23),
  policy("OutlierEjection", "Effect.flatMap(OutlierEjection.make(), OutlierEjection.available)", 22, 24),
  made("CircuitBreaker", "", "protect", 32, 37),
  made("Bulkhead", "", "protect", 24, 26),
  made("RateLimiter", '{ limit: 8, window: "1 seconds" }', "protect", 23, 26),
  made("AdaptiveLimit", "", "protect", 26, 29),
  made("Throttle", "", "protect", 24, 26),
  made("Hedge", "{ idempotent: true }", "hedged", 25, 28),
  made("Chaos", "{ latency: { rate: 0.1, delay: 10 } }", "inject", 26, 28),
  {
    name: "Policy",
    code: `import * as Effect from "effect/Effect"
      import { Policy, Retry } from "effect-resilience/policy"
      export const run = (call) =>
        Effect.runPromise(Policy.apply(call, Policy.make({ retry: Retry.make({ attempts: 3 }) })))`,
    limits: { rolldown: 42, esbuild: 45 }
  },
  {
    name: "at the root",
    code: `import * as Effect from "effect/Effect"
      import { Retry } from "effect-resilience"
      export const run = (call) => Effect.runPromise(Retry.retry(call, Retry.make({ attempts: 3 })))`,
    limits: { rolldown: 30, esbuild: 32 }
  },
  {
    name: "sse",
    code: `import { SseStream } from "effect-resilience/sse"
      export const decode = SseStream.decode`,
    limits: { rolldown: 10, esbuild: 15 }
  },
  {
    name: "client/browser",
    code: `export { RetryStreamingClient } from "effect-resilience/client/browser"`,
    limits: { rolldown: 5, esbuild: 5.5 }
  },
  {
    name: "react",
    code: `export { useRetryStreaming } from "effect-resilience/react"`,
    limits: { rolldown: 6.7, esbuild: 7 }
  },
  {
    name: "ai, of two models",
    code: `import * as Effect from "effect/Effect"
      import * as LanguageModel from "effect/ai/LanguageModel"
      import { ResilientLanguageModel } from "effect-resilience/ai"
      export const layer = (first, second) => ResilientLanguageModel.layer([first, second])
      export const run = (prompt) => LanguageModel.generateText({ prompt })`,
    // 59 of them are Effect's own: `LanguageModel`, with the schemas of prompts and answers.
    limits: { rolldown: 91, esbuild: 100 }
  },
  {
    name: "ai, of a vendor",
    code: `import { DialectLanguageModel } from "effect-resilience/ai"
      export const layer = (options) => DialectLanguageModel.layer(options)`,
    limits: { rolldown: 120, esbuild: 131 }
  },
  {
    name: "stream",
    code: `import { PartialContent, StreamClocks } from "effect-resilience/stream"
      export const run = [PartialContent.keep, StreamClocks.watch]`,
    limits: { rolldown: 27, esbuild: 30 }
  }
]

interface Bundle {
  readonly bytes: number
  /** The modules of a bundle, each with what it adds. */
  readonly modules: ReadonlyArray<readonly [module: string, bytes: number]>
}

type Bundler = (code: string) => Promise<Bundle>

const root = fileURLToPath(new URL("..", import.meta.url))
const entry = fileURLToPath(new URL("program.ts", import.meta.url))
const conditions = ["effect-resilience-source", "import", "default"]

const bundleOf = (code: string, modules: Iterable<readonly [string, number]>): Bundle => ({
  bytes: gzipSync(code, { level: 9 }).length,
  modules: [...modules].sort(([, a], [, b]) => b - a)
})

const withRolldown: Bundler = async (code) => {
  const bundle = await rolldown({
    input: entry,
    // Who uses the hook has React; models are asked by programs of Node's.
    external: ["react", /^node:/],
    platform: "browser",
    resolve: { conditionNames: conditions },
    plugins: [
      { name: "program", resolveId: (id) => (id === entry ? id : null), load: (id) => (id === entry ? code : null) }
    ]
  })
  const { output } = await bundle.generate({ minify: true, comments: false })
  await bundle.close()
  const [chunk] = output
  return bundleOf(
    chunk.code,
    Object.entries(chunk.modules).map(([id, { renderedLength }]) => [relative(root, id), renderedLength])
  )
}

/** As much of esbuild as is used here: it is none of our packages. */
interface Esbuild {
  readonly build: (options: object) => Promise<{
    readonly outputFiles: ReadonlyArray<{ readonly text: string }>
    readonly metafile: {
      readonly outputs: {
        readonly [file: string]: { readonly inputs: { readonly [file: string]: { readonly bytesInOutput: number } } }
      }
    }
  }>
}

const withEsbuild =
  ({ build }: Esbuild): Bundler =>
  async (code) => {
    const { metafile, outputFiles } = await build({
      stdin: { contents: code, resolveDir: root, loader: "ts" },
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      external: ["react", "node:*"],
      conditions,
      write: false,
      metafile: true,
      logLevel: "error"
    })
    const [output] = Object.values(metafile.outputs)
    return bundleOf(
      outputFiles[0]!.text,
      Object.entries(output!.inputs).map(([file, { bytesInOutput }]) => [file, bytesInOutput])
    )
  }

const findEsbuild = (): Esbuild | undefined => {
  try {
    return createRequire(import.meta.url)("esbuild") as Esbuild
  } catch {
    return undefined
  }
}

const esbuild = findEsbuild()
const bundlers: ReadonlyArray<readonly [name: BundlerName, bundler: Bundler]> = [
  ["rolldown", withRolldown],
  ...(esbuild === undefined ? [] : [["esbuild", withEsbuild(esbuild)] as const])
]

const asked = process.argv[2]
const rows: Array<object> = []
for (const { code, limits, name } of programs) {
  const row: { [column: string]: string } = { program: name }
  for (const [bundler, bundle] of bundlers) {
    const { bytes, modules } = await bundle(code)
    const kB = Math.round(bytes / 100) / 10
    row[bundler] = `${kB} of ${limits[bundler]} kB`
    // Not the rounded figure: what is promised is promised to the byte.
    if (bytes > limits[bundler] * 1_000) {
      console.error(`${name}: ${bytes} bytes with ${bundler} are over its limit of ${limits[bundler]} kB`)
      process.exitCode = 1
    }
    if (asked === name) console.table(modules.slice(0, 40).map(([module, size]) => ({ module, bytes: size })))
  }
  rows.push(row)
}
console.table(rows)
