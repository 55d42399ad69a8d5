/**
 * What is wrong in the operators' other sections of a configuration, each with its exact path and words: alerts, disabling,
 * error log, ledger, prices, tracker, affinity, words, books, the loop of attempts, and channels.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { decodeConfiguration } from "#src/cli/index"
import { channelOf } from "../support/relay.ts"

const channelWith = (more: object) => ({ channels: [channelOf("a", "http://127.0.0.1:9", more)] })

type Wrong = readonly [what: string, sections: object, lines: ReadonlyArray<string>]

const wrong: ReadonlyArray<Wrong> = [
  ["alerts that are a list", { alerts: [] }, ["alerts: expected an object, got an empty list"]],
  ["alerts of nobody's", { alerts: { url: "x" } }, ["alerts.url: unknown key"]],
  [
    "a webhook that is no URL",
    { alerts: { webhook: "hooks.example.com" } },
    ["alerts.webhook: expected an http or https URL, or null, got <redacted>"]
  ],
  [
    "a webhook of another scheme",
    { alerts: { webhook: "ftp://hooks.example.com" } },
    ["alerts.webhook: expected an http or https URL, or null, got <redacted>"]
  ],
  [
    "a secret without a webhook",
    { alerts: { secret: "a-secret-of-alerts" } },
    ["alerts.secret: expected nothing, as alerts.webhook is null, got <redacted>"]
  ],
  [
    "an empty secret of alerts",
    { alerts: { webhook: "https://h.example", secret: "" } },
    ["alerts.secret: expected a text of at least one character, or null, got <redacted>"]
  ],
  [
    "an event that there is not",
    { alerts: { events: ["key_disabled", "key_lost"] } },
    [
      'alerts.events[1]: expected "key_disabled" or "key_enabled" or "channel_disabled" or "channel_enabled" or "circuit_opened" or "circuit_closed" or "books_failed" or "quota_low", got <redacted>'
    ]
  ],
  [
    "events that are a word",
    { alerts: { events: "key_disabled" } },
    ["alerts.events: expected a list, got <redacted>"]
  ],
  [
    "little left of more than all",
    { alerts: { quotaLow: 1.5 } },
    ["alerts.quotaLow: expected a number from 0 to 1, got <redacted>"]
  ],
  [
    "little left in words",
    { alerts: { quotaLow: "10 %" } },
    ["alerts.quotaLow: expected a number from 0 to 1, got <redacted>"]
  ],
  ["disable as a flag", { disable: false }, ["disable: expected an object, got false"]],
  ["evidence of none", { disable: { after: 0 } }, ["disable.after: expected an integer from 1 to 100, got 0"]],
  ["evidence of a part", { disable: { after: 1.5 } }, ["disable.after: expected an integer from 1 to 100, got 1.5"]],
  [
    "evidence within no time",
    { disable: { within: "0 seconds" } },
    ['disable.within: expected a duration above zero such as "10 minutes", got "0 seconds"']
  ],
  [
    "a trial above its cap",
    { disable: { trial: "2 hours", trialCap: "1 hour" } },
    ['disable.trial: expected at most disable.trialCap (3600000 millis), got "2 hours"']
  ],
  [
    "statuses that are none",
    { disable: { statuses: "4xx" } },
    ['disable.statuses: expected ranges of statuses from 100 to 599, low to high, such as "401,500-503", got "4xx"']
  ],
  [
    "statuses turned round",
    { disable: { statuses: "403-401" } },
    ['disable.statuses: expected ranges of statuses from 100 to 599, low to high, such as "401,500-503", got "403-401"']
  ],
  [
    "statuses that are too high",
    { disable: { statuses: "401,600" } },
    ['disable.statuses: expected ranges of statuses from 100 to 599, low to high, such as "401,500-503", got "401,600"']
  ],
  [
    "codes that are a word",
    { disable: { codes: "invalid_api_key" } },
    ['disable.codes: expected a list, got "invalid_api_key"']
  ],
  ["an empty code", { disable: { codes: [""] } }, ['disable.codes[0]: expected a non-empty string, got ""']],
  [
    "an empty keyword",
    { disable: { keywords: ["", "  "] } },
    [
      'disable.keywords[0]: expected a non-empty string, got ""',
      'disable.keywords[1]: expected a non-empty string, got "  "'
    ]
  ],
  [
    "probes of some",
    { disable: { probe: "1 minute", probeOnly: "some" } },
    ['disable.probeOnly: expected "disabled" or "all", got "some"']
  ],
  [
    "a probe of a number",
    { disable: { probe: 60 } },
    ['disable.probe: expected a duration above zero such as "5 minutes" (at most 24 days), or null, got 60']
  ],
  [
    "slow without a probe",
    { disable: { slowerThan: "-1 second" } },
    [
      'disable.slowerThan: expected a duration above zero such as "5 minutes" (at most 24 days), or null, got "-1 second"'
    ]
  ],
  ["an error log in words", { errorLog: { enabled: "yes" } }, ['errorLog.enabled: expected true or false, got "yes"']],
  [
    "an error log that keeps nothing",
    { errorLog: { retention: "0 seconds" } },
    ['errorLog.retention: expected a duration above zero such as "10 minutes", got "0 seconds"']
  ],
  [
    "an error log for ever",
    { errorLog: { retention: "Infinity" } },
    ['errorLog.retention: expected a duration above zero such as "10 minutes", got "Infinity"']
  ],
  [
    "an error log of no rows",
    { errorLog: { maxRows: 0 } },
    ["errorLog.maxRows: expected an integer of at least 1, got 0"]
  ],
  [
    "an error log of a part of a row",
    { errorLog: { maxRows: 2.5 } },
    ["errorLog.maxRows: expected an integer of at least 1, got 2.5"]
  ],
  [
    "successes by a word",
    { errorLog: { successes: "all", ip: 1 } },
    ["errorLog.ip: expected true or false, got 1", 'errorLog.successes: expected true or false, got "all"']
  ],
  [
    "an error log with a misspelt key",
    { errorLog: { retentoin: "1 day" } },
    ['errorLog.retentoin: unknown key, did you mean "retention"?']
  ],
  [
    "a ledger that keeps nothing",
    { ledger: { retention: "0 days" } },
    ['ledger.retention: expected a duration above zero such as "10 minutes", got "0 days"']
  ],
  [
    "a ledger of a number",
    { ledger: { retention: 400 } },
    ['ledger.retention: expected a duration above zero such as "10 minutes", got 400']
  ],
  [
    "an audit of a number",
    { audit: { retention: 400 } },
    ['audit.retention: expected a duration above zero such as "10 minutes", got 400']
  ],
  ["prices that are a list", { prices: [1] }, ["prices: expected an object, got a list"]],
  ["a price that is a number", { prices: { "gpt-*": 2 } }, ['prices["gpt-*"]: expected an object, got 2']],
  [
    "a price without its output",
    { prices: { "gpt-*": { input: 1 } } },
    ['prices["gpt-*"].output: expected a number of credits from 0 to 1000000, of at most nine decimals, got nothing']
  ],
  [
    "a price below zero",
    { prices: { "gpt-*": { input: -1, output: 1 } } },
    ['prices["gpt-*"].input: expected a number of credits from 0 to 1000000, of at most nine decimals, got -1']
  ],
  [
    "a price of ten decimals",
    { prices: { "gpt-*": { input: 1e-10, output: 1 } } },
    ['prices["gpt-*"].input: expected a number of credits from 0 to 1000000, of at most nine decimals, got 1e-10']
  ],
  [
    "a price of what is none",
    { prices: { "gpt-*": { input: 1, output: 1, cached: 0 } } },
    ['prices["gpt-*"].cached: unknown key']
  ],
  [
    "a price of no model",
    { prices: { " ": { input: 1, output: 1 } } },
    ['prices[" "]: the key must be a model or a pattern of models, without spaces around it']
  ],
  [
    "trust below zero",
    { quota: { trustAbove: -1 } },
    ["quota.trustAbove: expected an integer of at least 0, or null, got -1"]
  ],
  [
    "trust of a part",
    { quota: { trustAbove: 0.5 } },
    ["quota.trustAbove: expected an integer of at least 0, or null, got 0.5"]
  ],
  [
    "a unit without credits",
    { quota: { unit: { name: "USD" } } },
    ["quota.unit.credits: expected an integer of at least 1, got nothing"]
  ],
  [
    "a unit of no credits",
    { quota: { unit: { name: "USD", credits: 0 } } },
    ["quota.unit.credits: expected an integer of at least 1, got 0"]
  ],
  [
    "a unit without a name",
    { quota: { unit: { name: "", credits: 1 } } },
    ['quota.unit.name: expected a non-empty string, got ""']
  ],
  [
    "a tracker of another make",
    { tracker: { type: "rollbar" } },
    ['tracker.type: expected "none" or "log" or "sentry", got "rollbar"']
  ],
  [
    "sentry without where",
    { tracker: { type: "sentry" } },
    ["tracker.dsn: expected a DSN, as the tracker is of type sentry, got nothing"]
  ],
  [
    "where Sentry is, and another tracker",
    { tracker: { type: "log", dsn: "https://k@sentry.example/1", environment: "night", sampleRate: 0.5 } },
    ["tracker.dsn: expected type sentry beside it, as the tracker is of type log, got <redacted>"]
  ],
  [
    "where Sentry is, and no type",
    { tracker: { dsn: "https://k@sentry.example/1" } },
    ["tracker.dsn: expected type sentry beside it, as the tracker is of type none, got <redacted>"]
  ],
  [
    "sentry that is no URL",
    { tracker: { type: "sentry", dsn: "sentry" } },
    ['tracker.dsn: expected a DSN such as "https://key@sentry.example/1", got <redacted>']
  ],
  [
    "a sample of more than all",
    { tracker: { type: "sentry", dsn: "https://k@sentry.example/1", sampleRate: 2 } },
    ["tracker.sampleRate: expected a number from 0 to 1, got 2"]
  ],
  [
    "affinity by nothing that there is",
    { affinity: { by: ["cookie.session"] } },
    [
      'affinity.by[0]: expected "token", "header." and a header\'s name, or "body." and the path of a field, got "cookie.session"'
    ]
  ],
  [
    "affinity by a word",
    { affinity: { by: "token" } },
    ['affinity.by: expected a list of at least one place, got "token"']
  ],
  [
    "affinity of no time",
    { affinity: { ttl: "0 seconds" } },
    ['affinity.ttl: expected a duration above zero such as "10 minutes", got "0 seconds"']
  ],
  ["affinity of none", { affinity: { max: 0 } }, ["affinity.max: expected an integer from 1 to 10000000, got 0"]],
  [
    "words that are a word",
    { sensitiveWords: { words: "bluebird" } },
    ["sensitiveWords.words: expected a list, got <redacted>"]
  ],
  [
    "a word of spaces",
    { sensitiveWords: { words: ["  "] } },
    ["sensitiveWords.words[0]: expected a word, got <redacted>"]
  ],
  [
    "a file of words that is not there",
    { sensitiveWords: { file: "no/such/words.txt" } },
    ['sensitiveWords.file: expected a file of words that can be read (ENOENT), got "no/such/words.txt"']
  ],
  [
    "a file of words that is a folder",
    { sensitiveWords: { file: "." } },
    ['sensitiveWords.file: expected a file of words that can be read (EISDIR), got "."']
  ],
  [
    "a file of words without a name",
    { sensitiveWords: { file: "" } },
    ['sensitiveWords.file: expected a path, or null, got ""']
  ],
  ["books of another make", { books: { type: "mysql" } }, ['books.type: expected "sqlite" or "memory", got "mysql"']],
  [
    "books in memory with a path",
    { books: { type: "memory", path: "books.db" } },
    ['books.path: expected nothing, as the books are of type memory, got "books.db"']
  ],
  [
    "books at home",
    { books: { path: "~/books.db" } },
    [
      'books.path: expected the path of a file (for no file: type "memory"), with "${HOME}" for a home, got "~/books.db"'
    ]
  ],
  ["a store of another make", { store: { type: "mongo" } }, ['store.type: expected "sqlite" or "memory", got "mongo"']],
  ["retries below none", { retry: { times: -1 } }, ["retry.times: expected an integer of at least 0, got -1"]],
  [
    "a backoff above its cap",
    { retry: { base: "20 seconds", cap: "10 seconds" } },
    ['retry.base: expected at most retry.cap (10000 millis), got "20 seconds"']
  ],
  [
    "a jitter that there is not",
    { retry: { jitter: "some" } },
    ['retry.jitter: expected "none" or "full" or "equal" or "proportional", got "some"']
  ],
  [
    "a budget that gives nothing back",
    { retry: { budget: { ratio: -0.1 } } },
    ["retry.budget.ratio: expected a number of at least 0, got -0.1"]
  ],
  [
    "a clock of a number",
    { timeouts: { idle: 60 } },
    ['timeouts.idle: expected a duration above zero such as "5 seconds" (at most 24 days), got 60']
  ],
  [
    "a clock of no time",
    { timeouts: { headers: "0 seconds" } },
    ['timeouts.headers: expected a duration above zero such as "5 seconds" (at most 24 days), got "0 seconds"']
  ],
  [
    "a circuit of more than all",
    { breaker: { failureRate: 1.1 } },
    ["breaker.failureRate: expected a number above 0 and at most 1, got 1.1"]
  ],
  [
    "a circuit without probes",
    { breaker: { probes: 0 } },
    ["breaker.probes: expected an integer of at least 1, got 0"]
  ],
  [
    "a channel's disable in words",
    channelWith({ disable: "no" }),
    ['channels[0].disable: expected true or false, got "no"']
  ],
  ["a weight below zero", channelWith({ weight: -1 }), ["channels[0].weight: expected a number of at least 0, got -1"]],
  [
    "a status that is mapped to a good one",
    channelWith({ statusMapping: { "429": 200 } }),
    ['channels[0].statusMapping["429"]: expected a status from 100 to 599 other than 2xx, got 200']
  ],
  [
    "a header that is the relay's",
    channelWith({ headers: { authorization: "x" } }),
    [
      "channels[0].headers.authorization: the key must be the name of a header other than authorization, accept-encoding, host, length and those of the connection"
    ]
  ],
  [
    "a header with a line in it",
    channelWith({ headers: { "x-a": "b\r\nc" } }),
    ["channels[0].headers.x-a: expected a header value of one line, got <redacted>"]
  ],
  [
    "no models",
    channelWith({ models: [] }),
    ["channels[0].models: expected a list of at least one model or pattern, got an empty list"]
  ],
  ["a group of spaces", channelWith({ group: "  " }), ['channels[0].group: expected a non-empty string, got "  "']],
  [
    "a channel's clock that is none",
    channelWith({ timeouts: { idel: "1 second" } }),
    ['channels[0].timeouts.idel: unknown key, did you mean "idle"?']
  ],
  ["parameters that are a list", channelWith({ params: [1] }), ["channels[0].params: expected an object, got a list"]]
]

describe("a configuration that is wrong is refused, with the path of each fault and what was expected", () => {
  it.each(wrong)("%s", (_, sections, lines) => {
    const decoded = decodeConfiguration({ ...channelWith({}), ...sections }, {}, "relay.yaml")
    assert.deepStrictEqual(
      Result.isFailure(decoded) ? decoded.failure.lines : [],
      lines.map((line) => `relay.yaml: ${line}`)
    )
  })
})
