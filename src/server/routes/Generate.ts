/**
 * The routes that begin answers: one function for every client dialect. It reads the request, lets it in, begins the
 * answer and puts a reader on it; from there on the journal writes to the connection and no fiber waits.
 */
import { Effect } from "effect"
import type { Caller } from "../../account/index.ts"
import { Selection } from "../../channel/index.ts"
import { type AnswerRequest, type Asking, type ClientDialect, clientDialects } from "../../dialect/index.ts"
import type { ResilienceError } from "../../errors/index.ts"
import { type Answer, attemptsHeader, Relay, type RelayOptions } from "../../relay/index.ts"
import { makeAdmission } from "../Admission.ts"
import { type Exchange, respond } from "../Exchange.ts"
import { answerFailure } from "../Failures.ts"
import { checkMediaType } from "../MediaType.ts"
import { type First, Readers } from "../Readers.ts"
import type { Route } from "../Route.ts"
import { cursorOf, ownerOf, readCursor, streamHeaders, Streams } from "./Streams.ts"

/** Parameters of a query that are not the request's own: a credential, and the cursor. */
const notAsked = ["token", "key", "last_event_id"]

const queryOf = (query: URLSearchParams): string => {
  if (query.size === 0) return ""
  const own = new URLSearchParams(query)
  for (const name of notAsked) own.delete(name)
  return own.toString()
}

const headersOf = (exchange: Exchange, names: ReadonlyArray<string>): Asking["headers"] => {
  const headers: { [name: string]: string } = {}
  for (const name of names) {
    const value = exchange.header(name)
    if (value !== undefined) headers[name] = value
  }
  return headers
}

/** The rows of all client dialects. */
export const generateRoutes = (
  options: RelayOptions
): Effect.Effect<ReadonlyArray<Route>, never, Readers | Relay | Selection | Streams> =>
  Effect.gen(function* () {
    const relay = yield* Relay
    const readers = yield* Readers
    const selection = yield* Selection
    const streams = yield* Streams
    const clock = yield* Effect.clockWith(Effect.succeed)
    const admission = makeAdmission(selection)
    const now = (): number => clock.currentTimeMillisUnsafe()

    const parse = Effect.fnUntraced(function* (exchange: Exchange, dialect: ClientDialect, parameter: string) {
      let body: string | undefined
      if (exchange.method === "POST" && !dialect.asksByQuery(exchange.query)) {
        yield* checkMediaType(exchange, ["application/json"])
        body = yield* exchange.body(options.server.maxBodyBytes)
      }
      return yield* Effect.fromResult(
        dialect.parse(
          { parameter, query: queryOf(exchange.query), headers: headersOf(exchange, dialect.looksAt), body },
          {
            maxMessage: options.chat.maxMessage,
            defaultModel: options.chat.model ?? selection.models[0] ?? ""
          }
        )
      )
    })

    /** What is sent before the frames, and how they are shown, once there is a first one. */
    const first = (exchange: Exchange, dialect: ClientDialect, request: AnswerRequest, answer: Answer): First => {
      if (request.delivery === "whole") return { _tag: "View", view: dialect.views.whole.make() }
      if (dialect.head === "atFirstContent" && !answer.machine.committed && answer.failure !== undefined) {
        failed(exchange, dialect, answer, answer.failure)
        return { _tag: "Done" }
      }
      exchange.head(200, {
        ...streamHeaders(answer.id),
        ...(dialect.head === "atOnce"
          ? {}
          : { "x-attempts": attemptsHeader(answer.trail, answer.current?.target.channel.id) })
      })
      return { _tag: "Stream" }
    }

    const failed = (exchange: Exchange, dialect: ClientDialect, answer: Answer, error: ResilienceError): void =>
      answerFailure(exchange, error, dialect.failure, now(), {
        "x-stream-id": answer.id,
        ...(answer.trail.length === 0 ? {} : { "x-attempts": attemptsHeader(answer.trail) })
      })

    const follow = (exchange: Exchange, dialect: ClientDialect, request: AnswerRequest, answer: Answer): void =>
      readers.follow(exchange, {
        id: answer.id,
        after: -1,
        requestId: exchange.requestId,
        heartbeat: dialect.heartbeat,
        heartbeatMillis: options.server.heartbeat,
        lettable: dialect.lettable,
        eager: false,
        envelope: dialect.failure,
        onFirst: () => first(exchange, dialect, request, answer),
        onEnd: (whole) => {
          if (answer.failure !== undefined) return failed(exchange, dialect, answer, answer.failure)
          respond(
            exchange,
            200,
            {
              "content-type": dialect.views.whole.contentType,
              "x-stream-id": answer.id,
              "x-attempts": attemptsHeader(answer.trail)
            },
            whole
          )
        }
      })

    const generate =
      (dialect: ClientDialect): Route["handle"] =>
      (exchange: Exchange, caller: Caller, parameter: string) =>
        Effect.gen(function* () {
          // A generating route that gets a cursor resumes that stream, and starts nothing.
          const cursor = cursorOf(exchange)
          if (cursor !== undefined)
            return yield* Effect.flatMap(readCursor(cursor), (id) => streams.read(exchange, caller, id, cursor))
          const request = yield* parse(exchange, dialect, parameter)
          yield* admission.admit(caller, request)
          const { timeouts, chat, journal } = options
          yield* relay.start(
            {
              request,
              dialect,
              requestId: exchange.requestId,
              owner: ownerOf(caller),
              timeoutMillis: Math.min(
                request.timeoutMillis ?? (dialect.head === "atOnce" ? chat.timeout : timeouts.total),
                timeouts.total
              ),
              leave: dialect.leave === "cancel" ? "cancel" : journal.onDisconnect
            },
            (answer) => follow(exchange, dialect, request, answer)
          )
        })

    const { chat, openai } = clientDialects
    return [
      {
        method: "GET",
        path: "/chat",
        access: "token",
        envelope: chat.failure,
        shows: "an answer as events, of `?message=&model=&timeout=`",
        credentialInQuery: "token",
        handle: generate(chat)
      },
      {
        method: "POST",
        path: "/chat",
        access: "token",
        envelope: chat.failure,
        shows: "the same, of a JSON body",
        credentialInQuery: "token",
        handle: generate(chat)
      },
      {
        method: "POST",
        path: "/v1/chat/completions",
        access: "token",
        envelope: openai.failure,
        shows: "the OpenAI dialect, streaming and not",
        handle: generate(openai)
      }
    ]
  })
