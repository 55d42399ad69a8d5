/**
 * Reads a configuration file: YAML, of which JSON is a part. Faults of the syntax are reported with their line, keys
 * that are given twice with their path too.
 */
import { Effect } from "effect"
import { readFile } from "node:fs"
import { promisify } from "node:util"
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml"
import { ConfigurationFaults, type Fault, type Path } from "../settings/index.ts"

/** A file that could be parsed. Objects are `Map`s. `faults`: keys that are given twice. */
export interface ParsedFile {
  readonly value: unknown
  readonly faults: ReadonlyArray<Fault>
}

/** The part of a parser's message that does not quote the file: a quotation may hold a secret. */
const withoutQuotation = (code: string, message: string): string => {
  if (code === "MULTIPLE_DOCS") return "more than one document"
  // The parser calls itself for each level, and tells what became of that.
  if (/call stack|regular expression/i.test(message)) return "nested too deep"
  const [first = "not YAML"] = message.split(/: |\n/)
  return first.charAt(0).toLowerCase() + first.slice(1)
}

/** The tags of what JSON can say: any other's value would be something else than lists, objects and scalars. */
const plainTags = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((name) => `tag:yaml.org,2002:${name}`)
)

/** Whether what is merged by `<<` is an object, or a list of them. */
const isMergeable = (document: Document, source: unknown): boolean => {
  const found = isAlias(source) ? source.resolve(document) : source
  return (
    isMap(found) ||
    (isSeq(found) && found.items.every((item) => isMap(item) || (isAlias(item) && isMap(item.resolve(document)))))
  )
}

const isMergeKey = (key: unknown): boolean =>
  isScalar(key) && (typeof key.value === "symbol" || (key.value === "<<" && key.type === "PLAIN"))

/** What YAML can say and no configuration can mean. */
const oddities = (document: Document, at: (offset: number) => string): ReadonlyArray<Fault> => {
  const faults: Array<Fault> = []
  const fault = (offset: number | undefined, message: string): void => {
    faults.push({ path: [], message: `${at(offset ?? 0)}: ${message}` })
  }
  visit(document, {
    Alias: (_, alias, around) => {
      const found = alias.resolve(document)
      if (found === undefined) fault(alias.range?.[0], "an alias without its anchor before it")
      else if (around.includes(found)) fault(alias.range?.[0], "an alias of what it stands in")
    },
    Value: (_, { range, tag }) => {
      // One that the parser does not know it has told itself.
      if (tag === undefined || plainTags.has(tag) || !tag.startsWith("tag:yaml.org,2002:")) return
      const name = tag.replace("tag:yaml.org,2002:", "!!")
      fault(range?.[0], `${name} is no plain data: texts, numbers, true, false, null, lists and objects are`)
    },
    Pair: (_, { key, value }) => {
      if (isMergeKey(key) && !isMergeable(document, value)) {
        fault(isScalar(key) ? key.range?.[0] : undefined, "<< takes an object that has an anchor, or a list of them")
      }
    }
  })
  return faults
}

const duplicateKeys = (root: unknown, lineOf: (offset: number) => number): ReadonlyArray<Fault> => {
  const faults: Array<Fault> = []
  const look = (node: unknown, path: Path): void => {
    if (isSeq(node)) node.items.forEach((item, index) => look(item, [...path, index]))
    if (!isMap(node)) return
    const lines = new Map<string, number>()
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue
      const name = isMergeKey(key) ? "<<" : String(key.value)
      const line = lineOf(key.range?.[0] ?? 0)
      const first = lines.get(name)
      if (first === undefined) lines.set(name, line)
      else faults.push({ path: [...path, name], message: `given twice, on line ${first} and on line ${line}` })
      look(value, [...path, name])
    }
  }
  look(root, [])
  return faults
}

/** Parses a file's text. The error holds every fault of the syntax. */
export const parseConfiguration = (file: string, text: string): Effect.Effect<ParsedFile, ConfigurationFaults> =>
  Effect.suspend(() => {
    const counter = new LineCounter()
    const document = parseDocument(text, {
      lineCounter: counter,
      merge: true,
      prettyErrors: false,
      uniqueKeys: false
    })
    const at = (offset: number): string => {
      const { line, col } = counter.linePos(offset)
      return `line ${line}, column ${col}`
    }
    // A warning is an unknown tag or directive: its value would not be what was meant.
    const faults: Array<Fault> = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
      path: [],
      message: `${at(pos[0])}: ${withoutQuotation(code, message)}`
    }))
    faults.push(...oddities(document, at))
    if (faults.length > 0) return Effect.fail(ConfigurationFaults.of(file, faults))
    return Effect.try({
      try: (): ParsedFile => ({
        value: document.toJS({ mapAsMap: true }),
        faults: duplicateKeys(document.contents, (offset) => counter.linePos(offset).line)
      }),
      catch: () => ConfigurationFaults.of(file, [{ path: [], message: "too many aliases" }])
    })
  })

/** Why a file cannot be read. */
export const readFault = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? error.code : undefined
  switch (code) {
    case "ENOENT":
      return "no such file"
    case "EISDIR":
      return "a directory, not a file"
    case "EACCES":
      return "not allowed to read it"
    case "ERR_ENCODING_INVALID_ENCODED_DATA":
      return "not UTF-8 text"
    default:
      return `cannot be read${typeof code === "string" ? ` (${code})` : ""}`
  }
}

/** Reads and parses a file. The error says in one fault why it cannot be read, or holds every fault of the syntax. */
export const readConfigurationFile = (file: string): Effect.Effect<ParsedFile, ConfigurationFaults> =>
  Effect.tryPromise({
    try: async () => new TextDecoder("utf-8", { fatal: true }).decode(await promisify(readFile)(file)),
    catch: (error) => ConfigurationFaults.of(file, [{ path: [], message: readFault(error) }])
  }).pipe(Effect.flatMap((text) => parseConfiguration(file, text)))
