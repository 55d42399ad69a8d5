/**
 * What a false upstream was asked, and what became of it: the record that both stages keep, and the choice of the script.
 */
import { Deferred, Effect, Result } from "effect"
import type { UpstreamCancellation } from "../channel/index.ts"
import { type AnswerRequest, clientDialects, type UpstreamDialectName } from "../dialect/index.ts"
import type { BadRequestBody, InvalidRequest } from "../errors/index.ts"
import { type GoingOn, goingOnOf } from "./GoingOn.ts"
import { refused, type Script } from "./Script.ts"

/**
 * One call. Times are milliseconds: of the `Clock` on virtual time, of `performance.now()` over a socket.
 */
export interface ScriptedCall {
  /** From 0, of its upstream. */
  readonly number: number
  readonly method: string
  readonly url: string
  /** By lower-case name. */
  readonly headers: { readonly [name: string]: string }
  readonly body: string
  /** The body as the dialect reads it; `undefined` where it cannot. */
  readonly request: AnswerRequest | undefined
  /** Why it cannot: such a call gets no answer, but this. */
  readonly fault: BadRequestBody | InvalidRequest | undefined
  /** What it goes on from, if it is a continuation. */
  readonly goesOn: GoingOn | undefined
  readonly openedAt: number
  /** When it was over, whoever ended it. */
  readonly closedAt: number | undefined
  /** `ended`: played to a clean end. `broken`: the script broke it. `left`: whoever called closed it. */
  readonly state: "open" | "ended" | "broken" | "left"
  /** What whoever called would have told the server when it left: on virtual time nobody is told. */
  readonly cancellation: UpstreamCancellation | undefined
  /** Gives `closedAt` once it is there. */
  readonly closed: Effect.Effect<number>
}

/** What came in. */
export interface Incoming {
  readonly method: string
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  readonly body: string
}

/** A call as its stage keeps it. */
export class OpenCall implements ScriptedCall {
  readonly number: number
  readonly method: string
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  readonly body: string
  readonly request: AnswerRequest | undefined
  readonly fault: BadRequestBody | InvalidRequest | undefined
  readonly goesOn: GoingOn | undefined
  readonly openedAt: number
  readonly closed: Effect.Effect<number>
  closedAt: number | undefined
  cancellation: UpstreamCancellation | undefined
  state: ScriptedCall["state"] = "open"
  private readonly over = Deferred.makeUnsafe<number>()

  constructor(number: number, dialect: UpstreamDialectName, incoming: Incoming, openedAt: number) {
    this.number = number
    this.method = incoming.method
    this.url = incoming.url
    this.headers = incoming.headers
    this.body = incoming.body
    this.openedAt = openedAt
    this.closed = Deferred.await(this.over)
    const { pathname, search } = new URL(incoming.url, "http://localhost")
    const parsed = clientDialects[dialect].parse(
      {
        // What a path names, where it names anything, stands last in it.
        parameter: pathname.slice(pathname.lastIndexOf("/") + 1),
        query: search.slice(1),
        headers: incoming.headers,
        body: incoming.body
      },
      { maxMessage: Number.MAX_SAFE_INTEGER, defaultModel: "" }
    )
    this.request = Result.isSuccess(parsed) ? parsed.success : undefined
    this.fault = Result.isSuccess(parsed) ? undefined : parsed.failure
    this.goesOn = this.request === undefined ? undefined : goingOnOf(this.request)
  }

  /** The call is over; the first one who says how is right. */
  close(state: Exclude<ScriptedCall["state"], "open">, now: number): boolean {
    if (this.state !== "open") return false
    this.state = state
    this.closedAt = now
    Deferred.doneUnsafe(this.over, Effect.succeed(now))
    return true
  }
}

/** What a call is played: always this, or what a function makes of it. */
export type Default = Script | ((call: ScriptedCall) => Script)

/** Scripts in order, of which the last one serves all further calls; or a function of the call. No script: refused. */
export type Scripts = ReadonlyArray<Script> | ((call: ScriptedCall) => Script)

/** Chooses what each call is played: the next script of a queue, then the default. */
export class Repertoire {
  private queue: Array<Script> = []
  private otherwise: Default = refused

  constructor(scripts: Scripts) {
    if (typeof scripts === "function") this.otherwise = scripts
    else {
      this.queue = scripts.slice(0, -1)
      this.otherwise = scripts.at(-1) ?? refused
    }
  }

  next(call: ScriptedCall): Script {
    return this.queue.shift() ?? (typeof this.otherwise === "function" ? this.otherwise(call) : this.otherwise)
  }

  enqueue(scripts: ReadonlyArray<Script>): void {
    this.queue.push(...scripts)
  }

  setDefault(otherwise: Default): void {
    this.otherwise = otherwise
  }

  forget(): void {
    this.queue = []
  }
}
