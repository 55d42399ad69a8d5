/**
 * Whatever models do: what the reader of a resilient one is given.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { Response } from "effect/ai"
import { ResilientLanguageModel } from "effect-resilience/ai"
import { RetrySchedule } from "effect-resilience/policy"
import * as fc from "fast-check"
import { badKey, badRequest, broken, cut, down, finish, parts, read, streamed, text, textOf } from "./kit.ts"
import { shareOfRuns } from "../support/share.ts"

/** Words of which no long piece comes twice. */
const answer = Array.from({ length: 40 }, (_, at) => `w${at.toString(36)}${at * 7}`).join(" ")

/** What a model does with one call. */
type Behaviour =
  | { readonly _tag: "Refuses"; readonly error: "down" | "badKey" | "badRequest" }
  /** Breaks so many characters further on, with or without the end of its block, an error part or a failure. */
  | {
      readonly _tag: "Breaks"
      readonly after: number
      readonly how: "failure" | "part" | "end"
      readonly ended: boolean
    }
  | { readonly _tag: "Calls"; readonly breaks: boolean }
  | { readonly _tag: "Silent" }
  | { readonly _tag: "Whole" }

const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.record({ _tag: fc.constant("Refuses" as const), error: fc.constantFrom("down", "badKey", "badRequest") }),
  fc.record({
    _tag: fc.constant("Breaks" as const),
    after: fc.nat(60),
    how: fc.constantFrom("failure", "part", "end"),
    ended: fc.boolean()
  }),
  fc.record({ _tag: fc.constant("Calls" as const), breaks: fc.boolean() }),
  fc.record({ _tag: fc.constant("Silent" as const) }),
  fc.record({ _tag: fc.constant("Whole" as const) })
)

const errors = { down, badKey, badRequest }

describe("a resilient stream over models that do anything", () => {
  it.effect(
    "is the answer or a beginning of it with an error, of blocks that open once and close, and leaves nothing open",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.array(fc.array(behaviour, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
            fc.integer({ min: 1, max: 30 }),
            fc.boolean(),
            async (models, size, hedged) => {
              let opened = 0
              let closed = 0
              const members = models.map((behaviours) => {
                let played = 0
                return streamed(({ prompt }) => {
                  const act = behaviours[Math.min(played++, behaviours.length - 1)]!
                  const said = prompt.content.find(({ role }) => role === "assistant")?.content
                  const from = typeof said === "object" && said[0]?.type === "text" ? said[0].text.length : 0
                  const pieces = (to: number) => {
                    const all: Array<string> = []
                    for (let at = from; at < to; at += size) all.push(answer.slice(at, Math.min(to, at + size)))
                    return text(all, `${opened}`)
                  }
                  const call: Response.StreamPartEncoded = { type: "tool-params-start", id: `t${opened}`, name: "T" }
                  const playing = () => {
                    switch (act._tag) {
                      case "Refuses":
                        return broken(errors[act.error])
                      case "Breaks": {
                        const block = pieces(Math.min(answer.length, from + act.after))
                        const shown = act.ended ? block : block.slice(0, -1)
                        if (act.how === "failure") return broken(cut, ...shown)
                        return act.how === "part" ? parts(...shown, { type: "error", error: down }) : parts(...shown)
                      }
                      case "Calls":
                        return act.breaks
                          ? broken(cut, call)
                          : parts(call, { type: "tool-params-end", id: call.id }, finish)
                      case "Silent":
                        return parts(finish)
                      case "Whole":
                        return parts(...pieces(answer.length), finish)
                    }
                  }
                  opened++
                  return Stream.ensuring(
                    playing(),
                    Effect.sync(() => void closed++)
                  )
                })
              })
              const [first, ...rest] = members.map(({ layer }) => layer)
              const { error, seen } = await Effect.runPromise(
                read("Tell me").pipe(
                  Effect.provide(
                    ResilientLanguageModel.layer([first!, ...rest], {
                      continuation: { max: 4 },
                      retry: { attempts: 2, schedule: RetrySchedule.immediate },
                      ...(hedged ? { hedge: { idempotent: true, when: "parallel" } } : {})
                    })
                  )
                )
              )
              const shown = textOf(seen)
              assert.isTrue(answer.startsWith(shown), shown)
              const ends = seen.filter(({ type }) => type === "finish").length
              assert.strictEqual(ends, error === undefined ? 1 : 0)
              const called = seen.some(({ type }) => type === "tool-params-start")
              // Half an answer does not look whole: it is all of it, or an answer of a call, or of nothing at all.
              if (error === undefined && shown !== "" && !called) assert.strictEqual(shown, answer)
              const open = new Set<string>()
              const known = new Set<string>()
              for (const part of seen) {
                if (part.type === "text-start") {
                  assert.isFalse(known.has(part.id))
                  known.add(part.id)
                  open.add(part.id)
                }
                if (part.type === "text-delta") {
                  assert.isTrue(open.has(part.id))
                  assert.notStrictEqual(part.delta, "")
                }
                if (part.type === "text-end") assert.isTrue(open.delete(part.id))
              }
              if (error === undefined) assert.strictEqual(open.size, 0)
              const sealed = seen.findIndex(({ type }) => type === "tool-params-start")
              if (sealed >= 0) assert.isFalse(seen.slice(sealed).some(({ type }) => type === "text-delta"))
              assert.strictEqual(closed, opened)
            }
          ),
          { numRuns: shareOfRuns(1000) }
        )
      )
  )
})
