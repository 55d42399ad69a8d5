/**
 * How a `ResumableStream` asks: a request of Effect's out of what it is made with, and an answer of any status by whatever
 * `HttpClient` there is.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import {
  FetchHttpClient,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  type HttpClientResponse
} from "effect/http"
import { saidBy } from "../errors/index.ts"
import { errorCode, patience } from "./ClientWire.ts"

/** What is asked: an address, or a whole request of Effect's. */
export type Asked =
  | {
      readonly url: string | URL
      /** Default: `"POST"` where there is a body, else `"GET"`. */
      readonly method?: "GET" | "POST" | undefined
      /** Sent as JSON. */
      readonly body?: unknown
      readonly headers?: { readonly [name: string]: string } | undefined
      readonly request?: undefined
    }
  | { readonly request: HttpClientRequest.HttpClientRequest; readonly url?: undefined }

/** What is asked, as a request. */
export const requestOf = (asked: Asked): HttpClientRequest.HttpClientRequest => {
  if (asked.request !== undefined) return asked.request
  const { body, headers, method = body === undefined ? "GET" : "POST", url } = asked
  const request = HttpClientRequest.make(method)(url, { headers: headers ?? {} })
  return body === undefined ? request : HttpClientRequest.bodyJsonUnsafe(request, body)
}

/** An answer, also where the client that it came by (`HttpClient.filterStatusOk`) makes an error of its status. */
const answerOf = <R>(
  answer: Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError, R>
): typeof answer =>
  Effect.catch(answer, (error) =>
    error.reason._tag === "StatusCodeError" ? Effect.succeed(error.reason.response) : Effect.fail(error)
  )

/** Who fetches follows redirects by itself, and would put the question to whom it was not asked. */
const withoutRedirects = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.serviceOption(FetchHttpClient.RequestInit), (init) =>
    Effect.provideService(effect, FetchHttpClient.RequestInit, {
      ...Option.getOrElse(init, () => ({})),
      redirect: "manual"
    })
  )

/**
 * What asks by a client. A redirect is followed unless it `posts`, and is an answer then; the connection is of the scope.
 */
export const askerOf = (
  http: HttpClient.HttpClient,
  posts: boolean
): ((
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError, Scope.Scope>) => {
  const scoped = HttpClient.withScope(http)
  const client = posts ? HttpClient.transformResponse(scoped, withoutRedirects) : HttpClient.followRedirects(scoped)
  return (request) => answerOf(client.execute(request))
}

/** Why no answer came, or no more of it, in a few words: without what the address asks for, which may hold a token. */
export const wordsOf = (error: unknown): string => saidBy(error).replace(/\?[^\s)]+/g, "")

/** The error code in the body of an answer; `""` where there is none, or it does not come soon. */
export const bodyCode = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string> =>
  response.text.pipe(
    Effect.timeoutOption(patience),
    Effect.map((body) => errorCode(Option.getOrElse(body, () => ""))),
    Effect.orElseSucceed(() => "")
  )
