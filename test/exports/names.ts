/**
 * What a module gives, types included, and what is said of each name: as the compiler sees it.
 */
import { readFileSync } from "node:fs"
import { join, relative } from "node:path"
import ts from "typescript-6"
import { root } from "./packageJson.ts"

/** One name that a module gives. */
export interface Name {
  readonly name: string
  readonly kind: "value" | "type" | "namespace"
  /** Whether somebody wrote what it is. */
  readonly isDocumented: boolean
  /** The file that declares it, below `src`; of a namespace, the file that it is. */
  readonly file: string
}

const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (file) => readFileSync(file, "utf8")) as {
  readonly config: { readonly compilerOptions: object }
}
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)

/** Reads modules, all at once. Files are below the root. */
export const readNames = (files: ReadonlyArray<string>): ((file: string) => ReadonlyArray<Name>) => {
  const program = ts.createProgram(
    files.map((file) => join(root, file)),
    options
  )
  const checker = program.getTypeChecker()
  const nameOf = (symbol: ts.Symbol): Name => {
    const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    const declaration = meant.declarations?.[0]
    if (declaration === undefined) throw new Error(`${symbol.name} is declared nowhere`)
    const file = relative(join(root, "src"), declaration.getSourceFile().fileName)
    if (ts.isSourceFile(declaration)) {
      // A module says what it is at its head, before anything else.
      return { name: symbol.name, kind: "namespace", isDocumented: /^\s*\/\*\*/.test(declaration.text), file }
    }
    return {
      name: symbol.name,
      kind: meant.flags & ts.SymbolFlags.Value ? "value" : "type",
      isDocumented: ts.displayPartsToString(meant.getDocumentationComment(checker)).trim() !== "",
      file
    }
  }
  return (file) => {
    const source = program.getSourceFile(join(root, file))
    const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
    if (module === undefined) throw new Error(`${file} is no module`)
    return checker
      .getExportsOfModule(module)
      .map(nameOf)
      .sort((one, other) => (one.name < other.name ? -1 : 1))
  }
}
