/**
 * What was written, and how a fault tells what stood somewhere: never a secret. Secret is what came from the
 * environment, what the schema says is (`Fields.secret`), and a URL with credentials or with a query that holds a key.
 */
import type { SchemaAST } from "effect"
import type { ConfigurationTree } from "./Environment.ts"
import { describeValue, isWithin, type Path, valueAt } from "./FaultReport.ts"
import { isSecretPlace } from "./SchemaPlace.ts"
import { hasCredentials } from "./UrlSecrets.ts"

/** What was written. */
export interface Written {
  readonly value: unknown
  /** `got …` for the value at a path; `<redacted>` where it is or may be secret. */
  readonly got: (path: Path) => string
}

const isScalar = (value: unknown): boolean => value === null || typeof value !== "object"

/** What was written, by a schema that says what is secret; of `hidden` sections all is. */
export const writtenBy = (
  schema: { readonly ast: SchemaAST.AST },
  { secretPaths, value }: Pick<ConfigurationTree, "secretPaths" | "value">,
  hidden: ReadonlySet<string | number | undefined> = new Set()
): Written => ({
  value,
  got: (path) => {
    const at = valueAt(value, path)
    const secret =
      at !== undefined &&
      isScalar(at) &&
      ((typeof at === "string" && hasCredentials(at)) ||
        hidden.has(path[0]) ||
        secretPaths.some((place) => isWithin(path, place)) ||
        isSecretPlace(schema.ast, path))
    return `got ${secret ? "<redacted>" : describeValue(at)}`
  }
})
