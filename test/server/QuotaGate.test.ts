import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { InsufficientUserQuota } from "effect-resilience/errors"
import { PricesSection, Quota, type Wanted } from "#src/account/index"
import { Settling } from "#src/operate/index"
import { Settings, settingsFile } from "#src/settings/index"
import { makeQuotaGate } from "#src/server/QuotaGate"
import type { AnswerRef } from "#src/relay/index"

const refusal = new InsufficientUserQuota({})
const wanted: Wanted = { streamId: "s", token: "alice", group: "g", quota: undefined, credits: 1 }

/** What is asked of the books and of the settlement where a reservation is refused, and answers of these wait for that. */
const refused = (owed: ReadonlyArray<Pick<AnswerRef, "group" | "owner">>, groupIsLimited: boolean) => {
  const asked: Array<string> = []
  const note = (what: string) => Effect.sync(() => void asked.push(what))
  return makeQuotaGate.pipe(
    Effect.flatMap(({ reserve }) => Effect.flip(reserve(wanted))),
    Effect.map((error) => {
      assert.strictEqual(error, refusal)
      return asked
    }),
    Effect.provide([
      Layer.mock(Quota)({
        began: () => {},
        limits: () => groupIsLimited,
        reserve: () => Effect.andThen(note("reserve"), Effect.fail(refusal))
      }),
      Layer.mock(Settling)({
        flush: note("flush"),
        owes: (isOne) => owed.some((answer) => isOne(answer as AnswerRef))
      }),
      Layer.orDie(Settings.layer(settingsFile({ sections: [PricesSection] }), {}))
    ])
  )
}

describe("what is refused for too little", () => {
  const alice = { owner: "alice", group: "g" }
  const bob = { owner: "bob", group: "g" }
  const table: ReadonlyArray<readonly [string, Parameters<typeof refused>, ReadonlyArray<string>]> = [
    ["nothing has ended", [[], true], ["reserve"]],
    ["another's answer has ended", [[bob], false], ["reserve"]],
    ["the token's own has ended", [[alice], false], ["reserve", "flush", "reserve"]],
    ["one of its group has ended, which is limited", [[bob], true], ["reserve", "flush", "reserve"]],
    ["one of another group has ended", [[{ owner: "eve", group: "h" }], true], ["reserve"]]
  ]
  it.effect.each(table)("is looked at again only for what may be settled: %s", ([, given, expected]) =>
    Effect.map(refused(...given), (asked) => assert.deepStrictEqual(asked, expected))
  )
})
