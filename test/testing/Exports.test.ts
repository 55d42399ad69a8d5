/**
 * What `effect-resilience/testing` gives, name by name: a name that goes or comes is seen here first.
 */
import { assert, it } from "@effect/vitest"
import * as testing from "effect-resilience/testing"

const names = (module: object): ReadonlyArray<string> => Object.keys(module).sort()

it("gives these names, and no other", () => {
  assert.deepStrictEqual(names(testing), [
    "JournalStoreMemory",
    "Script",
    "ScriptedSelection",
    "ScriptedServer",
    "ScriptedUpstream"
  ])
  assert.deepStrictEqual(names(testing.Script), [
    "answer",
    "continuing",
    "cutAfter",
    "ending",
    "errorFrame",
    "every",
    "failure",
    "finish",
    "frame",
    "headers",
    "headersOnly",
    "inWords",
    "isSeen",
    "notHttp",
    "pause",
    "ping",
    "prefillRefused",
    "reasoning",
    "refusal",
    "refused",
    "sealedReasoning",
    "signature",
    "silence",
    "startsAfter",
    "status",
    "text",
    "toolCall",
    "unended",
    "usage"
  ])
  assert.deepStrictEqual(names(testing.ScriptedServer), ["ScriptedServer", "layer", "make"])
  assert.deepStrictEqual(names(testing.ScriptedUpstream), ["ScriptedCalls", "layer"])
  assert.deepStrictEqual(names(testing.ScriptedSelection), ["SelectionScript", "layer"])
})
