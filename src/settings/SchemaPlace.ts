/**
 * Places in a schema: what it says of what stands at a path of what was written.
 */
import { SchemaAST } from "effect"
import type { Path } from "./FaultReport.ts"

const below = (ast: SchemaAST.AST, step: string | number): SchemaAST.AST | undefined => {
  if (SchemaAST.isObjects(ast)) {
    return (
      ast.propertySignatures.find(({ name }) => name === step)?.type ??
      (typeof step === "string" ? ast.indexSignatures[0]?.type : undefined)
    )
  }
  if (SchemaAST.isArrays(ast)) return typeof step === "number" ? (ast.elements[step] ?? ast.rest[0]) : undefined
  if (SchemaAST.isUnion(ast)) {
    for (const member of ast.types) {
      const found = below(member, step)
      if (found !== undefined) return found
    }
  }
  return undefined
}

/** What a schema expects at a path; where it knows no further, the last that it knows, and the step that it lacks. */
export const schemaAt = (
  ast: SchemaAST.AST,
  path: Path
): { readonly ast: SchemaAST.AST; readonly unknown: string | number | undefined } => {
  let node = SchemaAST.toEncoded(ast)
  for (const step of path) {
    const next = below(node, step)
    if (next === undefined) return { ast: node, unknown: step }
    node = next
  }
  return { ast: node, unknown: undefined }
}

const hasFreeKeys = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isUnion(ast)
    ? ast.types.some(hasFreeKeys)
    : SchemaAST.isObjects(ast) && ast.propertySignatures.length === 0 && ast.indexSignatures.length > 0

/** How many steps of a path lead to an object with free keys that it goes into; `undefined` where it goes into none. */
export const stepsToFreeKeys = (ast: SchemaAST.AST, path: Path): number | undefined => {
  let node = SchemaAST.toEncoded(ast)
  for (const [steps, step] of path.entries()) {
    if (hasFreeKeys(node)) return steps
    const next = below(node, step)
    if (next === undefined) return undefined
    node = next
  }
  return undefined
}

/** The names of the fields that an object may have; none where it is no object, or its keys are free. */
export const fieldsOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  SchemaAST.isObjects(ast) ? ast.propertySignatures.map(({ name }) => String(name)) : []

/** The same, where it may be null too. */
export const fieldsOrNone = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  SchemaAST.isUnion(ast) ? ast.types.flatMap(fieldsOf) : fieldsOf(ast)

const says = (ast: SchemaAST.AST, path: Path, annotation: string): boolean => {
  const found = schemaAt(ast, path).ast
  return [found, ...(found.checks ?? [])].some(({ annotations }) => annotations?.[annotation] === true)
}

/** Whether a schema says that what stands at a path is secret. What it does not know is as secret as what it stands in. */
export const isSecretPlace = (ast: SchemaAST.AST, path: Path): boolean => says(ast, path, "secret")

/** Whether what no fault tells is shown to whoever may see the settings (`Fields.untold`). */
export const isShownPlace = (ast: SchemaAST.AST, path: Path): boolean => says(ast, path, "shown")
