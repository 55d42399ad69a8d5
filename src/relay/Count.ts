/**
 * How many tokens a request would be. A channel of the request's own dialect is asked, as for an answer: the next one when
 * it fails. Where there is none, or none that counts, it is estimated.
 */
import { Effect, Random, Redacted } from "effect"
import { type Outcome, type Target, Upstream } from "../channel/index.ts"
import {
  type AnswerRequest,
  classify,
  type Encoded,
  type HttpAnswer,
  upstreamDialectOf,
  upstreamRequestId
} from "../dialect/index.ts"
import {
  BadResponseBody,
  ChannelResponseTimeExceeded,
  DeadlineExceeded,
  maskError,
  ReadResponseBodyFailed,
  type ResilienceError,
  stackless
} from "../errors/index.ts"
import { RetryBudgetState } from "../policy/index.ts"
import type { AnswerContext } from "./Answer.ts"
import { isRoomier, roomOf } from "./Decision.ts"
import type { AnswerRef } from "./Events.ts"
import * as Pursuit from "./Pursuit.ts"
import { withoutQuotations } from "./Quotation.ts"
import type { AnswerSettings } from "./RelayOptions.ts"
import { type TrailEntry, trailEntry } from "./Trail.ts"

/** A count, and who was asked for it. */
export type Counted =
  /** `body` is the upstream's answer as it came. */
  | { readonly _tag: "Counted"; readonly body: string; readonly trail: ReadonlyArray<TrailEntry> }
  | { readonly _tag: "Estimated"; readonly inputTokens: number; readonly trail: ReadonlyArray<TrailEntry> }
  | { readonly _tag: "Failed"; readonly error: ResilienceError; readonly trail: ReadonlyArray<TrailEntry> }

/** Who asks, for the log: its request, and the name of its token or `""`. */
export interface CountAsker {
  readonly requestId: string
  readonly owner: string
}

/** The largest answer that is read, in bytes: a count is a few. */
const maxBody = 64 * 1024

/** What a server answers that serves the model, and counts nothing. */
const countsNothing: ReadonlySet<number | undefined> = new Set([404, 405, 501])

/** A count says nothing of how answers do. */
const ignored: Outcome = { _tag: "Ignored" }

/**
 * Counts.
 *
 * @param timeoutMillis How long all of it may take.
 */
export const count = (
  request: AnswerRequest,
  timeoutMillis: number,
  { owner, requestId }: CountAsker,
  context: Pick<AnswerContext, "events" | "mask" | "now" | "selection" | "snapshot" | "wall">
): Effect.Effect<Counted, never, Upstream> =>
  Effect.gen(function* () {
    const { events, now, selection } = context
    const { dialect, model } = request
    const answer: AnswerRef = {
      requestId,
      streamId: "",
      owner,
      model,
      listed: selection.models().includes(model),
      dialect,
      delivery: "whole"
    }
    const settings = context.snapshot()
    const startedAt = now()
    const trail: Array<TrailEntry> = []
    let pursuit = Pursuit.untried
    let step: Extract<Pursuit.Step, { readonly _tag: "Ask" }> = Pursuit.anybody
    settings.budget.request(startedAt)
    for (;;) {
      const remaining = startedAt + timeoutMillis - now()
      if (remaining <= 0) {
        const elapsedMillis = now() - startedAt
        const error = stackless(() => new DeadlineExceeded({ limitMillis: timeoutMillis, elapsedMillis }))
        return { _tag: "Failed", error, trail } as const
      }
      const wanted = {
        model: request.model,
        // Each is asked once; what may be asked again at once, or after a wait, was decided when it failed.
        tried:
          step.only === undefined
            ? Pursuit.triedOf({ ...pursuit, out: [...pursuit.out, ...pursuit.failed] })
            : Pursuit.triedOf(pursuit),
        only: step.only,
        otherKey: step.otherKey,
        suits: (target: Target) =>
          target.channel.dialect === request.dialect &&
          (pursuit.outgrown === undefined || isRoomier(roomOf(target), pursuit.outgrown))
      }
      const choice = yield* Effect.result(selection.pick(wanted))
      if (choice._tag === "Failure") {
        const error = Pursuit.finalError(pursuit)
        if (step.only !== undefined) pursuit = { ...pursuit, failed: [...pursuit.failed, step.only] }
        else if (error !== undefined) return { _tag: "Failed", error, trail } as const
        else return { _tag: "Estimated", inputTokens: request.inputEstimate(), trail } as const
        step = Pursuit.anybody
        continue
      }
      const { release, target } = choice.success
      const { channel } = target
      const askedAt = now()
      pursuit = { ...pursuit, attempts: pursuit.attempts + 1 }
      const asked = yield* askOne(request, target, settings, remaining, context).pipe(
        Effect.ensuring(Effect.sync(() => release(ignored)))
      )
      const entryOf = (error: ResilienceError | undefined): TrailEntry =>
        trailEntry({
          attempt: pursuit.attempts,
          target,
          mode: undefined,
          status: asked.status,
          upstreamRequestId: asked.upstreamRequestId,
          error,
          durationMillis: now() - askedAt,
          dropped: []
        })
      if (asked._tag === "Counted") {
        settings.budget.success(now(), 0)
        return { _tag: "Counted", body: asked.body, trail: [...trail, entryOf(undefined)] } as const
      }
      const { error, said } = asked
      const entry = entryOf(error)
      trail.push(entry)
      // Who serves the model and counts nothing has not failed.
      if (!countsNothing.has(asked.status)) {
        events.tell({ _tag: "AttemptEnded", answer, entry, error, said, firstContentMillis: undefined })
      }
      if (countsNothing.has(asked.status)) {
        pursuit = { ...pursuit, out: [...pursuit.out, channel.id] }
        step = Pursuit.anybody
        continue
      }
      settings.budget.failure(now())
      const draw = settings.backoff.random ? yield* Random.next : 0
      const [after, next] = Pursuit.next(
        pursuit,
        {
          error: asked.error,
          channel: channel.id,
          keyIndex: target.keyIndex,
          keyCount: channel.keys.length,
          room: roomOf(target),
          silentMillis: now() - askedAt,
          continuing: false,
          refusal: undefined,
          statusForbids: asked.byStatus && asked.status !== undefined && !settings.retry.statuses(asked.status)
        },
        {
          retry: settings.retry,
          recovery: settings.recovery,
          now: now(),
          remaining: startedAt + timeoutMillis - now(),
          backoff: settings.backoff.step(1, settings.backoff.initial, draw).delayMillis,
          phase: "unseen",
          otherwise: false,
          usable: () => selection.usable({ ...wanted, only: channel.id }),
          fresh: () => selection.fresh({ ...wanted, only: undefined, tried: Pursuit.askedOf(pursuit, channel.id) }),
          budget: () => settings.budget.retry(now(), asked.error) !== RetryBudgetState.refused
        }
      )
      pursuit = after
      if (next._tag === "GiveUp") return { _tag: "Failed", error: next.error, trail } as const
      step = next
      if (next.delayMillis > 0) yield* Effect.sleep(next.delayMillis)
    }
  })

type Asked =
  | {
      readonly _tag: "Counted"
      readonly body: string
      readonly status: number
      readonly upstreamRequestId?: string | undefined
    }
  | {
      readonly _tag: "Failed"
      readonly upstreamRequestId?: string | undefined
      readonly said?: string | undefined
      readonly error: ResilienceError
      readonly byStatus: boolean
      readonly status: number | undefined
    }

const failed = (error: ResilienceError, status?: number, byStatus = false): Asked => ({
  _tag: "Failed",
  error,
  byStatus,
  status
})

/** Asks one target, within its time for the beginning of an answer. */
const askOne = (
  request: AnswerRequest,
  target: Target,
  { timeouts }: AnswerSettings,
  remaining: number,
  { mask, now, wall }: Pick<AnswerContext, "mask" | "now" | "wall">
): Effect.Effect<Asked, never, Upstream> =>
  Effect.suspend(() => {
    const { channel, model } = target
    const dialect = upstreamDialectOf(channel.dialect)
    const encoding = dialect.encode({
      request,
      model,
      stream: false,
      continuation: undefined,
      params: channel.params,
      refused: new Set(),
      drop: false
    })
    if (encoding._tag === "Failure") return Effect.succeed(failed(encoding.failure))
    const clocks = { ...timeouts, ...channel.timeouts }
    const limitMillis = Math.min(remaining, clocks.headers, channel.timeouts.total ?? Number.POSITIVE_INFINITY)
    const beganAt = now()
    return Effect.timeoutOrElse(post(request, target, encoding.success, wall, mask), {
      duration: limitMillis,
      orElse: () =>
        Effect.sync(() =>
          failed(
            stackless(
              () => new ChannelResponseTimeExceeded({ phase: "headers", limitMillis, elapsedMillis: now() - beganAt })
            )
          )
        )
    })
  })

/** One call, read to its end. Interrupting it closes the socket. */
const post = (
  request: AnswerRequest,
  { channel, key, model }: Target,
  encoded: Encoded,
  wall: () => number,
  mask: (text: string) => string
): Effect.Effect<Asked, never, Upstream> =>
  Effect.flatMap(Upstream, (upstream) =>
    Effect.callback<Asked>((resume) => {
      const dialect = upstreamDialectOf(channel.dialect)
      const chunks: Array<Uint8Array> = []
      let size = 0
      let head: Pick<HttpAnswer, "headers" | "status"> = { status: 0, headers: {} }
      const finish = (asked: Asked): void => {
        const words = asked._tag === "Failed" ? asked.error.upstream?.message : undefined
        const id = upstreamRequestId(head.headers)
        resume(
          Effect.succeed({
            ...asked,
            upstreamRequestId: id === undefined ? undefined : mask(id),
            ...(words === undefined ? {} : { said: withoutQuotations(words, encoded.body) })
          })
        )
      }
      let over = false
      const read = (): void => {
        if (over) return
        over = true
        const answer = { ...head, body: Buffer.concat(chunks).toString("utf8"), now: wall() }
        const { status } = answer
        if (status < 200 || status > 299) {
          const { byStatus, error } = classify({ ...answer, body: mask(answer.body) })
          return finish(failed(maskError(error, mask), status, byStatus))
        }
        if (dialect.counted?.(answer.body) !== undefined) {
          return finish({ _tag: "Counted", body: answer.body, status })
        }
        finish(
          failed(
            stackless(() => new BadResponseBody({ message: "the upstream's answer has no count" })),
            status
          )
        )
      }
      const call = upstream.open(
        {
          url: dialect.endpoint({ baseUrl: channel.baseUrl, model, stream: false, request }),
          route: channel,
          headers: {
            ...dialect.headers(key === undefined ? undefined : Redacted.value(key), request),
            "content-type": "application/json",
            accept: "application/json",
            ...channel.headers
          },
          body: encoded.body
        },
        {
          onHead: (status, headers) => {
            head = { status: channel.statusMapping[status] ?? status, headers }
          },
          onData: (chunk) => {
            if (over) return
            size += chunk.length
            if (size <= maxBody) return void chunks.push(chunk)
            // What an error said so far says what it is.
            if (head.status < 200 || head.status > 299) read()
            else {
              over = true
              const message = "the upstream's answer is too large"
              finish(
                failed(
                  stackless(() => new ReadResponseBodyFailed({ message })),
                  head.status
                )
              )
            }
            call.abort()
          },
          onEnd: read,
          onError: (error) => finish(failed(error, head.status === 0 ? undefined : head.status))
        }
      )
      return Effect.sync(() => call.abort())
    })
  )
