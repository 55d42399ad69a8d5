/**
 * What becomes of a stream whose writer is gone: one row for each that the contract names.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type AnswerRequest, clientDialects, type ClientDialectName, type Replayed } from "#src/dialect/index"
import { decideTakeOver, type Orphan } from "#src/relay/TakeOver"
import { pathOf } from "../../support/paths.ts"
import { note, openAttempt, pursuit } from "./notes.ts"

const rules = { maxMessage: 2000, defaultModel: "m" }

const request = (more: object = {}, dialect: ClientDialectName = "openai"): AnswerRequest =>
  Result.getOrThrow(
    clientDialects[dialect].parse(
      {
        ...pathOf(dialect),
        headers: {},
        body: JSON.stringify({
          ...(dialect === "chat" ? { message: "hello" } : { messages: [{ role: "user", content: "hello" }] }),
          ...(dialect === "chat" ? {} : { stream: true }),
          model: "m",
          ...more
        })
      },
      rules
    )
  )

const replayed = (more: Partial<Replayed> = {}): Replayed => ({
  text: "",
  tokenCount: 0,
  beside: 0,
  reasoning: 0,
  begun: false,
  sealed: false,
  called: false,
  finish: undefined,
  ended: false,
  ...more
})

const text = replayed({ text: "Once upon", tokenCount: 2, begun: true })
const thought = replayed({ beside: 12, begun: true })
const called = replayed({ text: "I look.", begun: true, sealed: true, called: true })
const finish = { reason: "stop", native: "stop", from: "openai" } as const

const orphan = (more: Partial<Orphan> = {}): Orphan => ({
  note: note({ pursuit: pursuit({ attempts: 1 }), open: openAttempt() }),
  request: request(),
  replayed: text,
  asked: true,
  allowed: true,
  onRestart: "resume",
  retry: { times: 3 },
  recovery: { mode: "continue", maxContinuations: 2 },
  ...more
})

const detached = note({ pursuit: pursuit({ attempts: 1 }), open: openAttempt() })
const cancelling = { ...detached, leave: "cancel" as const }

const said = (orphan: Orphan): string => {
  const decided = decideTakeOver(orphan)
  switch (decided._tag) {
    case "End":
      return `ends: ${decided.error._tag}`
    case "GoOn":
      return `goes on, ${decided.pursuit.attempts} attempts, ${decided.pursuit.continuations} continuations`
    case "Complete":
    case "Wait":
      return decided._tag
  }
}

describe("decideTakeOver", () => {
  it.each<readonly [string, Partial<Orphan>, string]>([
    ["text was shown: it goes on, which counts as a continuation", {}, "goes on, 1 attempts, 1 continuations"],
    [
      "nothing was shown: it begins anew, which is one of retry.times",
      { replayed: replayed() },
      "goes on, 1 attempts, 0 continuations"
    ],
    [
      "nothing was shown, and nobody was asked: the same",
      { replayed: replayed(), note: note() },
      "goes on, 1 attempts, 0 continuations"
    ],
    [
      "only reasoning was shown: it begins anew, as a continuation",
      { replayed: thought },
      "goes on, 1 attempts, 1 continuations"
    ],
    ["the finish was known: completed without an upstream", { note: { ...detached, finish } }, "Complete"],
    ["also of a tool call", { note: { ...detached, finish }, replayed: called }, "Complete"],
    ["also of several answers at once", { note: { ...detached, finish }, request: request({ n: 2 }) }, "Complete"],
    [
      "also with recovery off",
      { note: { ...detached, finish }, recovery: { mode: "off", maxContinuations: 2 } },
      "Complete"
    ],
    [
      "one of several had finished: not known",
      { request: request({ n: 2 }), replayed: replayed({ ...text, finish }) },
      "ends: StreamTruncated"
    ],
    [
      "a finish that was not the last: not known",
      { replayed: replayed({ ...text, finish }) },
      "goes on, 1 attempts, 1 continuations"
    ],
    ["a tool call was begun", { replayed: called }, "ends: StreamTruncated"],
    ["n > 1, shown", { request: request({ n: 2 }) }, "ends: StreamTruncated"],
    [
      "n > 1, nothing shown: anew",
      { request: request({ n: 2 }), replayed: replayed() },
      "goes on, 1 attempts, 0 continuations"
    ],
    ["recovery off", { recovery: { mode: "off", maxContinuations: 2 } }, "ends: StreamTruncated"],
    [
      "recovery off, nothing shown: anew",
      { recovery: { mode: "off", maxContinuations: 2 }, replayed: replayed() },
      "goes on, 1 attempts, 0 continuations"
    ],
    [
      "no continuation left",
      { note: { ...detached, pursuit: pursuit({ attempts: 3, continuations: 2 }) } },
      "ends: StreamTruncated"
    ],
    [
      "no attempt left",
      { note: { ...detached, pursuit: pursuit({ attempts: 4 }) }, replayed: replayed() },
      "ends: StreamTruncated"
    ],
    ["retry.times 0, nothing shown", { retry: { times: 0 }, replayed: replayed() }, "ends: StreamTruncated"],
    ["onRestart: fail", { onRestart: "fail" }, "ends: StreamTruncated"],
    [
      "onRestart: fail, with a finish that was known",
      { onRestart: "fail", note: { ...detached, finish } },
      "ends: StreamTruncated"
    ],
    ["its request was not stored, or is not to be used", { request: undefined }, "ends: StreamTruncated"],
    ["its note means nothing to this version", { note: undefined }, "ends: StreamTruncated"],
    ["its token may not use the model any more", { allowed: false }, "ends: StreamTruncated"],
    ["stream: false, without a key: its client is gone", { request: request({ stream: false }) }, "ends: ClientGone"],
    [
      "stream: false, found at the start",
      { request: request({ stream: false }), note: cancelling, asked: false },
      "ends: ClientGone"
    ],
    ["on a route that cancels, found at the start: left to its client", { note: cancelling, asked: false }, "Wait"],
    [
      "on a route that cancels, nothing shown: the same",
      { note: cancelling, asked: false, replayed: replayed() },
      "Wait"
    ],
    ["on a route that cancels, with a finish: the same", { note: { ...cancelling, finish }, asked: false }, "Wait"],
    [
      "on a route that cancels, when its client comes",
      { note: cancelling, asked: true },
      "goes on, 1 attempts, 1 continuations"
    ],
    ["on a route that detaches, found at the start", { asked: false }, "goes on, 1 attempts, 1 continuations"],
    // Whether a channel can is asked of the channels, when one is picked.
    [
      "JSON, shown",
      { request: request({ response_format: { type: "json_object" } }) },
      "goes on, 1 attempts, 1 continuations"
    ]
  ])("%s", (_, more, expected) => {
    assert.strictEqual(said(orphan(more)), expected)
  })

  it.each(Object.values(clientDialects).map(({ name }) => name))("a request of %s goes on", (name) => {
    const more = {
      openai: {},
      responses: { input: "hello" },
      anthropic: { max_tokens: 100 },
      gemini: { contents: [{ parts: [{ text: "hello" }] }] },
      chat: {}
    }
    const asked = request(more[name], name)
    assert.strictEqual(said(orphan({ request: asked })), "goes on, 1 attempts, 1 continuations")
  })
})
