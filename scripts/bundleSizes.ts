/**
 * What a program pays for what it imports, Effect included: bundled, minified and gzipped, for each of some small
 * programs. Exits with 1 if one is over its limit.
 *
 *   npm run check:size              # the table
 *   npm run check:size -- retry     # and the modules that make up the bundle of one, the largest first
 */
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

interface Program {
  readonly name: string
  readonly code: string
  /** The most that it may weigh, in kB of 1,000 bytes: a little over what it does. */
  readonly limit: number
}

const programs: ReadonlyArray<Program> = [
  {
    name: "effect alone",
    code: `import { Effect } from "effect"
      export const run = (call) => Effect.runPromise(Effect.catch(call, Effect.succeed))`,
    limit: 9
  },
  {
    name: "errors",
    code: `import { Effect } from "effect"
      import { catchBlame, DoRequestFailed } from "effect-resilience/errors"
      export const run = () => Effect.runPromise(catchBlame("transport", Effect.succeed)(new DoRequestFailed({})))`,
    limit: 13
  },
  {
    name: "circuit breaker",
    code: `import { Effect } from "effect"
      import { CircuitBreaker } from "effect-resilience/policy"
      export const run = (call) =>
        Effect.runPromise(Effect.flatMap(CircuitBreaker.make(), (breaker) => CircuitBreaker.protect(call, breaker)))`,
    limit: 32
  },
  {
    name: "retry",
    code: `import { Effect } from "effect"
      import { Retry } from "effect-resilience/policy"
      export const run = (call) => Effect.runPromise(Retry.retry(call, Retry.make({ attempts: 3 })))`,
    limit: 30
  },
  {
    name: "sse",
    code: `import { SseStream } from "effect-resilience/sse"
      export const decode = SseStream.decode`,
    limit: 10
  }
]

const root = fileURLToPath(new URL("..", import.meta.url))
const entry = fileURLToPath(new URL("program.ts", import.meta.url))

/** The bundle of a program: its size, and the size of each of its modules before it is minified. */
const measure = async ({ code }: Program) => {
  const bundle = await rolldown({
    input: entry,
    platform: "browser",
    resolve: { conditionNames: ["effect-resilience-source", "import", "default"] },
    plugins: [
      { name: "program", resolveId: (id) => (id === entry ? id : null), load: (id) => (id === entry ? code : null) }
    ]
  })
  const { output } = await bundle.generate({ minify: true })
  await bundle.close()
  const [chunk] = output
  return {
    bytes: gzipSync(chunk.code, { level: 9 }).length,
    modules: Object.entries(chunk.modules)
      .map(([id, { renderedLength }]) => [relative(root, id), renderedLength] as const)
      .sort(([, a], [, b]) => b - a)
  }
}

const asked = process.argv[2]
const rows: Array<object> = []
for (const program of programs) {
  const { bytes, modules } = await measure(program)
  const kB = Math.round(bytes / 100) / 10
  rows.push({ program: program.name, kB, limit: program.limit })
  if (kB > program.limit) {
    console.error(`${program.name}: ${kB} kB is over its limit of ${program.limit} kB`)
    process.exitCode = 1
  }
  if (asked === program.name) console.table(modules.slice(0, 40).map(([module, size]) => ({ module, bytes: size })))
}
console.table(rows)
