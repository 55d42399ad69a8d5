/**
 * Every failure has a tag and a blame, and the compiler knows which of them can still happen.
 *
 *   node --conditions=effect-resilience-source examples/typed-errors.ts
 */
import { Effect } from "effect"
import {
  catchBlame,
  ChannelRateLimited,
  codeOf,
  decode,
  describe,
  DoRequestFailed,
  encode,
  handleAll,
  match,
  PromptBlocked,
  Unauthorized
} from "effect-resilience/errors"

type AskError = ChannelRateLimited | DoRequestFailed | PromptBlocked | Unauthorized

const failures: ReadonlyArray<AskError> = [
  new ChannelRateLimited({ retryAfterMillis: 1500 }),
  new DoRequestFailed({}),
  new PromptBlocked({}),
  new Unauthorized({})
]

const ask = (error: AskError): Effect.Effect<string, AskError> => Effect.fail(error)

console.log("what is known of an error: code, who is to blame, HTTP status, whether asking again may help")
for (const error of failures) {
  const { blame, status, recoverable } = describe(error)
  console.log(`  ${codeOf(error).padEnd(22)} ${blame.padEnd(10)} ${status}  ${recoverable ? "recoverable" : "final"}`)
}

// A handler for each tag: leaving one out, or naming one that cannot happen, does not compile.
const advice = (error: AskError): string =>
  match(error, {
    ChannelRateLimited: ({ retryAfterMillis = 1000 }) => `wait ${retryAfterMillis} ms`,
    DoRequestFailed: () => "try again",
    PromptBlocked: () => "say it otherwise",
    Unauthorized: () => "sign in"
  })
console.log("\nwhat to do, by tag")
for (const error of failures) console.log(`  ${error._tag.padEnd(22)} ${advice(error)}`)

const program = Effect.gen(function* () {
  console.log("\nhandled by blame: the type keeps the rest")
  for (const error of failures) {
    // Effect<string, ChannelRateLimited | PromptBlocked | Unauthorized>
    const cached = ask(error).pipe(catchBlame("transport", () => Effect.succeed("an old answer")))
    // Effect<string, never>: nothing is left to fail with.
    const safe: Effect.Effect<string> = cached.pipe(
      handleAll({
        ChannelRateLimited: () => Effect.succeed("later"),
        PromptBlocked: () => Effect.succeed("refused"),
        Unauthorized: () => Effect.succeed("not allowed")
      })
    )
    console.log(`  ${error._tag.padEnd(22)} ${yield* safe}`)
  }

  const sent = JSON.stringify(encode(new ChannelRateLimited({ retryAfterMillis: 1500 })))
  const received = yield* decode(JSON.parse(sent))
  console.log("\nsent as JSON and read again, it is of the same class")
  console.log(`  ${sent}`)
  console.log(`  instanceof ChannelRateLimited: ${received instanceof ChannelRateLimited}`)
})

await Effect.runPromise(program)
