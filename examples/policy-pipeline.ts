/**
 * A full pipeline around calls of a server that goes wrong: now and then, then altogether, then not any more. Everything
 * that the policies do is told.
 *
 *   node --conditions=effect-resilience-source examples/policy-pipeline.ts
 */
import { Effect, Random } from "effect"
import {
  ChannelRateLimited,
  DoRequestFailed,
  InvalidRequest,
  type ResilienceError,
  UpstreamOverloaded
} from "effect-resilience/errors"
import {
  Bulkhead,
  CircuitBreaker,
  Fallback,
  Policy,
  PolicyTelemetry,
  RateLimiter,
  Retry,
  RetryBudget,
  RetryHints,
  RetrySchedule
} from "effect-resilience/policy"
import { createServer, type Server } from "node:http"

// ---------------------------------------------------------------------------------------------------------------------
// A server with faults. Which ones is drawn from a seed, so that each run is the same.

let mood: "flaky" | "down" | "well" = "flaky"
let asked = 0

const seeded = (seed: number): (() => number) => {
  let state = seed
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
}

const startServer = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const draw = seeded(85)
    const server = createServer((request, response) => {
      asked++
      const word = decodeURIComponent(request.url ?? "/").slice(1)
      if (word === "") return void response.writeHead(400).end()
      const chance = mood === "flaky" ? draw() : mood === "down" ? 0.6 : 0
      if (chance < 0.45) setTimeout(() => response.end(word.toUpperCase()), 20)
      else if (chance < 0.7) response.writeHead(503).end()
      else if (chance < 0.85) response.writeHead(429, { "retry-after-ms": "60" }).end()
      // Else silence: it never answers.
    })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

// ---------------------------------------------------------------------------------------------------------------------
// One call without any policy. What goes wrong has a class, and so the policies know what to think of it.

const shout = (url: string, word: string): Effect.Effect<string, ResilienceError> =>
  Effect.tryPromise({
    try: (signal) => fetch(`${url}/${encodeURIComponent(word)}`, { signal }),
    catch: () => new DoRequestFailed({ message: "no connection" })
  }).pipe(
    Effect.flatMap((response): Effect.Effect<string, ResilienceError> => {
      const wait = RetryHints.fromHeaders(Object.fromEntries(response.headers), Date.now())
      if (response.status === 400) return Effect.fail(new InvalidRequest({ message: "400, nothing to shout" }))
      if (response.status === 429) {
        const hint = wait === undefined ? {} : { retryAfterMillis: wait }
        return Effect.fail(new ChannelRateLimited({ message: "429, come back later", ...hint }))
      }
      if (response.status !== 200) return Effect.fail(new UpstreamOverloaded({ message: `${response.status}` }))
      return Effect.promise(() => response.text())
    })
  )

// ---------------------------------------------------------------------------------------------------------------------
// The pipeline, with times that are short enough to watch.

const makePipeline = Effect.gen(function* () {
  const budget = yield* RetryBudget.window({ minPerSecond: 5 })
  const schedule = RetrySchedule.exponential({ base: "40 millis", cap: "100 millis", jitter: "equal" }).pipe(
    RetrySchedule.honourRetryAfter({ cap: "500 millis" })
  )
  return Policy.make({
    name: "shout",
    deadline: "2 seconds",
    retry: Retry.make({ attempts: 3, schedule, budget }),
    breaker: yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(5), openFor: "1 second" }),
    rateLimiter: yield* RateLimiter.make({ limit: 100, window: "1 second", kind: "bursty", maxWait: "1 second" }),
    bulkhead: yield* Bulkhead.make({ concurrency: 4, queue: 4 }),
    attempt: "250 millis"
  })
})

const inWords = (event: PolicyTelemetry.Event): string | undefined => {
  const { attributes, error } = event
  const why = error instanceof Error ? error.message : ""
  switch (event.name) {
    case "OnRetry":
      return `attempt ${attributes["attempt"]} failed (${why}), the next in ${Number(attributes["delayMillis"]).toFixed(0)} ms`
    case "OnRetriesExhausted":
      return `gives up after attempt ${attributes["attempts"]} (${why}): ${attributes["reason"]}`
    case "OnTimeout":
      return "no answer in 250 ms: cut off"
    case "OnCircuitOpened":
      return "the circuit opens: nothing more is sent for a second"
    case "OnCircuitHalfOpened":
      return "the circuit lets one call through, to see"
    case "OnCircuitClosed":
      return "the circuit closes: all is well again"
    case "OnCircuitRejected":
      return "refused here, the server is not asked: the circuit is open"
    case "OnBulkheadRejected":
      return "refused here: 4 calls run and 4 wait"
    case "OnFallback":
      return "an old answer is given"
    default:
      return event.name
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const program = Effect.gen(function* () {
  const server = yield* startServer
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  const pipeline = yield* makePipeline

  const resilient = (word: string) =>
    shout(url, word).pipe(
      Policy.apply(pipeline),
      // The caller's own fault is told as it is; for all else an old answer is better than none.
      Effect.mapError((error) =>
        error._tag === "RetriesExhausted" && error.last instanceof InvalidRequest ? error.last : error
      ),
      Fallback.onBlame(["exhausted"], () => Effect.succeed(`${word} (old)`))
    )

  const call = Effect.fnUntraced(function* (word: string) {
    console.log(`  "${word}"`)
    const answer = yield* resilient(word).pipe(
      Effect.match({
        onSuccess: (text) => `answer: ${text}`,
        onFailure: (error) => `error: ${error._tag}`
      }),
      Effect.provideService(PolicyTelemetry.Sink, (event) => console.log(`      ${inWords(event)}`))
    )
    console.log(`      ${answer}`)
  })

  console.log("The server is flaky: 503, 429 and silence, one call in two.")
  for (const word of ["one", "two", "three", "four", "five", "six"]) yield* call(word)

  console.log("\nA call that is wrong is asked once, and counts against nobody.")
  yield* call("")

  console.log("\nThe server is down.")
  mood = "down"
  const before = asked
  for (const word of ["seven", "eight", "nine", "ten"]) yield* call(word)
  console.log(`  4 calls, and the server was asked ${asked - before} times.`)

  console.log("\nThe server is well again, and the second is over.")
  mood = "well"
  yield* Effect.sleep("1100 millis")
  for (const word of ["eleven", "twelve"]) yield* call(word)

  console.log("\nTwelve calls at once, where 4 may run and 4 may wait.")
  const answers = yield* Effect.all(
    Array.from({ length: 12 }, (_, n) => resilient(`crowd ${n + 1}`)),
    { concurrency: "unbounded" }
  )
  const old = answers.filter((answer) => answer.endsWith("(old)")).length
  console.log(`  ${answers.length - old} were answered, ${old} got an old answer at once.`)
})

await Effect.runPromise(program.pipe(Random.withSeed("policy-pipeline"), Effect.scoped))
console.log("\nAll is closed.")
