/**
 * Builds the page of `web/` to `dist/web`, unless what is there was built from the very same sources: a checkout needs no
 * step for it, and never shows an old one.
 *
 *   node scripts/buildPage.ts          # if need be: part of `npm start`, `npm run relay` and the tests
 *   node scripts/buildPage.ts --anew   # in any case, with the sizes: part of `npm run build`
 */
import { createHash } from "node:crypto"
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
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

const build = async (mark: string, logLevel: "info" | "error"): Promise<void> => {
  const vite = await import("vite")
  mkdirSync(join(root, "dist"), { recursive: true })
  // Beside it, and then in its place: who serves it while it is built serves the old one whole.
  const folder = mkdtempSync(join(root, "dist/web-"))
  // Vite builds for whatever this says: in a run of tests that is no page that anybody is served.
  const { NODE_ENV } = process.env
  process.env["NODE_ENV"] = "production"
  await vite.build({
    configFile: join(root, "web/vite.config.ts"),
    logLevel,
    build: { outDir: folder, emptyOutDir: true }
  })
  if (NODE_ENV === undefined) delete process.env["NODE_ENV"]
  else process.env["NODE_ENV"] = NODE_ENV
  writeFileSync(join(folder, "built-from"), mark)
  rmSync(target, { recursive: true, force: true })
  renameSync(folder, target)
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
