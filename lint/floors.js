// The floors rule: a file imports from its own folder or from a lower floor, never from a sibling folder or a higher
// one, and there by the folder's face: its `index.ts`. What Effect marks unstable comes in only through `...Http.ts` and
// `...Node.ts`. See docs/decisions/0002 and 0015.
import { relative, resolve, dirname, sep } from "node:path"
import { fileURLToPath } from "node:url"

const src = fileURLToPath(new URL("../src", import.meta.url))

/** The floor of each folder of `src`. A folder that is not here is refused. */
export const floors = {
  errors: 0,
  memory: 0,
  policy: 1,
  sse: 1,
  store: 1,
  telemetry: 1,
  settings: 1,
  // On the store: its databases are kept in order by the same thread.
  books: 2,
  stream: 2,
  http: 2,
  client: 2,
  dialect: 3,
  journal: 3,
  rpc: 3,
  channel: 4,
  account: 4,
  // Above the dialects: its models speak them.
  ai: 4,
  relay: 5,
  operate: 6,
  server: 7,
  cli: 8,
  // Beside the house: they may import from everywhere, and nothing of the house imports from them.
  testing: 9,
  exports: 10
}

/** The folders of Effect 4.1 in which nothing is marked stable; and what is built on them, or may not be installed. */
export const unstable =
  /^(effect\/(ai|cli|cluster|crypto|devtools|eventlog|graphql|http|http-api|net|observability|persistence|process|reactivity|rpc|schema|socket|sql|workers|workflow|encoding\/Sse)|@effect\/[^/]+)(\/|$)/

/**
 * What of a folder may be taken without its `index.ts`: sections, so that who checks a configuration loads no server;
 * what needs Node, and what is unstable, so that an index loads neither; one module that few need and that loads
 * `Schema`; and the parser of events, which a browser loads without Effect.
 */
const besideIndex = /(^errors\/Codec|^sse\/SseParser|Section|Node|Http)\.ts$/

/** Folders that end in bundles of others: esbuild keeps the whole of a namespace that comes out of Effect's barrel. */
const bundled = new Set(["errors", "policy", "sse", "stream", "http"])

/** Whether an import brings more than types. */
const bringsValues = ({ importKind, specifiers = [] }) =>
  importKind !== "type" && specifiers.some((specifier) => specifier.importKind !== "type")

const folderOf = (file) => {
  const path = relative(src, file)
  return path.startsWith("..") || !path.includes(sep) ? undefined : path.split(sep)[0]
}

const check = (context, node) => {
  const source = node.source?.value
  if (typeof source !== "string") return
  const file = context.filename ?? context.getFilename()
  const from = folderOf(file)
  if (from === undefined) return
  if (!(from in floors)) {
    context.report({ node, message: `the folder src/${from} has no floor: add it to lint/floors.js` })
    return
  }
  // What `effect/ai` is to the folder `ai`: all of it is an adapter to that, and is loaded by its subpath alone.
  const isOwnAi = from === "ai" && /^effect\/ai(\/|$)/.test(source)
  if (unstable.test(source) && !isOwnAi && !/(Http|Node)\.ts$/.test(file)) {
    context.report({
      node,
      message: `${source} is unstable in Effect 4.1: import it in a ...Http.ts or ...Node.ts file`
    })
  }
  if (source === "effect" && bundled.has(from) && bringsValues(node)) {
    context.report({ node, message: 'take values from the module that has them: import * as X from "effect/X"' })
  }
  if (!source.startsWith(".")) return
  const to = folderOf(resolve(dirname(file), source))
  if (to === undefined) {
    context.report({ node, message: `src/${from} imports ${source}, which is on no floor` })
    return
  }
  // A dialect's room stands alone: it takes from the floor's own files and from `upstream/`, and from no other room.
  if (from === "dialect" && to === "dialect") {
    const rooms = [file, resolve(dirname(file), source)].map((path) => relative(src, path).split(sep).slice(1, -1)[0])
    if (rooms[0] !== undefined && rooms[1] !== undefined && rooms[0] !== rooms[1] && rooms[1] !== "upstream") {
      context.report({ node, message: `dialect/${rooms[0]} may not import from the room dialect/${rooms[1]}` })
    }
    if (rooms[0] === undefined && rooms[1] !== undefined && !/(Dialects|index)\.ts$/.test(file)) {
      context.report({ node, message: `what all dialects share may not import from the room dialect/${rooms[1]}` })
    }
  }
  if (to === from) return
  if (!(floors[to] < floors[from])) {
    context.report({
      node,
      message: `src/${from} is on floor ${floors[from]} and may not import from src/${to} on floor ${floors[to]}`
    })
  }
  const path = relative(src, resolve(dirname(file), source))
    .split(sep)
    .join("/")
  if (from !== "exports" && path !== `${to}/index.ts` && !besideIndex.test(path)) {
    context.report({ node, message: `src/${from} imports ${source}: take it from ../${to}/index.ts` })
  }
}

const floorsRule = {
  create: (context) => ({
    ImportDeclaration: (node) => check(context, node),
    ExportNamedDeclaration: (node) => check(context, node),
    ExportAllDeclaration: (node) => check(context, node),
    ImportExpression: (node) => check(context, node)
  })
}

export default { meta: { name: "resilience" }, rules: { floors: floorsRule } }
