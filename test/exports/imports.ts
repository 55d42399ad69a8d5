/**
 * Which module of the sources loads which: what is left of its imports when the types are gone.
 */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript-6"
import { root } from "./packageJson.ts"

/** What a module loads, by the names that it says; of its own package as files below `src`. */
export interface Imports {
  /** With it. */
  readonly atOnce: ReadonlyArray<string>
  /** Later, by `import()`. */
  readonly later: ReadonlyArray<string>
}

/** Only `import type` goes whole: of `import { type A } from "b"` the module `b` stays. */
const isErased = (statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean =>
  ts.isImportDeclaration(statement)
    ? statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
    : statement.isTypeOnly

const importsOf = (file: string): Imports => {
  const source = ts.createSourceFile(file, readFileSync(join(root, "src", file), "utf8"), ts.ScriptTarget.Latest)
  const named = (specifier: string): string =>
    specifier.startsWith(".") ? join(file, "..", specifier).replaceAll("\\", "/") : specifier
  const atOnce = source.statements.flatMap((statement) =>
    (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) &&
    statement.moduleSpecifier !== undefined &&
    ts.isStringLiteral(statement.moduleSpecifier) &&
    !isErased(statement)
      ? [named(statement.moduleSpecifier.text)]
      : []
  )
  const later: Array<string> = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier === undefined || !ts.isStringLiteral(specifier)) throw new Error(`${file} imports what is not said`)
      later.push(named(specifier.text))
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { atOnce, later }
}

/** The modules of `src`, by their path below it. */
export const modules: ReadonlyMap<string, Imports> = new Map(
  globSync("**/*.ts", { cwd: join(root, "src") })
    .sort()
    .map((file) => [file, importsOf(file)])
)

/** The way from a module to the first that is found, or `undefined`. `isFound` is asked of packages too. */
export const wayTo = (
  from: string,
  isFound: (module: string) => boolean,
  edges: (imports: Imports) => ReadonlyArray<string> = ({ atOnce, later }) => [...atOnce, ...later]
): ReadonlyArray<string> | undefined => {
  const ways = new Map<string, ReadonlyArray<string>>([[from, [from]]])
  for (const [module, way] of ways) {
    const imports = modules.get(module)
    if (imports === undefined) continue
    for (const next of edges(imports)) {
      if (ways.has(next)) continue
      if (isFound(next)) return [...way, next]
      ways.set(next, [...way, next])
    }
  }
  return undefined
}
