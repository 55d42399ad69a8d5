/**
 * Checks that whoever adds a member is told by the compiler of each place that he forgot: it adds one after the other to a
 * copy of the tree, and counts what the compiler says, file by file. The members are listed in `walls/list.ts`.
 *
 *   npm run check:walls
 *   npm run check:walls -- dialect     those whose name holds this word
 *
 * It fails if a place is silent, or if an edit does not fit the tree any more.
 */
import { spawnSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { edited, type Edit, errorsByFile, silent, type Wall } from "./walls/Wall.ts"
import { walls } from "./walls/list.ts"

const root = process.cwd()
const copy = mkdtempSync(join(tmpdir(), "walls-"))

const compile = (): { readonly errors: ReadonlyMap<string, number>; readonly output: string } => {
  const tsc = join(copy, "node_modules/typescript/bin/tsc")
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", "walls.json", "--pretty", "false"], {
    cwd: copy,
    encoding: "utf8"
  })
  const errors = errorsByFile(stdout)
  // A compiler that fails without an error did not look at the tree.
  if (status === null || (status !== 0 && errors.size === 0)) throw new Error(`the compiler failed: ${stdout}${stderr}`)
  return { errors, output: stdout }
}

const read = (file: string): string | undefined => {
  const path = join(copy, file)
  return existsSync(path) ? readFileSync(path, "utf8") : undefined
}

/** Puts back what was there before. */
const restore = (before: ReadonlyMap<string, string | undefined>): void => {
  for (const [file, text] of before) {
    if (text === undefined) rmSync(join(copy, file), { force: true })
    else writeFileSync(join(copy, file), text)
  }
}

type Verdict =
  | { readonly _tag: "Stale"; readonly why: string }
  | { readonly _tag: "Checked"; readonly errors: ReadonlyMap<string, number>; readonly silent: ReadonlyArray<string> }

const check = (wall: Wall): Verdict => {
  const before = new Map(wall.edits.map(({ file }: Edit) => [file, read(file)] as const))
  const after = edited(wall.edits, before)
  if (after._tag === "Stale") return after
  for (const [file, text] of after.files) writeFileSync(join(copy, file), text)
  const { errors } = compile()
  restore(before)
  return { _tag: "Checked", errors, silent: silent(wall, errors) }
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)

const width = Math.max(...walls.map(({ name }) => name.length))

const report = ({ name }: Wall, verdict: Verdict): boolean => {
  if (verdict._tag === "Stale") {
    print(`${name.padEnd(width)}  the edit no longer fits: ${verdict.why}`)
    return false
  }
  const count = [...verdict.errors.values()].reduce((sum, one) => sum + one, 0)
  const files = [...verdict.errors].map(([file, errors]) => (errors === 1 ? file : `${file} (${errors})`))
  print(`${name.padEnd(width)}  ${String(count).padStart(6)}  ${files.join(", ")}`)
  for (const file of verdict.silent) print(`${"".padEnd(width)}  silent: ${file}`)
  return verdict.silent.length === 0
}

const main = (word: string | undefined): boolean => {
  const chosen = walls.filter(({ name }) => word === undefined || name.includes(word))
  if (chosen.length === 0) {
    print(`no experiment has "${word}" in its name`)
    return false
  }
  for (const part of ["src", "test", "scripts", "examples", "tsconfig.json", "package.json"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true })
  }
  symlinkSync(realpathSync(join(root, "node_modules")), join(copy, "node_modules"))
  // What was compiled for the one before need not be compiled for the next.
  const compilerOptions = { incremental: true, tsBuildInfoFile: "walls.tsbuildinfo" }
  // The sources, and of the tests those that must complain: the others take as long as all the rest.
  const include = ["src", ...new Set(walls.flatMap(({ complain }) => Object.keys(complain)))]
  const tsconfig = { extends: "./tsconfig.json", compilerOptions, include }
  writeFileSync(join(copy, "walls.json"), JSON.stringify(tsconfig))
  const { errors, output } = compile()
  if (errors.size > 0) {
    print(`the tree itself does not compile:\n${output}`)
    return false
  }
  print(`${"experiment".padEnd(width)}  errors  files`)
  return chosen.map((wall) => report(wall, check(wall))).every((stands) => stands)
}

try {
  process.exitCode = main(process.argv[2]) ? 0 : 1
} finally {
  rmSync(copy, { recursive: true, force: true })
}
