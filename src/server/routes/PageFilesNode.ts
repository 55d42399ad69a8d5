/**
 * The files of the pages at `/` and at `/admin`, as `npm run build` writes them to `dist/web`: `index.html` and `admin.html`,
 * and beside them `assets/`, whose names hold a hash of what is in them.
 *
 * They are read when they are asked for: the pages are opened by people, now and then, and a relay that nobody looks at keeps
 * nothing of them.
 */
import { Effect } from "effect"
import { readFile } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { packageFolder } from "../PackageNode.ts"

const folder = join(packageFolder, "dist", "web")

const readOrNone = (path: string): Effect.Effect<Buffer | undefined> =>
  Effect.orElseSucceed(
    Effect.tryPromise(() => promisify(readFile)(path)),
    () => undefined
  )

/** A page: the one at `/`, or the one at `/admin`; `undefined` where it was not built. */
export const readPage = (name: "index" | "admin"): Effect.Effect<string | undefined> =>
  Effect.map(readOrNone(join(folder, `${name}.html`)), (file) => file?.toString("utf8"))

/** The types of what the pages are made of, by the end of the name. */
const types: { readonly [extension: string]: string } = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml"
}

/** A file that a page is made of. */
export interface Asset {
  readonly type: string
  readonly content: Buffer
}

/** An asset by its name: none of another folder, and none of a type that no page has. */
export const readAsset = (name: string): Effect.Effect<Asset | undefined> => {
  const type = types[/^[\w-]+(?:\.[\w-]+)*\.(\w+)$/.exec(name)?.[1] ?? ""]
  return type === undefined
    ? Effect.succeed(undefined)
    : Effect.map(readOrNone(join(folder, "assets", name)), (content) =>
        content === undefined ? undefined : { type, content }
      )
}
