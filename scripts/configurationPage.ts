// Writes docs/relay/configuration.md from the sections of the configuration file, so that what is said of an option is
// what it does, and from examples/relay.yaml: npm run docs:configuration
import { SchemaAST } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { configurationJsonSchema } from "../src/cli/ConfigurationJsonSchema.ts"
import { relayFile } from "../src/cli/RelayFile.ts"
import type { Path, Section } from "../src/settings/index.ts"
import { schemaAt } from "../src/settings/SchemaPlace.ts"
import { cell, table } from "./markdownTable.ts"

interface Node {
  readonly description?: string
  readonly default?: unknown
  readonly properties?: { readonly [key: string]: Node }
  readonly items?: Node
  readonly required?: ReadonlyArray<string>
  /** What stands under free keys. */
  readonly additionalProperties?: boolean | Node
}

const intro = `# Configuration

\`effect-resilience relay --config FILE\` reads this file, YAML or JSON. \`effect-resilience check FILE\` tells every fault of it, each with its path, and starts nothing; \`effect-resilience schema\` prints a JSON Schema for editors. The smallest one that works:

\`\`\`yaml
channels:
  - id: primary
    dialect: openai
    baseUrl: https://api.openai.com/v1
    keys: ["\${OPENAI_API_KEY}"]
    models: ["gpt-5"]
\`\`\`

- What is left out has its default. Unknown keys are faults, and so is what a later version brings: the message says which key was meant.
- \`\${NAME}\` in a text comes from the environment and is secret from then on: no log, fault or answer shows it. A variable that is not set, or empty, is a fault. \`$\${\` is a literal \`\${\`. \`PORT\` overrides \`server.port\`.
- A duration is a text with its unit: \`"200 millis"\`, \`"5 seconds"\`, \`"10 minutes"\`, \`"1 hour"\`.
- _since_ is the version that brought the option.

Editors check the file while it is written: \`effect-resilience schema > relay.schema.json\`, and \`# yaml-language-server: $schema=./relay.schema.json\` as its first line.

[examples/relay.yaml](../../examples/relay.yaml) is a whole file; each section here begins with its part of it. A program that embeds the relay decodes the same options from a plain object ([embedding](embedding.md)).

This page is made from the file's schema by \`npm run docs:configuration\`.
`

/** What an option's number counts, where its schema says no more than that it is one. */
const units: { readonly [option: string]: string } = {
  "chat.maxMessage": "code points",
  "retry.times": "attempts",
  "retry.sameChannel": "attempts",
  "retry.keysPerChannel": "keys",
  "retry.factor": "times",
  "retry.budget.ratio": "retries a request",
  "retry.budget.minPerSecond": "retries a second",
  "recovery.maxContinuations": "continuations",
  "rateLimit.requests": "requests",
  "rateLimit.tokens": "tokens",
  "tokens.rateLimit.requests": "requests",
  "tokens.rateLimit.tokens": "tokens",
  "tokens.concurrency": "answers",
  "tokens.quota.balance": "credits",
  "tokens.quota.budget.amount": "credits",
  "groups.quota.balance": "credits",
  "groups.quota.budget.amount": "credits",
  "quota.trustAbove": "credits",
  "prices.input": "credits a token",
  "prices.output": "credits a token",
  "prices.cachedInput": "credits a token",
  "prices.request": "credits",
  "breaker.minimum": "calls",
  "breaker.failureRate": "share",
  "breaker.probes": "calls",
  "disable.after": "pieces of evidence",
  "alerts.quotaLow": "share",
  "errorLog.maxRows": "rows",
  "tracker.sampleRate": "share",
  "journal.takeOverAtOnce": "answers",
  "channels.priority": "higher first",
  "channels.weight": "share"
}

const unitOf = (option: string, takes: string): string => {
  const known = units[option]
  if (known !== undefined) return known
  if (takes.startsWith("a duration")) return "time"
  const counted = /(bytes|tokens)$/i.exec(option)
  return counted === null ? "" : counted[0].toLowerCase()
}

/** The options that version 0.1 had. What is not among them came with the version that is in the making. */
const ofFirstVersion: { readonly [section: string]: string } = {
  server: "host port name origins shutdownGrace heartbeat maxBodyBytes debug",
  chat: "model maxMessage timeout",
  store: "type path",
  journal: "retention onDisconnect detachGrace",
  timeouts: "headers firstContent idle total",
  retry: "times base factor cap jitter sameChannel waitUpTo statuses budget.ratio budget.minPerSecond",
  recovery: "mode maxContinuations prompt",
  breaker: "window minimum failureRate open cap probes",
  tokens: "name key models admin",
  channels:
    "id dialect baseUrl keys keyMode models modelMapping priority weight group continuation stream statusMapping params " +
    "headers timeouts.headers timeouts.firstContent timeouts.idle timeouts.total"
}

/** What the page is about. */
const file = relayFile()

const since = (section: string, name: string): string =>
  ofFirstVersion[section]?.split(" ").includes(name) === true ? "0.1" : "0.2"

const annotated = (ast: SchemaAST.AST, name: string): string | undefined =>
  [...(ast.checks ?? []), ast]
    .map(({ annotations }) => annotations?.[name])
    .find((value): value is string => typeof value === "string")

/** What may be written at a path, in the words of its faults; of a list or an object, also in it. */
const takes = (path: Path): string => {
  const { ast } = schemaAt(file.schema.ast, path)
  const expected = annotated(ast, "expected") ?? (SchemaAST.isString(ast) ? "a text" : "a value")
  if (SchemaAST.isArrays(ast)) return `${expected}; each is ${takes([...path, 0])}`
  if (!SchemaAST.isObjects(ast) || ast.indexSignatures.length === 0) return expected
  return `${expected}: ${annotated(ast, "expectedKey") ?? "a key"}, and for it ${takes([...path, "any"])}`
}

const shown = (node: Node, isRequired: boolean): string =>
  isRequired ? "required" : "default" in node ? `\`${JSON.stringify(node.default)}\`` : "none"

/** The rows of what stands at a path, whose options begin with `prefix`. */
const rows = (node: Node, section: string, path: Path, prefix: string): ReadonlyArray<ReadonlyArray<string>> =>
  Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const at = [...path, key]
    const name = `${prefix}${key}`
    if (child.properties !== undefined) return rows(child, section, at, `${name}.`)
    const isRequired = node.required?.includes(key) === true
    const accepted = takes(at)
    const unit = unitOf(`${section}.${name}`, accepted)
    return [
      [`\`${name}\``, accepted, unit, shown(child, isRequired), child.description ?? "", since(section, name)].map(cell)
    ]
  })

const changed = ({ changes, keyedBy }: Section<unknown>): string => {
  switch (changes._tag) {
    case "Restart":
      return "Changed by a restart."
    case "Reload":
      return "Changed when the file is read again."
    case "AnyTime": {
      if (changes.fields === "all")
        return "Each value may be changed while the relay runs; answers under way keep what they began with."
      const fields = changes.fields.map((field) => `\`${field}\``).join(", ")
      return `Changed when the file is read again; of each ${keyedBy === undefined ? "" : "entry "}${fields} also while the relay runs. Answers under way keep what they began with.`
    }
  }
}

const example = readFileSync(new URL("../examples/relay.yaml", import.meta.url), "utf8")

/** A section as examples/relay.yaml has it. */
export const exampleOf = (section: string): string | undefined =>
  new RegExp(`^${section}:.*\\n(?:(?:[ -].*)?\\n)*`, "m").exec(example)?.[0].trimEnd()

const part = (section: Section<unknown>, node: Node): string => {
  const { absent, description, name } = section
  const under = typeof node.additionalProperties === "object" ? node.additionalProperties : undefined
  const entries = node.items ?? under ?? node
  const path: Path = node.items !== undefined ? [name, 0] : under !== undefined ? [name, "any"] : [name]
  const found = exampleOf(name)
  return [
    `## \`${name}\`${absent === undefined ? " (required)" : ""}`,
    "",
    `${description}${node.items !== undefined ? " A list; each entry has:" : under !== undefined ? " Under each pattern stands:" : ""}`,
    "",
    ...(found === undefined ? [] : ["```yaml", found, "```", ""]),
    ...table([["option", "takes", "unit", "default", "what it does", "since"], ...rows(entries, name, path, "")]),
    "",
    changed(section),
    ""
  ].join("\n")
}

/** The page. */
export const configurationPage = (): string => {
  const root = configurationJsonSchema() as Node
  return [intro, ...file.sections.map((section) => part(section, root.properties?.[section.name] ?? {}))].join("\n")
}

/** Where it is. */
export const configurationPageFile = new URL("../docs/relay/configuration.md", import.meta.url)

if (import.meta.main) writeFileSync(configurationPageFile, configurationPage())
