/**
 * Function calls whose arguments come in parts. Vertex sends `willContinue` with a call that is not whole yet, and its
 * arguments as `partialArgs`, each with the path of its value. Clients get a call whole, as they would without them.
 */
import { isObject, type JsonObject } from "../Json.ts"

/** What a part of a call says. */
export interface Told {
  /** Set with the part that begins a call. Its id is `""` where it has none, or that of another call. */
  readonly begins: { readonly id: string; readonly name: string } | undefined
  /** Set once it is whole. */
  readonly args: unknown
}

/** Follows the calls of an answer. */
export interface Calls {
  /** Takes a part that is a call. One that is whole by now is written into it; one that is not is left out of its event. */
  readonly take: (call: JsonObject, part: JsonObject) => Told
  /** Whether one is not whole yet. */
  readonly isOpen: () => boolean
  /** Leaves out the parts of an event whose calls are not whole. */
  readonly settle: (content: JsonObject, parts: ReadonlyArray<unknown>) => void
}

const text = (value: unknown): string => (typeof value === "string" ? value : "")

// `$.a.b[0]['c']`: names and places.
const pathOf = (jsonPath: string): ReadonlyArray<string | number> =>
  [...jsonPath.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]/g)].map(([, name, at, single, double]) =>
    at === undefined ? (name ?? single ?? double ?? "") : Number(at)
  )

/** The deepest path that is followed, and the farthest place in a list: what is beyond is no argument of anybody's. */
const most = { depth: 64, place: 4096 }

const valueOf = (partial: JsonObject): unknown => {
  for (const field of ["stringValue", "numberValue", "boolValue"])
    if (partial[field] !== undefined) return partial[field]
  return "nullValue" in partial ? null : undefined
}

type Container = { [field: string | number]: unknown }

const put = (args: JsonObject, partial: unknown): void => {
  if (!isObject(partial)) return
  const path = pathOf(text(partial["jsonPath"]))
  const value = valueOf(partial)
  if (path.length === 0 || path.length > most.depth || value === undefined) return
  if (path.some((step) => step === "__proto__" || (typeof step === "number" && step > most.place))) return
  let into = args as Container
  for (const [i, step] of path.slice(0, -1).entries()) {
    const old = Object.hasOwn(into, step) ? into[step] : undefined
    const next = typeof old === "object" && old !== null ? old : typeof path[i + 1] === "number" ? [] : {}
    into[step] = next
    into = next as Container
  }
  const last = path.at(-1)!
  const old = Object.hasOwn(into, last) ? into[last] : undefined
  // More of a text that was begun.
  into[last] = typeof old === "string" && typeof value === "string" ? old + value : value
}

/** A call that is not whole yet. */
interface Open {
  readonly id: string
  /** The id that it is told by. */
  readonly own: string
  readonly name: string
  args: JsonObject
  signature: string
}

/** Begins to follow the calls of an answer. */
export const makeCalls = (): Calls => {
  let open: Open | undefined
  const ids = new Set<string>()
  let unfinished: Set<unknown> | undefined
  /** Results are told apart by ids: a second call of the same one has none, and is given another. */
  const ownOf = (id: string): string => {
    const own = ids.has(id) ? "" : id
    ids.add(id)
    return own
  }
  return {
    take: (call, part) => {
      const id = text(call["id"])
      const name = text(call["name"])
      const partial = Array.isArray(call["partialArgs"]) ? (call["partialArgs"] as ReadonlyArray<unknown>) : []
      const goesOn = call["willContinue"] === true
      const more = open !== undefined && (name === "" || name === open.name) && (id === "" || id === open.id)
      if (!more && !goesOn && partial.length === 0) {
        open = undefined
        const own = ownOf(id)
        if (own !== id) call["id"] = own
        return { begins: { id: own, name }, args: call["args"] ?? {} }
      }
      open = more ? open! : { id, own: ownOf(id), name, args: {}, signature: "" }
      const begins = more ? undefined : { id: open.own, name }
      if (isObject(call["args"])) open.args = { ...open.args, ...call["args"] }
      for (const one of partial) put(open.args, one)
      open.signature += text(part["thoughtSignature"])
      if (goesOn) {
        ;(unfinished ??= new Set()).add(part)
        return { begins, args: undefined }
      }
      const { args } = open
      part["functionCall"] = { ...(open.own === "" ? {} : { id: open.own }), name: open.name, args }
      if (open.signature !== "") part["thoughtSignature"] = open.signature
      open = undefined
      return { begins, args }
    },
    isOpen: () => open !== undefined,
    settle: (content, parts) => {
      if (unfinished === undefined) return
      content["parts"] = parts.filter((part) => !unfinished?.has(part))
      unfinished = undefined
    }
  }
}
