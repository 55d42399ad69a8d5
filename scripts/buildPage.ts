/**
 * Builds the page of `web/` to `dist/web`, unless what is there was built from the very same sources: a checkout needs no
 * step for it, and never shows an old one.
 *
 *   node scripts/buildPage.ts          # if need be: part of `npm start`, `npm run relay` and the tests
 *   node scripts/buildPage.ts --anew   # in any case, with the sizes: part of `npm run build`
 */
import { createHash } from "node:crypto"
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"

const root = fileURLToPath(new URL("..", import.meta.url))
const target = join(root, "dist/web")
const markFile = join(target, "built-from")

/** All that the page is made of: its own sources, the client's, and the versions of the packages. */
const sources = ["web/**/*.*", "src/client/**/*.*", "src/sse/**/*.*", "src/exports/*.ts", "package-lock.json"]

/** A hash of the sources. Some thirty files: 5 ms. */
const fingerprint = (): string => {
  const hash = createHash("sha256")
  for (const file of globSync(sources, { cwd: root }).sort()) {
    hash.update(relative(root, join(root, file))).update("\0")
    hash.update(readFileSync(join(root, file))).update("\0")
  }
  return hash.digest("hex")
}

const builtFrom = (): string | undefined => (existsSync(markFile) ? readFileSync(markFile, "utf8") : undefined)

/** Runs with what Vite builds for: in a run of tests the environment says something else. */
const inProduction = async <A>(run: () => Promise<A>): Promise<A> => {
  const { NODE_ENV } = process.env
  process.env["NODE_ENV"] = "production"
  try {
    return await run()
  } finally {
    if (NODE_ENV === undefined) delete process.env["NODE_ENV"]
    else process.env["NODE_ENV"] = NODE_ENV
  }
}

const build = async (mark: string, logLevel: "info" | "error"): Promise<void> => {
  const [vite, { notices, packageOf }] = await Promise.all([import("vite"), import("./bundleCommand.ts")])
  mkdirSync(join(root, "dist"), { recursive: true })
  // Beside it, and then in its place: who serves it while it is built serves the old one whole.
  const folder = mkdtempSync(join(root, "dist/web-"))
  try {
    const configFile = join(root, "web/vite.config.ts")
    const built = await inProduction(() =>
      vite.build({ configFile, logLevel, build: { outDir: folder, emptyOutDir: true } })
    )
    const outputs = [built].flat().flatMap((one) => ("output" in one ? one.output : []))
    const modules = outputs.flatMap((one) => (one.type === "chunk" ? one.moduleIds : []))
    writeFileSync(join(folder, "THIRD-PARTY.txt"), notices(modules.flatMap((module) => packageOf(module) ?? [])))
    writeFileSync(join(folder, "built-from"), mark)
    // A temporary folder is its owner's alone; this one is for whoever runs the relay.
    chmodSync(folder, 0o755)
    rmSync(target, { recursive: true, force: true })
    renameSync(folder, target)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Builds the page if what is there is not made of today's sources. */
export const buildPage = async (): Promise<void> => {
  const mark = fingerprint()
  if (builtFrom() !== mark) await build(mark, "error")
}

/** The same, for who starts a relay: that starts whether its page can be built or not, and says so there. */
export const buildPageIfPossible = (): Promise<void> =>
  buildPage().catch((error: unknown) => console.error(`the page was not built: ${String(error)}`))

/** What a browser loads of it, in kB of 1,000 bytes, gzipped. */
const weight = (): number =>
  globSync("**/*.{html,js,css,svg}", { cwd: target }).reduce(
    (sum, file) => sum + gzipSync(readFileSync(join(target, file)), { level: 9 }).length,
    0
  ) / 1000

/** Before the tests of a run: they see the page of the sources that they stand beside. */
export const setup = buildPage

if (import.meta.main) {
  if (process.argv.includes("--anew")) {
    await build(fingerprint(), "info")
    console.log(`the page: ${weight().toFixed(0)} kB gzipped`)
  } else await buildPageIfPossible()
}
