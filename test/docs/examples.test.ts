/**
 * The documentation's examples are run: fences marked `ts import.meta.vitest` in docstrings, and `ts` fences that import
 * from this package in Markdown. `expression // => value` is an assertion, also with the comment on a line of its own.
 * All `ts` fences are compiled, as strictly as the sources: running strips the types and looks at none. Those that import
 * nothing of this package are clients of a relay that does not run here. `yaml` fences are configurations that work.
 */
import { assert, describe, it } from "@effect/vitest"
import { Equal, Result } from "effect"
import { decodeConfiguration } from "effect-resilience/relay"
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { basename, join } from "node:path"
import { inspect } from "node:util"
import { afterAll, beforeAll } from "vitest"
import { parse } from "yaml"

const root = join(import.meta.dirname, "../..")

interface Example {
  readonly line: number
  readonly code: string
}

const lineOf = (text: string, index: number) => text.slice(0, index).split("\n").length

const inDocstrings = (text: string): ReadonlyArray<Example> =>
  [...text.matchAll(/^[ \t]*\* ```ts import\.meta\.vitest\n([\s\S]*?)^[ \t]*\* ```$/gm)].map((found) => ({
    line: lineOf(text, found.index),
    code: found[1]!.replace(/^[ \t]*\* ?/gm, "")
  }))

const fencesOf =
  (language: string) =>
  (text: string): ReadonlyArray<Example> =>
    [...text.matchAll(new RegExp(`^\`\`\`${language}\\b[^\\n]*\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map((found) => ({
      line: lineOf(text, found.index),
      code: found[1]!
    }))

const inMarkdown = fencesOf("ts")

const isRun = ({ code }: Example): boolean => /from "effect-resilience[/"]/.test(code)

const isExpression = (text: string): boolean => {
  try {
    stripTypeScriptTypes(`async () => { void (\n${text}\n) }`)
    return true
  } catch {
    return false
  }
}

/** Turns each `// => value` into an assertion on the shortest whole expression that ends before it. */
const withAssertions = (code: string): string => {
  const out: Array<string> = []
  for (const line of code.split("\n")) {
    const found = /^(.*?);?\s*\/\/ => (.+)$/.exec(line)
    if (found === null) {
      out.push(line)
      continue
    }
    let expression = found[1]!
    while (expression.trim() === "" || !isExpression(expression)) {
      const before = out.pop()
      if (before === undefined) throw new Error(`no expression before: ${line}`)
      expression = `${before.replace(/;$/, "")}\n${expression}`
    }
    out.push(`;globalThis.docEqual(${expression.trim()}, ${found[2]!})`)
  }
  return out.join("\n")
}

Object.assign(globalThis, {
  docEqual: (actual: unknown, expected: unknown) =>
    assert.isTrue(Equal.equals(actual, expected), `${inspect(actual)} is not ${inspect(expected)}`)
})

// Not under node_modules, where Node does not strip types; of its own, since others may run at the same time.
mkdirSync(join(root, ".scratch"), { recursive: true })
const directory = mkdtempSync(join(root, ".scratch/doctest-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const run = async (name: string, code: string) => {
  const file = join(directory, `${name}.ts`)
  writeFileSync(file, withAssertions(code))
  await import(/* @vite-ignore */ file)
}

const sources = globSync("src/**/*.ts", { cwd: root }).sort()
const pages = ["README.md", ...globSync(["docs/**/*.md", "examples/**/*.md", "bench/*.md"], { cwd: root }).sort()]

interface Page {
  readonly file: string
  readonly examples: ReadonlyArray<Example>
}

const examplesOf = (files: ReadonlyArray<string>, examplesIn: typeof inMarkdown): ReadonlyArray<Page> =>
  files
    .map((file) => ({ file, examples: examplesIn(readFileSync(join(root, file), "utf8")) }))
    .filter(({ examples }) => examples.length > 0)

const all = [...examplesOf(sources, inDocstrings), ...examplesOf(pages, inMarkdown)]

for (const { examples, file } of all) {
  if (!examples.some(isRun)) continue
  describe(file, () => {
    for (const { code, line } of examples.filter(isRun)) {
      it(`line ${line}`, () => run(`${file.replace(/\W+/g, "_")}_${line}`, code))
    }
  })
}

// The options of the sources; only, an example need not use all that it names.
const compilerOptions = {
  composite: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
  rewriteRelativeImportExtensions: false
}

/** Compiles examples, all at once; gives the type errors by file and line. */
const typeErrorsOf = (name: string, examples: ReadonlyArray<Page>): ReadonlyArray<string> => {
  const places = new Map<string, { readonly file: string; readonly line: number }>()
  const folder = join(directory, name)
  mkdirSync(folder)
  for (const { examples: ofPage, file } of examples) {
    for (const { code, line } of ofPage) {
      const path = `${places.size}.ts`
      places.set(path, { file, line })
      writeFileSync(join(folder, path), code)
    }
  }
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions,
      include: ["*.ts", join(root, "src/**/*.d.ts")],
      exclude: []
    })
  )
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { encoding: "utf8" })
  const lines = stdout.split("\n").filter((line) => /^\S.*error TS/.test(line))
  assert.strictEqual(status === 0, lines.length === 0, stdout)
  return lines.map((text) => {
    const found = /^(.*)\((\d+),\d+\): (.*)$/.exec(text)
    const place = found === null ? undefined : places.get(basename(found[1]!))
    return place === undefined ? text : `${place.file}:${place.line + Number(found![2])}: ${found![3]}`
  })
}

describe("types", () => {
  const wrong: Page = {
    file: "docs/some.md",
    examples: [
      {
        line: 7,
        code: 'import { Retry } from "effect-resilience/policy"\n\nexport const x = Retry.make({ times: 1 })\n'
      }
    ]
  }
  // Compiled with the others: most of it is to read the sources.
  let errors: ReadonlyArray<string> = []
  beforeAll(() => {
    errors = typeErrorsOf("all", [...all, wrong])
  }, 120_000)

  it("every example compiles", () => {
    assert.deepStrictEqual(
      errors.filter((error) => !error.startsWith(`${wrong.file}:`)),
      []
    )
  })

  it("an error is told with its file and line", () => {
    const [error, ...more] = errors.filter((error) => error.startsWith(`${wrong.file}:`))
    assert.match(error!, /^docs\/some\.md:10: error TS2353: .*'times' does not exist/)
    assert.deepStrictEqual(more, [])
  })
})

describe("configurations", () => {
  const example = readFileSync(join(root, "examples/relay.yaml"), "utf8")
  const environment = (text: string) =>
    Object.fromEntries([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name!, valueOf(name!)]))
  // One that has to be an address is one.
  const valueOf = (name: string): string =>
    name.endsWith("_DSN") ? "https://key@sentry.example/1" : `the-value-of-${name}-as-it-is`

  /** What is wrong with a file; a part of one stands in the place of that part of examples/relay.yaml. */
  const faultsOf = (place: string, text: string): ReadonlyArray<string> => {
    const written = parse(text) as object
    const whole = "channels" in written ? written : { ...(parse(example) as object), ...written }
    const decoded = decodeConfiguration(whole, environment(example + text), place)
    const faults = Result.isFailure(decoded) ? decoded.failure.lines : []
    // Files that an example names are the reader's.
    return faults.filter((fault) => !/: no such file \(/.test(fault))
  }

  it("work, whole or as a part of examples/relay.yaml", () => {
    const found = examplesOf(["examples/relay.yaml", ...pages], (text) =>
      text === example ? [{ line: 1, code: text }] : fencesOf("yaml")(text)
    )
    assert.isAbove(found.flatMap(({ examples }) => examples).length, 10)
    const faults = found.flatMap(({ examples, file }) =>
      examples.flatMap(({ code, line }) => faultsOf(`${file}:${line}`, code))
    )
    assert.deepStrictEqual(faults, [])
  })

  it("would be told otherwise", () => {
    assert.deepStrictEqual(faultsOf("a.md:7", "retry: { timse: 1 }\n"), [
      'a.md:7: retry.timse: unknown key, did you mean "times"?'
    ])
  })
})

describe("this runner", () => {
  const fails = async (name: string, code: string) => {
    const failed = await run(name, code).then(
      () => false,
      () => true
    )
    assert.isTrue(failed, code)
  }

  it("fails where a value is another", async () => {
    await run("same", "const x = { a: [1] }\nx // => { a: [1] }\n[\n  1\n].concat(\n  [2]\n)\n// => [1, 2]")
    await fails("other", "const x = { a: [1] }\nx // => { a: [2] }")
    await fails("otherOfMany", "[\n  1\n].concat(\n  [2]\n)\n// => [1, 3]")
    await fails("none", "// => 1")
  })

  it("finds examples", () => {
    const fence = "```"
    const docstring = `/**\n * Text.\n *\n * ${fence}ts import.meta.vitest\n * const x = 1\n *\n * x // => 1\n * ${fence}\n */`
    assert.deepStrictEqual(inDocstrings(docstring), [{ line: 4, code: "const x = 1\n\nx // => 1\n" }])
    const page = `# A\n\n${fence}ts\nimport { x } from "effect-resilience/sse"\n${fence}\n\n${fence}ts\nother()\n${fence}\n`
    const found = inMarkdown(page)
    assert.deepStrictEqual(found, [
      { line: 3, code: 'import { x } from "effect-resilience/sse"\n' },
      { line: 7, code: "other()\n" }
    ])
    assert.deepStrictEqual(found.map(isRun), [true, false])
  })
})
