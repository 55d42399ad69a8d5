/**
 * Builds the page of `web/` to `dist/web`, unless what is there was built from the very same sources: a checkout needs no
 * step for it, and never shows an old one.
 *
 *   node scripts/buildPage.ts          # if need be: part of `npm start`, `npm run relay` and the tests
 *   node scripts/buildPage.ts --anew   # in any case, with the sizes: part of `npm run build`
 */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { buildAnew, buildIfChanged, root } from "./builtFrom.ts"

const target = join(root, "dist/web")

/** All that the page is made of: its own sources, the client's, and the versions of the packages. */
const sources = ["web/**/*.*", "src/client/**/*.*", "src/sse/**/*.*", "src/exports/*.ts", "package-lock.json"]

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

const page = (logLevel: "info" | "error") => ({
  target,
  sources,
  build: async (folder: string): Promise<void> => {
    const [vite, { notices, packageOf }] = await Promise.all([import("vite"), import("./bundleCommand.ts")])
    const configFile = join(root, "web/vite.config.ts")
    const built = await inProduction(() =>
      vite.build({ configFile, logLevel, build: { outDir: folder, emptyOutDir: true } })
    )
    const outputs = [built].flat().flatMap((one) => ("output" in one ? one.output : []))
    const modules = outputs.flatMap((one) => (one.type === "chunk" ? one.moduleIds : []))
    writeFileSync(join(folder, "THIRD-PARTY.txt"), notices(modules.flatMap((module) => packageOf(module) ?? [])))
  }
})

/** Builds the page if what is there is not made of today's sources. */
export const buildPage = (): Promise<void> => buildIfChanged(page("error"))

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
    await buildAnew(page("info"))
    console.log(`the page: ${weight().toFixed(0)} kB gzipped`)
  } else await buildPageIfPossible()
}
