/**
 * What a channel can say of itself that could never be of use: each is a fault, so that a relay that starts does what
 * its file says. What is switched off (`enabled: false`, `weight: 0`) is no such thing: it may be switched on.
 */
import {
  patternCovers,
  patternsMeet,
  type UpstreamDialectName,
  upstreamDialectNames,
  upstreamDialectOf
} from "../dialect/index.ts"
import { type Fault, formatPath, keysInOrder, type Path, type Rule, ruleFault, valueAt } from "../settings/index.ts"
import { ofEach } from "./EachChannel.ts"
import { paramRules } from "./ParamRules.ts"

const textAt = (written: unknown, path: Path): string | undefined => {
  const value = valueAt(written, path)
  return typeof value === "string" ? value : undefined
}

const textsAt = (written: unknown, path: Path): ReadonlyArray<string> => {
  const value = valueAt(written, path)
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : []
}

const keysAt = (written: unknown, path: Path): ReadonlyArray<string> => {
  const value = valueAt(written, path)
  return typeof value === "object" && value !== null && !Array.isArray(value) ? keysInOrder(value) : []
}

/** Of texts that must differ, each that is not the first of its kind, with where the first is. */
const repeated = (
  entries: ReadonlyArray<readonly [text: string, path: Path]>
): ReadonlyArray<readonly [first: Path, path: Path]> => {
  const first = new Map<string, Path>()
  return entries.flatMap(([text, path]) => {
    const before = first.get(text)
    if (before === undefined) first.set(text, path)
    return before === undefined ? [] : [[before, path] as const]
  })
}

/** What a channel may speak, as a fault says it. */
export const dialectsExpected = (names: ReadonlyArray<string>): string =>
  names.map((name) => JSON.stringify(name)).join(" or ")

/** A channel speaks one of the dialects that there are. */
export const dialectsAreThere = (names: ReadonlyArray<string>): Rule =>
  ofEach((written, channel) => {
    const path = [...channel, "dialect"]
    const name = textAt(written.value, path)
    return name === undefined || name === "" || names.includes(name)
      ? []
      : [ruleFault(written, path, dialectsExpected(names))]
  })

/** What each dialect that is built in appends to a base URL. */
const endpointPaths: { readonly [Name in UpstreamDialectName]: string } = {
  openai: "/chat/completions",
  responses: "/responses",
  anthropic: "/messages",
  gemini: "/models"
}

/** What says by itself whose it is; `/models` may be a place of anybody's. */
const distinctPaths = Object.values(endpointPaths).filter((path) => path !== endpointPaths.gemini)

/** A path of Gemini's, down to what is asked of the model. */
const ofModel = /\/models\/[^/]*:\w+$/

/** Paths that no dialect of a channel asks: written behind a base URL all the same. */
const otherPaths = ["/completions", "/embeddings", "/count_tokens"]

/** A base URL may end in its dialect's own path; another one would have that path appended. */
const baseOfItsDialect = ofEach((written, channel) => {
  const path = [...channel, "baseUrl"]
  const url = textAt(written.value, path)
  const dialect = upstreamDialectNames.find((name) => name === valueAt(written.value, [...channel, "dialect"]))
  if (url === undefined || dialect === undefined) return []
  const [base = ""] = url.split("?")
  const place = base.replace(/\/+$/, "")
  const own = endpointPaths[dialect]
  if (place.endsWith(own)) return []
  const end = [...distinctPaths, ...otherPaths].find((one) => place.endsWith(one)) ?? ofModel.exec(place)?.[0]
  if (end === undefined) return []
  const right = written.got(path).includes("<redacted>") ? "" : ` ${JSON.stringify(place.slice(0, -end.length))}`
  return [
    ruleFault(
      written,
      path,
      `the URL before${right === "" ? "" : `,${right}, as`} ${own}, which dialect ${dialect} appends`
    )
  ]
})

/** A mapping is of a model that the channel serves, and is not hidden by one before it. */
const usefulMapping = ofEach((written, channel) => {
  const models = textsAt(written.value, [...channel, "models"])
  const patterns = keysAt(written.value, [...channel, "modelMapping"])
  return patterns.flatMap((pattern, index): ReadonlyArray<Fault> => {
    const path = [...channel, "modelMapping", pattern]
    if (pattern === "") return []
    if (models.length > 0 && !models.some((model) => patternsMeet(pattern, model))) {
      return [{ path, message: `matches none of ${formatPath([...channel, "models"])}` }]
    }
    const before = patterns.slice(0, index).find((one) => patternCovers(one, pattern))
    return before === undefined
      ? []
      : [{ path, message: `is never reached: ${JSON.stringify(before)} before it matches all that it does` }]
  })
})

const differentKeys = ofEach((written, channel) => {
  const keys = valueAt(written.value, [...channel, "keys"])
  if (!Array.isArray(keys)) return []
  const entries = keys.flatMap((key: unknown, index) =>
    typeof key === "string" && key !== "" ? [[key, [...channel, "keys", index]] as const] : []
  )
  return repeated(entries).map(([first, path]) => ruleFault(written, path, `another key than ${formatPath(first)}`))
})

/** Names of headers are the same in any case. */
const differentHeaders = ofEach((written, channel) => {
  const path = [...channel, "headers"]
  const entries = keysAt(written.value, path).map((name) => [name.toLowerCase(), [...path, name]] as const)
  return repeated(entries).map(([first, path]) => ({ path, message: `is the same header as ${formatPath(first)}` }))
})

const clocks = ["firstContent", "idle"]

/** Nothing of an answer that does not stream comes before it is whole. Its headers are those of a count, too. */
const clocksOfStreams = ofEach((written, channel) =>
  valueAt(written.value, [...channel, "stream"]) !== false
    ? []
    : clocks.flatMap((clock) => {
        const path = [...channel, "timeouts", clock]
        return valueAt(written.value, path) === undefined
          ? []
          : [ruleFault(written, path, "nothing, as the channel does not stream (total is its clock)")]
      })
)

/** Who gives no tokens would never go on. */
const tokensOfWhoGivesThem = ofEach((written, channel) => {
  const path = [...channel, "continuation"]
  const dialect = upstreamDialectNames.find((name) => name === valueAt(written.value, [...channel, "dialect"]))
  if (valueAt(written.value, path) !== "token" || dialect === undefined) return []
  return upstreamDialectOf(dialect).continuations("").includes("token")
    ? []
    : [ruleFault(written, path, `another mode, since ${dialect} gives no tokens`)]
})

/** A status that means itself is no mapping. */
const statusesThatChange = ofEach((written, channel) => {
  const path = [...channel, "statusMapping"]
  return keysAt(written.value, path).flatMap((status) =>
    valueAt(written.value, [...path, status]) === Number(status)
      ? [ruleFault(written, [...path, status], "another status than it is")]
      : []
  )
})

/** Certificates are for https, and a certificate is of no use without its key, nor a key without its certificate. */
const wholeTls = ofEach((written, channel) => {
  const tls = [...channel, "tls"]
  const has = (part: string): boolean => valueAt(written.value, [...tls, part]) !== undefined
  if (
    textAt(written.value, [...channel, "baseUrl"])
      ?.toLowerCase()
      .startsWith("http:")
  ) {
    return ["ca", "cert", "key"].flatMap((part) =>
      has(part) ? [ruleFault(written, [...tls, part], "nothing, as baseUrl is http")] : []
    )
  }
  const lack = has("cert") && !has("key") ? "key" : has("key") && !has("cert") ? "cert" : undefined
  return lack === undefined
    ? []
    : [ruleFault(written, [...tls, lack], "the path of a PEM file: a certificate and its key go together")]
})

/** The rules of the section `channels`, but for ids. */
export const channelRules: ReadonlyArray<Rule> = [
  baseOfItsDialect,
  usefulMapping,
  differentKeys,
  differentHeaders,
  clocksOfStreams,
  ...paramRules,
  tokensOfWhoGivesThem,
  statusesThatChange,
  wholeTls
]
