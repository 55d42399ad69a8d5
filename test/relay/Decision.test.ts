import { assert, describe, it } from "@effect/vitest"
import type { Channel } from "#src/channel/index"
import { channel } from "../channel/kit/channels.ts"
import {
  type Blame,
  blames,
  ChannelInvalidKey,
  ChannelQuotaExhausted,
  ChannelRateLimited,
  ChannelParamOverrideInvalid,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  ClientGone,
  ContextLengthExceeded,
  DeadlineExceeded,
  DoRequestFailed,
  EmptyResponse,
  InternalError,
  InvalidRequest,
  ModelNotFound,
  PayloadTooLarge,
  PromptBlocked,
  QueryDataError,
  type ResilienceError,
  UpstreamOverloaded
} from "effect-resilience/errors"
import {
  continuationModes,
  decide,
  type Failed,
  type Next,
  refusesForGood,
  refusesGiven,
  refusesGivenForGood,
  refusesMode,
  ruleOf,
  splices
} from "#src/relay/Decision"
import { Dialects, nothingAsked, parseOpenAIRequest } from "#src/dialect/index"
import { Result } from "effect"

const base: Failed = {
  error: new DoRequestFailed({}),
  statusForbids: false,
  attemptsLeft: 3,
  fresh: 1,
  silentMillis: 0,
  outgrew: false,
  keysSpent: false,
  sameChannelUsed: 0,
  sameChannelLimit: 1,
  otherKey: false,
  waitUpTo: 3000,
  backoff: 150,
  remaining: 60_000
}

const of: { readonly [B in Blame]: ResilienceError } = {
  caller: new InvalidRequest({}),
  content: new PromptBlocked({}),
  credential: new ChannelInvalidKey({}),
  quota: new ChannelQuotaExhausted({}),
  rate: new ChannelRateLimited({}),
  model: new ModelNotFound({}),
  channel: new ChannelParamOverrideInvalid({}),
  upstream: new UpstreamOverloaded({}),
  timeout: new ChannelResponseTimeExceeded({ phase: "idle", limitMillis: 1, elapsedMillis: 1 }),
  transport: new DoRequestFailed({}),
  rejected: new CircuitOpen({}),
  exhausted: new DeadlineExceeded({}),
  storage: new QueryDataError({}),
  cancelled: new ClientGone({}),
  defect: new InternalError({})
}

const show = (next: Next) => (next._tag === "SameChannel" ? `SameChannel ${next.delayMillis}` : next._tag)

describe("decide, by the contract's table of classes", () => {
  const table: { readonly [B in Blame]: readonly [alone: string, withAnotherKey: string, out: boolean] } = {
    caller: ["Stop", "Stop", false],
    content: ["Stop", "Stop", false],
    credential: ["OtherChannel", "OtherKey", true],
    quota: ["OtherChannel", "OtherKey", false],
    rate: ["OtherChannel", "OtherKey", false],
    model: ["OtherChannel", "OtherChannel", true],
    channel: ["OtherChannel", "OtherChannel", true],
    upstream: ["SameChannel 150", "SameChannel 150", false],
    timeout: ["OtherChannel", "OtherChannel", true],
    transport: ["SameChannel 0", "SameChannel 0", false],
    rejected: ["OtherChannel", "OtherChannel", false],
    exhausted: ["Stop", "Stop", false],
    storage: ["Stop", "Stop", false],
    cancelled: ["Stop", "Stop", false],
    defect: ["Stop", "Stop", false]
  }
  it.each(blames.map((blame) => [blame] as const))("%s", (blame) => {
    const [alone, withAnotherKey, out] = table[blame]
    assert.strictEqual(show(decide({ ...base, error: of[blame] })), alone)
    assert.strictEqual(show(decide({ ...base, error: of[blame], otherKey: true })), withAnotherKey)
    assert.strictEqual(ruleOf(blame).out, out)
  })

  it.each(blames.map((blame) => [blame] as const))("%s: nothing is asked when nothing is left", (blame) => {
    for (const none of [{ attemptsLeft: 0 }, { statusForbids: true }, { remaining: 0 }]) {
      assert.strictEqual(decide({ ...base, error: of[blame], otherKey: true, ...none })._tag, "Stop")
    }
  })

  it.each(blames.map((blame) => [blame] as const))("%s: the same channel is asked again only so often", (blame) => {
    assert.notStrictEqual(decide({ ...base, error: of[blame], sameChannelUsed: 1 })._tag, "SameChannel")
  })

  it("a short hint is waited out on the same channel, a long one is not", () => {
    const limited = (retryAfterMillis: number) =>
      decide({ ...base, error: new ChannelRateLimited({ retryAfterMillis }) })
    assert.strictEqual(show(limited(1200)), "SameChannel 1200")
    assert.strictEqual(show(limited(3001)), "OtherChannel")
    const overloaded = (retryAfterMillis: number) =>
      decide({ ...base, error: new UpstreamOverloaded({ retryAfterMillis }) })
    assert.strictEqual(show(overloaded(500)), "SameChannel 500")
    assert.strictEqual(show(overloaded(20)), "SameChannel 150")
    assert.strictEqual(show(overloaded(9000)), "OtherChannel")
  })

  it("a wait that would pass the request's time is not begun", () => {
    assert.strictEqual(show(decide({ ...base, error: of.upstream, remaining: 100 })), "OtherChannel")
  })
})

describe("continuationModes", () => {
  const words = { json: false }
  const dialects = Dialects.make({})
  it("auto is prefill, then a message, without what was refused", () => {
    const on = (continuation: Channel["continuation"]) => ({
      channel: channel("a", { continuation }),
      keyIndex: -1,
      key: undefined,
      model: "m"
    })
    assert.deepStrictEqual(continuationModes(words, on("auto"), new Set(), dialects), ["prefill", "message"])
    assert.deepStrictEqual(continuationModes(words, on("auto"), new Set(["prefill"] as const), dialects), ["message"])
    assert.deepStrictEqual(continuationModes(words, on("prefill"), new Set(["prefill"] as const), dialects), [])
    assert.deepStrictEqual(continuationModes(words, on("message"), new Set(), dialects), ["message"])
    assert.deepStrictEqual(continuationModes(words, on("none"), new Set(), dialects), [])
    // JSON is never asked for in words.
    assert.deepStrictEqual(continuationModes({ json: true }, on("auto"), new Set(), dialects), ["prefill"])
    assert.deepStrictEqual(continuationModes({ json: true }, on("auto"), new Set(["prefill"] as const), dialects), [])
    assert.deepStrictEqual(continuationModes({ json: true }, on("message"), new Set(), dialects), [])
  })

  it("a token comes first where there is one, for JSON too", () => {
    const on = (continuation: Channel["continuation"]) => ({
      channel: channel("a", { dialect: "gemini", continuation }),
      keyIndex: -1,
      key: undefined,
      model: "m"
    })
    const none = new Set(["token"] as const)
    assert.deepStrictEqual(continuationModes(words, on("auto"), new Set(), dialects), ["token", "prefill", "message"])
    assert.deepStrictEqual(continuationModes({ json: true }, on("auto"), new Set(), dialects), ["token", "prefill"])
    assert.deepStrictEqual(continuationModes(words, on("token"), new Set(), dialects), ["token"])
    assert.deepStrictEqual(continuationModes(words, on("token"), none, dialects), [])
    assert.deepStrictEqual(continuationModes(words, on("auto"), none, dialects), ["prefill", "message"])
    // Nobody has a token of what was given with the request.
    const given = { ...words, given: { text: "Once", before: () => nothingAsked } }
    assert.deepStrictEqual(continuationModes(given, on("token"), none, dialects), ["prefill"])
    assert.deepStrictEqual(continuationModes(given, on("message"), none, dialects), ["message"])
    assert.deepStrictEqual(continuationModes(given, on("none"), none, dialects), [])
  })
})

describe("refusesMode", () => {
  const broken = (error: ResilienceError) => ({ _tag: "Broken", error }) as const
  const says = (message: string) => broken(new UpstreamOverloaded({ upstream: { message } }))

  it("by a beginning anew, by a request that is refused, or by what is said, with whatever status", () => {
    assert.isTrue(refusesMode({ _tag: "Refused" }))
    assert.isTrue(refusesMode(broken(new InvalidRequest({}))))
    assert.isTrue(refusesMode(says("This model does not support assistant message prefill.")))
    assert.isTrue(refusesMode(says("a final `assistant` message must start with a thinking block")))
  })

  it.each([
    new InvalidRequest({ upstream: { status: 422 } }),
    new ContextLengthExceeded({}),
    new PayloadTooLarge({}),
    new PromptBlocked({})
  ])("R23: any refusal of the added turn counts, whatever its status: %s", (error) => {
    assert.isTrue(refusesMode(broken(error)))
  })

  it.each([
    "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "Cannot set add_generation_prompt to True when the last message is from the assistant.",
    "The conversation must end with a user message."
  ])("R23: so do other words, behind a status that blames the upstream: %s", (message) => {
    assert.isTrue(refusesMode(says(message)))
    assert.isTrue(refusesForGood(says(message)))
  })

  const alone = () => false
  const others = () => true

  it.each([
    "This model does not support assistant message prefill.",
    "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
    "Cannot set add_generation_prompt to True when the last message is from the assistant.",
    "The conversation must end with a user message."
  ])("of what was given with the request, by what is said of what stands last: %s", (message) => {
    assert.isTrue(refusesGiven(says(message), alone))
    assert.isTrue(refusesGivenForGood(says(message)))
  })

  it("of what was given with the request, by a beginning anew, and by nothing at all, for this answer", () => {
    assert.isTrue(refusesGiven({ _tag: "Refused" }, alone))
    assert.isTrue(refusesGivenForGood({ _tag: "Refused" }))
    assert.isTrue(refusesGiven(broken(new EmptyResponse({})), alone))
    assert.isFalse(refusesGivenForGood(broken(new EmptyResponse({}))))
  })

  it.each([
    broken(new InvalidRequest({})),
    says("Conversation roles must alternate user/assistant/user/assistant/...")
  ])(
    "of what was given with the request what may be its client's fault counts while there is another mode",
    (verdict) => {
      assert.isTrue(refusesGiven(verdict, others))
      assert.isFalse(refusesGiven(verdict, alone))
      assert.isFalse(refusesGivenForGood(verdict))
    }
  )

  it.each([new ContextLengthExceeded({}), new PayloadTooLarge({}), new PromptBlocked({}), new UpstreamOverloaded({})])(
    "of what was given with the request nothing else counts: %s",
    (error) => {
      assert.isFalse(refusesGiven(broken(error), others))
    }
  )

  it("R18: an empty continuation counts, for this answer", () => {
    assert.isTrue(refusesMode(broken(new EmptyResponse({}))))
    assert.isFalse(refusesForGood(broken(new EmptyResponse({}))))
    assert.isFalse(refusesForGood(broken(new ContextLengthExceeded({}))))
    assert.isTrue(refusesForGood(broken(new InvalidRequest({}))))
  })

  it("by nothing else", () => {
    assert.isFalse(refusesMode({ _tag: "Complete" }))
    assert.isFalse(refusesMode(says("Overloaded")))
    assert.isFalse(refusesMode(broken(new ChannelInvalidKey({}))))
  })
})

describe("splices", () => {
  const request = (more: object) =>
    Result.getOrThrow(
      parseOpenAIRequest({
        parameter: "",
        query: "",
        headers: {},
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "q" }], ...more })
      })
    )

  it.each([
    { guided_regex: "a+" },
    { guided_choice: ["a", "b"] },
    { guided_grammar: "root ::= x" },
    { grammar: "root ::= x" },
    { structured_outputs: { regex: "a+" } },
    { response_format: { type: "grammar", value: "x" } },
    { prediction: { type: "content", content: "a" } },
    { audio: { voice: "x", format: "wav" } }
  ])("R19: what is only whole at once is not put together: %j", (more) => {
    assert.isFalse(splices(request(more), "a"))
  })

  it.each([{}, { response_format: { type: "json_object" } }, { guided_json: { type: "object" } }, { stop: ["END"] }])(
    "R19: all else is: %j",
    (more) => {
      assert.isTrue(splices(request(more), "Some text"))
    }
  )

  it("R19: a stop sequence that the partial holds, or ends inside of, would be overrun", () => {
    assert.isFalse(splices(request({ stop: "END" }), "a END b"))
    assert.isFalse(splices(request({ stop: ["x", "END"] }), "and so EN"))
    assert.isTrue(splices(request({ stop: "END" }), "EN and so on"))
  })
})
