/**
 * A `LanguageModel` of Effect's over a relay of this library's: whatever vendors stand behind it.
 *
 * **When to use**
 *
 * For a program beside a relay. The relay asks other channels, goes on with answers that broke and knows the keys; this
 * model sees to the last stretch: a connection to the relay that breaks is made again, and the answer read on from the
 * event that came last, with nothing lost and nothing twice.
 *
 * **Details**
 *
 * - It speaks Responses to the relay, and asks in the background: the answer is written whether or not the connection
 *   lives, also while the relay is started anew on a store that outlives it. Who stops reading cancels it.
 * - A request whose answer was lost before it began is sent again, up to twice and with the same `Idempotency-Key`: it is the
 *   same answer, asked and paid for once.
 * - `generateText` and `generateObject` read the stream too, so that a connection may break in them as well.
 * - An error has the relay's own code, in its reason's metadata under `effect-resilience`, and the blame of that code.
 *
 * **Gotchas**
 *
 * - A relay that cannot be reached at all is a failure after a moment: another model is not kept waiting. What is asked anew
 *   by a `retry` around the model is another answer.
 * - `params` are in the words of Responses, whatever the channel speaks.
 *
 * ```ts
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { RelayLanguageModel } from "effect-resilience/ai"
 *
 * export const model = RelayLanguageModel.layer({ url: "http://localhost:8080", model: "gpt-5" }).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import { lastOf } from "../errors/index.ts"
import { Failures, Retry, RetrySchedule } from "../policy/index.ts"
import { makeSseParser } from "../sse/index.ts"
import { type Bytes, codeOfOurs, Refused, type Request, send } from "./AnswerHttp.ts"
import * as VendorModel from "./VendorModelHttp.ts"

/** Which relay, and which of its models. */
export interface Options {
  /** The relay's own URL, such as `http://localhost:8080`, without a path of a dialect. */
  readonly url: string
  /** A model that one of its channels serves. */
  readonly model: string
  /** Who asks, where the relay has tokens. Default: none is sent. */
  readonly token?: Redacted.Redacted<string> | undefined
  /** More headers of each request. Default: none. */
  readonly headers?: { readonly [name: string]: string } | undefined
  /** Merged deeply into the body of each request, in the words of Responses; `null` removes a field. Default: nothing. */
  readonly params?: { readonly [field: string]: unknown } | undefined
  /**
   * How a connection is made again that broke in an answer; `false`: it is not. A connection that brings no event counts
   * as an attempt. Default: 10 attempts, from 100 ms to 5 s apart.
   */
  readonly reconnect?: Pick<Retry.Options<unknown, AiError.AiError>, "attempts" | "schedule"> | false | undefined
}

const backoff = RetrySchedule.exponential({ base: "100 millis", cap: "5 seconds" }).pipe(
  RetrySchedule.honourRetryAfter({ cap: "30 seconds" })
)

/** How often a request is sent again that nobody has answered. */
const mostUnanswered = 2

/** Whether a request may have arrived, although nothing was heard of it. */
const isUnanswered = (error: AiError.AiError | Refused): boolean =>
  AiError.isAiError(error) && error.reason._tag === "NetworkError" && error.reason.reason === "TransportError"

/** Sends a request whose answer begins once, however often it is sent. */
const sendOnce =
  (retry: Following["retry"]): typeof send =>
  (request, sent) =>
    Effect.suspend(() => {
      const asked = send(request, HttpClientRequest.setHeader(sent, "idempotency-key", globalThis.crypto.randomUUID()))
      if (retry === undefined) return asked
      return asked.pipe(
        Effect.retry({ while: isUnanswered, schedule: backoff, times: Math.min(mostUnanswered, retry.attempts - 1) })
      )
    })

type Lost = HttpClientError.HttpClientError | AiError.AiError
type Chunks = Stream.Stream<Uint8Array, Lost>

/** The events that end an answer. */
const lastEvents: ReadonlySet<string> = new Set(["response.completed", "response.incomplete", "error"])

/** A connection that has ended as it should, before its answer has. */
const ended = "ended"

/** One answer of the relay, over as many connections as it takes. */
class Following {
  private readonly request: Request
  private readonly root: string
  private readonly id: string
  private readonly retry: Retry.Retry<unknown, AiError.AiError> | undefined
  private cursor: () => string = () => ""
  private cutOff: () => void = () => {}
  private over = false

  constructor(request: Request, root: string, id: string, retry: Following["retry"]) {
    this.request = request
    this.root = root
    this.id = id
    this.retry = retry
  }

  bytes(first: HttpClientResponse.HttpClientResponse): Bytes {
    return {
      stream: Stream.ensuring(this.follow(first, 0), this.leave),
      framing: {
        make: ({ maxEventBytes, onFrame }) => {
          // A piece of an event that a connection leaves behind is dropped: its whole comes with the next one.
          const parser = makeSseParser({
            maxEventBytes,
            onEvent: ({ data, event }) => {
              onFrame(event, data)
              // Nothing comes behind it: there is nothing to come back for, and nothing to cancel.
              if (lastEvents.has(event)) this.over = true
            }
          })
          this.cursor = () => parser.lastEventId
          this.cutOff = () => parser.end()
          return { feed: (chunk) => parser.feed(chunk), end: () => parser.end() }
        }
      },
      onOver: () => {
        this.over = true
      }
    }
  }

  private follow(response: HttpClientResponse.HttpClientResponse, fruitless: number): Chunks {
    const before = this.cursor()
    const again = (lost: Chunks): Chunks =>
      Stream.suspend(() => {
        if (this.retry === undefined) return lost
        const without = this.cursor() === before ? fruitless + 1 : 0
        if (without >= this.retry.attempts) return lost
        this.cutOff()
        return Stream.unwrap(
          Effect.map(this.reconnect(this.retry), (next) =>
            // It is over, and its last event had come.
            next.status === 204 ? lost : this.follow(next, without)
          )
        )
      })
    // A relay that is stopped ends its readers between two events: that is no end of the answer.
    const toItsEnd = Stream.concat(
      response.stream,
      Stream.suspend(() => (this.over ? Stream.empty : Stream.fail(ended)))
    )
    return Stream.catch(toItsEnd, (error) =>
      this.over ? Stream.empty : again(typeof error === "string" ? Stream.empty : Stream.fail(error))
    )
  }

  private reconnect(
    retry: Retry.Retry<unknown, AiError.AiError>
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, AiError.AiError, Scope.Scope> {
    const cursor = this.cursor()
    const asked = HttpClientRequest.get(this.url).pipe(
      HttpClientRequest.setHeaders({
        ...this.request.headers,
        accept: "text/event-stream",
        ...(cursor === "" ? {} : { "last-event-id": cursor })
      })
    )
    return send(this.request, asked).pipe(
      Effect.mapError((error) => (error instanceof Refused ? error.told : error)),
      Retry.retry(retry),
      Effect.mapError(lastOf)
    )
  }

  private get url(): string {
    return `${this.root}/streams/${this.id}`
  }

  /** Nobody reads any more: an answer in the background would go on for nobody. */
  private readonly leave: Effect.Effect<void> = Effect.suspend(() =>
    this.over
      ? Effect.void
      : send(
          this.request,
          HttpClientRequest.make("DELETE")(this.url).pipe(HttpClientRequest.setHeaders(this.request.headers))
        ).pipe(Effect.scoped, Effect.timeoutOption("2 seconds"), Effect.ignore)
  )
}

/** Makes the model. `layer` provides it. Throws `InvalidPolicyOption` for a `reconnect` that makes no sense. */
export const make = ({
  headers = {},
  model,
  params = {},
  reconnect = {},
  token,
  url
}: Options): Effect.Effect<LanguageModel.LanguageModel, never, HttpClient.HttpClient> =>
  Effect.suspend(() => {
    const root = url.replace(/\/+$/, "")
    const retry =
      reconnect === false
        ? undefined
        : Retry.make<unknown, AiError.AiError>({
            attempts: reconnect.attempts ?? 10,
            schedule: reconnect.schedule ?? backoff,
            while: Failures.isRetryable
          })
    return Effect.flatMap(HttpClient.HttpClient, (client) =>
      VendorModel.make({
        module: "RelayLanguageModel",
        client,
        dialect: "responses",
        baseUrl: `${root}/v1`,
        key: token === undefined ? undefined : Redacted.value(token),
        model,
        headers,
        params: { ...params, background: true, store: true },
        alwaysStreams: true,
        said: codeOfOurs,
        send: sendOnce(retry),
        bytes: (request, response) => {
          const id = response.headers["x-stream-id"]
          return id === undefined
            ? { stream: response.stream, framing: request.dialect.framing, onOver: () => {} }
            : new Following(request, root, id, retry).bytes(response)
        }
      })
    )
  })

/** Provides the model, with its name (`Model.ModelName`), of the provider `relay`. */
export const layer = (options: Options): Model.Model<"relay", LanguageModel.LanguageModel, HttpClient.HttpClient> =>
  Model.make("relay", options.model, Layer.effect(LanguageModel.LanguageModel, make(options)))
