/**
 * The configuration file as JSON Schema, for editors: `effect-resilience schema > relay.schema.json`, and
 * `# yaml-language-server: $schema=relay.schema.json` at the head of a file.
 */
import type { JsonSchema } from "effect"
import { Schema } from "effect"
import { relayFile } from "./RelayFile.ts"

const liftable = new Set(["description", "default", "enum"])

/** Lifts descriptions, defaults and words out of `allOf`, where the generator leaves those of keys: editors look beside. */
const lift = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(lift)
  if (typeof node !== "object" || node === null) return node
  const lifted: { [key: string]: unknown } = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, key === "default" ? value : lift(value)])
  )
  const parts = lifted["allOf"]
  const isLiftable =
    Array.isArray(parts) && parts.every((part: object) => Object.keys(part).every((key) => liftable.has(key)))
  if (!isLiftable) return lifted
  const { allOf: _, ...rest } = lifted
  return Object.assign(rest, ...parts)
}

/** The JSON Schema (2020-12) of a configuration file, with descriptions and defaults. */
export const configurationJsonSchema = (): JsonSchema.JsonSchema => {
  const { schema, definitions } = Schema.toJsonSchemaDocument(relayFile().schema, { onExcessProperty: "error" })
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "effect-resilience relay",
    ...(lift(schema) as JsonSchema.JsonSchema),
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: lift(definitions) })
  }
}
