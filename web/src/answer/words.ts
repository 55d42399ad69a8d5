/**
 * What happens to answers, in words for people. A code stands beside them for who looks it up. Pure.
 */

import type { AnswerError } from "effect-resilience/react"

/** Why somebody else was asked. */
const reasons: { readonly [code: string]: string } = {
  writer_lost: "the relay was killed",
  do_request_failed: "the connection broke",
  read_response_body_failed: "the connection broke",
  stream_truncated: "it was cut off",
  "channel:response_time_exceeded": "it fell silent",
  upstream_overloaded: "it was overloaded",
  bad_response_body: "it sent what is no answer",
  bad_response: "it sent what is no answer",
  bad_response_status_code: "it failed",
  empty_response: "it sent nothing",
  "channel:rate_limited": "it was asked too often",
  "channel:invalid_key": "it refused the key",
  "channel:quota_exhausted": "its quota was used up",
  model_not_found: "it does not have the model",
  stream_fault: "it broke the stream"
}

/** A reason in words. */
export const inWords = (code: string): string => reasons[code] ?? code.replaceAll("_", " ")

/** Why a page waits before it asks again: its connection, or what it was told; and what becomes of what was `read`. */
export const awayWords = (why: string, read: boolean): { readonly why: string; readonly then: string } => {
  const status = /^http_(\d{3})$/.exec(why)?.[1]
  const then = read ? "What you have read stays." : ""
  if (why === "network_error" || why === "stream_cut" || why === "connection")
    return { why: "The connection is gone.", then }
  if (status !== undefined) return { why: `The relay answered ${status}.`, then }
  // The relay has ended this answer, and is asked for another one.
  return read
    ? { why: `The answer broke off: ${inWords(why)}.`, then: "A new answer takes its place." }
    : { why: `There was no answer: ${inWords(why)}.`, then }
}

/** How sure a seam is. */
export const seamWords: { readonly [kind: string]: string } = {
  exact: "joined at the very letter",
  overlap: "the overlap was left out",
  restart: "it began anew; what was there was left out",
  ambiguous: "joined as it came"
}

/** A time in words: milliseconds below a second, else seconds with one decimal. */
export const duration = (millis: number): string =>
  millis < 995 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

/** A count with its noun. */
export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`

const titles: { readonly [code: string]: string } = {
  unauthorized: "The relay does not know this token",
  access_denied: "The relay does not let this page ask",
  model_not_found: "No channel has this model",
  deadline_exceeded: "The time for this answer is up",
  stream_truncated: "The answer broke off, and nobody could go on with it",
  shutting_down: "The relay is shutting down",
  rate_limited: "Too many questions at once",
  get_channel_failed: "No channel can answer now",
  stream_cancelled: "The answer was stopped",
  stream_expired: "The relay keeps this answer no longer",
  invalid_request: "The relay does not understand this question",
  insufficient_user_quota: "The quota of this token is used up"
}

/** What a person reads first of an error. */
export const titleOf = ({ code, type }: Pick<AnswerError, "code" | "type">): string =>
  titles[code ?? ""] ??
  (type === "connection" || type === "http"
    ? "The relay cannot be reached"
    : type === "timeout"
      ? "The answer took too long"
      : type === "validation"
        ? "The relay refused this question"
        : "The answer could not be finished")
