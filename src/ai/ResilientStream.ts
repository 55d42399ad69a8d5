/**
 * A streamed answer of several models. Up to its first content a model that fails is left for another, and nobody sees
 * it; from then on an answer that breaks goes on from another model where that is sure (`Splice`), and fails where it is
 * not.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import { Failures } from "../policy/index.ts"
import { metadataKey } from "./AiErrors.ts"
import { continued } from "./ContinuedPrompt.ts"
import { afterFailure, Turns } from "./Failover.ts"
import { failure, faultOf } from "./Inner.ts"
import type { Made } from "./Policies.ts"
import { ask, type Member } from "./Round.ts"
import { isContent, type Part, Splice } from "./Splice.ts"

type Parts = Arr.NonEmptyReadonlyArray<Part>
type Answer = Pull.Pull<Parts, AiError.AiError>

/** An answer whose first content has come. */
interface Opened {
  readonly member: Member
  readonly first: ReadonlyArray<Part>
  readonly pull: Answer
  readonly scope: Scope.Closeable
}

/** How one model is streamed, with its breaker and clocks around it. */
export type StreamOne = (member: Member, options: LanguageModel.ProviderOptions) => Stream.Stream<Part, AiError.AiError>

const method = "streamText"

const internal = (description: string): AiError.AiError =>
  failure(method, new AiError.InternalProviderError({ description }))

const endedEarly = (): AiError.AiError => internal("the stream ended before the answer did")
const noMore = (): AiError.AiError => internal("the continuation did not go on from where the answer had ended")

/** One call. */
class Call {
  private readonly policies: Made
  private readonly options: LanguageModel.ProviderOptions
  private readonly stream: StreamOne
  private readonly parent: Scope.Scope
  private readonly turns: Turns<Member>
  private readonly splice = new Splice()
  private current: Opened | undefined
  private continuations = 0
  /** What the answer broke with first: what the call fails with if it cannot go on. */
  private broke: AiError.AiError | undefined
  /** What is to be done before the next part is pulled. */
  private next: Answer | undefined

  constructor(
    members: ReadonlyArray<Member>,
    policies: Made,
    stream: StreamOne,
    options: LanguageModel.ProviderOptions,
    parent: Scope.Scope
  ) {
    this.turns = new Turns(members)
    this.policies = policies
    this.stream = stream
    this.options = options
    this.parent = parent
  }

  readonly pull: Answer = Effect.suspend(() => {
    const { current, next } = this
    if (next !== undefined) {
      this.next = undefined
      return next
    }
    if (current === undefined) return this.begin()
    return Pull.matchEffect(current.pull, {
      onSuccess: (parts): Answer => this.deliver(current, parts),
      onDone: (): Answer => this.broken(current, endedEarly()),
      onFailure: (cause): Answer => {
        const failed = Failures.errorOf(cause)
        return failed === undefined ? Effect.failCause(cause) : this.broken(current, failed.error)
      }
    })
  })

  private begin(): Answer {
    const options =
      this.splice.partial === ""
        ? this.options
        : { ...this.options, prompt: continued(this.options.prompt, this.splice.partial, this.policies.continuation) }
    const opening = ask(this.policies, this.turns, (member) => this.openOne(member, options), this.broke)
    return Effect.flatMap(
      // What the answer broke with says more than what came of the attempts to go on.
      Effect.mapError(opening, (error) => this.broke ?? error),
      (opened) => {
        this.current = opened
        return this.deliver(opened, opened.first)
      }
    )
  }

  /** Pulls one model's answer up to its first content. Of two side by side the later one is interrupted, which closes it. */
  private openOne(member: Member, options: LanguageModel.ProviderOptions): Effect.Effect<Opened, AiError.AiError> {
    return Effect.suspend(() => {
      const scope = Scope.forkUnsafe(this.parent)
      const first: Array<Part> = []
      const upToContent = (pull: Answer): Effect.Effect<Opened, AiError.AiError> =>
        Pull.matchEffect(pull, {
          onSuccess: (parts): Effect.Effect<Opened, AiError.AiError> => {
            for (const part of parts) {
              const fault = faultOf(part, this.options, method)
              // Behind content it is the answer that breaks, and not the attempt to begin it.
              if (fault !== undefined && !first.some(isContent)) return Effect.fail(fault)
              first.push(part)
            }
            if (!first.some(isContent)) return upToContent(pull)
            return Effect.succeed({ member, first, pull, scope })
          },
          onDone: () => Effect.fail(endedEarly()),
          onFailure: (cause) => Effect.failCause(cause)
        })
      return Stream.toPull(this.stream(member, options)).pipe(
        Effect.flatMap(upToContent),
        Scope.provide(scope),
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void))
      )
    })
  }

  private close({ scope }: Opened): Effect.Effect<void> {
    return Scope.close(scope, Exit.void)
  }

  /** Gives what the reader gets of these parts, and keeps for later what follows from them. */
  private deliver(opened: Opened, parts: ReadonlyArray<Part>): Answer {
    const out: Array<Part> = []
    for (const part of parts) {
      const fault = faultOf(part, this.options, method) ?? (this.splice.push(part, out) ? undefined : noMore())
      if (fault !== undefined) {
        this.next = Effect.suspend(() => this.broken(opened, fault))
        break
      }
      if (this.splice.finished) {
        if (this.continuations > 0) this.tellJoints(out)
        this.next = Effect.andThen(this.close(opened), Cause.done())
        break
      }
    }
    return Arr.isArrayNonEmpty(out) ? Effect.succeed(out) : this.pull
  }

  /** In the answer's last part. */
  private tellJoints(out: Array<Part>): void {
    const last = out.at(-1)
    if (last?.type !== "finish") return
    const seams = this.splice.seams.map(({ dropped, offset, seam }) => ({ dropped, offset, seam }))
    const metadata = { ...last.metadata, [metadataKey]: { continuations: this.continuations, seams } }
    out[out.length - 1] = { ...last, metadata }
  }

  /** The answer broke off at this model. */
  private broken(opened: Opened, error: AiError.AiError): Answer {
    const { continuation } = this.policies
    const out: Array<Part> = []
    const can = this.splice.cut(out)
    const after = afterFailure(error)
    this.broke ??= error
    this.current = undefined
    this.turns.failed(opened.member, after)
    this.turns.broke(opened.member)
    const goesOn = can !== "sealed" && after !== "end" && this.continuations < continuation.max
    if (goesOn) {
      this.continuations++
      this.splice.begin(continuation.mode)
    }
    const then: Answer = goesOn ? this.tell(opened.member, error) : Effect.fail(this.broke)
    const closed = Effect.andThen(this.close(opened), then)
    if (!Arr.isArrayNonEmpty(out)) return closed
    this.next = closed
    return Effect.succeed(out)
  }

  private tell({ name }: Member, error: AiError.AiError): Answer {
    return Effect.flatMap(Clock.currentTimeNanos, (now) => {
      this.options.span.event("resilience.continuation", now, {
        from: name,
        reason: error.reason._tag,
        offset: this.splice.partial.length
      })
      return this.pull
    })
  }
}

/** The answer of several models to one call. */
export const resilientStream = (
  members: ReadonlyArray<Member>,
  policies: Made,
  stream: StreamOne,
  options: LanguageModel.ProviderOptions
): Stream.Stream<Part, AiError.AiError> =>
  Stream.unwrap(
    Effect.map(Effect.scope, (scope) =>
      Stream.fromPull(Effect.sync(() => new Call(members, policies, stream, options, scope).pull))
    )
  )
