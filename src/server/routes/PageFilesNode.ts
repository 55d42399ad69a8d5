/**
 * The files of the page at `/`, as `npm run build` writes them to `dist/web`: `index.html`, and beside it `assets/`, whose
 * names hold a hash of what is in them.
 *
 * They are read when they are asked for: the page is opened by people, now and then, and a relay that nobody looks at keeps
 * nothing of it.
 */
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The folder of the package: the nearest one above this module with a `package.json`, whether it runs from `src`, `dist` or `dist/bin`. */
const packageFolder = (from: string): string => {
  const above = dirname(from)
  return existsSync(join(from, "package.json")) || above === from ? from : packageFolder(above)
}

const folder = join(packageFolder(dirname(fileURLToPath(import.meta.url))), "dist", "web")

const readOrNone = (path: string): Effect.Effect<Buffer | undefined> =>
  Effect.orElseSucceed(
    Effect.tryPromise(() => readFile(path)),
    () => undefined
  )

/** The page; `undefined` where it was not built. */
export const readIndex: Effect.Effect<string | undefined> = Effect.map(readOrNone(join(folder, "index.html")), (file) =>
  file?.toString("utf8")
)

/** The types of what the page is made of, by the end of the name. */
const types: { readonly [extension: string]: string } = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml"
}

/** A file that the page is made of. */
export interface Asset {
  readonly type: string
  readonly content: Buffer
}

/** An asset by its name: none of another folder, and none of a type that the page has none of. */
export const readAsset = (name: string): Effect.Effect<Asset | undefined> => {
  const type = types[/^[\w-]+(?:\.[\w-]+)*\.(\w+)$/.exec(name)?.[1] ?? ""]
  return type === undefined
    ? Effect.succeed(undefined)
    : Effect.map(readOrNone(join(folder, "assets", name)), (content) =>
        content === undefined ? undefined : { type, content }
      )
}
