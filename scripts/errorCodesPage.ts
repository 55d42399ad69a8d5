// Writes docs/error-codes.md from the catalogue, so that what is said of a code is what it does: npm run docs:errors
import { writeFileSync } from "node:fs"
import { type Blame, blames, type ByBlame, codes, lookup, tagOf } from "../src/exports/errors.ts"
import { cell, table } from "./markdownTable.ts"

interface Told {
  readonly meaning: string
  readonly whatToDo: string
}

const told = {
  caller: {
    meaning: "The request is wrong.",
    whatToDo: "Mend the request; the message says which field. Asking again, unchanged, gives the same."
  },
  content: {
    meaning: "The request was refused for what it says.",
    whatToDo: "Say it otherwise. The relay asks no other channel."
  },
  credential: {
    meaning: "A key is bad, expired or not paid for.",
    whatToDo: "Look at the key whose index is in the log. The relay leaves it alone meanwhile and takes another."
  },
  quota: {
    meaning: "A key's own quota is spent.",
    whatToDo: "Raise it, wait for its reset, or add a key."
  },
  rate: {
    meaning: "Too fast.",
    whatToDo: "Wait as long as `retryAfterMillis` says. If it is steady: more keys, or a rate limiter before it."
  },
  model: {
    meaning: "This channel, or this relay, lacks the model.",
    whatToDo: "Look at `models` and `modelMapping` of the channels, and at `GET /v1/models`."
  },
  channel: {
    meaning: "A channel is configured wrongly.",
    whatToDo: "Look at `params`, `headers` and `modelMapping` of the channel that the log names."
  },
  upstream: {
    meaning: "It answered, badly.",
    whatToDo: "Nothing, while others answer. The log has its status and code. Steady: look at its vendor's status page."
  },
  timeout: {
    meaning: "It did not answer in time.",
    whatToDo:
      "The message says which clock ran out. Steady: a slow upstream, or a limit that is too short for its model."
  },
  transport: {
    meaning: "It could not be reached, or the connection broke.",
    whatToDo: "Steady: DNS, proxies, certificates, a wrong `baseUrl`."
  },
  rejected: {
    meaning: "A policy refused; the target was not asked.",
    whatToDo: "Look for what made it refuse: an open circuit has failures before it, a full bulkhead slow calls in it."
  },
  exhausted: {
    meaning: "The whole request is out of time, budget, channels or attempts.",
    whatToDo:
      "Look at what its attempts failed with: `errors` of `RetriesExhausted`, `x-attempts`, `attempt_failed` in the log."
  },
  storage: {
    meaning: "The store failed.",
    whatToDo: "Disk full, file removed, permissions, another process on the same file."
  },
  cancelled: {
    meaning: "Somebody cancelled.",
    whatToDo: "Nothing."
  },
  defect: {
    meaning: "A bug.",
    whatToDo: "Report it, with the line of the log that has the request id."
  }
} as const satisfies ByBlame<Told>

const intro = `# Error codes

Every code of the union, by who is to blame. Who is to blame decides what follows: whether it is asked again, whether breakers count it, what a client sees ([errors](errors.md)).

- _class_ is its name in \`Effect.catchTag\` and in \`effect-resilience/errors\`.
- _status_ is the HTTP status that a client of the relay sees before anything was shown; \`last\` is that of the last attempt's error.
- _again_ is whether asking again, unchanged, may help: \`x-should-retry\` to clients. A spent quota may only if its reset is known. Which errors \`Retry\` asks again is the table of [errors](errors.md#blame): no policy repeats another's refusal.
- _type_ is the coarse kind of clients' errors and of \`stream_errors_total\`.
- _what a client reads_ is safe to show: it names no host, key or path. Errors of the caller show their own message instead.

This page is made from the catalogue by \`npm run docs:errors\`.
`

const section = (blame: Blame): string => {
  const { meaning, whatToDo } = told[blame]
  const rows = codes
    .map((code) => ({ ...lookup(code), tag: tagOf(code) }))
    .filter((entry) => entry.blame === blame)
    .map(({ code, message, recoverable, severity, status, tag, type }) =>
      [`\`${code}\``, `\`${tag}\``, String(status), recoverable ? "yes" : "no", type, severity, message].map(cell)
    )
  const head = ["code", "class", "status", "again", "type", "severity", "what a client reads"]
  return [`## \`${blame}\``, "", `${meaning} **What to do.** ${whatToDo}`, "", ...table([head, ...rows]), ""].join("\n")
}

/** The page. */
export const errorCodesPage = (): string => [intro, ...blames.map(section)].join("\n")

/** Where it is. */
export const errorCodesPageFile = new URL("../docs/error-codes.md", import.meta.url)

if (import.meta.main) writeFileSync(errorCodesPageFile, errorCodesPage())
