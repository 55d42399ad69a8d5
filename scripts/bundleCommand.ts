/**
 * Writes the command to `dist/bin`, in few files and with all that it needs: Effect and the YAML reader too.
 *
 * Most of what a short command does is to find, read and compile its modules. There are 542 of them, each sought in
 * folder after folder; in files of one piece, without what no path reaches, `check` takes a third of its time and a relay
 * that rests two thirds of its memory. Decision 0027 keeps the figures, and why Effect is in it.
 *
 *   node scripts/bundleCommand.ts              # part of `npm run build`; the tests do it where the sources have changed
 *   node scripts/bundleCommand.ts FOLDER       # to another folder
 */
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import type { Plugin } from "rolldown"
import { buildAnew, buildIfChanged, root } from "./builtFrom.ts"

/**
 * The command, and beside it the modules of threads: they are started by their address, which no bundler sees, and are
 * looked for beside the module that starts them.
 */
const entries = (): { readonly [name: string]: string } => ({
  "effect-resilience": join(root, "src/cli/Main.ts"),
  ...Object.fromEntries(
    globSync("src/**/*ThreadNode.ts", { cwd: root }).map((file) => [basename(file, ".ts"), join(root, file)])
  )
})

/** What of the command's code is only there for one who asks for it: it stays a package of its own. */
const external = [/^node:/, /^@effect\//, /^@sentry\//]

/**
 * The same program in ASCII: V8 keeps the source of what runs, and one letter beyond Latin-1 makes it twice as long. An
 * escape means the same in a string, a template and a regular expression, but not in `String.raw`.
 */
const inAscii = (file: string, code: string): string => {
  if (/String\.raw`[^`]*[^\0-\x7f]/.test(code)) throw new Error(`${file}: String.raw with letters beyond ASCII`)
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

/**
 * The same program, which asks for Node's modules by a call. An `import` of one reads all of its names, and behind some there is
 * a getter that loads more: `stdin` of `node:process` makes one, `promises` of `node:fs` brings six modules.
 */
export const withBuiltinsCalled = (file: string, code: string): string => {
  const called = code.replace(
    /^import (?:\* as )?([\w$]+|\{[^}]*\}) from "(node:[\w/]+)";$/gm,
    (_, names: string, module: string) =>
      `const ${names.replace(/([\w$]+) as /g, "$1: ")} = ${
        module === "node:process" ? "globalThis.process" : `globalThis.process.getBuiltinModule("${module}")`
      };`
  )
  if (/^const \{[^}]*\bdefault:/m.test(called)) throw new Error(`${file}: an import of "default" by its name`)
  const left = /^(?:import|export)\b[^;]*"node:[^;]*;/m.exec(called)
  if (left !== null) throw new Error(`${file}: another kind of import: ${left[0]}`)
  return called
}

/** What of undici its client asks for and the relay has no use for: it speaks HTTP/1.1, and sends bodies that are bytes or text. */
const unusedOfUndici = /(?:^|\/)(?:client-h2|parser-h1)\.js$|\/web\//

/**
 * undici's client alone, with one parser, as Node's own build has it. HTTP/2 would load `node:http2` (10 ms and 6 MB), and all
 * of it together is half of the file. Calls back where undici asks which parsers its build has.
 */
const leanUndici = (onAsked: () => void): Plugin => ({
  name: "lean-undici",
  resolveId: (source, importer) =>
    source === "undici" || (/[\\/]node_modules[\\/]undici[\\/]/.test(importer ?? "") && unusedOfUndici.test(source))
      ? `\0unused:${source}`
      : undefined,
  load: (id) => {
    const name = /^\0unused:(.*)$/.exec(id)?.[1]
    if (name === undefined) return undefined
    const refusal = `throw new Error("effect-resilience: the command was built without ${name} (undici)")`
    // The one that is loaded before it is known whether anybody wants it.
    return name.endsWith("client-h2.js") ? `module.exports = () => { ${refusal} }` : refusal
  },
  transform: (code, id) => {
    if (!/[\\/]undici[\\/]lib[\\/]dispatcher[\\/]client-h1\.js$/.test(id)) return undefined
    const asked = "typeof esbuildDetection === 'undefined'"
    if (!code.includes(asked)) return undefined
    onAsked()
    return code.replaceAll(asked, "false")
  }
})

/** The package that a module is of, by its folder; `undefined` for our own. */
export const packageOf = (module: string): string | undefined =>
  /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module.replaceAll("\\", "/"))?.[1]

/** Whose work is in it, and on what terms. */
export const notices = (packages: Iterable<string>): string =>
  Array.from(new Set(packages), (folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
      readonly name: string
      readonly version: string
    }
    const [license] = globSync("{LICEN[CS]E,licen[cs]e}*", { cwd: folder })
    if (license === undefined) throw new Error(`${name} has no license that could be passed on`)
    return `${name} ${version}\n\n${readFileSync(join(folder, license), "utf8").trim()}\n`
  })
    .sort()
    .join("\n---\n\n")

/** What is loaded with a module, when it is. */
const loadedWith = (module: string, imported: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlySet<string> => {
  const found = new Set<string>()
  const visit = (one: string): void => {
    for (const next of imported.get(one) ?? []) {
      if (found.has(next)) continue
      found.add(next)
      visit(next)
    }
  }
  visit(module)
  return found
}

/**
 * Puts into one file what is loaded together: what threads need, what every command needs, and what a relay needs beside it. Left
 * to itself a bundler makes a file of all that the same entries need: 37 of them for a start.
 */
const inFewFiles = () => {
  const imported = new Map<string, ReadonlyArray<string>>()
  const note: Plugin = {
    name: "note-imports",
    moduleParsed: ({ id, importedIds }) => void imported.set(id, importedIds)
  }
  // Asked for once all imports are noted.
  let threads: ReadonlySet<string> | undefined
  const ofThreads = (id: string): boolean => {
    threads ??= new Set(
      Object.values(entries()).flatMap((entry) =>
        entry.endsWith("ThreadNode.ts") ? [...loadedWith(entry, imported)] : []
      )
    )
    return threads.has(id)
  }
  return {
    note,
    groups: [
      { name: "threads", test: ofThreads, priority: 3 },
      { name: "command", test: /[\\/]src[\\/]cli[\\/]RunCommand\.ts$/, priority: 2 },
      { name: "relay", test: /[\\/]src[\\/]cli[\\/]RunRelay\.ts$/, priority: 1 }
    ]
  }
}

/** Writes the command to a folder. Two levels above it has to be the package's `package.json`. */
export const bundleCommand = async (folder: string): Promise<void> => {
  const { rolldown } = await import("rolldown")
  const { groups, note } = inFewFiles()
  let isLean = false
  const bundle = await rolldown({
    input: { ...entries() },
    external,
    platform: "node",
    plugins: [leanUndici(() => (isLean = true)), note],
    resolve: { conditionNames: ["effect-resilience-source", "import", "default"] }
  })
  const { output } = await bundle.generate({
    format: "esm",
    chunkFileNames: "[name].js",
    comments: false,
    codeSplitting: { groups }
  })
  await bundle.close()
  if (!isLean) throw new Error("undici's client no longer asks which parsers its build has")
  const chunks = output.filter((file) => file.type === "chunk")
  const packages = chunks.flatMap(({ moduleIds }) => moduleIds.flatMap((module) => packageOf(module) ?? []))
  mkdirSync(folder, { recursive: true })
  for (const { code, fileName } of chunks)
    writeFileSync(join(folder, fileName), withBuiltinsCalled(fileName, inAscii(fileName, code)))
  writeFileSync(join(folder, "THIRD-PARTY.txt"), notices(packages))
}

const inPlace = {
  target: join(root, "dist/bin"),
  // The version of Effect that is in it is in the lock.
  sources: ["src/**/*.ts", "scripts/bundleCommand.ts", "package-lock.json"],
  build: bundleCommand
}

/** Writes the command to `dist/bin` if what is there is not made of today's sources. */
export const bundleIfChanged = (): Promise<void> => buildIfChanged(inPlace)

/** Before the tests of a run: the processes that they start are of the sources that they stand beside. */
export const setup = bundleIfChanged

if (import.meta.main)
  await (process.argv[2] === undefined ? buildAnew(inPlace) : bundleCommand(resolve(process.argv[2])))
