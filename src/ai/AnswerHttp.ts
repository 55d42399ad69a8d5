/**
 * One request to a vendor, and its answer: from bytes over events of its dialect to parts of `effect/ai`.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import { RequestInit } from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import {
  classify,
  type Encoded,
  type EventDecoder,
  type Framing,
  type HttpAnswer,
  isEmptyData,
  type UpstreamDialect,
  type UpstreamEvent
} from "../dialect/index.ts"
import {
  BadResponse,
  catalogue,
  caughtIn,
  codes,
  isResilienceError,
  type ResilienceError,
  stackless,
  StreamTruncated
} from "../errors/index.ts"
import { type Origin, toAiError } from "./AiErrors.ts"
import { Said } from "./Said.ts"

type Part = Response.StreamPartEncoded
type Parts = Arr.NonEmptyReadonlyArray<Part>

/** What is sent, and who reads what comes back. */
export interface Request {
  readonly client: HttpClient.HttpClient
  readonly dialect: UpstreamDialect
  readonly encoded: Encoded
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  /** Is never told, should the vendor repeat it. */
  readonly secret: string | undefined
  readonly origin: Origin
}

/** So many bytes may one event have, with an image in it. */
const maxEventBytes = 64 * 1024 * 1024

/** So much of an error is read. */
const maxErrorBody = 64 * 1024

// What a URL asks for may hold a key.
const bare = (url: string): string => url.split("?", 1)[0]!

const unreachable = ({ origin }: Request, error: HttpClientError.HttpClientError): AiError.AiError => {
  // A policy under the client has refused it (`PolicyHttp.layer`): that is no connection that broke.
  const caught = caughtIn(error)
  if (isResilienceError(caught)) return toAiError(caught, origin)
  const { reason } = error
  const tag = reason._tag
  const known = tag === "EncodeError" || tag === "InvalidUrlError" ? tag : "TransportError"
  return AiError.make({
    module: origin.module,
    method: origin.method,
    reason: new AiError.NetworkError({
      reason: known,
      method: reason.request.method,
      url: bare(reason.request.url),
      ...(reason.description === undefined ? {} : { description: reason.description })
    })
  })
}

const masked = (text: string, secret: string | undefined): string =>
  secret === undefined || secret === "" ? text : text.replaceAll(secret, "<key>")

const answerOf = (
  { secret }: Request,
  { headers, status }: HttpClientResponse.HttpClientResponse,
  body: string
): Effect.Effect<HttpAnswer> =>
  Effect.map(Clock.currentTimeMillis, (now) => ({ status, headers, body: masked(body, secret), now }))

const isGood = (status: number): boolean => status >= 200 && status <= 299

/** A vendor's refusal: what it is as an error of ours, and as an `AiError`. */
export class Refused {
  readonly error: ResilienceError
  readonly status: number
  readonly told: AiError.AiError

  constructor(error: ResilienceError, status: number, told: AiError.AiError) {
    this.error = error
    this.status = status
    this.told = told
  }
}

/** What a relay calls a failure: its codes are ours. */
export const codeOfOurs: NonNullable<Origin["said"]> = ({ upstream }) => {
  const code = codes.find((known) => known === upstream?.code)
  return code === undefined ? undefined : { code, blame: catalogue[code].blame }
}

/** The first bytes of a body, as text: nobody reads an error for ever. */
const beginningOf = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<string, HttpClientError.HttpClientError> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    return response.stream.pipe(
      Stream.takeUntil((chunk) => {
        text += decoder.decode(chunk, { stream: true })
        return text.length >= maxErrorBody
      }),
      Stream.runDrain,
      Effect.map(() => text + decoder.decode())
    )
  })

/** An answer, also where the client that it came by (`HttpClient.filterStatusOk`) makes an error of its status. */
const answeredBy = (
  asked: Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>
): typeof asked =>
  Effect.catch(asked, (error) =>
    error.reason._tag === "StatusCodeError" ? Effect.succeed(error.reason.response) : Effect.fail(error)
  )

/**
 * Sends a request. It is given on as it comes; a bad status is read, and fails. A redirect is an answer like any other: it
 * is not followed, since the key would travel with it.
 */
export const send = (
  request: Request,
  sent: HttpClientRequest.HttpClientRequest
): Effect.Effect<HttpClientResponse.HttpClientResponse, AiError.AiError | Refused, Scope.Scope> =>
  Effect.flatMap(Effect.serviceOption(RequestInit), (given) =>
    answeredBy(request.client.execute(sent)).pipe(
      Effect.provideService(RequestInit, { ...Option.getOrUndefined(given), redirect: "manual" }),
      Effect.flatMap((response) =>
        isGood(response.status)
          ? Effect.succeed(response)
          : Effect.flatMap(beginningOf(response), (body) =>
              Effect.flatMap(answerOf(request, response, body), (answer) => {
                const { error } = classify(answer)
                const told = toAiError(error, { ...request.origin, headers: { ...response.headers } })
                return Effect.fail(new Refused(error, response.status, told))
              })
            )
      ),
      Effect.mapError((error) =>
        error instanceof Refused || AiError.isAiError(error) ? error : unreachable(request, error)
      )
    )
  )

/** The request of a question. */
export const question = ({ encoded, headers, url }: Request, stream: boolean): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.post(url).pipe(
    HttpClientRequest.setHeaders({
      accept: stream ? "text/event-stream, application/json" : "application/json",
      ...headers
    }),
    HttpClientRequest.bodyText(encoded.body, "application/json")
  )

/** Reads events: what a stream of them and a whole answer have in common. */
class Reading {
  readonly said = new Said()
  /** Nothing more is read, and whether that is because the answer has ended. */
  over = false
  ended = false
  failure: AiError.AiError | undefined
  private readonly request: Request

  constructor(request: Request) {
    this.request = request
  }

  take(event: UpstreamEvent, out: Array<Part>): void {
    if (this.over) return
    switch (event._tag) {
      case "Delta":
        return this.said.push(event, out)
      case "Done":
        return this.end(out)
      case "Fault":
        this.ended = true
        return this.fail(event.error)
      default:
        event satisfies never
    }
  }

  /** Nothing more will come. What has no finish was cut. */
  end(out: Array<Part>): void {
    if (this.over) return
    const { finish } = this.said
    if (finish === undefined) {
      return this.fail(stackless(() => new StreamTruncated({ message: "the answer ended before it was complete" })))
    }
    const wrong = this.said.end(finish, out)
    this.ended = true
    if (wrong !== undefined) return this.fail(wrong)
    this.over = true
  }

  fail(error: ResilienceError): void {
    this.over = true
    this.failure = toAiError(error, this.request.origin)
  }
}

/** A whole answer. */
export const whole = (
  request: Request,
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<ReadonlyArray<Part>, AiError.AiError> =>
  response.text.pipe(
    Effect.mapError((error) => unreachable(request, error)),
    Effect.flatMap((body) => answerOf(request, response, body)),
    Effect.flatMap((answer) => {
      const reading = new Reading(request)
      const out: Array<Part> = []
      for (const event of request.dialect.decodeWhole(answer, request.encoded)) reading.take(event, out)
      reading.end(out)
      return reading.failure === undefined ? Effect.succeed(out) : Effect.fail(reading.failure)
    })
  )

/** Bytes that may come over several connections, one after the other. */
export interface Bytes {
  readonly stream: Stream.Stream<Uint8Array, HttpClientError.HttpClientError | AiError.AiError>
  readonly framing: Framing
  /** The answer is over: nobody has to come back for more of it. */
  readonly onOver: () => void
}

/**
 * A streamed answer. One that came without events is read as a whole one: some servers do not stream, whatever they are
 * asked, and some tell an error so.
 */
export const streamed = (
  request: Request,
  response: HttpClientResponse.HttpClientResponse,
  { framing, onOver, stream }: Bytes
): Stream.Stream<Part, AiError.AiError> =>
  Stream.transformPull(stream, (pull) =>
    Effect.sync(() => {
      const reading = new Reading(request)
      const decoder: EventDecoder = request.dialect.decoder(request.encoded)
      const text = new TextDecoder()
      let out: Array<Part> = []
      /** What came before the first event, as long as there is none. */
      let before: string | undefined = ""
      const frames = framing.make({
        maxEventBytes,
        onFrame: (event, data) => {
          before = undefined
          const read = decoder.step(event, data)
          if (read._tag === "Fault" && event === "message" && isEmptyData(data)) return
          reading.take(read, out)
        }
      })
      const take = (chunk: Uint8Array): void => {
        const overflow = frames.feed(chunk)
        if (before !== undefined) before += text.decode(chunk, { stream: true })
        if (overflow !== undefined) {
          reading.fail(
            stackless(() => new BadResponse({ message: `an event of more than ${overflow.maxEventBytes} bytes` }))
          )
        }
      }
      const takeEnd = (): void => {
        frames.end()
        const halted = reading.over ? undefined : decoder.halt()
        if (halted !== undefined) reading.take(halted, out)
      }
      const give = (after: Pull.Pull<Parts, AiError.AiError>): Pull.Pull<Parts, AiError.AiError> => {
        const given = out
        out = []
        // What was given up here goes on there: only an answer that has ended needs nobody to cancel it.
        if (reading.ended) onOver()
        return Arr.isArrayNonEmpty(given) ? Effect.succeed(given) : after
      }
      const ended: Pull.Pull<Parts, AiError.AiError> = Effect.suspend(() => {
        if (!reading.over && before !== undefined && before.trim() !== "") {
          return Effect.flatMap(answerOf(request, response, before), (answer) => {
            for (const event of request.dialect.decodeWhole(answer, request.encoded)) reading.take(event, out)
            reading.end(out)
            return give(step)
          })
        }
        reading.end(out)
        return give(step)
      })
      const step: Pull.Pull<Parts, AiError.AiError> = Effect.suspend(() => {
        if (reading.over) return reading.failure === undefined ? Cause.done() : Effect.fail(reading.failure)
        return Pull.matchEffect(pull, {
          onSuccess: (chunks): Pull.Pull<Parts, AiError.AiError> => {
            for (const chunk of chunks) take(chunk)
            return give(step)
          },
          onDone: (): Pull.Pull<Parts, AiError.AiError> => {
            takeEnd()
            return give(ended)
          },
          onFailure: (cause): Pull.Pull<Parts, AiError.AiError> => {
            const lost = cause.reasons.find(Cause.isFailReason)
            if (lost === undefined) return Effect.failCause(cause as Cause.Cause<never>)
            // Once the finish is known, nothing but its usage can be lost.
            if (reading.said.finish !== undefined) return ended
            return Effect.fail(AiError.isAiError(lost.error) ? lost.error : unreachable(request, lost.error))
          }
        })
      })
      return step
    })
  )
