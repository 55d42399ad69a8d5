/**
 * Which tool call a part of a stream belongs to. OpenAI says it by `index`, and gives id and name with the first part
 * only; others give every call the index 0, count the index up with each part, leave it out, repeat id and name, or make a
 * new id for each part. What tells calls apart is taken together here: index, id, name, and whether the input so far is
 * whole. Calls are numbered from 0 in the order in which they begin.
 */
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { type JsonScan, nothingScanned, scanJson } from "../JsonScan.ts"

/** A tool call of a stream, as far as it has come. */
export interface Call {
  /** Its number among the calls of its choice. */
  readonly place: number
  /** The upstream's; `""` where it has none, or has given it to another call before. */
  readonly id: string
  /** `""` until it is known. */
  name: string
  /** Input that came before the name. */
  held: string
  /** The part that was placed last is the one that names it. */
  named: boolean
  /** Its input is whole JSON. */
  readonly whole: boolean
  /** The part that was placed last says what its input is: there are upstreams that say before that there is none. */
  readonly anew: boolean
  /** The part that was placed last says all of its input again: there are upstreams that end a call so. */
  readonly again: boolean
}

/** What a part says; `""` where it says nothing. */
export interface CallPart {
  readonly index: number | undefined
  readonly id: string
  readonly name: string
  readonly input: string
  /** Its input is whatever text its tool takes, and no JSON. */
  readonly free: boolean
}

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** Reads a part of a tool call: of a function, or of a custom tool. */
export const readCallPart = ({ custom, function: said, id, index }: JsonObject): CallPart => {
  const own = isObject(custom) ? custom : isObject(said) ? said : {}
  return {
    index: typeof index === "number" ? index : undefined,
    id: text(id),
    name: text(own["name"]),
    input: text(own === custom ? own["input"] : own["arguments"]),
    free: own === custom
  }
}

interface Tracked extends Call, JsonScan {
  whole: boolean
  again: boolean
  anew: boolean
  /** All that was said of its input is that there is none, in one piece. */
  vacant: boolean
  input: string
  /** What its upstream calls it, as it may another one. */
  readonly said: string
  /** The event that its last part came with. */
  event: number
}

/** The calls of one choice. */
export interface Calls {
  /** A new event begins: two parts of one event that both have a name are two calls. */
  readonly event: () => void
  /** The call that the next part belongs to, its first one if it begins one; `undefined` if it belongs to none. */
  readonly place: (part: CallPart) => Call | undefined
}

/** Begins to follow the calls of a choice. With `whole`, each part is a call of its own, as in an answer that is no stream. */
export const makeCalls = (whole = false): Calls => {
  const byId = new Map<string, Tracked>()
  const byIndex = new Map<number, Tracked>()
  let last: Tracked | undefined
  let count = 0
  let event = 0

  const begin = ({ id }: CallPart): Tracked => ({
    place: count++,
    id: byId.has(id) ? "" : id,
    said: id,
    name: "",
    held: "",
    named: false,
    again: false,
    vacant: false,
    anew: false,
    input: "",
    ...nothingScanned(),
    event: 0
  })

  // A part that names what a call is called already either repeats the name or begins the next call of that function.
  const sameName = (call: Tracked, { name }: CallPart): boolean =>
    call.name === "" || (call.name === name && !call.whole && call.event !== event)

  const find = (part: CallPart): Tracked | undefined => {
    const { id, index, input, name } = part
    const atIndex = index === undefined ? last : byIndex.get(index)
    const known = id === "" ? undefined : atIndex?.said === id ? atIndex : byId.get(id)
    if (known !== undefined) {
      // The same id with another name, or at another index with a name, behind an input that is whole: an id that says nothing.
      const isOther = known !== atIndex || (known.name !== "" && known.name !== name)
      return name !== "" && known.whole && isOther ? undefined : known
    }
    if (id !== "") {
      if (atIndex === undefined) return undefined
      // Without a name: an id of its own for each part, unless what there is is whole, or nothing else is said.
      if (name === "")
        return (atIndex.whole && input !== "") || (index === undefined && input === "") ? undefined : atIndex
      return atIndex.id === "" && sameName(atIndex, part) ? atIndex : undefined
    }
    if (name === "") return atIndex ?? last
    return atIndex !== undefined && sameName(atIndex, part) ? atIndex : undefined
  }

  return {
    event: () => {
      event += 1
    },
    place: (part) => {
      let call = whole ? undefined : find(part)
      if (call === undefined) {
        if (part.id === "" && part.name === "") return undefined
        call = begin(part)
      }
      if (part.id !== "" && !byId.has(part.id)) byId.set(part.id, call)
      if (part.index !== undefined) byIndex.set(part.index, call)
      call.named = call.name === "" && part.name !== ""
      if (call.named) call.name = part.name
      call.event = event
      call.again = !part.free && call.whole && part.input !== "" && part.input === call.input
      call.anew = call.vacant && part.input !== "" && !call.again
      if (call.anew) Object.assign(call, { ...nothingScanned(), input: "" })
      if (!call.again && part.input !== "") call.vacant = !part.free && call.input === "" && part.input === "{}"
      if (!call.again) {
        call.input += part.input
        scanJson(call, part.input)
      }
      last = call
      return call
    }
  }
}

/**
 * Writes the input of a part as OpenAI would have: a text. Others give an object, or `null` where there is none, which a
 * client would parse or append.
 */
export const mendInput = (part: JsonObject): void => {
  const { function: said } = part
  if (!isObject(said)) return
  const input = said["arguments"]
  if (input === null) said["arguments"] = ""
  else if (typeof input === "object") said["arguments"] = printJson(input)
}

/**
 * Writes a part as OpenAI would have: the call's own index, and id, type and name with the part that names it and with no
 * other. Id and name that are empty are left out, and so is an input that is said again.
 */
export const mendPart = (part: JsonObject, call: Call): void => {
  if (part["index"] !== call.place) part["index"] = call.place
  const own = isObject(part["custom"]) ? part["custom"] : part["function"]
  if (call.again && isObject(own)) own[own === part["custom"] ? "input" : "arguments"] = ""
  if (call.named) {
    if (call.id !== "") part["id"] = call.id
    else delete part["id"]
    if (text(part["type"]) === "") part["type"] = isObject(part["custom"]) ? "custom" : "function"
    if (own === part["function"] && isObject(own)) own["arguments"] ??= ""
    return
  }
  if ("id" in part) delete part["id"]
  if (part["type"] === "") delete part["type"]
  if (isObject(own) && "name" in own) delete own["name"]
}
