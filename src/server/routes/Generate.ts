/**
 * The routes that begin answers: one function for every client dialect. It reads the request, lets it in, begins the
 * answer and puts a reader on it; from there on the journal writes to the connection and no fiber waits.
 */
import { Effect } from "effect"
import { type Caller, groupOf, type Quota } from "../../account/index.ts"
import { AffinitySection, Selection } from "../../channel/index.ts"
import {
  type AnswerRequest,
  type BareEvents,
  type ClientDialect,
  clientDialects,
  countTokens,
  geminiMethods,
  readMethod
} from "../../dialect/index.ts"
import {
  Conflict,
  InvalidRequest,
  MethodNotAllowed,
  NotFound,
  type ResilienceError,
  stackless
} from "../../errors/index.ts"
import type { Journal, Printable } from "../../journal/index.ts"
import { JournalSection } from "../../journal/JournalSection.ts"
import type { Settling } from "../../operate/index.ts"
import {
  type Answer,
  type AnswerStart,
  headOfNote,
  type Leave,
  type NoteHead,
  Relay,
  type RelayEvents
} from "../../relay/index.ts"
import { ErrorLogSection } from "../../operate/ErrorLogSection.ts"
import { Settings } from "../../settings/index.ts"
import { makeAdmission } from "../Admission.ts"
import { ChatSection } from "../ChatSection.ts"
import { type Exchange, respond } from "../Exchange.ts"
import { answerFailure } from "../Failures.ts"
import { attemptHeaders } from "../AttemptHeaders.ts"
import { checkKey, keyOf, replayHeader, streamKeyOf } from "../IdempotencyKey.ts"
import { pinned } from "../PinGate.ts"
import { makeQuotaGate } from "../QuotaGate.ts"
import { RateGate } from "../RateGate.ts"
import { parseRules } from "../ParseRules.ts"
import { type First, Readers } from "../Readers.ts"
import { largeBody, readRequest, tellId } from "../ReadRequest.ts"
import { originOf } from "../RequestOrigin.ts"
import { ServerSection } from "../ServerSection.ts"
import { sessionOf } from "../Session.ts"
import { trustedProxies } from "../TrustedProxies.ts"
import type { Route } from "../Route.ts"
import { makeErrands } from "./Errands.ts"
import { keptResponses } from "./Responses.ts"
import { cursorOf, ownerOf, readCursor, streamHeaders, Streams } from "./Streams.ts"

const bareFor = (exchange: Exchange, { bare }: ClientDialect): BareEvents | undefined =>
  bare?.isFor(exchange.header(bare.looksAt)) === true ? bare : undefined

const headOf = (note: Printable | undefined): NoteHead | undefined =>
  note === undefined ? undefined : headOfNote(note)

/** What a route does beside beginning an answer. */
interface More {
  /** Puts what the relay keeps into what is asked. */
  readonly expand?: (request: AnswerRequest, caller: Caller) => Effect.Effect<AnswerRequest, ResilienceError>
  /** Keeps what was asked. */
  readonly keep?: (answer: Answer) => void
  /** What becomes of the answer when nobody reads it. Default: what the dialect says. */
  readonly leave?: (request: AnswerRequest) => Leave | undefined
  /** Whether nobody waits for the answer: its client is told at once where it is. */
  readonly later?: (request: AnswerRequest) => boolean
}

const nothingMore: More = {}

const otherRequest = stackless(
  () => new Conflict({ message: "the idempotency key was sent before, with another request" })
)

/** The rows of all client dialects. */
export const generateRoutes: Effect.Effect<
  ReadonlyArray<Route>,
  never,
  Journal | Quota | RateGate | Readers | Relay | RelayEvents | Selection | Settings | Settling | Streams
> = Effect.gen(function* () {
  const kept = yield* keptResponses
  const { counting, embedding } = yield* makeErrands
  const settings = yield* Settings
  const server = settings.of(ServerSection).current
  const { maxBodyBytes } = server
  const journal = settings.of(JournalSection).current
  const chat = settings.of(ChatSection)
  const affinity = settings.of(AffinitySection)
  const relay = yield* Relay
  const readers = yield* Readers
  const selection = yield* Selection
  const streams = yield* Streams
  const clock = yield* Effect.clockWith(Effect.succeed)
  const admission = makeAdmission(selection, settings)
  const gate = yield* RateGate
  const quotaGate = yield* makeQuotaGate
  const errorLog = settings.of(ErrorLogSection)
  const trusted = trustedProxies(settings)
  const rules = parseRules(settings, selection)
  const now = (): number => clock.currentTimeMillisUnsafe()

  /** What is sent before the frames, and how they are shown, once there is a first one. */
  const first = (
    exchange: Exchange,
    dialect: ClientDialect,
    request: AnswerRequest,
    id: string,
    newest: Printable | undefined
  ): First => {
    if (request.delivery === "whole") return { _tag: "View", view: dialect.views.whole.make() }
    const list = request.delivery === "list" ? dialect.views.list : undefined
    if (list !== undefined) {
      const note = headOf(newest)
      if (note?.error !== undefined && note.shown === undefined) {
        failed(exchange, dialect, id, note, note.error)
        return { _tag: "Done" }
      }
      const { "content-type": _, ...headers } = streamHeaders(id)
      exchange.head(200, { "content-type": list.contentType, ...headers, ...attemptHeaders(note) })
      return { _tag: "View", view: list.make() }
    }
    if (dialect.head === "atOnce") exchange.head(200, streamHeaders(id))
    else {
      const note = headOf(newest)
      if (note?.error !== undefined && note.shown === undefined) {
        failed(exchange, dialect, id, note, note.error)
        return { _tag: "Done" }
      }
      exchange.head(200, { ...streamHeaders(id), ...attemptHeaders(note) })
    }
    return { _tag: "Stream", show: bareFor(exchange, dialect)?.show }
  }

  const failed = (
    exchange: Exchange,
    dialect: ClientDialect,
    id: string,
    note: NoteHead | undefined,
    error: ResilienceError
  ): void => answerFailure(exchange, error, dialect.failure, now(), { "x-stream-id": id, ...attemptHeaders(note) })

  const follow = (exchange: Exchange, dialect: ClientDialect, request: AnswerRequest, id: string): void =>
    readers.follow(exchange, {
      id,
      after: -1,
      requestId: exchange.requestId,
      heartbeat: (bareFor(exchange, dialect) ?? dialect).heartbeat,
      heartbeatMillis: server.heartbeat,
      graceMillis: server.readerGrace,
      lettable: dialect.lettable,
      eager: false,
      envelope: dialect.failure,
      onFirst: (note) => first(exchange, dialect, request, id, note),
      onEnd: (whole, newest) => {
        // How a list ends stands in its last element.
        if (request.delivery === "list") return exchange.end(whole)
        const note = headOf(newest)
        if (note?.error !== undefined) return failed(exchange, dialect, id, note, note.error)
        respond(
          exchange,
          200,
          { "content-type": dialect.views.whole.contentType, "x-stream-id": id, ...attemptHeaders(note) },
          whole
        )
      }
    })

  // One generator function for all: one that is made for each request has a hidden class of its own, which lives, with all
  // that the function sees, until the old generation is collected.
  const ask = Effect.fnUntraced(function* (
    dialect: ClientDialect,
    more: More,
    exchange: Exchange,
    caller: Caller,
    parameter: string
  ) {
    tellId(exchange, dialect)
    // A generating route that gets a cursor resumes that stream, and starts nothing.
    const cursor = cursorOf(exchange)
    if (cursor !== undefined)
      return yield* Effect.flatMap(readCursor(cursor), (id) => streams.read(exchange, caller, id, cursor, dialect))
    const key = keyOf(exchange)
    const entered = gate.enter(exchange, caller)
    if (key === undefined) {
      entered.tell()
      if (entered.refusal !== undefined) return yield* Effect.fail(entered.refusal)
    }
    // Whether a request with a key is a replay, which says nothing of limits, is known once it is found.
    const telling = <A, E>(step: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      key === undefined ? step : Effect.tapError(step, () => Effect.sync(entered.tell))
    if (key !== undefined) yield* telling(checkKey(key))
    const pin = yield* telling(pinned(exchange, caller, selection))
    // It goes by what there was when it came, however long its body takes.
    const admit = admission.now()
    const settings = relay.settings()
    const priceOf = quotaGate.prices()
    const { total } = settings.timeouts
    const usual = dialect.head === "atOnce" ? chat.current.timeout : total
    const parsed = yield* telling(
      readRequest(exchange, { dialect, rules: rules(groupOf(caller)), parameter, pin, maxBodyBytes })
    )
    exchange.model = parsed.model
    let request = parsed
    /** What it goes on from is gone. A replay needs none of it. */
    let incomplete: ResilienceError | undefined
    if (more.expand !== undefined) {
      const expanded = yield* Effect.result(more.expand(parsed, caller))
      if (expanded._tag === "Success") request = expanded.success
      else if (key === undefined) return yield* Effect.fail(expanded.failure)
      else incomplete = expanded.failure
    }
    yield* telling(admit(caller, request, pin?.group))
    const later = more.later?.(request) === true
    const sessions = affinity.current
    const start: AnswerStart = {
      request,
      dialect,
      requestId: exchange.requestId,
      owner: ownerOf(caller),
      ...(sessions === undefined || pin !== undefined
        ? undefined
        : { session: sessionOf(sessions.by, { request, header: exchange.header, owner: ownerOf(caller) }) }),
      group: groupOf(caller),
      ...originOf(exchange, errorLog.current.ip ? trusted() : undefined),
      timeoutMillis: Math.min(request.timeoutMillis ?? usual, total),
      settings,
      // Who sent a key can come again, also by a dialect whose clients cannot come back otherwise.
      leave:
        more.leave?.(request) ?? (dialect.leave === "cancel" && key === undefined ? "cancel" : journal.onDisconnect),
      price: priceOf(request.model)
    }
    const wanted = quotaGate.wanted(caller, request, start.price)
    const reserved: AnswerStart = wanted === undefined ? start : { ...start, id: wanted.streamId }
    const attach = (begun: Answer): void => {
      entered.began(begun.id)
      more.keep?.(begun)
      // Where a store was asked, a relay that stops may have refused it meanwhile.
      if (!later && !exchange.headSent()) follow(exchange, dialect, request, begun.id)
    }
    let id: string
    if (key === undefined) {
      const full = gate.full(caller)
      if (full !== undefined) {
        entered.giveBack()
        return yield* Effect.fail(full)
      }
      const answer = yield* gate.counting(caller, quotaGate.reserving(wanted, relay.start(reserved, attach)))
      if (!later) return
      yield* answer.lease.committed
      id = answer.id
    } else {
      const { body, query } = parsed.asking
      if ((body?.length ?? 0) > largeBody) yield* Effect.yieldNow
      // A replay is free, whatever its token has begun: who may begin nothing may still have begun this.
      const refusal = entered.refusal ?? incomplete ?? gate.full(caller)
      const named = streamKeyOf(key, { path: exchange.path, query, body })
      const finding = relay.startOnce(start, { ...named, onlyFinds: true }, attach)
      const beginning = relay.startOnce(reserved, named, attach)
      // Nothing is reserved for a replay: who has the key is looked for before, and once more where it is refused.
      const once =
        refusal !== undefined
          ? finding
          : wanted === undefined
            ? beginning
            : Effect.flatMap(finding, (known) =>
                known._tag === "Exists"
                  ? Effect.succeed(known)
                  : Effect.catch(
                      quotaGate.reserving(wanted, beginning, ({ _tag }) => _tag === "Began"),
                      (error) =>
                        Effect.flatMap(finding, (now) =>
                          now._tag === "Exists" ? Effect.succeed(now) : Effect.fail(error)
                        )
                    )
              )
      const found = yield* telling(gate.counting(caller, once))
      if (found._tag !== "Exists") entered.tell()
      if (found._tag === "Absent") {
        // It was refused with this: nothing else gives only who has a key. A faulty request counts.
        if (refusal !== incomplete) entered.giveBack()
        return yield* Effect.fail(refusal ?? otherRequest)
      }
      id = found._tag === "Began" ? found.answer.id : found.position.record.id
      if (found._tag === "Exists") {
        if (!found.sameBody) return yield* telling(Effect.fail(otherRequest))
        entered.giveBack()
        if (found.position.state === "orphan") yield* relay.adopt(found.position.record)
        exchange.setHeader(replayHeader, "true")
        if (!later) return follow(exchange, dialect, request, id)
      }
      if (!later) return
      // Whoever else has begun it may have written nothing yet.
      yield* streams.begun(id)
    }
    yield* kept.respondAtOnce(exchange, caller, id)
  })

  const generate =
    (dialect: ClientDialect, more: More = nothingMore): Route["handle"] =>
    (exchange: Exchange, caller: Caller, parameter: string) =>
      ask(dialect, more, exchange, caller, parameter)

  // One path for all that may be asked of a model: what it is stands behind the model's name.
  const ofModel: Route["handle"] = (exchange, caller, parameter) => {
    const named = readMethod(parameter)
    switch (named._tag) {
      case "Known":
        return named.method === "countTokens"
          ? counting(gemini, parameter)(exchange, caller, parameter)
          : generate(gemini)(exchange, caller, parameter)
      case "NotRelayed": {
        const message = `${named.method} is not relayed: ${geminiMethods.join(", ")} are`
        return Effect.fail(stackless(() => new InvalidRequest({ message })))
      }
      case "Unknown":
        // Without a method it is the model itself.
        return Effect.fail(
          stackless(() => (parameter.includes(":") ? new NotFound({}) : new MethodNotAllowed({ allow: ["GET"] })))
        )
    }
  }

  const { anthropic, chat: own, gemini, openai, responses } = clientDialects
  return [
    {
      method: "GET",
      path: "/chat",
      access: "token",
      envelope: own.failure,
      shows: "an answer as events, of `?message=&model=&timeout=`",
      credentialInQuery: "token",
      generates: true,
      handle: generate(own)
    },
    {
      method: "POST",
      path: "/chat",
      access: "token",
      envelope: own.failure,
      shows: "the same, of a JSON body",
      credentialInQuery: "token",
      generates: true,
      handle: generate(own)
    },
    {
      method: "POST",
      path: "/v1/messages",
      access: "token",
      envelope: anthropic.failure,
      shows: "the Anthropic dialect, streaming and not",
      generates: true,
      handle: generate(anthropic)
    },
    {
      method: "POST",
      path: "/v1/messages/count_tokens",
      access: "token",
      envelope: anthropic.failure,
      shows: "how many tokens such a request is",
      handle: counting(anthropic, countTokens)
    },
    ...["/v1beta/models/{id*}", "/v1/models/{id*}"].map(
      (path): Route => ({
        method: "POST",
        path,
        access: "token",
        envelope: gemini.failure,
        shows: "the Gemini dialect: `:generateContent`, `:streamGenerateContent`, `:countTokens`",
        credentialInQuery: "key",
        generates: true,
        handle: ofModel
      })
    ),
    {
      method: "POST",
      path: "/v1/chat/completions",
      access: "token",
      envelope: openai.failure,
      shows: "the OpenAI dialect, streaming and not",
      generates: true,
      handle: generate(openai)
    },
    {
      method: "POST",
      path: "/v1/responses",
      access: "token",
      envelope: responses.failure,
      shows: "OpenAI's Responses, streaming, in the background, and not",
      generates: true,
      handle: generate(responses, {
        expand: kept.expand,
        keep: kept.keep,
        leave: ({ body }) => (body["background"] === true ? "stay" : undefined),
        later: ({ body }) => body["background"] === true && body["stream"] !== true
      })
    },
    {
      method: "POST",
      path: "/v1/embeddings",
      access: "token",
      envelope: openai.failure,
      shows: "embeddings, of channels that make them",
      generates: true,
      handle: embedding
    }
  ]
})
