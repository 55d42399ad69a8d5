/**
 * The routes that begin answers: one function for every client dialect. It reads the request, lets it in, begins the
 * answer and puts a reader on it; from there on the journal writes to the connection and no fiber waits.
 */
import { Effect } from "effect"
import { type Caller, costOf, groupOf, plainPrice, Quota } from "../../account/index.ts"
import { AffinitySection, pinHeader, Selection, TimeoutsSection } from "../../channel/index.ts"
import {
  type AnswerRequest,
  type Asking,
  type BareEvents,
  type ClientDialect,
  clientDialects,
  countTokens,
  embeddings,
  embeddingTokens,
  geminiMethods,
  readMethod,
  type ParseRules
} from "../../dialect/index.ts"
import {
  Conflict,
  InvalidRequest,
  MethodNotAllowed,
  NotFound,
  type ResilienceError,
  stackless
} from "../../errors/index.ts"
import { type Journal, makeStreamId } from "../../journal/index.ts"
import { JournalSection } from "../../journal/JournalSection.ts"
import {
  type Answer,
  type AnswerStart,
  attemptsHeader,
  type Errand,
  headOfNote,
  type Leave,
  type NoteHead,
  Relay
} from "../../relay/index.ts"
import { ErrorLogSection } from "../../operate/ErrorLogSection.ts"
import { Settings } from "../../settings/index.ts"
import { makeAdmission } from "../Admission.ts"
import { ChatSection } from "../ChatSection.ts"
import { type Exchange, respond } from "../Exchange.ts"
import { answerFailure } from "../Failures.ts"
import { attemptHeaders } from "../AttemptHeaders.ts"
import { checkKey, keyOf, replayHeader, streamKeyOf } from "../IdempotencyKey.ts"
import { checkMediaType } from "../MediaType.ts"
import { pinned, type Pinned } from "../PinGate.ts"
import { makeQuotaGate } from "../QuotaGate.ts"
import { RateGate } from "../RateGate.ts"
import { parseRules } from "../ParseRules.ts"
import { type First, Readers } from "../Readers.ts"
import { originOf } from "../RequestOrigin.ts"
import { ServerSection } from "../ServerSection.ts"
import { sessionOf } from "../Session.ts"
import { trustedProxies } from "../TrustedProxies.ts"
import type { Route } from "../Route.ts"
import { keptResponses } from "./Responses.ts"
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

const bareFor = (exchange: Exchange, { bare }: ClientDialect): BareEvents | undefined =>
  bare?.isFor(exchange.header(bare.looksAt)) === true ? bare : undefined

type Text = string | undefined

const headOf = (text: Text): NoteHead | undefined => (text === undefined ? undefined : headOfNote(text))

/** From here on, in characters, a body is read in a turn of its own: what comes before and behind it is work too. */
const largeBody = 65_536

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
  Journal | Quota | RateGate | Readers | Relay | Selection | Settings | Streams
> = Effect.gen(function* () {
  const kept = yield* keptResponses
  const settings = yield* Settings
  const server = settings.of(ServerSection).current
  const journal = settings.of(JournalSection).current
  const chat = settings.of(ChatSection)
  const affinity = settings.of(AffinitySection)
  const timeouts = settings.of(TimeoutsSection)
  const relay = yield* Relay
  const readers = yield* Readers
  const selection = yield* Selection
  const streams = yield* Streams
  const clock = yield* Effect.clockWith(Effect.succeed)
  const admission = makeAdmission(selection, settings)
  const gate = yield* RateGate
  const quota = yield* Quota
  const quotaGate = yield* makeQuotaGate
  const errorLog = settings.of(ErrorLogSection)
  const trusted = trustedProxies(settings)
  const rules = parseRules(settings, selection)
  const now = (): number => clock.currentTimeMillisUnsafe()

  const tellId = (exchange: Exchange, { idHeader }: ClientDialect): void => {
    if (idHeader !== undefined) exchange.setHeader(idHeader, exchange.requestId)
  }

  const parse = Effect.fnUntraced(function* (
    exchange: Exchange,
    dialect: ClientDialect,
    read: ParseRules,
    parameter: string,
    pin: Pinned | undefined
  ) {
    let body: string | undefined
    if (exchange.method === "POST" && !dialect.asksByQuery(exchange.query)) {
      yield* checkMediaType(exchange, ["application/json"])
      body = yield* exchange.body(server.maxBodyBytes)
    }
    const looked = headersOf(exchange, dialect.looksAt)
    const headers = pin === undefined ? looked : { ...looked, [pinHeader]: pin.written }
    const asking = { parameter, query: queryOf(exchange.query), headers, body }
    if ((body?.length ?? 0) <= largeBody) return yield* Effect.fromResult(dialect.parse(asking, read))
    yield* Effect.yieldNow
    const request = yield* Effect.fromResult(dialect.parse(asking, read))
    yield* Effect.yieldNow
    return request
  })

  /** What is sent before the frames, and how they are shown, once there is a first one. */
  const first = (exchange: Exchange, dialect: ClientDialect, request: AnswerRequest, id: string, text: Text): First => {
    if (request.delivery === "whole") return { _tag: "View", view: dialect.views.whole.make() }
    const list = request.delivery === "list" ? dialect.views.list : undefined
    if (list !== undefined) {
      const note = headOf(text)
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
      const note = headOf(text)
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
      onEnd: (whole, text) => {
        // How a list ends stands in its last element.
        if (request.delivery === "list") return exchange.end(whole)
        const note = headOf(text)
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
    const parsed = yield* telling(parse(exchange, dialect, rules(groupOf(caller)), parameter, pin))
    exchange.model = parsed.model
    const request = more.expand === undefined ? parsed : yield* telling(more.expand(parsed, caller))
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
      const refusal = entered.refusal ?? gate.full(caller)
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
        // It was refused with this: nothing else gives only who has a key.
        entered.giveBack()
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

  const gone = (exchange: Exchange): Effect.Effect<never> =>
    Effect.callback((resume) => exchange.onClose(() => resume(Effect.interrupt)))

  const counting =
    (dialect: ClientDialect, parameter: string): Route["handle"] =>
    (exchange: Exchange, caller: Caller) =>
      Effect.gen(function* () {
        tellId(exchange, dialect)
        const pin = yield* pinned(exchange, caller, selection)
        const request = yield* parse(exchange, dialect, rules(groupOf(caller)), parameter, pin)
        exchange.model = request.model
        yield* admission.admit(caller, request, pin?.group)
        const asker = { requestId: exchange.requestId, owner: ownerOf(caller), group: groupOf(caller) }
        const counted = yield* Effect.raceFirst(relay.count(request, timeouts.current.total, asker), gone(exchange))
        exchange.trail = counted.trail
        const attempts = attemptsHeader(counted.trail)
        if (attempts !== "") exchange.setHeader("x-attempts", attempts)
        // Events tell of its attempts, and none of how a count ends: its failure is told like a refusal.
        if (counted._tag === "Failed") return yield* Effect.fail(counted.error)
        const headers = { "content-type": "application/json" }
        if (counted._tag === "Counted") return respond(exchange, 200, headers, counted.body)
        const body = JSON.stringify(dialect.count?.(counted.inputTokens))
        respond(exchange, 200, { ...headers, "x-estimated": "true" }, body)
      })

  const embedding = (exchange: Exchange, caller: Caller) =>
    Effect.gen(function* () {
      const entered = gate.enter(exchange, caller)
      entered.tell()
      if (entered.refusal !== undefined) return yield* Effect.fail(entered.refusal)
      const pin = yield* pinned(exchange, caller, selection)
      const priceOf = quotaGate.prices()
      const request = yield* parse(exchange, clientDialects.openai, rules(groupOf(caller)), embeddings, pin)
      exchange.model = request.model
      yield* admission.admit(caller, request, pin?.group)
      const asker = { requestId: exchange.requestId, owner: ownerOf(caller), group: groupOf(caller) }
      const price = priceOf(request.model) ?? plainPrice
      const wanted = quotaGate.wanted(caller, request, price)
      const settle = (errand: Errand): Effect.Effect<void> => {
        if (errand._tag !== "Got") return wanted === undefined ? Effect.void : quota.release(wanted)
        const inputTokens = embeddingTokens(errand.body) ?? request.inputEstimate()
        entered.charge(inputTokens)
        return quota.settleSoon({
          streamId: wanted?.streamId ?? makeStreamId(),
          token: asker.owner,
          group: asker.group,
          credits: costOf(price, { inputTokens, outputTokens: 0 }),
          reason: null,
          model: request.model,
          channel: errand.trail.at(-1)?.channel ?? null,
          inputTokens,
          outputTokens: 0,
          cachedTokens: 0
        })
      }
      const asking = Effect.raceFirst(relay.embed(request, timeouts.current.total, asker), gone(exchange))
      const full = gate.full(caller)
      if (full !== undefined) {
        entered.giveBack()
        return yield* Effect.fail(full)
      }
      const paid = Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          if (wanted !== undefined) yield* quota.reserve(wanted)
          const done = yield* Effect.tapCause(restore(asking), () =>
            wanted === undefined ? Effect.void : quota.release(wanted)
          )
          yield* settle(done)
          return done
        })
      )
      const errand = yield* gate.counting(caller, paid)
      exchange.trail = errand.trail
      const attempts = attemptsHeader(errand.trail)
      if (attempts !== "") exchange.setHeader("x-attempts", attempts)
      if (errand._tag !== "Got") return yield* Effect.fail(errand.error)
      respond(exchange, 200, { "content-type": "application/json" }, errand.body)
    })

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
