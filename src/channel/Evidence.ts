/**
 * What an upstream's failure says of the key that was used, or of its channel: evidence, or nothing. Pure.
 *
 * | the upstream's answer | is evidence |
 * |---|---|
 * | class `channel` | of the channel, which is switched off at once |
 * | a status of `disable.statuses` | of the key |
 * | an own code or type of `disable.codes`, with 400 to 403 or 429 | of the key |
 * | one of `disable.keywords` in its message, with the same statuses, and not in the request | of the key |
 * | what is the caller's fault or the content's, by its own words | never |
 * | no answer: our own clocks, a broken connection, a client that left | never |
 *
 * A bare 400 is a caller's fault only as far as its status says; where its code or its words are an operator's own, these
 * are more exact. A status alone never is.
 *
 * An upstream quotes what its clients write: a message that holds a keyword because the request does says nothing. So a
 * request that is poisoned, on purpose or not, switches nothing off; and whatever it does, it is heard once (`Witness`).
 */
import { blameOf, type Code, codeOf, type ResilienceError } from "../errors/index.ts"
import { foldCase, makeWordFinder, type WordFinder } from "../dialect/index.ts"
import { statusMatcher } from "../settings/index.ts"
import type { DisableOptions } from "./DisableSection.ts"

/** One piece: of whom, why in our words, and what was seen. It holds no word of an upstream that the operator had not named. */
export interface Evidence {
  readonly of: "key" | "channel"
  readonly reason: Code
  /** `status 401`, `code invalid_api_key`, `keyword credit balance is too low`, `class channel`, `probe …`. */
  readonly seen: string
}

/** What `disable` says, ready to be looked things up in. */
export interface EvidenceRules {
  readonly status: (status: number) => boolean
  /** In lower case, and as they were written. */
  readonly codes: ReadonlyMap<string, string>
  readonly keywords: WordFinder
}

/** A failure as it was told. */
export interface Told {
  readonly error: ResilienceError
  /** Nothing but its status gave it its class. */
  readonly byStatus: boolean
  /** The upstream's message, as long as it is; absent: what the error has of it. */
  readonly words?: string | undefined
  /** The body that was sent. */
  readonly sent: string
}

/** One request, whatever it asks and how often: it gives at most one piece of evidence. */
export interface Witness {
  heard: boolean
}

/** A request that has given none. */
export const makeWitness = (): Witness => ({ heard: false })

/** Made when the settings change: some 100 ms for 10,000 keywords. */
export const rulesOf = ({
  codes,
  keywords,
  statuses
}: Pick<DisableOptions, "codes" | "keywords" | "statuses">): EvidenceRules => ({
  status: statusMatcher(statuses),
  codes: new Map(codes.map((code) => [code.trim().toLowerCase(), code.trim()])),
  keywords: makeWordFinder(keywords)
})

/** So much of a message is looked at, in UTF-16 units: 4 KiB of what upstreams write. */
export const lookedAt = 4096

/** The statuses with which an upstream's own words may blame a key. */
const wordStatuses: ReadonlySet<number> = new Set([400, 401, 402, 403, 429])

/** What a failure says. */
export const evidenceIn = (rules: EvidenceRules, told: Told): Evidence | undefined => {
  const { byStatus, error } = told
  const { upstream } = error
  const blame = blameOf(error)
  if (blame === "channel") return { of: "channel", reason: codeOf(error), seen: "class channel" }
  // No upstream has said it.
  if (upstream === undefined || isOurs(error)) return undefined
  const isCallers = blame === "caller" || blame === "content"
  if (isCallers && !byStatus) return undefined
  const key = (seen: string): Evidence => ({ of: "key", reason: codeOf(error), seen })
  const { code, status, type } = upstream
  if (!isCallers && status !== undefined && rules.status(status)) return key(`status ${status}`)
  // Inside a good answer there may be no status; then its class says whether it is about a key.
  const mayTell = status === undefined ? blamesKey.has(blame) : wordStatuses.has(status)
  if (!mayTell) return undefined
  for (const own of [code, type]) {
    const known = own === undefined ? undefined : rules.codes.get(own.toLowerCase())
    if (known !== undefined) return key(`code ${known}`)
  }
  const words = (told.words ?? upstream.message)?.slice(0, lookedAt)
  const said = words === undefined ? [] : rules.keywords.allIn(words)
  const own = said.length === 0 ? undefined : notSaidIn(told.sent, said)
  return own === undefined ? undefined : key(`keyword ${own.trim()}`)
}

/** Classes that say something of a key. */
const blamesKey: ReadonlySet<string> = new Set(["credential", "quota", "rate"])

/** The failure is what our own clocks, our own limits or the client made of an answer. */
const isOurs = (error: ResilienceError): boolean => {
  switch (blameOf(error)) {
    case "timeout":
      return error._tag !== "ChannelResponseTimeExceeded" || error.phase !== "upstream"
    case "transport":
    case "rejected":
    case "exhausted":
    case "storage":
    case "cancelled":
    case "defect":
      return true
    default:
      return false
  }
}

/** The first of some words that a request does not hold. Its body is JSON of our own making: so are the words in it. */
const notSaidIn = (body: string, words: ReadonlyArray<string>): string | undefined => {
  const text = foldCase(body)
  return words.find((word) => !text.includes(JSON.stringify(foldCase(word.trim())).slice(1, -1)))
}
