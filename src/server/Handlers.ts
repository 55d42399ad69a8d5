/**
 * What each route does. A handler checks the request, begins an answer or finds a stream, and puts a reader on it; from
 * there on the journal writes to the connection and no fiber waits.
 */
import { Effect } from "effect"
import { mayUse } from "../account/index.ts"
import { type Selection, type Timeouts, TimeoutsSection } from "../channel/index.ts"
import { assembleOpenAI, parseChatRequest, parseOpenAIRequest, type ParsedChat, readObject } from "../dialect/index.ts"
import type { AnswerRequest } from "../dialect/index.ts"
import {
  AccessDenied,
  type BadRequestBody,
  InvalidCursor,
  InvalidRequest,
  ModelNotFound,
  parseCancelPath,
  type ResilienceError,
  stackless,
  streamFault,
  UnsupportedMediaType
} from "../errors/index.ts"
import type { Journal, Position } from "../journal/index.ts"
import { type JournalOptions, JournalSection } from "../journal/JournalSection.ts"
import { type Answer, attemptsHeader, clientDialect, type Relay, type RelayEvents } from "../relay/index.ts"
import type { Cell, SettingsService } from "../settings/index.ts"
import { type Metrics, prometheusContentType } from "../telemetry/index.ts"
import type { Caller } from "./Access.ts"
import { type ChatOptions, ChatSection } from "./ChatSection.ts"
import { type Exchange, respond, respondJson } from "./Exchange.ts"
import { answerFailure } from "./Failures.ts"
import { page } from "./Page.ts"
import { followOn, type StreamReader } from "./Readers.ts"
import type { Route } from "./Route.ts"
import { type ServerOptions, ServerSection } from "./ServerSection.ts"

/** What is set for the handlers; a cell's value is read at each request. */
export interface HandlerOptions {
  readonly server: ServerOptions
  readonly journal: JournalOptions
  readonly chat: Cell<ChatOptions>
  readonly timeouts: Cell<Timeouts>
}

/** The settings of the handlers. */
export const handlerOptions = (settings: SettingsService): HandlerOptions => ({
  server: settings.of(ServerSection).current,
  journal: settings.of(JournalSection).current,
  chat: settings.of(ChatSection),
  timeouts: settings.of(TimeoutsSection)
})

/** What the handlers work with. */
export interface HandlerContext {
  readonly options: HandlerOptions
  readonly relay: Relay["Service"]
  readonly journal: Journal["Service"]
  readonly selection: Selection["Service"]
  readonly events: RelayEvents["Service"]
  readonly metrics: Metrics["Service"]
  readonly readers: Set<StreamReader>
  readonly now: () => number
  readonly startedAt: number
}

/** Answers one request. A failure is answered by whoever runs it. */
export type Handler = Effect.Effect<void, ResilienceError>

const streamHeaders = (id: string): { readonly [name: string]: string } => ({
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
  "x-stream-id": id
})

const ownerOf = (caller: Caller): string => caller?.name ?? ""

/** The cursor that a request comes back with: the header wins, and an empty one counts as absent. */
const cursorOf = (exchange: Exchange): string | undefined =>
  [exchange.header("last-event-id"), exchange.query.get("last_event_id")].find(
    (cursor) => cursor !== undefined && cursor !== null && cursor !== ""
  ) ?? undefined

const checkMediaType = (exchange: Exchange, allowed: ReadonlyArray<string>): Effect.Effect<void, ResilienceError> => {
  const type = exchange.header("content-type")?.split(";")[0]?.trim().toLowerCase()
  const encoding = exchange.header("content-encoding")?.trim().toLowerCase()
  const ok =
    (type === undefined || allowed.includes(type) || type.endsWith("+json")) &&
    (encoding === undefined || encoding === "" || encoding === "identity")
  return ok
    ? Effect.void
    : Effect.fail(stackless(() => new UnsupportedMediaType({ message: `send ${allowed.join(" or ")}, not encoded` })))
}

const checkModel = (context: HandlerContext, caller: Caller, model: string): Effect.Effect<void, ResilienceError> => {
  if (caller !== undefined && !mayUse(caller, model)) {
    return Effect.fail(stackless(() => new AccessDenied({ message: `this token may not use the model ${model}` })))
  }
  return context.selection.serves(model) ? Effect.void : Effect.fail(stackless(() => new ModelNotFound({ model })))
}

/** Runs a request through its route. */
export const handle = (context: HandlerContext, exchange: Exchange, route: Route, caller: Caller): Handler => {
  switch (route._tag) {
    case "ChatCompletions":
      return resumeOr(context, exchange, caller, () => chatCompletions(context, exchange, caller))
    case "Chat":
      return resumeOr(context, exchange, caller, () => chat(context, exchange, caller))
    case "ReadStream":
      return readStream(context, exchange, caller, route.id, cursorOf(exchange))
    case "CancelStream":
      return cancelStream(context, exchange, caller, route.id)
    case "Models":
      return Effect.sync(() =>
        respondJson(exchange, 200, {
          object: "list",
          data: context.selection
            .models()
            .filter((model) => caller === undefined || mayUse(caller, model))
            .map((model) => modelObject(context, model))
        })
      )
    case "Model":
      return Effect.map(checkModel(context, caller, route.id), () =>
        respondJson(exchange, 200, modelObject(context, route.id))
      )
    case "Metrics":
      // The end of a channel's rest is noticed when somebody looks.
      return Effect.map(Effect.andThen(context.selection.states, context.metrics.render), (text) =>
        respond(exchange, 200, { "content-type": prometheusContentType }, text)
      )
    case "Live":
      return Effect.sync(() => respondJson(exchange, 200, { status: "live" }))
    case "Ready":
      return Effect.sync(() => {
        const reason = context.relay.stopping() ? "shutting down" : context.journal.usable() ? undefined : "store"
        respondJson(exchange, reason === undefined ? 200 : 503, {
          status: reason === undefined ? "ready" : "not ready",
          reason
        })
      })
    case "Page":
      return Effect.sync(() =>
        respond(
          exchange,
          200,
          {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": page.policy,
            "cache-control": "no-store"
          },
          page.html
        )
      )
  }
}

const modelObject = (context: HandlerContext, id: string) => ({
  id,
  object: "model",
  created: Math.floor(context.startedAt / 1000),
  owned_by: context.options.server.name
})

/** A generating route that gets a cursor resumes that stream, and starts nothing. */
const resumeOr = (context: HandlerContext, exchange: Exchange, caller: Caller, otherwise: () => Handler): Handler => {
  const cursor = cursorOf(exchange)
  if (cursor === undefined) return otherwise()
  const dot = cursor.lastIndexOf(".")
  if (dot <= 0) return Effect.fail(stackless(() => new InvalidCursor({})))
  return readStream(context, exchange, caller, cursor.slice(0, dot), cursor)
}

// Another's stream is none.
const locate = (context: HandlerContext, caller: Caller, id: string, cursor: string | undefined) =>
  context.journal.locate(id, cursor, ownerOf(caller))

const readStream = (
  context: HandlerContext,
  exchange: Exchange,
  caller: Caller,
  id: string,
  cursor: string | undefined
): Handler =>
  Effect.gen(function* () {
    const position = yield* locate(context, caller, id, cursor)
    if (position.state === "orphan") yield* context.relay.settle(position)
    if (position.atEnd) return respond(exchange, 204, { "x-stream-id": id }, undefined)
    followOn(context.journal, exchange, context.readers, {
      kind: "own",
      id,
      after: position.after,
      heartbeatMillis: context.options.server.heartbeat,
      eager: true,
      onFirst: () => {
        exchange.head(200, streamHeaders(id))
        // There may be nothing to read yet, and the reader wants to know that it is connected.
        exchange.flush()
        return "stream"
      },
      now: context.now,
      onClosed: () => context.events.tell({ _tag: "ReaderClosed", requestId: exchange.requestId, streamId: id })
    })
  })

const cancelStream = (context: HandlerContext, exchange: Exchange, caller: Caller, id: string): Handler =>
  Effect.gen(function* () {
    const body = yield* exchange.body(context.options.server.maxBodyBytes)
    if (body !== "") yield* checkMediaType(exchange, ["application/json"])
    const options = yield* cancelOptions(body)
    const position = yield* locate(context, caller, id, undefined)
    const code = options.code ?? (options.reason === undefined ? 12007 : 12008)
    const fault = streamFault({
      code,
      side: "server",
      path: parseCancelPath(exchange.header("x-cancel-path")),
      message: options.reason
    })
    if (position.state === "orphan") yield* context.relay.settle(position)
    const cancelled = yield* context.relay.cancel(id, fault)
    if (cancelled) return respondJson(exchange, 202, { stream_id: id, status: "cancelled" })
    const now = yield* locate(context, caller, id, undefined)
    respondJson(exchange, 200, { stream_id: id, status: statusOf(now) })
  })

const statusOf = (position: Position): string => {
  const note = JSON.parse(position.record.note) as { readonly status?: string }
  return note.status ?? "completed"
}

const cancelOptions = (
  body: string
): Effect.Effect<
  { readonly code: number | undefined; readonly reason: string | undefined },
  BadRequestBody | InvalidRequest
> => {
  const invalid = (field: string, message: string) =>
    Effect.fail(
      stackless(
        () => new InvalidRequest({ message: `${field}: ${message}`, details: [{ field, message, code: "invalid" }] })
      )
    )
  if (body.trim() === "") return Effect.succeed({ code: undefined, reason: undefined })
  return Effect.flatMap(Effect.fromResult(readObject(body)), ({ code, reason, ...rest }) => {
    const unknown = Object.keys(rest)[0]
    if (unknown !== undefined) return invalid(unknown, "unknown field")
    if (code !== undefined && !Number.isSafeInteger(code)) return invalid("code", "expected an integer")
    if (reason !== undefined && typeof reason !== "string") return invalid("reason", "expected a string")
    return Effect.succeed({ code: code as number | undefined, reason })
  })
}

const chat = (context: HandlerContext, exchange: Exchange, caller: Caller): Handler =>
  Effect.gen(function* () {
    const { options } = context
    let body: string | undefined
    if (exchange.method === "POST" && !exchange.query.has("message")) {
      yield* checkMediaType(exchange, ["application/json"])
      body = yield* exchange.body(options.server.maxBodyBytes)
    }
    const parsed: ParsedChat = yield* Effect.fromResult(
      parseChatRequest(body === undefined ? { query: exchange.query } : { body }, {
        maxMessage: options.chat.current.maxMessage,
        defaultModel: options.chat.current.model ?? context.selection.models()[0] ?? ""
      })
    )
    yield* checkModel(context, caller, parsed.request.model)
    yield* context.relay.start(
      {
        request: parsed.request,
        dialect: clientDialect("chat"),
        requestId: exchange.requestId,
        owner: ownerOf(caller),
        timeoutMillis: Math.min(parsed.timeoutMillis ?? options.chat.current.timeout, options.timeouts.current.total),
        leave: options.journal.onDisconnect
      },
      (answer) => followChat(context, exchange, answer)
    )
  })

const followChat = (context: HandlerContext, exchange: Exchange, answer: Answer): void =>
  followOn(context.journal, exchange, context.readers, {
    kind: "own",
    id: answer.id,
    after: -1,
    heartbeatMillis: context.options.server.heartbeat,
    eager: false,
    onFirst: () => {
      exchange.head(200, streamHeaders(answer.id))
      return "stream"
    },
    now: context.now,
    onClosed: () => context.events.tell({ _tag: "ReaderClosed", requestId: answer.ref.requestId, streamId: answer.id })
  })

const chatCompletions = (context: HandlerContext, exchange: Exchange, caller: Caller): Handler =>
  Effect.gen(function* () {
    const { options } = context
    yield* checkMediaType(exchange, ["application/json"])
    const body = yield* exchange.body(options.server.maxBodyBytes)
    const request: AnswerRequest = yield* Effect.fromResult(parseOpenAIRequest(body))
    yield* checkModel(context, caller, request.model)
    yield* context.relay.start(
      {
        request,
        dialect: clientDialect("openai"),
        requestId: exchange.requestId,
        owner: ownerOf(caller),
        timeoutMillis: options.timeouts.current.total,
        leave: "cancel"
      },
      (answer) => followDialect(context, exchange, answer)
    )
  })

const followDialect = (context: HandlerContext, exchange: Exchange, answer: Answer): void => {
  const failed = (error: ResilienceError): "done" => {
    answerFailure(exchange, error, context.now(), {
      "x-stream-id": answer.id,
      ...(answer.trail.length === 0 ? {} : { "x-attempts": attemptsHeader(answer.trail) })
    })
    return "done"
  }
  followOn(context.journal, exchange, context.readers, {
    kind: "dialect",
    id: answer.id,
    after: -1,
    heartbeatMillis: context.options.server.heartbeat,
    eager: false,
    onFirst: () => {
      // A whole answer is sent when all of it is there; until then its head stays open.
      if (!answer.start.request.stream) return "hold"
      if (!answer.machine.committed && answer.failure !== undefined) return failed(answer.failure)
      exchange.head(200, {
        ...streamHeaders(answer.id),
        "x-attempts": attemptsHeader(answer.trail, answer.current?.target.channel.id)
      })
      return "stream"
    },
    onTerminal: () => {
      if (answer.failure !== undefined) return void failed(answer.failure)
      respond(
        exchange,
        200,
        {
          "content-type": "application/json",
          "x-stream-id": answer.id,
          "x-attempts": attemptsHeader(answer.trail)
        },
        assembleOpenAI(answer.payloads ?? [])
      )
    },
    now: context.now,
    onClosed: () => context.events.tell({ _tag: "ReaderClosed", requestId: answer.ref.requestId, streamId: answer.id })
  })
}
