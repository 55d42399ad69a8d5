/**
 * Streams that were begun: read from any event on, by anybody who owns them, and cancelled.
 */
import { Context, Effect, Layer } from "effect"
import type { Caller } from "../../account/index.ts"
import { type ClientDialect, clientDialectNamed, clientDialects, readObject } from "../../dialect/index.ts"
import {
  type BadRequestBody,
  excerpt,
  fewNames,
  InvalidCursor,
  InvalidRequest,
  longestName,
  parseCancelPath,
  type ResilienceError,
  stackless,
  streamFault
} from "../../errors/index.ts"
import { Journal, type JournalFault, type Reader } from "../../journal/index.ts"
import { Relay, statusOfNote } from "../../relay/index.ts"
import { Settings } from "../../settings/index.ts"
import { type Exchange, respond, respondJson } from "../Exchange.ts"
import { Readers } from "../Readers.ts"
import type { Route } from "../Route.ts"
import { ServerSection } from "../ServerSection.ts"
import { checkMediaType } from "../MediaType.ts"

/** The head of every stream of events. */
export const streamHeaders = (id: string): { readonly [name: string]: string } => ({
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
  "x-stream-id": id
})

/** The longest reason of a cancellation that is kept, in UTF-16 units. */
const longestReason = 1024

/** Whose streams a caller's are. */
export const ownerOf = (caller: Caller): string => caller?.name ?? ""

/** The cursor that a request comes back with: the header wins, and an empty one counts as absent. */
export const cursorOf = (exchange: Exchange): string | undefined =>
  [exchange.header("last-event-id"), exchange.query.get("last_event_id")].find(
    (cursor) => cursor !== undefined && cursor !== null && cursor !== ""
  ) ?? undefined

/** The stream that a cursor is of. */
export const readCursor = (cursor: string): Effect.Effect<string, InvalidCursor> => {
  const dot = cursor.lastIndexOf(".")
  return dot <= 0 ? Effect.fail(stackless(() => new InvalidCursor({}))) : Effect.succeed(cursor.slice(0, dot))
}

/** How a stream is read on a route: by the dialect of the route, whatever the stream's own is. */
export type ReadAs = Pick<ClientDialect, "failure" | "lettable">

/** Reads streams on connections. */
export class Streams extends Context.Service<
  Streams,
  {
    /** Follows a stream from after a cursor, or from its beginning. */
    readonly read: (
      exchange: Exchange,
      caller: Caller,
      id: string,
      cursor: string | undefined,
      as: ReadAs
    ) => Effect.Effect<void, ResilienceError>
    /** Succeeds once there is something to read of a stream, whoever writes it. */
    readonly begun: (id: string) => Effect.Effect<void, ResilienceError>
    readonly cancel: (exchange: Exchange, caller: Caller, id: string) => Effect.Effect<void, ResilienceError>
  }
>()("effect-resilience/server/Streams") {
  /** Over the relay and its journal. */
  static readonly layer: Layer.Layer<Streams, never, Journal | Readers | Relay | Settings> = Layer.effect(
    Streams,
    Effect.suspend(() => make)
  )
}

const make = Effect.gen(function* () {
  const server = (yield* Settings).of(ServerSection).current
  const journal = yield* Journal
  const relay = yield* Relay
  const readers = yield* Readers

  // Another's stream is none.
  const locate = (caller: Caller, id: string, cursor: string | undefined) => journal.locate(id, cursor, ownerOf(caller))

  const read = (exchange: Exchange, caller: Caller, id: string, cursor: string | undefined, as: ReadAs) =>
    Effect.gen(function* () {
      const position = yield* locate(caller, id, cursor)
      if (position.state === "orphan") yield* relay.adopt(position.record)
      if (position.atEnd) return respond(exchange, 204, { "x-stream-id": id }, undefined)
      readers.follow(exchange, {
        id,
        after: position.after,
        requestId: exchange.requestId,
        heartbeat: (clientDialectNamed(position.record.dialect) ?? clientDialects.chat).heartbeat,
        heartbeatMillis: server.heartbeat,
        graceMillis: server.readerGrace,
        // Clients of a vendor's dialect do not come back by themselves: they would take the end for the answer's.
        lettable: as.lettable,
        eager: true,
        envelope: as.failure,
        onFirst: () => {
          exchange.head(200, streamHeaders(id))
          // There may be nothing to read yet, and the reader wants to know that it is connected.
          exchange.flush()
          return { _tag: "Stream", show: undefined }
        }
      })
    })

  const begun = (id: string): Effect.Effect<void, JournalFault> =>
    Effect.suspend(() => {
      let reader: Reader | undefined
      const come = Effect.callback<void, JournalFault>((resume) => {
        reader = journal.follow(id, -1, {
          onFrames: () => {
            resume(Effect.void)
            return false
          },
          onFault: (fault) => resume(Effect.fail(fault))
        })
      })
      return Effect.ensuring(
        come,
        Effect.sync(() => reader?.close())
      )
    })

  const cancel = (exchange: Exchange, caller: Caller, id: string) =>
    Effect.gen(function* () {
      const body = yield* exchange.body(server.maxBodyBytes)
      if (body !== "") yield* checkMediaType(exchange, ["application/json"])
      const asked = yield* cancelOptions(body)
      const position = yield* locate(caller, id, undefined)
      // Both are told to every reader, stored and logged.
      const reason = asked.reason === undefined ? undefined : excerpt(asked.reason, longestReason)
      const path = fewNames(parseCancelPath(exchange.header("x-cancel-path")))
      const code = asked.code ?? (asked.reason === undefined ? 12007 : 12008)
      const fault = streamFault({ code, side: "server", path, message: reason })
      const cancelled = yield* relay.cancel(position, fault)
      if (cancelled) return respondJson(exchange, 202, { stream_id: id, status: "cancelled" })
      const now = yield* locate(caller, id, undefined)
      respondJson(exchange, 200, { stream_id: id, status: statusOfNote(now.record.note) })
    })

  return Streams.of({ begun, cancel, read })
})

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
    if (unknown !== undefined) return invalid(excerpt(unknown, longestName), "unknown field")
    if (code !== undefined && !Number.isSafeInteger(code)) return invalid("code", "expected an integer")
    if (reason !== undefined && typeof reason !== "string") return invalid("reason", "expected a string")
    // An empty one is none.
    return Effect.succeed({ code: code as number | undefined, reason: reason === "" ? undefined : reason })
  })
}

/** `/streams/{id}`. */
export const streamRoutes: Effect.Effect<ReadonlyArray<Route>, never, Streams> = Effect.map(Streams, (streams) => [
  {
    method: "GET",
    path: "/streams/{id}",
    access: "token",
    envelope: clientDialects.chat.failure,
    shows: "a stream, from its beginning or after `Last-Event-ID`",
    credentialInQuery: "token",
    handle: (exchange, caller, id) => streams.read(exchange, caller, id, cursorOf(exchange), clientDialects.chat)
  },
  {
    method: "DELETE",
    path: "/streams/{id}",
    access: "token",
    envelope: clientDialects.chat.failure,
    shows: "cancels it; `{code?, reason?}` and `x-cancel-path: A,B` say who and why",
    credentialInQuery: "token",
    handle: (exchange, caller, id) => streams.cancel(exchange, caller, id)
  }
])
