/**
 * Typed streams over `effect/rpc`, over real sockets: each ends as what it is, for both sides.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import {
  ApplicationException,
  BizError,
  printStreamFault,
  StreamCancelled,
  StreamFault,
  streamFault,
  type StreamFaultData
} from "effect-resilience/errors"
import { CurrentStream, openStream } from "effect-resilience/rpc"
import { clientOf, type Protocol, serve, type Teller } from "./kit.ts"

const protocols: ReadonlyArray<Protocol> = ["websocket", "http"]

/** Words without an end, one every 5 ms. */
const words = Stream.tick("5 millis").pipe(Stream.map(() => "word"))

/** Tells words without an end, and keeps why that ended. */
const watched =
  (why: Deferred.Deferred<StreamFaultData | undefined>): Teller<CurrentStream> =>
  () =>
    Stream.unwrap(
      Effect.gen(function* () {
        const current = yield* CurrentStream
        return words.pipe(Stream.ensuring(Effect.suspend(() => Deferred.succeed(why, current.fault))))
      })
    )

/** Asks a teller, and gives what came of it. */
const ask = (protocol: Protocol, tell: Teller<CurrentStream>) =>
  Effect.gen(function* () {
    const { port } = yield* serve("B", protocol, tell)
    const { client, services } = yield* clientOf("A", protocol, port)
    const call = yield* Effect.provideContext(
      openStream((headers) => client.Tell({ prompt: "Once" }, { headers })),
      services
    )
    const read: Array<string> = []
    const exit = yield* Effect.exit(Stream.runForEach(call.stream, (word) => Effect.sync(() => void read.push(word))))
    return { read, exit }
  })

const failureOf = <E>(exit: Exit.Exit<unknown, E>): E => {
  assert.isTrue(Exit.isFailure(exit))
  const found = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason) : undefined
  if (found === undefined) return assert.fail(`no typed failure: ${String(exit)}`)
  return found.error
}

for (const protocol of protocols) {
  describe(`over ${protocol}`, () => {
    it.live("a stream that ends well gives all of it", () =>
      Effect.gen(function* () {
        const { exit, read } = yield* ask(protocol, () => Stream.make("Once ", "upon ", "a time"))
        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(read, ["Once ", "upon ", "a time"])
      })
    )

    it.live("a stream that has ended holds nothing, however long its program goes on", () =>
      Effect.gen(function* () {
        const { port } = yield* serve("B", protocol, () => Stream.make("a", "b"))
        const { client, services } = yield* clientOf("A", protocol, port)
        let held = 0
        const call = yield* openStream((headers) =>
          client
            .Tell({ prompt: "Tell me" }, { headers })
            .pipe(Stream.onStart(Effect.sync(() => void held++)), Stream.ensuring(Effect.sync(() => void held--)))
        ).pipe(Effect.provideContext(services))
        assert.deepStrictEqual(yield* Stream.runCollect(call.stream), ["a", "b"])
        assert.strictEqual(held, 0)
        // It has ended: nobody is told of anything.
        yield* call.cancel()
      })
    )

    it.live("a business error after several messages: its code, message and extra, and nothing after it", () =>
      Effect.gen(function* () {
        const refused = new BizError({
          status: 10001,
          message: "insufficient user balance",
          extra: { testKey: "testVal" }
        })
        const { exit, read } = yield* ask(protocol, () =>
          Stream.concat(Stream.make("Once ", "upon "), Stream.concat(Stream.fail(refused), Stream.make("never")))
        )
        assert.deepStrictEqual(read, ["Once ", "upon "])
        const error = failureOf(exit)
        assert.instanceOf(error, BizError)
        assert.deepInclude(error, { status: 10001, extra: { testKey: "testVal" } })
        assert.strictEqual(error.message, "insufficient user balance")
      })
    )

    it.live("an application exception: its type and message", () =>
      Effect.gen(function* () {
        const { exit, read } = yield* ask(protocol, () =>
          Stream.concat(Stream.make("Once "), Stream.fail(new ApplicationException({ typeId: 7, message: "no ink" })))
        )
        assert.deepStrictEqual(read, ["Once "])
        const error = failureOf(exit)
        assert.instanceOf(error, ApplicationException)
        assert.strictEqual(error.typeId, 7)
        assert.strictEqual(error.message, "no ink")
      })
    )

    it.live("an error that nobody knows shows its message only", () =>
      Effect.gen(function* () {
        const { exit } = yield* ask(protocol, () =>
          Stream.concat(Stream.make("Once "), Stream.die(new Error("test error: Bearer sk-abcdefghijklmnopqrstuvwxyz")))
        )
        const error = failureOf(exit)
        assert.instanceOf(error, ApplicationException)
        assert.strictEqual(error.typeId, 6)
        assert.include(error.message, "test error")
        assert.notInclude(JSON.stringify(error), "abcdefghij")
        assert.notInclude(JSON.stringify(error), "Streams.test")
      })
    )

    it.live("a defect that was meant to be told is told", () =>
      Effect.gen(function* () {
        const { exit } = yield* ask(protocol, () => Stream.die(new BizError({ status: 5, message: "no" })))
        assert.instanceOf(failureOf(exit), BizError)
      })
    )

    it.live.each([
      ["without a cause: 12007", undefined, streamFault({ code: 12007, side: "server", path: ["A"] })],
      [
        "with a cause: 12008",
        { message: "the tab was closed" },
        streamFault({ code: 12008, side: "server", path: ["A"], message: "the tab was closed" })
      ],
      [
        "with a code of its own, which survives",
        { code: 4711, message: "budget" },
        streamFault({ code: 4711, side: "server", path: ["A"], message: "budget" })
      ]
    ] as const)("a cancel %s", ([, cause, fault]) =>
      Effect.gen(function* () {
        const why = yield* Deferred.make<StreamFaultData | undefined>()
        const { port } = yield* serve("B", protocol, watched(why))
        const { client, services } = yield* clientOf("A", protocol, port)
        const call = yield* Effect.provideContext(
          openStream((headers) => client.Tell({ prompt: "" }, { headers })),
          services
        )
        const begun = yield* Deferred.make<void>()
        let after = 0
        let cancelled = false
        const reading = yield* call.stream.pipe(
          Stream.tap(() => Deferred.succeed(begun, undefined)),
          Stream.runForEach(() => Effect.sync(() => void (cancelled && after++))),
          Effect.exit,
          Effect.forkChild
        )
        yield* Deferred.await(begun)
        yield* call.cancel(cause)
        cancelled = true
        assert.deepStrictEqual(yield* Deferred.await(why), fault)
        const error = failureOf(yield* Fiber.join(reading))
        assert.instanceOf(error, StreamCancelled)
        assert.deepStrictEqual(error.fault, { ...fault, side: "client" })
        // Once is enough, and nothing comes after it.
        yield* call.cancel({ message: "again" })
        assert.strictEqual(after, 0)
        assert.instanceOf(failureOf(yield* Effect.exit(Stream.runDrain(call.stream))), StreamCancelled)
      })
    )

    it.live("who stops reading has cancelled: 12007, with its name", () =>
      Effect.gen(function* () {
        const why = yield* Deferred.make<StreamFaultData | undefined>()
        const { port } = yield* serve("B", protocol, watched(why))
        const { client, services } = yield* clientOf("A", protocol, port)
        yield* openStream((headers) => client.Tell({ prompt: "" }, { headers })).pipe(
          Effect.provideContext(services),
          Effect.flatMap(({ stream }) => Stream.runDrain(Stream.take(stream, 3))),
          Effect.scoped
        )
        assert.deepStrictEqual(yield* Deferred.await(why), streamFault({ code: 12007, side: "server", path: ["A"] }))
      })
    )

    it.live("the connection is closed: 12013 to both", () =>
      Effect.gen(function* () {
        const why = yield* Deferred.make<StreamFaultData | undefined>()
        const { cut, port } = yield* serve("B", protocol, watched(why))
        const { client, services } = yield* clientOf("A", protocol, port)
        const call = yield* Effect.provideContext(
          openStream((headers) => client.Tell({ prompt: "" }, { headers })),
          services
        )
        let read = 0
        const reading = yield* call.stream.pipe(
          Stream.runForEach(() => Effect.sync(() => void (++read === 3 && cut()))),
          Effect.exit,
          Effect.forkChild
        )
        assert.deepStrictEqual(yield* Deferred.await(why), streamFault({ code: 12013, side: "server" }))
        const error = failureOf(yield* Fiber.join(reading))
        assert.instanceOf(error, StreamFault)
        assert.deepStrictEqual(error.fault, streamFault({ code: 12013, side: "client" }))
      })
    )

    it.live("three services: a cancel reaches the last one with the whole path", () =>
      Effect.gen(function* () {
        const why = yield* Deferred.make<StreamFaultData | undefined>()
        const last = yield* serve("C", protocol, watched(why))
        const toLast = yield* clientOf("B", protocol, last.port)
        const middle = yield* serve("B", protocol, (prompt) =>
          Stream.unwrap(
            Effect.map(
              openStream((headers) => toLast.client.Tell({ prompt }, { headers })),
              ({ stream }) => stream
            )
          ).pipe(Stream.provideContext(toLast.services))
        )
        const { client, services } = yield* clientOf("A", protocol, middle.port)
        const call = yield* Effect.provideContext(
          openStream((headers) => client.Tell({ prompt: "" }, { headers })),
          services
        )
        const begun = yield* Deferred.make<void>()
        yield* call.stream.pipe(
          Stream.runForEach(() => Deferred.succeed(begun, undefined)),
          Effect.exit,
          Effect.forkChild
        )
        yield* Deferred.await(begun)
        yield* call.cancel({ code: 1111, message: "proxy timeout" })
        const fault = yield* Deferred.await(why)
        assert.strictEqual(
          fault && printStreamFault(fault),
          "[ttstream error, code=1111] [server-side stream] [canceled path: A -> B] proxy timeout"
        )
      })
    )

    it.live("a handler that returns early cancels what it has asked for: 12012", () =>
      Effect.gen(function* () {
        const why = yield* Deferred.make<StreamFaultData | undefined>()
        const left = yield* Deferred.make<unknown>()
        const last = yield* serve("C", protocol, watched(why))
        const toLast = yield* clientOf("B", protocol, last.port)
        const scope = yield* Effect.scope
        const middle = yield* serve("B", protocol, (prompt) =>
          Stream.unwrap(
            Effect.gen(function* () {
              // Somebody goes on reading, whose life is longer than the handler's.
              const call = yield* openStream((headers) => toLast.client.Tell({ prompt }, { headers })).pipe(
                Effect.provideService(Scope.Scope, scope),
                Effect.provideContext(toLast.services)
              )
              const first = yield* Deferred.make<void>()
              yield* call.stream.pipe(
                Stream.runForEach(() => Deferred.succeed(first, undefined)),
                Effect.flip,
                Effect.flatMap((error) => Deferred.succeed(left, error)),
                Effect.forkIn(scope)
              )
              yield* Deferred.await(first)
              return Stream.make("that is all")
            })
          )
        )
        const { client, services } = yield* clientOf("A", protocol, middle.port)
        const call = yield* Effect.provideContext(
          openStream((headers) => client.Tell({ prompt: "" }, { headers })),
          services
        )
        assert.deepStrictEqual(yield* Stream.runCollect(call.stream), ["that is all"])
        assert.deepStrictEqual(yield* Deferred.await(why), streamFault({ code: 12012, side: "server", path: ["B"] }))
        const error = yield* Deferred.await(left)
        assert.instanceOf(error, StreamCancelled)
        assert.strictEqual(error.fault.code, 12012)
      })
    )

    it.live("a cancel further down ends what is read as well: 12009", () =>
      Effect.gen(function* () {
        const fault = streamFault({ code: 12007, side: "server", path: ["operator"] })
        const { exit, read } = yield* ask(protocol, () =>
          Stream.concat(Stream.make("Once "), Stream.fail(new StreamCancelled({ fault })))
        )
        assert.deepStrictEqual(read, ["Once "])
        const error = failureOf(exit)
        assert.instanceOf(error, StreamCancelled)
        assert.deepStrictEqual(error.fault, streamFault({ code: 12009, side: "client", path: ["operator"] }))
      })
    )

    it.live("a client that knows nothing of all this is interrupted without a word: 12010", () =>
      Effect.gen(function* () {
        const why = yield* Deferred.make<StreamFaultData | undefined>()
        const { port } = yield* serve("B", protocol, watched(why))
        const { client } = yield* clientOf("A", protocol, port)
        yield* Stream.runDrain(Stream.take(client.Tell({ prompt: "" }), 2))
        assert.deepStrictEqual(yield* Deferred.await(why), streamFault({ code: 12010, side: "server" }))
      })
    )
  })
}
