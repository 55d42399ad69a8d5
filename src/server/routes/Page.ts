/**
 * The page at `/`, on which a person asks, and sees what the relay does for it, and the one at `/admin`, on which an operator
 * sees what is wrong, and mends it. They are built from `web/`; here they are served, and told what they cannot see: whether
 * there are tokens, and which routes stand beside the relay's. Neither holds anything of the relay's own: what they show they
 * ask for, with a token where there are tokens.
 */
import { Effect } from "effect"
import { TokensSection } from "../../account/index.ts"
import { NotFound, stackless } from "../../errors/index.ts"
import { zlib } from "../../http/ZlibNode.ts"
import { Settings } from "../../settings/index.ts"
import { type Exchange, respond } from "../Exchange.ts"
import { OwnRoutes } from "../OwnRoutes.ts"
import { type Route, standard } from "../Route.ts"
import { ServerSection } from "../ServerSection.ts"
import { readAsset, readPage } from "./PageFilesNode.ts"

/**
 * What a page may do: run and show what came from here, and ask here. No script or style that stands in the page itself, no
 * other origin, no frame around it.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join("; ")

/** Of a checkout that was not built. */
const unbuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>effect-resilience</title>
<p>The relay runs. Its page is not built in this checkout: run <code>npm run build:page</code>, and load this again.</p>
`

/** What a page is told of the relay: it stands in `<meta name="relay">`. */
interface About {
  readonly name: string
  /** Whether it asks for tokens. */
  readonly tokens: boolean
  /** The paths of the routes that the program serves beside the relay's. */
  readonly own: ReadonlyArray<string>
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;")

/** A page with what it is told in it. */
const filledIn = (index: string, about: About): string =>
  index.replace(/(<meta name="relay" content=")[^"]*/, (_, before: string) => before + escaped(JSON.stringify(about)))

const packed = (content: Buffer): Effect.Effect<Buffer> =>
  Effect.callback((resume) => {
    zlib().gzip(content, (error, result) => resume(Effect.succeed(error === null ? result : content)))
  })

/** The zipped files, each once it was asked for so: what there is of them is what was built. */
const zipped = new Map<string, Buffer>()

const zippedAsset = (name: string, content: Buffer): Effect.Effect<Buffer> =>
  Effect.suspend(() => {
    const known = zipped.get(name)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.tap(packed(content), (made) => Effect.sync(() => void zipped.set(name, made)))
  })

const takesGzip = (exchange: Exchange): boolean =>
  /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/i.test(exchange.header("accept-encoding") ?? "")

/** The pages and what they are made of; nothing with `server.page: false`. */
export const pageRoutes: Effect.Effect<ReadonlyArray<Route>, never, Settings> = Effect.gen(function* () {
  const settings = yield* Settings
  const server = settings.of(ServerSection).current
  if (!server.page) return []
  const tokens = settings.of(TokensSection)
  const own = (yield* OwnRoutes).map(({ path }) => path)
  const page = (name: "index" | "admin", path: string, shows: string): Route => ({
    method: "GET",
    path,
    access: "anybody",
    envelope: standard,
    shows,
    head: true,
    page: true,
    handle: (exchange) =>
      Effect.map(readPage(name), (html) =>
        respond(
          exchange,
          html === undefined ? 503 : 200,
          {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store"
          },
          html === undefined ? unbuilt : filledIn(html, { name: server.name, tokens: tokens.current.length > 0, own })
        )
      )
  })
  return [
    page("index", "/", "a page to try it"),
    page("admin", "/admin", "a page to run it: what is wrong now comes first"),
    {
      method: "GET",
      path: "/assets/{name}",
      access: "anybody",
      envelope: standard,
      shows: "what the pages are made of",
      head: true,
      handle: (exchange, _, name) =>
        Effect.gen(function* () {
          const asset = yield* readAsset(name)
          if (asset === undefined) return yield* Effect.fail(stackless(() => new NotFound({})))
          const zipped = takesGzip(exchange) ? yield* zippedAsset(name, asset.content) : undefined
          respond(
            exchange,
            200,
            {
              "content-type": asset.type,
              // Another content has another name.
              "cache-control": "public, max-age=31536000, immutable",
              "x-content-type-options": "nosniff",
              vary: "accept-encoding",
              ...(zipped === undefined ? {} : { "content-encoding": "gzip" })
            },
            zipped ?? asset.content
          )
        })
    }
  ]
})
