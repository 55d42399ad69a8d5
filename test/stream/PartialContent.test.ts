import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Exit, Fiber, Schema, Stream } from "effect"
import { HttpClientError, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import {
  BadResponse,
  blameOf,
  ChannelInvalidKey,
  ChannelQuotaExhausted,
  ChannelRateLimited,
  DoRequestFailed,
  StreamTruncated,
  UpstreamOverloaded
} from "effect-resilience/errors"
import { Failures, Retry } from "effect-resilience/policy"
import {
  AnswerInterrupted,
  AnswerInterruptedSchema,
  makeStitcher,
  PartialContent,
  type StitchDecision
} from "effect-resilience/stream"
import * as fc from "fast-check"

interface Piece {
  readonly text?: string
  readonly id?: string
  readonly tokens?: number
}

const reading: PartialContent.Options<Piece> = {
  text: (piece) => piece.text ?? "",
  cursor: (piece) => piece.id,
  usage: (piece) => (piece.tokens === undefined ? undefined : { tokens: piece.tokens })
}

const cut = new StreamTruncated({ message: "cut" })

const broken = (...pieces: ReadonlyArray<Piece>) =>
  Stream.concat(Stream.rechunk(Stream.fromIterable(pieces), 1), Stream.fail(cut))

const texts = <E, R>(stream: Stream.Stream<Piece, E, R>) => {
  const seen: Array<string> = []
  return stream.pipe(
    Stream.runForEach((piece) => Effect.sync(() => seen.push(piece.text ?? ""))),
    Effect.exit,
    Effect.map((exit) => ({ seen, exit }))
  )
}

const interruptedBy = (exit: Exit.Exit<unknown, AnswerInterrupted>): AnswerInterrupted => {
  const error = Exit.isFailure(exit) ? exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error : undefined
  assert.instanceOf(error, AnswerInterrupted)
  return error
}

describe("PartialContent.keep", () => {
  it.effect("keeps what was delivered, in the error", () =>
    Effect.gen(function* () {
      const { seen, exit } = yield* texts(
        broken(
          {},
          { text: "Hé", id: "s.1" },
          { text: "", id: "s.2", tokens: 1 },
          { text: "llo 😀", id: "s.3", tokens: 5 },
          {}
        ).pipe(PartialContent.keep(reading))
      )
      assert.deepStrictEqual(seen, ["", "Hé", "", "llo 😀", ""])
      assert.deepInclude(
        { ...interruptedBy(exit) },
        {
          reason: cut,
          later: [],
          partial: "Héllo 😀",
          length: 7,
          count: 2,
          cursor: "s.3",
          usage: { tokens: 5 },
          continuations: 0
        }
      )
    })
  )

  it.effect("leaves a whole answer alone, and starts afresh each time it runs", () =>
    Effect.gen(function* () {
      const whole = Stream.make({ text: "a" }, { text: "b" }).pipe(PartialContent.keep(reading))
      assert.deepStrictEqual((yield* texts(whole)).seen, ["a", "b"])
      const kept = PartialContent.keep(broken({ text: "a" }), reading)
      assert.strictEqual(interruptedBy((yield* texts(kept)).exit).partial, "a")
      assert.strictEqual(interruptedBy((yield* texts(kept)).exit).partial, "a")
    })
  )

  it.effect("has the leaf as reason, which catchReason opens and keeps typed", () =>
    Effect.gen(function* () {
      const kept = broken({ text: "a" }).pipe(PartialContent.keep(reading), Stream.runDrain)
      const caught: Effect.Effect<string | void, AnswerInterrupted> = kept.pipe(
        Effect.catchReason("AnswerInterrupted", "StreamTruncated", (reason, parent) =>
          Effect.succeed(`${parent.partial}: ${reason.message}`)
        )
      )
      assert.strictEqual(yield* caught, "a: cut")
      assert.strictEqual((yield* Effect.flip(Effect.unwrapReason(kept, "AnswerInterrupted")))._tag, "StreamTruncated")
    })
  )

  it.effect("can be encoded, and comes back as the same classes", () =>
    Effect.gen(function* () {
      const { exit } = yield* texts(broken({ text: "a", id: "s.1" }).pipe(PartialContent.keep(reading)))
      const codec = Schema.toCodecJson(AnswerInterruptedSchema)
      const back = yield* Schema.decodeUnknownEffect(codec)(
        JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(interruptedBy(exit))))
      )
      assert.instanceOf(back, AnswerInterrupted)
      assert.instanceOf(back.reason, StreamTruncated)
      assert.strictEqual(back.partial, "a")
    })
  )
})

describe("PartialContent.recover", () => {
  const refused = new DoRequestFailed({ message: "refused" })

  it.effect("goes on from what was delivered, and delivers nothing of it again", () =>
    Effect.gen(function* () {
      const asked: Array<[string, string]> = []
      const stream = broken({ text: "a" }, { text: "b" }).pipe(
        PartialContent.recover({
          ...reading,
          continueWith: (interrupted) => {
            asked.push([interrupted.partial, interrupted.reason._tag])
            return asked.length === 1
              ? Stream.concat(Stream.make<Array<Piece>>({ text: "c" }), Stream.fail(refused))
              : Stream.make<Array<Piece>>({ text: "d" })
          }
        })
      )
      const { seen, exit } = yield* texts(stream)
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(seen, ["a", "b", "c", "d"])
      assert.deepStrictEqual(asked, [
        ["ab", "StreamTruncated"],
        ["abc", "DoRequestFailed"]
      ])
    })
  )

  it.effect("stops after maxContinuations, with the first failure as reason and all that was delivered", () =>
    Effect.gen(function* () {
      for (const maxContinuations of [0, 1, 3]) {
        let asked = 0
        const { seen, exit } = yield* texts(
          broken({ text: "a", tokens: 3 }).pipe(
            PartialContent.recover({
              ...reading,
              maxContinuations,
              continueWith: () => {
                asked++
                return Stream.concat(Stream.make<Array<Piece>>({ text: "b", tokens: 2 }), Stream.fail(refused))
              }
            })
          )
        )
        const interrupted = interruptedBy(exit)
        assert.strictEqual(asked, maxContinuations)
        assert.strictEqual(interrupted.partial, seen.join(""))
        assert.deepInclude(
          { ...interrupted },
          {
            reason: cut,
            partial: "a" + "b".repeat(maxContinuations),
            continuations: maxContinuations,
            usage: { tokens: 3 + 2 * maxContinuations }
          }
        )
        assert.deepStrictEqual(
          interrupted.later.map((error) => error._tag),
          Array.from({ length: maxContinuations }, () => "DoRequestFailed")
        )
      }
    })
  )

  it.effect("gives up when no continuation is given, and lets defects pass", () =>
    Effect.gen(function* () {
      const { exit } = yield* texts(PartialContent.recover(broken(), { ...reading, continueWith: () => undefined }))
      assert.deepInclude({ ...interruptedBy(exit) }, { partial: "", continuations: 0 })
      const died = yield* texts(
        Stream.concat(Stream.make<Array<Piece>>({ text: "a" }), Stream.die("bug")).pipe(
          PartialContent.recover({ ...reading, continueWith: () => Stream.empty })
        )
      )
      assert.isTrue(Exit.hasDies(died.exit))
    })
  )
})

describe("PartialContent.stitch", () => {
  it.each(["maxOverlap", "minOverlap", "minRestart"] as const)("takes no %s that is none", (option) => {
    for (const value of [0, -1, 1.5, Number.NaN]) {
      const wrong = { committed: "", mode: "message", [option]: value } as const
      assert.throws(
        () => PartialContent.stitch(wrong),
        `PartialContent.stitch: "${option}" must be a positive integer, got ${value}`
      )
      assert.throws(() => makeStitcher(wrong), `makeStitcher: "${option}" must be a positive integer, got ${value}`)
    }
  })

  const committed = "It was a bright cold day in April, and the clocks"

  const run = <E>(rest: Stream.Stream<string, E>, mode: "prefill" | "message" = "message") => {
    const seen: Array<string> = []
    const seams: Array<StitchDecision> = []
    return rest.pipe(
      Stream.rechunk(1),
      PartialContent.stitch({ committed, mode, onSeam: (seam) => seams.push(seam) }),
      Stream.runForEach((text) => Effect.sync(() => seen.push(text))),
      Effect.exit,
      Effect.map((exit) => ({ seen, seams, exit }))
    )
  }

  it.effect("drops what is repeated, tells the seam once, and gives no empty text", () =>
    Effect.gen(function* () {
      const { seen, seams } = yield* run(
        Stream.make("a bright cold day ", "in April, and ", "the clocks", " were", " s")
      )
      assert.deepStrictEqual(seen, [" were", " s"])
      assert.deepStrictEqual(seams, [{ seam: "overlap", dropped: 42, refused: false }])
    })
  )

  it.effect("gives what it held before the end, and before a failure", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* run(Stream.make("a bright"))).seen, ["a bright"])
      const failed = yield* run(Stream.concat(Stream.make("a bright"), Stream.fail("cut")))
      assert.deepStrictEqual(failed.seen, ["a bright"])
      assert.isTrue(Exit.isFailure(failed.exit))
      assert.deepStrictEqual((yield* run(Stream.empty)).seams, [{ seam: "exact", dropped: 0, refused: false }])
    })
  )

  it.effect("fails unseen when a prefilled target begins anew", () =>
    Effect.gen(function* () {
      const { seen, exit } = yield* run(
        Stream.make("It was a bright cold day", " in April, and the clocks were"),
        "prefill"
      )
      assert.deepStrictEqual(seen, [])
      assert.isTrue(
        Exit.isFailure(exit) &&
          exit.cause.reasons.some((reason) => reason._tag === "Fail" && reason.error instanceof BadResponse)
      )
    })
  )
})

it("an answer that breaks anywhere, any number of times, comes out whole", async () => {
  // Words that do not recur, so that every seam is sure.
  const whole = Array.from({ length: 60 }, (_, i) => `${(i * 7919 + 13).toString(36)}${i}`).join(" ")
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ upTo: fc.integer({ min: 1, max: 80 }), back: fc.constantFrom(0, 30, 45) }), {
        maxLength: 4
      }),
      fc.integer({ min: 1, max: 9 }),
      async (breaks, size) => {
        let made = 0
        const from = (at: number) => {
          const stop = breaks[made++]
          const pieces = Stream.fromIterable(whole.slice(at).match(new RegExp(`.{1,${size}}`, "gs")) ?? [])
          return stop === undefined
            ? pieces
            : Stream.concat(Stream.take(pieces, stop.upTo + Math.ceil(45 / size)), Stream.fail(cut))
        }
        const result = await Effect.runPromise(
          from(0).pipe(
            PartialContent.recover({
              text: (text: string) => text,
              maxContinuations: 10,
              continueWith: ({ partial }) =>
                from(Math.max(0, partial.length - breaks[made - 1]!.back)).pipe(
                  PartialContent.stitch({ committed: partial, mode: "message" })
                )
            }),
            Stream.mkString
          )
        )
        assert.strictEqual(result, whole)
      }
    ),
    { numRuns: 200 }
  )
})

describe("P17: anybody's errors", () => {
  class Theirs extends Data.TaggedError("Theirs")<{ readonly n: number }> {}
  const request = HttpClientRequest.get("http://service.test/")
  const reset = new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, description: "reset" })
  })
  const text = (piece: string) => piece
  const cutBy = <E>(error: E) => Stream.concat(Stream.make("Hel", "lo"), Stream.fail(error))

  it.effect("policies judge an answer that broke off as they judge its reason", () =>
    Effect.gen(function* () {
      const reasons = [
        new UpstreamOverloaded({ retryAfterMillis: 7000 }),
        new ChannelQuotaExhausted({ retryAfterMillis: 7000 }),
        new UpstreamOverloaded({ retry: false }),
        new ChannelInvalidKey({}),
        Object.assign(new Error("busy"), { status: 429, headers: { "retry-after": "3" } }),
        Object.assign(new Error("never"), { isRetryable: false })
      ]
      const { isFailure, isRetryable, retryAfterMillisOf } = Failures
      for (const reason of reasons) {
        const kept = yield* Effect.flip(Stream.runDrain(Stream.fail(reason).pipe(PartialContent.keep(reading))))
        for (const judge of [isFailure, isRetryable, retryAfterMillisOf]) {
          assert.strictEqual(judge(kept), judge(reason), reason.message)
        }
      }
    })
  )

  it.effect("a retry waits as long as the reason of a broken answer asks for", () =>
    Effect.gen(function* () {
      let runs = 0
      const answer: Stream.Stream<Piece, ChannelRateLimited> = Stream.suspend(() =>
        ++runs === 1 ? Stream.fail(new ChannelRateLimited({ retryAfterMillis: 7000 })) : Stream.make({ text: "all" })
      )
      const retried = answer.pipe(PartialContent.keep(reading), Retry.retryStream({ attempts: 2 }), Stream.runDrain)
      const waiting = yield* Effect.forkChild(retried)
      yield* TestClock.adjust("6999 millis")
      assert.strictEqual(runs, 1)
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(waiting)
      assert.strictEqual(runs, 2)
    })
  )

  it.effect("keep holds them as reason, with their blame", () =>
    Effect.gen(function* () {
      const kept = yield* cutBy(reset).pipe(PartialContent.keep({ text }), Stream.runDrain, Effect.flip)
      assert.strictEqual(kept.reason, reset)
      assert.strictEqual(kept.partial, "Hello")
      assert.strictEqual(blameOf(kept), "transport")
      assert.strictEqual(kept.message, `the answer broke off after 5 characters: ${reset.message}`)
      const unknown = yield* cutBy(new Theirs({ n: 1 })).pipe(
        PartialContent.keep({ text }),
        Stream.runDrain,
        Effect.flip
      )
      assert.isUndefined(blameOf(unknown))
      const plain = yield* cutBy("gone").pipe(PartialContent.keep({ text }), Stream.runDrain, Effect.flip)
      assert.strictEqual(plain.message, "the answer broke off after 5 characters: gone")
    })
  )

  it.effect("recover goes on after them, and names the first and the later ones", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const failed = yield* cutBy(new Theirs({ n: 1 })).pipe(
        PartialContent.recover({
          text,
          continueWith: ({ reason }) => {
            seen.push(reason)
            return Stream.fail(new Theirs({ n: 2 }))
          }
        }),
        Stream.runDrain,
        Effect.flip
      )
      assert.deepStrictEqual([failed.reason.n, failed.later.map(({ n }) => n), failed.continuations], [1, [2, 2], 2])
      assert.strictEqual(seen.length, 2)
      const whole = cutBy(reset).pipe(
        PartialContent.recover({ text, continueWith: () => Stream.make(", you") }),
        Stream.mkString
      )
      assert.strictEqual(yield* whole, "Hello, you")
    })
  )

  it.effect("are mapped to ours where the answer goes on as JSON", () =>
    Effect.gen(function* () {
      const kept = yield* cutBy(reset).pipe(
        Stream.mapError(Failures.toResilienceError),
        PartialContent.keep({ text }),
        Stream.runDrain,
        Effect.flip
      )
      const json = yield* Schema.encodeEffect(Schema.toCodecJson(AnswerInterruptedSchema))(kept)
      const back = yield* Schema.decodeUnknownEffect(Schema.toCodecJson(AnswerInterruptedSchema))(json)
      assert.instanceOf(back.reason, DoRequestFailed)
    })
  )
})

describe("P17: a terminator", () => {
  interface Event {
    readonly event: string
    readonly data: string
  }
  const said = (data: string): Event => ({ event: "message", data })
  const done = said("[DONE]")
  const stop: Event = { event: "message_stop", data: "{}" }
  const text = ({ data }: Event) => data
  const read = <E, E2>(
    stream: Stream.Stream<Event, E>,
    keep: (self: Stream.Stream<Event, E>) => Stream.Stream<Event, E2>
  ) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const exit = yield* keep(stream).pipe(
        Stream.runForEach(({ data }) => Effect.sync(() => seen.push(data))),
        Effect.exit
      )
      return { seen, exit }
    })
  const terminators: ReadonlyArray<readonly [string, PartialContent.Terminator<Event>, Event]> = [
    ["by data", { data: "[DONE]" }, done],
    ["by the event's name", { event: "message_stop" }, stop],
    ["by a function", (event) => event.data === "[DONE]", done]
  ]

  for (const [name, terminator, last] of terminators) {
    const keep = PartialContent.keep({ text, terminator })

    it.effect(`${name}: ends the answer, is delivered, and is not read as text`, () =>
      Effect.gen(function* () {
        for (const rechunk of [1, 10]) {
          const events = Stream.rechunk(Stream.make(said("Hel"), said("lo"), last, said("more")), rechunk)
          const { exit, seen } = yield* read(Stream.concat(events, Stream.fail(cut)), keep)
          assert.deepStrictEqual(seen, ["Hel", "lo", last.data])
          assert.isTrue(Exit.isSuccess(exit))
        }
      })
    )

    it.effect(`${name}: a stream that ends without it was cut`, () =>
      Effect.gen(function* () {
        const { exit } = yield* read(Stream.make(said("Hel"), said("lo")), keep)
        const interrupted = interruptedBy(exit)
        assert.strictEqual(interrupted.partial, "Hello")
        assert.strictEqual(interrupted.reason._tag, "StreamTruncated")
      })
    )
  }

  it.effect("recover goes on where it did not come", () =>
    Effect.gen(function* () {
      const whole = PartialContent.recover(Stream.make(said("Hel")), {
        text,
        terminator: { data: "[DONE]" },
        continueWith: ({ partial }) => (partial === "Hel" ? Stream.make(said("l")) : Stream.make(said("o"), done))
      })
      const { exit, seen } = yield* read(whole, (self) => self)
      assert.deepStrictEqual(seen, ["Hel", "l", "o", "[DONE]"])
      assert.isTrue(Exit.isSuccess(exit))
    })
  )

  it.effect("an element that is no object is no event", () =>
    Effect.gen(function* () {
      const keep = PartialContent.keep({ text: (piece: unknown) => String(piece), terminator: { data: "[DONE]" } })
      const error = yield* Stream.make("[DONE]", null).pipe(keep, Stream.runDrain, Effect.flip)
      assert.strictEqual(error.reason._tag, "StreamTruncated")
    })
  )
})
