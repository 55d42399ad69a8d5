import { assert, describe, it, vi } from "@effect/vitest"
import { NodeHttpClient } from "@effect/platform-node"
import { Clock, Effect, Exit, Fiber, Layer, Schedule, Stream } from "effect"
import {
  FetchHttpClient,
  HttpBody,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse
} from "effect/http"
import { blameOf, toResilienceError } from "effect-resilience/errors"
import {
  CircuitBreaker,
  Failures,
  InvalidPolicyOption,
  PolicyHttp,
  Retry,
  RetryBudget,
  RetrySchedule
} from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"

const immediate = { retry: { schedule: RetrySchedule.immediate } }

/** A server that answers the n-th request (from 1) as told, and remembers what it was asked. */
const server = (answer: (n: number) => Response | "reset" | "silence") => {
  const asked: Array<string> = []
  const client = HttpClient.make((request) =>
    Effect.suspend(() => {
      asked.push(`${request.method} ${request.url}`)
      const response = answer(asked.length)
      if (response === "silence") return Effect.never
      if (response === "reset") {
        return Effect.fail(
          new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
        )
      }
      return Effect.succeed(HttpClientResponse.fromWeb(request, response))
    })
  )
  return { asked, client }
}

const status = (code: number, headers: Record<string, string> = {}) => new Response("body", { status: code, headers })

/** Runs an effect while the test clock goes on. */
const timed = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    let took = Number.NaN
    const noted = Effect.onExit(self, () => Effect.map(Clock.currentTimeMillis, (now) => void (took = now - start)))
    const fiber = yield* Effect.forkChild(noted)
    for (let i = 0; i < 200 && fiber.pollUnsafe() === undefined; i++) {
      // A body is read by promises: let them have their turn between two steps of the clock.
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* TestClock.adjust("500 millis")
    }
    return { exit: yield* Fiber.await(fiber), took }
  })

const url = "http://api.test/things?x=1"

describe("PolicyHttp: what is asked again", () => {
  for (const code of [408, 429, 500, 502, 503, 504]) {
    it.effect(`${code}`, () =>
      Effect.gen(function* () {
        const { asked, client } = server((n) => status(n < 3 ? code : 200))
        const resilient = yield* PolicyHttp.make(immediate)
        const { exit } = yield* timed(resilient(client).get(url))
        assert.strictEqual(Exit.isSuccess(exit) && exit.value.status, 200)
        assert.strictEqual(asked.length, 3)
      })
    )
  }

  for (const code of [200, 301, 400, 401, 404, 409, 501]) {
    it.effect(`not ${code}`, () =>
      Effect.gen(function* () {
        const { asked, client } = server(() => status(code))
        const resilient = yield* PolicyHttp.make(immediate)
        const { exit } = yield* timed(resilient(client).get(url))
        assert.strictEqual(Exit.isSuccess(exit) && exit.value.status, code)
        assert.strictEqual(asked.length, 1)
      })
    )
  }

  it.effect("a broken connection", () =>
    Effect.gen(function* () {
      const { asked, client } = server((n) => (n < 3 ? "reset" : status(200)))
      const resilient = yield* PolicyHttp.make(immediate)
      yield* timed(resilient(client).get(url))
      assert.strictEqual(asked.length, 3)
    })
  )

  it.effect("not a request that cannot be made", () =>
    Effect.gen(function* () {
      const { asked, client } = server(() => status(200))
      const resilient = yield* PolicyHttp.make(immediate)
      const { exit } = yield* timed(resilient(client).get("http://"))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(asked.length, 0)
    })
  )

  it.effect("not when the server says so", () =>
    Effect.gen(function* () {
      const { asked, client } = server(() => status(503, { "x-should-retry": "false" }))
      const resilient = yield* PolicyHttp.make(immediate)
      yield* timed(resilient(client).get(url))
      assert.strictEqual(asked.length, 1)
    })
  )

  it.effect("nor less where its client makes an error of a status", () =>
    Effect.gen(function* () {
      for (const [code, sent] of [
        [503, 3],
        [429, 3],
        [404, 1],
        [501, 1]
      ] as const) {
        const { asked, client } = server(() => status(code))
        const resilient = yield* PolicyHttp.make(immediate)
        const { exit } = yield* timed(Effect.flip(resilient(HttpClient.filterStatusOk(client)).get(url)))
        assert.strictEqual(Exit.isSuccess(exit) && "reason" in exit.value && exit.value.reason._tag, "StatusCodeError")
        assert.strictEqual(asked.length, sent)
      }
      const { asked, client } = server((n) => status(n < 3 ? 502 : 200))
      const resilient = yield* PolicyHttp.make(immediate)
      const { exit } = yield* timed(resilient(HttpClient.filterStatusOk(client)).get(url))
      assert.strictEqual(Exit.isSuccess(exit) && exit.value.status, 200)
      assert.strictEqual(asked.length, 3)
    })
  )

  it.effect("an error of a status waits as its answer asks, and not where that says so", () =>
    Effect.gen(function* () {
      const waits = server((n) => (n === 1 ? status(503, { "retry-after": "7" }) : status(200)))
      const resilient = yield* PolicyHttp.make()
      assert.isAtLeast((yield* timed(resilient(HttpClient.filterStatusOk(waits.client)).get(url))).took, 7000)
      const refuses = server(() => status(503, { "x-should-retry": "false" }))
      yield* timed(Effect.exit(resilient(HttpClient.filterStatusOk(refuses.client)).get(url)))
      assert.strictEqual(refuses.asked.length, 1)
    })
  )

  it.effect("silence, attempt by attempt", () =>
    Effect.gen(function* () {
      const { asked, client } = server((n) => (n < 3 ? "silence" : status(200)))
      const resilient = yield* PolicyHttp.make({ ...immediate, attempt: "5 seconds" })
      const { took } = yield* timed(resilient(client).get(url))
      assert.strictEqual(asked.length, 3)
      assert.isAtLeast(took, 10_000)
    })
  )
})

describe("PolicyHttp: what may be sent twice", () => {
  const sentBy = (
    send: (client: HttpClient.HttpClient) => Effect.Effect<unknown, unknown>,
    options?: PolicyHttp.Options
  ) =>
    Effect.gen(function* () {
      const { asked, client } = server(() => status(503))
      const resilient = yield* PolicyHttp.make({ ...immediate, ...options })
      yield* timed(send(resilient(client) as HttpClient.HttpClient))
      return asked.length
    })

  // Effect's retryTransient sends it again.
  it.effect("not POST and PATCH", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* sentBy((client) => client.post(url)), 1)
      assert.strictEqual(yield* sentBy((client) => client.patch(url)), 1)
    })
  )

  it.effect("GET, HEAD, OPTIONS, PUT and DELETE", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* sentBy((client) => client.get(url)), 3)
      assert.strictEqual(yield* sentBy((client) => client.head(url)), 3)
      assert.strictEqual(yield* sentBy((client) => client.options(url)), 3)
      assert.strictEqual(yield* sentBy((client) => client.put(url)), 3)
      assert.strictEqual(yield* sentBy((client) => client.del(url)), 3)
    })
  )

  it.effect("POST with an idempotency key, or when told", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* sentBy((client) => client.post(url, { headers: { "Idempotency-Key": "1" } })), 3)
      const told = { retry: { ...immediate.retry, isIdempotent: () => true } }
      assert.strictEqual(yield* sentBy((client) => client.post(url), told), 3)
    })
  )

  it.effect("not a body that is a stream", () =>
    Effect.gen(function* () {
      const body = HttpBody.stream(Stream.make(new Uint8Array(1)))
      assert.strictEqual(yield* sentBy((client) => client.put(url, { body })), 1)
    })
  )

  const text = () => new ReadableStream({ start: (controller) => (controller.enqueue("hello"), controller.close()) })
  const lines = async function* () {
    yield "hello"
  }
  const bodies: { readonly [what: string]: readonly [body: () => HttpBody.HttpBody, sent: number] } = {
    "a raw ReadableStream": [() => HttpBody.raw(text()), 1],
    "a raw stream of Node's": [() => HttpBody.raw(Readable.from(["hello"])), 1],
    "a raw asynchronous iterable": [() => HttpBody.raw(lines()), 1],
    "a raw something": [() => HttpBody.raw({}), 1],
    "a raw text": [() => HttpBody.raw("hello"), 3],
    "a raw Blob": [() => HttpBody.raw(new Blob(["hello"])), 3],
    "raw bytes": [() => HttpBody.raw(new Uint8Array(1)), 3],
    "a raw ArrayBuffer": [() => HttpBody.raw(new ArrayBuffer(1)), 3],
    "raw parameters": [() => HttpBody.raw(new URLSearchParams({ a: "1" })), 3],
    text: [() => HttpBody.text("hello"), 3],
    "a form": [() => HttpBody.formData(new FormData()), 3]
  }
  for (const [what, [body, sent]] of Object.entries(bodies)) {
    it.effect(`P3: ${what} is sent ${sent === 1 ? "once" : "again"}`, () =>
      Effect.map(
        sentBy((client) => client.put(url, { body: body() })),
        (times) => assert.strictEqual(times, sent)
      )
    )
  }

  it.effect("an isIdempotent that throws is a defect of the call", () =>
    Effect.gen(function* () {
      const isIdempotent = () => {
        throw new Error("bug")
      }
      const resilient = yield* PolicyHttp.make({ retry: { isIdempotent } })
      const exit = yield* Effect.exit(resilient(server(() => status(200)).client).get(url))
      assert.isTrue(Exit.hasDies(exit))
    })
  )

  it.effect("nothing without a retry", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* sentBy((client) => client.get(url), { retry: false }), 1)
    })
  )
})

describe("PolicyHttp: what comes out", () => {
  it.effect("the last response, as it is, with its body", () =>
    Effect.gen(function* () {
      const { client } = server((n) => new Response(`answer ${n}`, { status: 503 }))
      const resilient = yield* PolicyHttp.make(immediate)
      const { exit } = yield* timed(Effect.flatMap(resilient(client).get(url), (response) => response.text))
      assert.deepStrictEqual(exit, Exit.succeed("answer 3"))
    })
  )

  it.effect("a response that is replaced is not left unread", () =>
    Effect.gen(function* () {
      const cancelled: Array<number> = []
      const { client } = server((n) => {
        const body = new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(8)),
          cancel: () => void cancelled.push(n)
        })
        return new Response(body, { status: n < 3 ? 503 : 200 })
      })
      const resilient = yield* PolicyHttp.make(immediate)
      yield* timed(resilient(client).get(url))
      assert.deepStrictEqual(cancelled, [1, 2])
    })
  )

  it.effect("nor is one whose request is interrupted while it waits for its next attempt", () =>
    Effect.gen(function* () {
      let cancelled = 0
      const { asked, client } = server(() => {
        const body = new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(8)),
          cancel: () => void cancelled++
        })
        return new Response(body, { status: 503, headers: { "retry-after": "5" } })
      })
      const resilient = yield* PolicyHttp.make()
      const waiting = yield* Effect.forkChild(resilient(client).get(url), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      yield* timed(Effect.void)
      assert.deepStrictEqual([asked.length, cancelled], [1, 1])
    })
  )

  it.effect("one that is the answer is left to who asked", () =>
    Effect.gen(function* () {
      const { client } = server(() => status(503))
      const resilient = yield* PolicyHttp.make(immediate)
      const { exit } = yield* timed(Effect.flatMap(resilient(client).get(url), (response) => response.text))
      assert.deepStrictEqual(exit, Exit.succeed("body"))
    })
  )

  it.effect("a hint is waited for, up to 30 seconds", () =>
    Effect.gen(function* () {
      for (const [hint, least] of [
        ["7", 7000],
        ["86400", 30_000]
      ] as const) {
        const { client } = server((n) => (n === 1 ? status(429, { "retry-after": hint }) : status(200)))
        const resilient = yield* PolicyHttp.make()
        const { took } = yield* timed(resilient(client).get(url))
        assert.isAtLeast(took, least)
        assert.isAtMost(took, least + 1000)
      }
    })
  )

  const waited = (retry: PolicyHttp.RetryOptions, hint: string) =>
    Effect.gen(function* () {
      const { client } = server((n) => (n === 1 ? status(503, { "retry-after": hint }) : status(200)))
      const resilient = yield* PolicyHttp.make({ retry })
      return (yield* timed(resilient(client).get(url))).took
    })

  it.effect("P14: a hint is heeded on top of any schedule, unless it is told not to", () =>
    Effect.gen(function* () {
      const second = RetrySchedule.constant({ delay: "1 second" })
      const foreign = Schedule.spaced("1 second")
      for (const schedule of [second, foreign]) {
        assert.strictEqual(yield* waited({ schedule }, "7"), 7000)
        assert.strictEqual(yield* waited({ schedule }, "0"), 1000)
        assert.strictEqual(yield* waited({ schedule }, "86400"), 30_000)
        assert.strictEqual(yield* waited({ schedule, maxRetryAfter: "5 seconds" }, "7"), 5000)
        assert.strictEqual(yield* waited({ schedule, maxRetryAfter: "ignore" }, "7"), 1000)
      }
      assert.isAtMost(yield* waited({ maxRetryAfter: "ignore" }, "7"), 1000)
    })
  )

  it.effect("the reset of a limit is a hint of 429 alone: it comes with every answer", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.constant({ delay: "1 second" })
      for (const [code, took] of [
        [429, 20_000],
        [500, 1000],
        [503, 1000]
      ] as const) {
        const limits = { "x-ratelimit-reset": "20", "x-ratelimit-remaining": "57" }
        const { client } = server((n) => (n === 1 ? status(code, limits) : status(200)))
        const resilient = yield* PolicyHttp.make({ retry: { schedule } })
        assert.strictEqual((yield* timed(resilient(client).get(url))).took, took)
      }
      // Nor does it keep a breaker open.
      const { client } = server(() => status(500, { "x-ratelimit-reset": "3000" }))
      const resilient = yield* PolicyHttp.make({
        retry: false,
        breaker: { window: CircuitBreaker.consecutive(1), openFor: "10 seconds" }
      })
      yield* resilient(client).get(url)
      const error = yield* Effect.flip(resilient(client).get(url))
      assert.strictEqual("retryAfterMillis" in error && error.retryAfterMillis, 10_000)
    })
  )

  it.effect("the deadline bounds it all", () =>
    Effect.gen(function* () {
      const { client } = server(() => "silence")
      const resilient = yield* PolicyHttp.make({ deadline: "3 seconds" })
      const { exit, took } = yield* timed(Effect.flip(resilient(client).get(url)))
      assert.isTrue(Exit.isSuccess(exit) && exit.value._tag === "DeadlineExceeded")
      assert.strictEqual(took, 3000)
    })
  )

  it.effect("a budget pays for further attempts", () =>
    Effect.gen(function* () {
      const { asked, client } = server(() => status(503))
      const budget = yield* RetryBudget.quota({ capacity: 5, cost: 5 })
      const resilient = yield* PolicyHttp.make({ retry: { ...immediate.retry, budget } })
      yield* timed(Effect.all([resilient(client).get(url), resilient(client).get(url)]))
      assert.strictEqual(asked.length, 3)
    })
  )
})

describe("PolicyHttp: an origin's breaker and limit", () => {
  it.effect("opens for its origin alone", () =>
    Effect.gen(function* () {
      const { asked, client } = server(() => status(503))
      const resilient = yield* PolicyHttp.make({ retry: false, breaker: { window: CircuitBreaker.consecutive(2) } })
      const get = (to: string) => timed(Effect.exit(resilient(client).get(to)))
      yield* get("http://a.test/1")
      yield* get("http://A.test/2?q")
      const { exit } = yield* timed(Effect.flip(resilient(client).get("http://a.test/3")))
      assert.isTrue(Exit.isSuccess(exit) && exit.value._tag === "CircuitOpen")
      yield* get("http://b.test/")
      assert.strictEqual(asked.length, 3)
    })
  )

  it.effect("counts a status of which its client makes an error", () =>
    Effect.gen(function* () {
      const { asked, client } = server((n) => status(n < 4 ? 429 : 503))
      const resilient = yield* PolicyHttp.make({ retry: false, breaker: { window: CircuitBreaker.consecutive(2) } })
      const get = Effect.flip(resilient(HttpClient.filterStatusOk(client)).get(url))
      for (let i = 0; i < 5; i++) yield* get
      assert.strictEqual((yield* get)._tag, "CircuitOpen")
      assert.strictEqual(asked.length, 5)
    })
  )

  it.effect("an origin is told without who asks, and addresses without one have one together", () =>
    Effect.gen(function* () {
      const { asked, client } = server(() => status(503))
      const resilient = yield* PolicyHttp.make({ retry: false, breaker: { window: CircuitBreaker.consecutive(1) } })
      yield* resilient(client).get("http://alice:hunter2@a.test/1")
      const error = yield* Effect.flip(resilient(client).get("http://bob:hunter3@a.test/2"))
      assert.deepInclude(error, { _tag: "CircuitOpen", key: "http://a.test" })
      // As in a browser.
      vi.stubGlobal("location", { origin: "http://page.test", pathname: "/" })
      yield* resilient(client).get("/things?token=hunter4")
      const own = yield* Effect.flip(resilient(client).get("/things?token=hunter5"))
      assert.strictEqual(own._tag, "CircuitOpen")
      assert.notInclude(own.message, "hunter")
      assert.strictEqual(asked.length, 2)
    }).pipe(Effect.ensuring(Effect.sync(() => vi.unstubAllGlobals())))
  )

  it.effect("429 does not open it: the server is well", () =>
    Effect.gen(function* () {
      const { asked, client } = server(() => status(429))
      const resilient = yield* PolicyHttp.make({ retry: false, breaker: { window: CircuitBreaker.consecutive(2) } })
      for (let i = 0; i < 5; i++) yield* timed(resilient(client).get(url))
      assert.strictEqual(asked.length, 5)
    })
  )

  it.effect("limits by origin", () =>
    Effect.gen(function* () {
      const { client } = server(() => status(200))
      const resilient = yield* PolicyHttp.make({ rateLimiter: { limit: 1, window: "1 minute" } })
      yield* resilient(client).get("http://a.test/1")
      const error = yield* Effect.flip(resilient(client).get("http://a.test/2"))
      assert.strictEqual(error._tag, "Throttled")
      yield* resilient(client).get("http://b.test/1")
    })
  )
})

describe("PolicyHttp over a socket", () => {
  /** A server that answers the n-th request as told; gives its URL and what it was sent. */
  const listening = (answer: (n: number, response: ServerResponse) => void) =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const bodies: Array<string> = []
        const http = createServer(async (request, response) => {
          let body = ""
          for await (const chunk of request) body += String(chunk)
          bodies.push(body)
          answer(bodies.length, response)
        })
        await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
        return { bodies, http, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/` }
      }),
      ({ http }) =>
        Effect.promise(() => {
          http.closeAllConnections()
          return new Promise((resolve) => http.close(resolve))
        })
    )
  const clients = {
    fetch: FetchHttpClient.layer,
    undici: NodeHttpClient.layerUndici,
    node: NodeHttpClient.layerNodeHttp
  }

  it.live("P3: a PUT of a stream is sent whole, and once", () =>
    Effect.gen(function* () {
      const { bodies, url } = yield* listening((n, response) => response.writeHead(n < 3 ? 503 : 200).end())
      const resilient = yield* PolicyHttp.make(immediate)
      const body = HttpBody.raw(new Blob(["hello"]).stream())
      const client = resilient(yield* HttpClient.HttpClient)
      const response = yield* client.put(url, { body })
      assert.deepStrictEqual([response.status, bodies], [503, ["hello"]])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  for (const [name, client] of Object.entries(clients)) {
    it.live(`P9: a failure whose body stalls holds up nobody: ${name}`, () =>
      Effect.gen(function* () {
        const { bodies, url } = yield* listening((n, response) => {
          if (n < 3) response.writeHead(503, { "content-type": "text/plain" }).flushHeaders()
          else response.end("hi")
        })
        const resilient = yield* PolicyHttp.make({ ...immediate, attempt: "10 seconds", breaker: false })
        const start = performance.now()
        const response = yield* resilient(yield* HttpClient.HttpClient).get(url)
        assert.strictEqual(yield* response.text, "hi")
        assert.strictEqual(bodies.length, 3)
        // Two stalled bodies were given a second each.
        assert.isBelow(performance.now() - start, 1900)
      }).pipe(Effect.provide(client))
    )
  }
})

describe("PolicyHttp.layer", () => {
  it.effect("makes a program's requests resilient without a change to it", () =>
    Effect.gen(function* () {
      const { asked, client } = server((n) => status(n < 3 ? 503 : 200))
      const program = Effect.flatMap(HttpClient.HttpClient, (http) => http.get(url))
      const live = PolicyHttp.layer(immediate).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
      const { exit } = yield* timed(Effect.provide(program, live))
      assert.strictEqual(Exit.isSuccess(exit) && exit.value.status, 200)
      assert.strictEqual(asked.length, 3)
    })
  )

  it.effect("what the policies refuse is an error of the client, with ours as its cause", () =>
    Effect.gen(function* () {
      const { client } = server(() => "silence")
      const live = PolicyHttp.layer({ deadline: "1 second" }).pipe(
        Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
      )
      const program = Effect.flatMap(HttpClient.HttpClient, (http) => http.execute(HttpClientRequest.get(url)))
      const { exit } = yield* timed(Effect.flip(Effect.provide(program, live)))
      const error = Exit.isSuccess(exit) ? exit.value : undefined
      assert.isTrue(HttpClientError.isHttpClientError(error))
      assert.strictEqual(
        (error?.reason as { readonly cause?: { readonly _tag: string } } | undefined)?.cause?._tag,
        "DeadlineExceeded"
      )
    })
  )

  it.effect("what the policies refuse is asked again and counted by no other policy", () =>
    Effect.gen(function* () {
      const { asked, client } = server(() => status(503))
      const live = PolicyHttp.layer({ retry: false, breaker: { window: CircuitBreaker.consecutive(1) } }).pipe(
        Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
      )
      const program = Effect.gen(function* () {
        const http = yield* HttpClient.HttpClient
        yield* http.get(url)
        // Another layer of the same kind, and policies of the program's own.
        const outer = (yield* PolicyHttp.make(immediate))(http)
        const refused = yield* Effect.flip(outer.get(url))
        assert.isTrue(HttpClientError.isHttpClientError(refused))
        assert.strictEqual(blameOf(refused), "rejected")
        assert.isFalse(Failures.isRetryable(refused) || Failures.isFailure(refused))
        assert.isAbove(Failures.retryAfterMillisOf(refused) ?? 0, 0)
        assert.strictEqual(toResilienceError(refused)._tag, "CircuitOpen")
        const retried = yield* Effect.flip(Retry.retry(http.get(url), Retry.make({ attempts: 3 })))
        assert.strictEqual(retried.attempts, 1)
      })
      yield* Effect.provide(program, live)
      assert.strictEqual(asked.length, 1)
    })
  )

  it("refuses wrong numbers", () =>
    assert.throws(
      () => PolicyHttp.make({ attempt: 0 }),
      InvalidPolicyOption.InvalidPolicyOption,
      'PolicyHttp.make: "attempt"'
    ))
})
