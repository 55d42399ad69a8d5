/**
 * Tells the issues of a schema as faults: where, what was expected, what was there.
 */
import type { SchemaIssue } from "effect"
import { SchemaAST } from "effect"
import type { Fault, Path } from "./FaultReport.ts"
import { valueAt } from "./FaultReport.ts"
import { nearest } from "./Nearest.ts"
import { fieldsOf } from "./SchemaPlace.ts"
import type { Written } from "./Written.ts"

type Annotated = { readonly annotations?: { readonly [key: string]: unknown } | undefined }

const textOf = (node: Annotated, key: string): string | undefined => {
  const value = node.annotations?.[key]
  return typeof value === "string" ? value : undefined
}

/** The words that a later version brings to this place. */
const laterOf = (node: Annotated): ReadonlyArray<string> => {
  const later = node.annotations?.["later"]
  return Array.isArray(later) ? later.filter((word) => typeof word === "string") : []
}

const unknownKey = (ast: SchemaAST.AST, key: string): string => {
  if (laterOf(ast).includes(key)) return "not in this version"
  // An object with free keys has refused this one.
  const expectedKey = textOf(ast, "expectedKey")
  if (expectedKey !== undefined) return `the key must be ${expectedKey}`
  const meant = nearest(key, fieldsOf(ast))
  return meant === undefined ? "unknown key" : `unknown key, did you mean ${JSON.stringify(meant)}?`
}

/** What an object expects under a key. */
const expectedAt = (within: SchemaAST.AST | undefined, key: string | number | undefined): string | undefined => {
  if (within === undefined || !SchemaAST.isObjects(within)) return undefined
  const property = within.propertySignatures.find(({ name }) => name === key)
  return property && textOf(SchemaAST.toEncoded(property.type), "expected")
}

/** Every fault that an issue holds. */
export const faultsOf = (root: SchemaIssue.Issue, written: Written): ReadonlyArray<Fault> => {
  const faults: Array<Fault> = []
  const expected = (what: string | undefined, path: Path, code?: Fault["code"]): void => {
    const message = `expected ${what ?? "another value"}, ${written.got(path)}`
    faults.push(code === undefined ? { path, message } : { path, message, code })
  }
  // `hint` is the nearest description above an issue that has none of its own; `within` the object or list above it.
  const collect = (issue: SchemaIssue.Issue, path: Path, hint?: string, within?: SchemaAST.AST): void => {
    switch (issue._tag) {
      case "Pointer": {
        const steps = issue.path.map((step) => (typeof step === "number" ? step : String(step)))
        return collect(issue.issue, [...path, ...steps], undefined, within)
      }
      case "Filter":
        return collect(issue.issue, path, textOf(issue.filter, "expected") ?? hint)
      case "Encoding":
        return collect(issue.issue, path, hint)
      case "Composite":
        return issue.issues.forEach((inner) => collect(inner, path, hint, issue.ast))
      case "AnyOf": {
        const value = valueAt(written.value, path)
        if (typeof value === "string" && laterOf(issue.ast).includes(value)) {
          faults.push({ path, message: `${value} is not in this version` })
          return
        }
        const [only, ...others] = issue.issues
        // An object where only one member is one: what is wrong is within it.
        if (only !== undefined && others.length === 0 && typeof value === "object" && value !== null) {
          return collect(only, path, hint, within)
        }
        return expected(textOf(issue.ast, "expected") ?? hint, path, "type")
      }
      case "UnexpectedKey":
        return void faults.push({ path, message: unknownKey(issue.ast, String(path.at(-1))), code: "unexpected" })
      case "InvalidType":
        return expected(textOf(issue.ast, "expected") ?? hint, path, "type")
      case "MissingKey":
        return expected(expectedAt(within, path.at(-1)), path, "missing")
      case "OneOf":
        return expected(hint, path, "type")
      case "InvalidValue":
      case "Forbidden":
        return expected(hint, path)
    }
  }
  collect(root, [])
  return faults
}
