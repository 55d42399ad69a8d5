/**
 * All that is wrong with an input, where a decoder stopped at the first fault.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { Slot } from "./FailureOf.ts"
import { detailsOf } from "./FieldFaults.ts"

const slotInput = (slot: Slot, request: HttpServerRequest.HttpServerRequest): Effect.Effect<Option.Option<unknown>> => {
  if (slot !== "body" && slot !== "unknown") return Effect.succeedNone
  // The body was read when it was decoded, and is kept.
  return Effect.option(Effect.flatMap(request.text, (text) => Effect.try(() => JSON.parse(text) as unknown)))
}

const jsonType = /^\s*application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i

/** Whether nothing came where a body of JSON should be: that is no JSON, and no field of it is wrong. */
export const isWithoutBody = (slot: Slot, request: HttpServerRequest.HttpServerRequest): Effect.Effect<boolean> =>
  slot === "body" && jsonType.test(request.headers["content-type"] ?? "application/json")
    ? Effect.match(request.text, { onSuccess: (text) => text === "", onFailure: () => false })
    : Effect.succeed(false)

/**
 * An issue with all that is wrong. Effect stops at the first fault, so the body is decoded once more, by the schema that
 * the issue is of. Where that says something else (an input that came from elsewhere), the first fault is told alone.
 */
export const wholeIssue = (
  slot: Slot,
  issue: SchemaIssue.Issue,
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<SchemaIssue.Issue> => {
  if (!("ast" in issue)) return Effect.succeed(issue)
  const schema = Schema.make<Schema.Codec<unknown>>(issue.ast)
  return Effect.gen(function* () {
    const input = yield* slotInput(slot, request)
    if (Option.isNone(input)) return issue
    const decode = Schema.decodeUnknownEffect(schema, { errors: "all", onExcessProperty: excessOf(issue) })
    const again = yield* Effect.flip(decode(input.value))
    return coversFirst(again.issue, issue) ? again.issue : issue
  }).pipe(Effect.catchCause(() => Effect.succeed(issue)))
}

/** Unknown fields are looked for first: where one was refused, all of them are. */
const excessOf = (issue: SchemaIssue.Issue): "error" | "ignore" =>
  leafOf(issue) === "UnexpectedKey" ? "error" : "ignore"

const leafOf = (issue: SchemaIssue.Issue): SchemaIssue.Issue["_tag"] => {
  if (issue._tag === "Composite" || issue._tag === "AnyOf") {
    const first = issue.issues[0]
    return first === undefined ? issue._tag : leafOf(first)
  }
  return issue._tag === "Pointer" || issue._tag === "Encoding" || issue._tag === "Filter"
    ? leafOf(issue.issue)
    : issue._tag
}

const coversFirst = (all: SchemaIssue.Issue, first: SchemaIssue.Issue): boolean => {
  const told = detailsOf(all)
  return detailsOf(first).every(({ code, field }) => told.some((one) => one.field === field && one.code === code))
}
