// Writes docs/relay/configuration.md from the sections of the configuration file, so that what is said of an option is
// what it does: npm run docs:configuration
import { SchemaAST } from "effect"
import { writeFileSync } from "node:fs"
import { configurationJsonSchema } from "../src/cli/ConfigurationJsonSchema.ts"
import { relayFile } from "../src/cli/RelayFile.ts"
import type { Path, Section } from "../src/settings/index.ts"
import { schemaAt } from "../src/settings/SchemaPlace.ts"

interface Node {
  readonly description?: string
  readonly default?: unknown
  readonly properties?: { readonly [key: string]: Node }
  readonly items?: Node
  readonly required?: ReadonlyArray<string>
}

const intro = `# Configuration

\`effect-resilience relay --config FILE\` reads this file, YAML or JSON; \`effect-resilience check FILE\` tells every fault with its path, and \`effect-resilience schema\` prints a JSON Schema for editors. \`examples/relay.yaml\` is a whole one.

- \`\${NAME}\` in a string comes from the environment and is secret from then on; \`$\${\` is a literal. \`PORT\` overrides \`server.port\`.
- A duration is a text with its unit: \`"200 millis"\`, \`"5 seconds"\`, \`"10 minutes"\`, \`"1 hour"\`.
- Unknown keys are faults, and so is what a later version brings.

This page is made from the file's schema by \`npm run docs:configuration\`.
`

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ")

/** What may be written at a path, in the words of its faults. */
const takes = (path: Path): string => {
  const { ast } = schemaAt(relayFile.schema.ast, path)
  const found = [...(ast.checks ?? []), ast].find(({ annotations }) => typeof annotations?.["expected"] === "string")
  const expected = found?.annotations?.["expected"]
  if (typeof expected === "string") return expected
  return SchemaAST.isString(ast) ? "a text" : "a value"
}

const shown = (node: Node, isRequired: boolean): string =>
  isRequired ? "required" : "default" in node ? `\`${JSON.stringify(node.default)}\`` : "none"

const rows = (node: Node, path: Path, name: string): ReadonlyArray<ReadonlyArray<string>> =>
  Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const at = [...path, key]
    if (child.properties !== undefined) return rows(child, at, `${name}${key}.`)
    const isRequired = node.required?.includes(key) === true
    return [[`\`${name}${key}\``, takes(at), shown(child, isRequired), child.description ?? ""].map(cell)]
  })

/** A table as the formatter writes it. */
const table = (lines: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const row = (line: ReadonlyArray<string>): string =>
    `| ${line.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`
  const [head = [], ...rest] = lines
  return [row(head), row(widths.map((width) => "-".repeat(width))), ...rest.map(row)]
}

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

const part = (section: Section<unknown>, node: Node): string => {
  const entries = node.items ?? node
  const path: Path = node.items === undefined ? [section.name] : [section.name, 0]
  return [
    `## \`${section.name}\`${section.absent === undefined ? " (required)" : ""}`,
    "",
    `${section.description}${node.items === undefined ? "" : " A list; each entry has:"}`,
    "",
    ...table([["option", "takes", "default", "what it does"], ...rows(entries, path, "")]),
    "",
    changed(section),
    ""
  ].join("\n")
}

/** The page. */
export const configurationPage = (): string => {
  const root = configurationJsonSchema() as Node
  return [intro, ...relayFile.sections.map((section) => part(section, root.properties?.[section.name] ?? {}))].join(
    "\n"
  )
}

/** Where it is. */
export const configurationPageFile = new URL("../docs/relay/configuration.md", import.meta.url)

if (import.meta.main) writeFileSync(configurationPageFile, configurationPage())
