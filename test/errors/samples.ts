import { type Code, members, RateLimited, type ResilienceError, streamFault, tagOf } from "effect-resilience/errors"

/** What an error needs beyond the common fields. */
const required: { readonly [tag: string]: object } = {
  ApplicationException: { typeId: 6 },
  BizError: { status: 7 },
  ChannelResponseTimeExceeded: { phase: "idle", limitMillis: 100, elapsedMillis: 101 },
  StreamFault: { fault: streamFault({ code: 12004, side: "server", path: ["A", "B"] }) },
  StreamCancelled: { fault: streamFault({ code: 12007, side: "client" }) },
  RetriesExhausted: {
    reason: "attempts",
    attempts: 3,
    elapsedMillis: 12,
    last: new RateLimited({ retryAfterMillis: 5 }),
    errors: [new Error("theirs"), new RateLimited({})]
  }
}

/** An error with this code, with what it must have and what is given. */
export const sample = (code: Code, more: object = {}): ResilienceError => {
  const tag = tagOf(code)
  const Class = members.find((member) => member.identifier === tag) as unknown as new (
    fields: object
  ) => ResilienceError
  return new Class({ ...required[tag], ...more })
}
