/**
 * What an editor shows of the policies, as the compiler's language service tells it: the errors that a policy adds, as a
 * plain union of classes, and what a namespace is.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll } from "vitest"
import ts from "typescript-6"
import { deprecated, root, subpaths } from "../exports/packageJson.ts"

const file = join(root, "test/docs/hovered.ts")

const faces = [...subpaths.keys()]
  .filter((subpath) => !deprecated.includes(subpath))
  .map((subpath) => `effect-resilience${subpath.slice(1)}`)

const preamble = `
import { Effect, Stream } from "effect"
import { catchBlame, type DoRequestFailed, type Unauthorized } from "effect-resilience/errors"
import {
  type AdaptiveLimit, type Chaos, Bulkhead, CircuitBreaker, Deadline, Fallback, Hedge, PartialContent, Policy, PolicyConfig,
  RateLimiter, Retry, StreamClocks, type Throttle
} from "effect-resilience"
${faces.map((subpath) => `import {} from "${subpath}"\n`).join("")}declare const call: Effect.Effect<string, DoRequestFailed | Unauthorized>
declare const answer: Stream.Stream<string, DoRequestFailed | Unauthorized>
declare const breaker: CircuitBreaker.CircuitBreaker
declare const bulkhead: Bulkhead.Bulkhead
declare const limiter: RateLimiter.RateLimiter
declare const throttle: Throttle.Throttle
declare const adaptiveLimit: AdaptiveLimit.AdaptiveLimit
declare const hedge: Hedge.Hedge
declare const chaos: Chaos.Chaos<string, "hurt" | "worse">
`

const calls = "DoRequestFailed | Unauthorized"

/** What is written, and the errors that an editor shows of it. */
const hovers: ReadonlyArray<readonly [written: string, errors: string]> = [
  ["call.pipe(Retry.retry(Retry.make({ attempts: 3 })))", `RetriesExhausted<${calls}>`],
  [
    "call.pipe(Retry.retry({ failOn: (text) => (text === '' ? 'empty' as const : undefined) }))",
    `RetriesExhausted<${calls} | "empty">`
  ],
  ["call.pipe(Retry.retry(Retry.standard), Retry.unwrap)", calls],
  ["answer.pipe(Retry.retryStream(Retry.standard))", `RetriesExhausted<${calls}>`],
  ["call.pipe(CircuitBreaker.protect(breaker))", `${calls} | CircuitOpen`],
  ["call.pipe(Bulkhead.protect(bulkhead))", `${calls} | BulkheadFull`],
  ["call.pipe(RateLimiter.protect(limiter))", `${calls} | Throttled`],
  ["call.pipe(Hedge.hedged(hedge))", calls],
  ["call.pipe(Deadline.total('5 seconds'))", `${calls} | DeadlineExceeded`],
  ["call.pipe(Deadline.attempt('1 second'))", `${calls} | ChannelResponseTimeExceeded`],
  ["call.pipe(Fallback.value('cached'))", "never"],
  ["call.pipe(Fallback.onBlame(['transport'], () => Effect.succeed('cached')))", "Unauthorized"],
  ["call.pipe(catchBlame('transport', () => Effect.succeed('cached')))", "Unauthorized"],
  [
    "call.pipe(Deadline.attempt('1 second'), Retry.retry(Retry.standard), Deadline.total('5 seconds'))",
    `DeadlineExceeded | RetriesExhausted<${calls} | ChannelResponseTimeExceeded>`
  ],
  [
    "call.pipe(Policy.apply(Policy.make({ breaker, bulkhead, attempt: '1 second' })))",
    `${calls} | CircuitOpen | ChannelResponseTimeExceeded | BulkheadFull`
  ],
  [
    "call.pipe(Policy.apply(Policy.make({ retry: Retry.standard, breaker, deadline: '5 seconds' })))",
    `DeadlineExceeded | RetriesExhausted<${calls} | CircuitOpen>`
  ],
  [
    "call.pipe(Policy.apply(Policy.make({ throttle, adaptiveLimit, rateLimiter: limiter })))",
    `${calls} | BulkheadFull | Throttled`
  ],
  ["call.pipe(Policy.apply(Policy.make({ breaker, chaos })))", `${calls} | CircuitOpen | "hurt" | "worse"`],
  ["answer.pipe(Policy.applyStream(Policy.make({ breaker })))", `${calls} | CircuitOpen`],
  [
    "Effect.flatMap(PolicyConfig.loadStream({}), (policy) => answer.pipe(Policy.applyStream(policy), Stream.runDrain))",
    `${calls} | CircuitOpen | DeadlineExceeded | BulkheadFull | Throttled | SchemaError | RetriesExhausted<${calls} | CircuitOpen | BulkheadFull | Throttled>`
  ],
  [
    "answer.pipe(StreamClocks.watch({ idle: '1 second' }))",
    `${calls} | ChannelResponseTimeExceeded | DeadlineExceeded`
  ],
  ["answer.pipe(PartialContent.keep({ text: (piece: string) => piece }))", `AnswerInterrupted<${calls}, never>`],
  [
    "answer.pipe(PartialContent.recover({ text: (piece: string) => piece, continueWith: () => answer }))",
    `AnswerInterrupted<${calls}, ${calls}>`
  ],
  [
    "Effect.gen(function* () { return yield* call.pipe(CircuitBreaker.protect(yield* CircuitBreaker.make()), Retry.retry(Retry.standard)) })",
    `RetriesExhausted<${calls} | CircuitOpen>`
  ]
]

const code = `${preamble}${hovers.map(([written], at) => `export const hovered${at} = ${written}\n`).join("")}`

const options = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config,
  ts.sys,
  root
).options

const service = ts.createLanguageService({
  getCompilationSettings: () => ({ ...options, types: [], noUnusedLocals: false }),
  getScriptFileNames: () => [file],
  getScriptVersion: () => "1",
  getScriptSnapshot: (path) => {
    if (path === file) return ts.ScriptSnapshot.fromString(code)
    return existsSync(path) ? ts.ScriptSnapshot.fromString(readFileSync(path, "utf8")) : undefined
  },
  getCurrentDirectory: () => root,
  getDefaultLibFileName: ts.getDefaultLibFilePath,
  fileExists: (path) => path === file || ts.sys.fileExists(path),
  readFile: ts.sys.readFile,
  directoryExists: ts.sys.directoryExists,
  getDirectories: ts.sys.getDirectories
})

/** What is shown of what stands at a place. */
const shownAt = (place: number): string =>
  ts.displayPartsToString(service.getQuickInfoAtPosition(file, place, 10_000)?.displayParts)

/** What was offered already: each name takes the service some milliseconds. */
const known = new Map<string, ReadonlyMap<string, string>>()

/** The names that may be imported from a subpath, each with what is shown of it. */
const offered = (subpath: string): ReadonlyMap<string, string> => {
  const before = known.get(subpath)
  if (before !== undefined) return before
  const place = code.indexOf(`{} from "${subpath}"`) + 1
  const entries = service.getCompletionsAtPosition(file, place, {})?.entries ?? []
  const names = new Map(
    entries
      .filter(({ kind }) => kind === ts.ScriptElementKind.alias || kind === ts.ScriptElementKind.moduleElement)
      .map(({ data, name }) => {
        const details = service.getCompletionEntryDetails(file, place, name, {}, undefined, {}, data)
        return [name, ts.displayPartsToString(details?.documentation)]
      })
  )
  known.set(subpath, names)
  return names
}

/** A union in one order: the compiler's is that in which it met the classes. */
const inOrder = (union: string): string => {
  const members: Array<string> = []
  let depth = 0
  let member = ""
  for (const part of union.split(/( \| |<|>)/)) {
    depth += part === "<" ? 1 : part === ">" ? -1 : 0
    if (part === " | " && depth === 0) {
      members.push(member)
      member = ""
    } else member += part
  }
  return [...members, member]
    .map((one) => one.replace(/^(\w+)<(.*)>$/s, (_, name: string, inside: string) => `${name}<${inOrder(inside)}>`))
    .sort()
    .join(" | ")
}

describe("what an editor shows", { timeout: 120_000 }, () => {
  // The first question reads all of Effect; the others are quick.
  beforeAll(() => {
    const faults = service.getSemanticDiagnostics(file)
    assert.deepStrictEqual(
      faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")),
      []
    )
  }, 120_000)

  for (const [at, [written, errors]] of hovers.entries()) {
    it(`${written} fails with ${errors}`, () => {
      const shown = shownAt(code.indexOf(`hovered${at} =`))
      const found = /^const hovered\d+: (?:Effect\.Effect|Stream\.Stream)<(?:string|void), (.*), never>$/s.exec(shown)
      assert.strictEqual(inOrder(found?.[1] ?? ""), inOrder(errors), shown)
    })

    // Of a single policy also in words, where its name stands.
    const [policy, ...others] = [...written.matchAll(/\b[A-Z]\w+\.[a-z]\w+(?=\()/g)].filter(
      ([name]) => !/\.(make|succeed)$/.test(name)
    )
    const added = new Set(
      [...errors.matchAll(/[A-Z]\w+/g)].map(([name]) => name).filter((name) => !calls.includes(name))
    )
    if (policy === undefined || others.length > 0 || added.size === 0) continue
    it(`${policy[0]} says that it adds ${[...added].join(", ")}`, () => {
      const place = code.indexOf(written) + policy.index + policy[0].length - 1
      const said = ts.displayPartsToString(service.getQuickInfoAtPosition(file, place)?.documentation)
      for (const name of added) assert.include(said, `\`${name}\``)
    })
  }

  it("says what each namespace is when one is chosen", () => {
    const silent = faces.flatMap((subpath) =>
      [...offered(subpath)].filter(([, text]) => text === "").map(([name]) => `${subpath} ${name}`)
    )
    assert.deepStrictEqual(silent, [])
    assert.strictEqual(
      offered("effect-resilience").get("Bulkhead"),
      "So many calls at once and no more, with a bounded queue before them."
    )
  })

  it("says it in the same words wherever the namespace is", () => {
    const atRoot = offered("effect-resilience")
    assert.isAbove(atRoot.size, 30)
    const others = faces.flatMap((subpath) =>
      [...offered(subpath)].filter(([name, text]) => (atRoot.get(name) ?? text) !== text).map(([name]) => name)
    )
    assert.deepStrictEqual(others, [])
  })

  it("says what a policy promises, and what it adds, where it is used", () => {
    const documentation = service.getQuickInfoAtPosition(file, code.indexOf("protect(bulkhead)"))?.documentation
    assert.strictEqual(
      ts.displayPartsToString(documentation),
      "Runs an effect once it has a place. Adds `BulkheadFull`: the queue was full, or the wait too long.\n\nIn a pipe."
    )
  })

  // Where a function has several forms an editor shows the docstring of the one that is called, and no other.
  it("says it of each form of a function", () => {
    const program = service.getProgram()!
    const checker = program.getTypeChecker()
    const namesOf = (symbol: ts.Symbol): ReadonlyArray<ts.Symbol> =>
      checker
        .getExportsOfModule(symbol)
        .map((name) => (name.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(name) : name))
        .flatMap((name) => (name.flags & ts.SymbolFlags.ValueModule ? namesOf(name) : [name]))
    const names = [...subpaths].flatMap(([subpath, { "effect-resilience-source": path }]) => {
      const source = deprecated.includes(subpath) ? undefined : program.getSourceFile(join(root, path))
      const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
      return module === undefined ? [] : namesOf(module)
    })
    const forms = [...new Set(names)]
      .filter(
        ({ flags, valueDeclaration }) =>
          flags & (ts.SymbolFlags.Variable | ts.SymbolFlags.Function) && valueDeclaration !== undefined
      )
      .map((name) => ({ name, signatures: checker.getTypeOfSymbol(name).getCallSignatures() }))
      .filter(({ signatures }) => signatures.length > 1)
    assert.isAbove(forms.length, 40)
    const words = (parts: Array<ts.SymbolDisplayPart>) =>
      ts.displayPartsToString(parts).split(/\n\n/)[0]!.split(/\s+/).join(" ")
    const silent = forms
      .filter(({ name, signatures }) => {
        const promise = words(name.getDocumentationComment(checker))
        return signatures.some((signature) => words(signature.getDocumentationComment(checker)) !== promise)
      })
      .map(({ name }) => `${name.valueDeclaration!.getSourceFile().fileName.slice(root.length)}: ${name.name}`)
    assert.deepStrictEqual(silent, [])
  })
})
