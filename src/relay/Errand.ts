/**
 * An errand: what is asked of an upstream whole, once, beside answers. A channel is asked as for an answer, and the next one
 * when it fails, but nothing is kept of it: how many tokens a request would be, embeddings.
 */
import { Effect, Random, Redacted } from "effect"
import { makeWitness, type Outcome, type Target, Upstream, type Witness } from "../channel/index.ts"
import {
  type AnswerRequest,
  classify,
  type Encoded,
  type HttpAnswer,
  type UpstreamDialect,
  upstreamRequestId,
  withoutQuotedBlame
} from "../dialect/index.ts"
import {
  ChannelResponseTimeExceeded,
  DeadlineExceeded,
  maskError,
  ReadResponseBodyFailed,
  type ResilienceError,
  stackless
} from "../errors/index.ts"
import { RetryBudgetState } from "../policy/index.ts"
import type { AnswerContext } from "./AnswerStart.ts"
import { isRoomier, roomOf } from "./Decision.ts"
import type { AnswerRef } from "./Events.ts"
import { LastAsked } from "./LastAsked.ts"
import { overrideOf } from "./Override.ts"
import { pinOf } from "./Pinned.ts"
import * as Pursuit from "./Pursuit.ts"
import { withoutQuotations, withoutQuotationsOfAnyCase, withoutQuotedNames } from "./Quotation.ts"
import type { AnswerSettings } from "./RelayOptions.ts"
import { type TrailEntry, trailEntry } from "./Trail.ts"

/** What came of an errand, and who was asked. */
export type Errand =
  /** `body` is the upstream's answer as it came. */
  | { readonly _tag: "Got"; readonly body: string; readonly trail: ReadonlyArray<TrailEntry> }
  /** Nobody was there to be asked, or nobody who does such a thing. */
  | { readonly _tag: "Nobody"; readonly error: ResilienceError; readonly trail: ReadonlyArray<TrailEntry> }
  | { readonly _tag: "Failed"; readonly error: ResilienceError; readonly trail: ReadonlyArray<TrailEntry> }

/** Who asks: its request and the name of its token (or `""`), for the log, and its group. */
export interface Asker {
  readonly requestId: string
  readonly owner: string
  /** The group whose channels may be asked. */
  readonly group: string
}

/** A kind of errand. */
export interface ErrandKind {
  /** The largest answer that is read, in bytes. */
  readonly maxBody: number
  /** Who can be asked, beside those that lack a model or are out. */
  readonly suits: (target: Target, request: AnswerRequest) => boolean
  /** The fields that a target has no words for. */
  readonly unsaid?: (target: Target, dialect: UpstreamDialect) => ReadonlyArray<string>
  /** Whether a body is what was asked for. */
  readonly isAnswer: (dialect: UpstreamDialect, body: string, request: AnswerRequest) => boolean
  /** What a server answers that serves the model, and has nothing of the kind: it has not failed. */
  readonly hasNone: (status: number | undefined) => boolean
  /** Whether how it ends says anything of how answers do. */
  readonly reports: boolean
}

/** What an errand needs. */
export type ErrandContext = Pick<
  AnswerContext,
  "dialects" | "events" | "mask" | "now" | "selection" | "snapshot" | "wall"
>

/** It says nothing of how answers do. */
const ignored: Outcome = { _tag: "Ignored" }

/**
 * Runs an errand.
 *
 * @param timeoutMillis How long all of it may take.
 */
export const runErrand = (
  kind: ErrandKind,
  request: AnswerRequest,
  timeoutMillis: number,
  { group, owner, requestId }: Asker,
  context: ErrandContext
): Effect.Effect<Errand, never, Upstream> =>
  Effect.gen(function* () {
    const { events, now, selection } = context
    const { unsaid } = kind
    const { dialect, model } = request
    const answer: AnswerRef = {
      requestId,
      streamId: "",
      owner,
      group,
      model,
      listed: selection.models(group).includes(model),
      dialect,
      delivery: "whole",
      asked: new LastAsked()
    }
    const settings = context.snapshot()
    const startedAt = now()
    const trail: Array<TrailEntry> = []
    const witness = makeWitness()
    const pin = pinOf(request)
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
        group,
        // Each is asked once; what may be asked again at once, or after a wait, was decided when it failed.
        tried:
          step.only === undefined
            ? Pursuit.triedOf({ ...pursuit, out: [...pursuit.out, ...pursuit.failed] })
            : Pursuit.triedOf(pursuit),
        only: step.only,
        otherKey: step.otherKey,
        pin,
        suits: (target: Target) =>
          kind.suits(target, request) &&
          (pursuit.outgrown === undefined || isRoomier(roomOf(target), pursuit.outgrown)),
        unsaid: unsaid && ((target: Target) => unsaid(target, context.dialects.of(target.channel.dialect)))
      }
      const choice = yield* Effect.result(selection.pick(wanted))
      if (choice._tag === "Failure") {
        const error = Pursuit.finalError(pursuit)
        if (step.only !== undefined) pursuit = { ...pursuit, failed: [...pursuit.failed, step.only] }
        else if (error !== undefined) return { _tag: "Failed", error, trail } as const
        else return { _tag: "Nobody", error: choice.failure, trail } as const
        step = Pursuit.anybody
        continue
      }
      const { release, target } = choice.success
      const { channel } = target
      const askedAt = now()
      pursuit = { ...pursuit, attempts: pursuit.attempts + 1 }
      const { penalised } = pursuit
      const asked = yield* askOne(kind, request, target, settings, remaining, context).pipe(
        Effect.tap((ended) =>
          Effect.sync(() => release(outcomeOf(kind, ended, penalised.includes(channel.id), witness)))
        ),
        Effect.onInterrupt(() => Effect.sync(() => release(ignored)))
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
      if (asked._tag === "Got") {
        settings.budget.success(now(), 0)
        return { _tag: "Got", body: asked.body, trail: [...trail, entryOf(undefined)] } as const
      }
      const { error, said } = asked
      const entry = entryOf(error)
      trail.push(entry)
      if (!kind.hasNone(asked.status)) {
        events.tell({ _tag: "AttemptEnded", answer, entry, error, said, firstContentMillis: undefined })
      }
      if (kind.hasNone(asked.status)) {
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
          pin,
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
          called: false,
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
      readonly _tag: "Got"
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
      /** The upstream's message, where it was read for itself, and the body that was sent. */
      readonly words?: string | undefined
      readonly sent?: string | undefined
    }

const failed = (error: ResilienceError, status?: number, byStatus = false, words?: string): Asked => ({
  _tag: "Failed",
  error,
  byStatus,
  status,
  words
})

/** What an errand says of its target. */
const outcomeOf = ({ hasNone, reports }: ErrandKind, asked: Asked, penalised: boolean, witness: Witness): Outcome => {
  if (!reports) return ignored
  if (asked._tag === "Got") return { _tag: "Success" }
  if (hasNone(asked.status)) return ignored
  const { byStatus, error, sent = "", words } = asked
  const testimony = { _tag: "Answer", byStatus, words, sent, witness } as const
  return { _tag: "Failure", error, penalise: !penalised, testimony }
}

/** Asks one target, within its time for the beginning of an answer. */
const askOne = (
  kind: ErrandKind,
  request: AnswerRequest,
  target: Target,
  { timeouts }: AnswerSettings,
  remaining: number,
  { dialects, mask, now, wall }: Pick<AnswerContext, "dialects" | "mask" | "now" | "wall">
): Effect.Effect<Asked, never, Upstream> =>
  Effect.suspend(() => {
    const { channel, model } = target
    const dialect = dialects.of(channel.dialect)
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
    return Effect.timeoutOrElse(post(kind, dialect, request, target, encoding.success, wall, mask), {
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
  kind: ErrandKind,
  dialect: UpstreamDialect,
  request: AnswerRequest,
  { channel, key, model }: Target,
  encoded: Encoded,
  wall: () => number,
  mask: (text: string) => string
): Effect.Effect<Asked, never, Upstream> =>
  Effect.flatMap(Upstream, (upstream) =>
    Effect.callback<Asked>((resume) => {
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
            ...(asked._tag === "Failed"
              ? { error: withoutQuotedNames(asked.error, encoded.body), sent: encoded.body }
              : {}),
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
        const well = status >= 200 && status <= 299
        if (well && kind.isAnswer(dialect, answer.body, request))
          return finish({ _tag: "Got", body: answer.body, status })
        // What comes with a good status and is no answer may be an error.
        const told = mask(answer.body)
        const {
          byStatus,
          error: found,
          words
        } = withoutQuotedBlame(classify({ ...answer, body: told }), told, (text) =>
          withoutQuotationsOfAnyCase(text, encoded.body)
        )
        const error = overrideOf(found, channel, encoded.body)
        finish(failed(maskError(error, mask), status, byStatus && error === found, words))
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
            if (size <= kind.maxBody) return void chunks.push(chunk)
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
