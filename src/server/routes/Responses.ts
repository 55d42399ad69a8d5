/**
 * Answers that are kept, by the ids of the Responses API: found, followed, cancelled, deleted, and gone on from. They are
 * the streams of the journal, and what was asked for each is kept beside it, for as long.
 */
import { Effect } from "effect"
import type { Caller } from "../../account/index.ts"
import {
  type AnswerRequest,
  clientDialects,
  goesOnFrom,
  inputStreamOf,
  type ItemPlace,
  type KeptAnswer,
  keptInput,
  listedItem,
  payloadsOf,
  readKeptInput,
  responseIn,
  streamOfResponse,
  withKept
} from "../../dialect/index.ts"
import {
  Conflict,
  InvalidRequest,
  PayloadTooLarge,
  type ResilienceError,
  stackless,
  streamFault,
  StreamNotFound
} from "../../errors/index.ts"
import { Journal, type Position, type StreamId } from "../../journal/index.ts"
import { JournalSection } from "../../journal/JournalSection.ts"
import { type Answer, Relay } from "../../relay/index.ts"
import { Settings } from "../../settings/index.ts"
import { type Exchange, respond, respondJson } from "../Exchange.ts"
import type { Route } from "../Route.ts"
import { ServerSection } from "../ServerSection.ts"
import { ownerOf, streamHeaders, Streams } from "./Streams.ts"

/** What the dialect of the streams is called in which inputs are kept. No client speaks it. */
const inputDialect = "responses/input"

const notFound = Effect.suspend(() => Effect.fail(stackless(() => new StreamNotFound({}))))

const invalid = (field: string, message: string) =>
  Effect.fail(
    stackless(
      () => new InvalidRequest({ message: `${field}: ${message}`, details: [{ field, message, code: "invalid" }] })
    )
  )

/** An answer that is kept. */
interface Kept {
  readonly id: string
  readonly position: Position
  /** Its first events. */
  readonly head: string
}

/** What is kept of answers, and what can be done with it. */
const makeKept = Effect.gen(function* () {
  const journal = yield* Journal
  const relay = yield* Relay
  const settings = yield* Settings
  const { storeRequests } = settings.of(JournalSection).current
  const { maxBodyBytes } = settings.of(ServerSection).current

  const firstPage = (id: string) => Effect.map(journal.page(id, -1), (page) => page?.text ?? "")

  /** Another's answer is none; nor is one that its client wanted nobody to keep, or of which nothing can be seen yet. */
  const find = Effect.fnUntraced(function* (caller: Caller, responseId: string) {
    const id = streamOfResponse(responseId)
    if (id === undefined) return yield* notFound
    let position = yield* journal.locate(id, undefined, ownerOf(caller))
    if (position.record.dialect !== "responses") return yield* notFound
    if (position.state === "orphan") {
      yield* relay.adopt(position.record)
      position = yield* journal.locate(id, undefined, ownerOf(caller))
    }
    const head = yield* firstPage(id)
    const told = payloadsOf([head])
      .map(responseIn)
      .find((response) => response !== undefined)
    if (told === undefined || told["store"] === false) return yield* notFound
    return { id, position, head } satisfies Kept
  })

  /** The last events of an answer that has ended, and the first ones of one that has not. */
  const shown = ({ head, id, position }: Kept) =>
    position.state === "ended"
      ? Effect.map(journal.page(id, position.record.length - 3), (page) => page?.text ?? head)
      : Effect.succeed(head)

  /** The response as it is now, as JSON. */
  const snapshot = (kept: Kept) =>
    Effect.map(shown(kept), (text) => {
      const view = clientDialects.responses.views.whole.make()
      view.push(text)
      return view.end()
    })

  const inputOf = (id: string) =>
    Effect.map(firstPage(inputStreamOf(id)), (text) => {
      const [payload] = payloadsOf([text])
      return payload === undefined ? undefined : readKeptInput(payload.data, id)
    })

  const outputOf = (kept: Kept) =>
    Effect.map(shown(kept), (text) => {
      const output = payloadsOf([text])
        .map(responseIn)
        .findLast((response) => response !== undefined)?.["output"]
      return Array.isArray(output) ? (output as ReadonlyArray<unknown>) : []
    })

  /** An answer that has ended, with what was asked for it; `undefined` where it is not kept. */
  const answerOf = Effect.fnUntraced(function* (caller: Caller, id: string) {
    const kept = yield* orNone(find(caller, `resp_${id}`))
    if (kept === undefined || kept.position.state !== "ended") return undefined
    const input = yield* inputOf(id)
    return input === undefined ? undefined : ({ input, output: yield* outputOf(kept) } satisfies KeptAnswer)
  })

  /** The same, each once. */
  const answersFor = (caller: Caller) => {
    const known = new Map<string, KeptAnswer | undefined>()
    return (id: string) =>
      known.has(id)
        ? Effect.succeed(known.get(id))
        : Effect.tap(answerOf(caller, id), (answer) => Effect.sync(() => known.set(id, answer)))
  }

  /** The request with what it goes on from put into its input. */
  const expand = Effect.fnUntraced(function* (request: AnswerRequest, caller: Caller) {
    const { previous, references } = goesOnFrom(request.body)
    if (previous === undefined && references.length === 0) return request
    const answers = answersFor(caller)
    const items = new Map<number, unknown>()
    for (const { at, id, place } of references) {
      const item = place === undefined ? undefined : itemAt(yield* answers(place.streamId), place, id)
      if (item === undefined) return yield* invalid(`input[${at}].id`, "no item of an answer that is kept has this id")
      items.set(at, item)
    }
    const before = previous === undefined ? undefined : yield* answers(previous)
    if (before === undefined && items.size === 0) return request
    const asking = withKept(request, before, items)
    if (Buffer.byteLength(asking.body ?? "") > maxBodyBytes) {
      return yield* Effect.fail(
        stackless(() => new PayloadTooLarge({ message: "the conversation is too large, with the answers before it" }))
      )
    }
    return yield* Effect.fromResult(
      clientDialects.responses.parse(asking, { maxMessage: Number.MAX_SAFE_INTEGER, defaultModel: "" })
    )
  })

  /** Keeps what was asked, for as long as its answer: committed with the answer's beginning. */
  const keep = ({ id, start: { owner, request } }: Answer): void => {
    if (!storeRequests || request.body["store"] === false) return
    const stream = inputStreamOf(id) as StreamId
    const lease = journal.create({ id: stream, dialect: inputDialect, owner, request: "", note: "" })
    lease.append(clientDialects.responses.frames(stream)({ event: undefined, data: keptInput(request) }, 0))
    lease.end({ outcome: "", freesKey: false })
  }

  const cancel = ({ position }: Kept) => relay.cancel(position, cancelledBy)

  /** Deletes an answer; one that is under way is cancelled. */
  const remove = Effect.fnUntraced(function* (kept: Kept, caller: Caller) {
    if (kept.position.state !== "ended") yield* cancel(kept)
    const gone = yield* journal.forget(kept.id, ownerOf(caller))
    if (!gone) {
      return yield* Effect.fail(stackless(() => new Conflict({ message: "the response is still being written" })))
    }
    yield* journal.forget(inputStreamOf(kept.id), ownerOf(caller))
  })

  return { cancel, expand, find, inputOf, keep, remove, snapshot }
})

const cancelledBy = streamFault({ code: 12007, side: "server", path: [], message: undefined })

const orNone = <A>(found: Effect.Effect<A, ResilienceError>): Effect.Effect<A | undefined, ResilienceError> =>
  Effect.catch(found, (error) =>
    error._tag === "StreamNotFound" || error._tag === "StreamExpired" ? Effect.undefined : Effect.fail(error)
  )

const itemAt = (answer: KeptAnswer | undefined, { index, of }: ItemPlace, id: string): unknown => {
  const item = answer?.[of][index]
  return typeof item === "object" && item !== null && "id" in item && item.id === id ? item : undefined
}

/** What the routes that begin answers need of it. */
export interface KeptResponses {
  readonly expand: (request: AnswerRequest, caller: Caller) => Effect.Effect<AnswerRequest, ResilienceError>
  readonly keep: (answer: Answer) => void
  /** Answers with the response as it is told at once. */
  readonly respondAtOnce: (exchange: Exchange, caller: Caller, id: string) => Effect.Effect<void, ResilienceError>
}

const json = { "content-type": "application/json" }

/** Makes it. */
export const keptResponses: Effect.Effect<KeptResponses, never, Journal | Relay | Settings> = Effect.map(
  makeKept,
  ({ expand, find, keep, snapshot }) => ({
    expand,
    keep,
    respondAtOnce: (exchange, caller, id) =>
      Effect.flatMap(find(caller, `resp_${id}`), (kept) =>
        Effect.map(snapshot(kept), (body) => respond(exchange, 200, { ...json, "x-stream-id": id }, body))
      )
  })
)

const defaultLimit = 20
const maxLimit = 100

/** A page of a list, as clients ask for it: the newest first, unless they say otherwise. */
const pageOf = (items: ReadonlyArray<unknown>, query: URLSearchParams) => {
  const limit = Number(query.get("limit") ?? defaultLimit)
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit)
    return invalid("limit", `must be from 1 to ${maxLimit}`)
  const order = query.get("order") ?? "desc"
  if (order !== "asc" && order !== "desc") return invalid("order", "expected asc or desc")
  const listed = order === "asc" ? items : [...items].reverse()
  const idOf = (item: unknown): unknown => (typeof item === "object" && item !== null && "id" in item ? item.id : null)
  const after = query.get("after")
  const from = after === null ? 0 : listed.findIndex((item) => idOf(item) === after) + 1
  if (after !== null && from === 0) return invalid("after", "no item has this id")
  const data = listed.slice(from, from + limit).map(listedItem)
  return Effect.succeed({
    object: "list",
    data,
    first_id: data.length === 0 ? null : idOf(data[0]),
    last_id: data.length === 0 ? null : idOf(data.at(-1)),
    has_more: from + limit < listed.length
  })
}

const cursorGrammar = /^(0|[1-9][0-9]{0,9})$/

/** `/v1/responses/{id}`. */
export const responseRoutes: Effect.Effect<
  ReadonlyArray<Route>,
  never,
  Journal | Relay | Settings | Streams
> = Effect.gen(function* () {
  const { cancel, find, inputOf, remove, snapshot } = yield* makeKept
  const streams = yield* Streams
  const { maxBodyBytes } = (yield* Settings).of(ServerSection).current
  const client = clientDialects.responses
  const envelope = client.failure

  const answer = (exchange: Exchange, kept: Kept) =>
    Effect.map(snapshot(kept), (body) => respond(exchange, 200, { ...json, "x-stream-id": kept.id }, body))

  const stream = Effect.fnUntraced(function* (exchange: Exchange, caller: Caller, { id, position }: Kept) {
    const after = exchange.query.get("starting_after") ?? undefined
    if (after !== undefined && !cursorGrammar.test(after)) {
      return yield* invalid("starting_after", "expected the sequence number of an event")
    }
    const cursor = after === undefined ? exchange.header("last-event-id") || undefined : `${id}.${after}`
    if (position.state === "ended" && cursor === `${id}.${position.record.length - 1}`) {
      // A stream that was asked for is answered with one, also where nothing is left of it.
      exchange.head(200, streamHeaders(id))
      return exchange.end()
    }
    yield* streams.read(exchange, caller, id, cursor, client)
  })

  const routes: ReadonlyArray<Route> = [
    {
      method: "GET",
      path: "/v1/responses/{id}",
      access: "token",
      envelope,
      shows: "a response that is kept, or with `?stream=true&starting_after=` its events",
      handle: (exchange, caller, id) =>
        Effect.flatMap(find(caller, id), (kept) =>
          exchange.query.get("stream") === "true" ? stream(exchange, caller, kept) : answer(exchange, kept)
        )
    },
    {
      method: "POST",
      path: "/v1/responses/{id}/cancel",
      access: "token",
      envelope,
      shows: "cancels it",
      handle: (exchange, caller, id) =>
        Effect.gen(function* () {
          yield* exchange.body(maxBodyBytes)
          const kept = yield* find(caller, id)
          if (kept.position.state === "ended") return yield* answer(exchange, kept)
          yield* cancel(kept)
          yield* answer(exchange, yield* find(caller, id))
        })
    },
    {
      method: "DELETE",
      path: "/v1/responses/{id}",
      access: "token",
      envelope,
      shows: "deletes it; one that is under way is cancelled",
      handle: (exchange, caller, id) =>
        Effect.gen(function* () {
          const kept = yield* find(caller, id)
          yield* remove(kept, caller)
          respondJson(exchange, 200, { id, object: "response", deleted: true })
        })
    },
    {
      method: "GET",
      path: "/v1/responses/{id}/input_items",
      access: "token",
      envelope,
      shows: "what was asked for it",
      handle: (exchange, caller, id) =>
        Effect.gen(function* () {
          const kept = yield* find(caller, id)
          const items = yield* inputOf(kept.id)
          if (items === undefined) return yield* notFound
          respondJson(exchange, 200, yield* pageOf(items, exchange.query))
        })
    }
  ]
  return routes
})
