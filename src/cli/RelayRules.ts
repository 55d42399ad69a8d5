/**
 * Rules between the sections of a relay's file: what one says that the others leave without effect. Nothing that a file
 * says is ignored, so a model that no channel serves and a clock that another one always beats are faults.
 *
 * Channels count whether they are enabled or not: one that is switched off is there to be switched on again.
 */
import { resolve } from "node:path"
import { Option, Schema } from "effect"
import { TimeoutsSection } from "../channel/TimeoutsSection.ts"
import { isNameSized } from "../errors/index.ts"
import { isExactModel, matchesModel, patternsMeet } from "../dialect/index.ts"
import { StoreSection } from "../journal/StoreSection.ts"
import * as BooksPlaceNode from "../operate/BooksPlaceNode.ts"
import { BooksSection } from "../operate/BooksSection.ts"
import {
  MillisOrNone,
  parseStatusRanges,
  type Path,
  readSection,
  type Rule,
  ruleFault,
  type Section,
  valueAt,
  type Written
} from "../settings/index.ts"

const listAt = (written: Written, path: Path): ReadonlyArray<unknown> => {
  const value = valueAt(written.value, path)
  return Array.isArray(value) ? value : []
}

/** What is no name is told so where it is declared. */
const isName = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.trim() === value && isNameSized(value)

/** What channels serve: names, and patterns of them. */
interface Served {
  readonly names: ReadonlySet<string>
  readonly patterns: ReadonlyArray<string>
}

/** Every model and pattern that a channel serves; `undefined` where a channel does not say it rightly. */
const servedModels = (written: Written): Served | undefined => {
  const models = new Set(listAt(written, ["channels"]).flatMap((channel) => valueAt(channel, ["models"])))
  const served = [...models].filter((model) => typeof model === "string")
  if (served.length === 0 || served.length < models.size) return undefined
  return { names: new Set(served.filter(isExactModel)), patterns: served.filter((model) => !isExactModel(model)) }
}

/** Whether any of it is, or may be, what a name or a pattern says. Most are found by their names, in a file of any size. */
const isServed = ({ names, patterns }: Served, model: string): boolean =>
  names.has(model) ||
  patterns.some((pattern) => patternsMeet(pattern, model)) ||
  (!isExactModel(model) && [...names].some((name) => matchesModel(model, name)))

/** `chat.model` is asked of a channel. */
const chatModelIsServed: Rule = (written) => {
  const path = ["chat", "model"]
  const model = valueAt(written.value, path)
  const served = servedModels(written)
  if (!isName(model) || served === undefined) return []
  if (model.includes("*")) return [ruleFault(written, path, "the name of a model, and no pattern")]
  return isServed(served, model) ? [] : [ruleFault(written, path, "a model that a channel serves")]
}

/** What a token may ask for is there to be asked. */
const tokenModelsAreServed: Rule = (written) => {
  const served = servedModels(written)
  return listAt(written, ["tokens"]).flatMap((token, index) => {
    const path = ["tokens", index, "models"]
    const models = valueAt(token, ["models"])
    if (!Array.isArray(models)) return []
    if (models.length === 0) {
      // Who only administers, or only looks, asks for nothing.
      return ["admin", "viewer"].some((right) => valueAt(token, [right]) === true)
        ? []
        : [ruleFault(written, path, "a model, as the token is no admin's and no viewer's")]
    }
    return models.flatMap((model: unknown, place) =>
      !isName(model) || served === undefined || isServed(served, model)
        ? []
        : [ruleFault(written, [...path, place], "a model, or a pattern of models, that a channel serves")]
    )
  })
}

/** What a section says, as far as it can be read. */
const sectionAt = <A>(section: Section<A>, written: Written): A | undefined => {
  const decoded = readSection(section.schema, written, [section.name])
  return decoded === undefined ? undefined : section.value(decoded, {})
}

/** The longest time of a request, in milliseconds. */
const totalOf = (written: Written): number | undefined => {
  const total = valueAt(written.value, ["timeouts", "total"])
  const decoded = Schema.decodeUnknownOption(TimeoutsSection.schema)(total === undefined ? {} : { total })
  return Option.getOrUndefined(Option.map(decoded, (timeouts) => TimeoutsSection.value(timeouts, {}).total))
}

/** Clocks and waits within a request: at its end they are over. */
const withinTotal: ReadonlyArray<Path> = [
  ["timeouts", "headers"],
  ["timeouts", "firstContent"],
  ["timeouts", "idle"],
  ["retry", "waitUpTo"],
  ["retry", "hedgeAfter"],
  ["recovery", "waitUpTo"],
  ["chat", "timeout"],
  ["server", "heartbeat"]
]

/** No clock that was written is longer than what ends the request before it. */
const clocksBiteBeforeTotal: Rule = (written) => {
  const total = totalOf(written)
  if (total === undefined) return []
  const ofChannels = listAt(written, ["channels"]).flatMap((_, index) =>
    ["headers", "firstContent", "idle", "total"].map((clock) => ["channels", index, "timeouts", clock])
  )
  return [...withinTotal, ...ofChannels].flatMap((path) => {
    const millis = millisAt(written, path)
    return millis === undefined || millis <= total
      ? []
      : [ruleFault(written, path, `at most timeouts.total (${total} millis)`)]
  })
}

/** The clocks of a channel's attempts, and its own time for each. */
const clocksBiteBeforeAttemptEnds: Rule = (written) =>
  listAt(written, ["channels"]).flatMap((_, index) => {
    const timeouts = ["channels", index, "timeouts"]
    const total = millisAt(written, [...timeouts, "total"])
    if (total === undefined) return []
    return ["headers", "firstContent", "idle"].flatMap((clock) => {
      const millis = millisAt(written, [...timeouts, clock])
      return millis === undefined || millis <= total
        ? []
        : [ruleFault(written, [...timeouts, clock], `at most total beside it (${total} millis)`)]
    })
  })

const readMillis = Schema.decodeUnknownOption(MillisOrNone)

const millisAt = (written: Written, path: Path): number | undefined =>
  Option.getOrUndefined(readMillis(valueAt(written.value, path)))

/** An answer goes on after a restart by what it was asked, and that is kept. */
const requestsAreKept: Rule = (written) => {
  const path = ["journal", "onRestart"]
  return valueAt(written.value, path) === "resume" && valueAt(written.value, ["journal", "storeRequests"]) === false
    ? [ruleFault(written, path, '"fail", as journal.storeRequests is false')]
    : []
}

/** Store and books are two databases. Where they are is told of the one that was said. */
const booksAreNotTheStore: Rule = (written) => {
  const store = sectionAt(StoreSection, written)
  const books = sectionAt(BooksSection, written)
  if (store?.type !== "sqlite" || books === undefined) return []
  const place = BooksPlaceNode.placeOf(books, store)
  if (place._tag !== "File" || resolve(place.path) !== resolve(store.path)) return []
  return books.path === undefined
    ? [ruleFault(written, ["store", "path"], "another file than that of the books beside it")]
    : [ruleFault(written, ["books", "path"], "another file than that of the store")]
}

/** Only a bad status is ever retried for itself. */
const statusesAreBad: Rule = (written) => {
  const path = ["retry", "statuses"]
  const text = valueAt(written.value, path)
  const ranges = typeof text === "string" ? Option.getOrElse(parseStatusRanges(text), () => []) : []
  return ranges.length > 0 && ranges.every(({ from, to }) => from >= 200 && to <= 299)
    ? [ruleFault(written, path, "a status beside 200 to 299, which are never retried")]
    : []
}

/** The rules between sections. */
export const relayRules: ReadonlyArray<Rule> = [
  chatModelIsServed,
  tokenModelsAreServed,
  clocksBiteBeforeTotal,
  clocksBiteBeforeAttemptEnds,
  requestsAreKept,
  booksAreNotTheStore,
  statusesAreBad
]
