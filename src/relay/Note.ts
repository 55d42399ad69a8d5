/**
 * The note of a stream's life: all that another process needs, beside the frames, to go on with an answer, to tell how it
 * ended, or to answer for it. Here is its only reader and its only writer.
 *
 * It is versioned, because a database outlives an upgrade: what this version cannot read is told, and never guessed at.
 */
import { Option, Schema } from "effect"
import { defaultGroup } from "../channel/index.ts"
import {
  type AnswerRequest,
  type Finish,
  finishReasons,
  parseJson,
  type Usage,
  upstreamDialectNames
} from "../dialect/index.ts"
import type { Price } from "../account/index.ts"
import { type LateText, type Printable, textOf } from "../journal/index.ts"
import { blames, codes, type ResilienceError } from "../errors/index.ts"
import * as Codec from "../errors/Codec.ts"
import type { Checkpoint } from "./Checkpoint.ts"
import { type Pursuit, untried } from "./Pursuit.ts"
import type { AttemptShown, TrailEntry } from "./Trail.ts"
import type { UsagePart } from "./UsageSum.ts"

/** How an answer stands. */
export type NoteStatus = "started" | "streaming" | "completed" | "error" | "cancelled"

/**
 * What happens to an answer that nobody reads: it is cancelled, it goes on for its grace, or it goes on to its end, because
 * it was asked for to be fetched later.
 */
export const leaves = ["cancel", "detach", "stay"] as const

/** What happens to an answer that nobody reads. */
export type Leave = (typeof leaves)[number]

/** An attempt under way. */
export type OpenAttempt = Pick<TrailEntry, "attempt" | "channel" | "key" | "mode" | "model"> & {
  /** Epoch milliseconds. */
  readonly startedAt: number
}

/** What there is to say of an answer's life. Times are epoch milliseconds, spans milliseconds. */
export interface Note {
  readonly status: NoteStatus
  readonly requestId: string
  /** The group whose channels may serve it. */
  readonly group: string
  /** The model that the client named. */
  readonly model: string
  readonly startedAt: number
  readonly timeoutMillis: number
  /** What happens when nobody reads. */
  readonly leave: Leave
  /** How whoever comes with its idempotency key gets it. `undefined`: it has no key, and its client one connection. */
  readonly keyed: AnswerRequest["delivery"] | undefined
  readonly pursuit: Pursuit
  /** The attempts that have ended. */
  readonly trail: ReadonlyArray<TrailEntry>
  /** The attempt under way. */
  readonly open: OpenAttempt | undefined
  /** A second one beside it, while neither has said anything. */
  readonly beside: OpenAttempt | undefined
  /** Set at the commit point: what a head says, and how long after the request that was. */
  readonly shown:
    | { readonly model: string; readonly dropped: ReadonlyArray<string>; readonly afterMillis: number }
    | undefined
  /** From where on an upstream can go on, if all that is shown is what it stands for. */
  readonly checkpoint: Omit<Checkpoint, "position"> | undefined
  /**
   * How the answer ends, once that is known and nothing but its usage is missing. In its frames it need not stand yet, or
   * it stands there and more of the answer comes: this is what counts.
   */
  readonly finish: Finish | undefined
  /** What the attempts that showed something of it cost. */
  readonly costs: ReadonlyArray<UsagePart>
  /** What its request is reckoned at, in tokens, where whoever ends it in another process cannot read the request. */
  readonly inputTokens?: number | undefined
  /** How it ended badly. */
  readonly error: ResilienceError | undefined
  /** What its model cost when it began; `undefined` for a credit a token. */
  readonly price?: Price | undefined
  /** What was paid for it, in credits, once it has ended. */
  readonly credits?: number | undefined
}

/** The note of a request that was just accepted. */
export const firstNote = (
  about: Pick<Note, "requestId" | "group" | "model" | "startedAt" | "timeoutMillis" | "leave"> &
    Partial<Pick<Note, "inputTokens" | "keyed" | "price">>
): Note => ({
  keyed: undefined,
  ...about,
  status: "started",
  pursuit: untried,
  trail: [],
  open: undefined,
  beside: undefined,
  shown: undefined,
  checkpoint: undefined,
  finish: undefined,
  costs: [],
  error: undefined
})

const asked = {
  attempt: Schema.Int,
  channel: Schema.String,
  key: Schema.Int,
  model: Schema.String,
  mode: Schema.optionalKey(Schema.Literals(["prefill", "message", "token", "restart"]))
}

const Open = Schema.Struct({ ...asked, startedAt: Schema.Finite })

const Attempted = Schema.Struct({
  ...asked,
  status: Schema.optionalKey(Schema.Int),
  upstreamRequestId: Schema.optionalKey(Schema.String),
  blame: Schema.optionalKey(Schema.Literals(blames)),
  code: Schema.optionalKey(Schema.Literals(codes)),
  durationMillis: Schema.Finite,
  fields: Schema.optionalKey(Schema.Array(Schema.String))
})

const Cost = Schema.Struct({
  quarters: Schema.Int,
  // A process that does not know of it counts all that was reported.
  repeated: Schema.optionalKey(Schema.Finite),
  usage: Schema.optionalKey(
    Schema.Struct({
      inputTokens: Schema.Finite,
      outputTokens: Schema.Finite,
      cacheReadTokens: Schema.optionalKey(Schema.Finite),
      cacheWriteTokens: Schema.optionalKey(Schema.Finite),
      reasoningTokens: Schema.optionalKey(Schema.Finite),
      estimated: Schema.Boolean,
      native: Schema.optionalKey(
        Schema.Struct({
          from: Schema.Literals(upstreamDialectNames),
          raw: Schema.Record(Schema.String, Schema.Unknown)
        })
      )
    })
  )
})

const Reason = Schema.Literals([...codes, "writer_lost"])

const Tried = Schema.Struct({
  attempts: Schema.Int,
  continuations: Schema.Int,
  out: Schema.Array(Schema.String),
  failed: Schema.Array(Schema.String),
  keys: Schema.Array(Schema.String),
  penalised: Schema.Array(Schema.String),
  askedAgain: Schema.Record(Schema.String, Schema.Int),
  hints: Schema.Record(Schema.String, Schema.Finite),
  outgrown: Schema.optionalKey(Schema.Struct({ model: Schema.String, contextTokens: Schema.NullOr(Schema.Finite) })),
  first: Schema.optionalKey(Codec.ResilienceError),
  previous: Schema.optionalKey(Schema.Struct({ channel: Schema.String, reason: Reason })),
  broke: Schema.optionalKey(Schema.Struct({ error: Codec.ResilienceError, from: Schema.String, reason: Reason }))
})

/** The note as it is stored. A new version gets a new schema beside this one, and a way from this one to it. */
const Version1 = Schema.Struct({
  version: Schema.Literal(1),
  status: Schema.Literals(["started", "streaming", "completed", "error", "cancelled"]),
  requestId: Schema.String,
  // Absent: `default`. A process that does not know of it goes on in that group.
  group: Schema.optionalKey(Schema.String),
  model: Schema.String,
  startedAt: Schema.Finite,
  timeoutMillis: Schema.Finite,
  leave: Schema.Literals(leaves),
  // A process that does not know of it ends a whole answer where this one goes on with it.
  keyed: Schema.optionalKey(Schema.Literals(["stream", "whole", "list"])),
  /** Absent: nothing was tried. */
  pursuit: Schema.optionalKey(Tried),
  trail: Schema.Array(Attempted),
  open: Schema.optionalKey(Open),
  // A process that does not know of it tells one attempt less, and goes on all the same.
  beside: Schema.optionalKey(Open),
  shown: Schema.optionalKey(
    Schema.Struct({ model: Schema.String, dropped: Schema.Array(Schema.String), afterMillis: Schema.Finite })
  ),
  // A process that does not know of it goes on in another mode.
  checkpoint: Schema.optionalKey(
    Schema.Struct({
      channel: Schema.String,
      model: Schema.String,
      token: Schema.String,
      paused: Schema.Boolean,
      offset: Schema.Int,
      after: Schema.optionalKey(Schema.Struct({ mode: Schema.Literals(["prefill", "message"]), length: Schema.Int }))
    })
  ),
  finish: Schema.optionalKey(
    Schema.Struct({
      reason: Schema.Literals(finishReasons),
      native: Schema.String,
      from: Schema.optionalKey(Schema.Literals(upstreamDialectNames)),
      sequence: Schema.optionalKey(Schema.String)
    })
  ),
  costs: Schema.Array(Cost),
  // A process that does not know of it takes nothing for the request.
  inputTokens: Schema.optionalKey(Schema.Finite),
  error: Schema.optionalKey(Codec.ResilienceError),
  // A process that does not know of it asks for a credit a token.
  price: Schema.optionalKey(
    Schema.Struct({
      input: Schema.Finite,
      output: Schema.Finite,
      cachedInput: Schema.Finite,
      request: Schema.Finite
    })
  ),
  credits: Schema.optionalKey(Schema.Finite)
})

/** Made when the first one is read: a relay that starts reads none, and does not wait for it. */
const readerOfVersion1 = () => Schema.decodeUnknownOption(Schema.toCodecJson(Version1))
let readVersion1: ReturnType<typeof readerOfVersion1> | undefined

const errorJson = (error: ResilienceError | undefined): unknown =>
  error === undefined ? undefined : Codec.encode(error)

/**
 * A note as text. By hand and not by its schema: it is written several times a request, and `JSON.stringify` leaves out
 * what is `undefined`, as the schema has it.
 */
export const encodeNote = (note: Note): string => {
  const { error, group, pursuit } = note
  // Field by field: a rest and a spread copy all of it twice, which is half of what it takes.
  const written = {
    version: 1,
    status: note.status,
    requestId: note.requestId,
    group: group === defaultGroup ? undefined : group,
    model: note.model,
    startedAt: note.startedAt,
    timeoutMillis: note.timeoutMillis,
    leave: note.leave,
    keyed: note.keyed,
    pursuit:
      pursuit === untried
        ? undefined
        : {
            ...pursuit,
            first: errorJson(pursuit.first),
            broke: pursuit.broke && { ...pursuit.broke, error: errorJson(pursuit.broke.error) }
          },
    trail: note.trail,
    open: note.open,
    beside: note.beside,
    shown: note.shown,
    checkpoint: note.checkpoint,
    finish: note.finish,
    costs: note.costs,
    inputTokens: note.inputTokens,
    error: errorJson(error),
    price: note.price,
    credits: note.credits
  } satisfies { readonly [F in keyof Note | "version"]: unknown }
  return JSON.stringify(written)
}

/**
 * A note that is printed when somebody reads it. HOT: a head is made of what this process has just committed, which need
 * not be printed for it, and is mostly replaced before anybody else asks.
 */
export class LateNote implements LateText {
  readonly note: Note

  constructor(note: Note) {
    this.note = note
  }

  get text(): string {
    return encodeNote(this.note)
  }
}

/** Reads a note; `undefined` for one of a newer version, of an older one that had none, or that is damaged. */
export const decodeNote = (text: Printable): Note | undefined => {
  if (text instanceof LateNote) return text.note
  readVersion1 ??= readerOfVersion1()
  const read = Option.getOrUndefined(readVersion1(parseJson(textOf(text))))
  if (read === undefined) return undefined
  const {
    beside,
    checkpoint,
    costs,
    error,
    finish,
    group,
    keyed,
    open,
    pursuit,
    shown,
    trail,
    version: _,
    ...plain
  } = read
  return {
    ...plain,
    group: group ?? defaultGroup,
    keyed,
    open: open && { mode: undefined, ...open },
    beside: beside && { mode: undefined, ...beside },
    shown,
    checkpoint,
    finish: finish && { from: undefined, ...finish },
    error,
    pursuit:
      pursuit === undefined
        ? untried
        : { outgrown: undefined, first: undefined, previous: undefined, broke: undefined, ...pursuit },
    trail: trail.map(inFull),
    costs: costs.map(({ quarters, repeated, usage }) => ({ quarters, usage: usage as Usage | undefined, repeated }))
  }
}

/** What the head of an answer says of it. */
export interface NoteHead extends Pick<Note, "error"> {
  readonly trail: ReadonlyArray<AttemptShown>
  readonly open: Pick<OpenAttempt, "channel"> | undefined
  readonly shown: Pick<NonNullable<Note["shown"]>, "dropped"> | undefined
}

/**
 * What a head says, by a note; `undefined` as `decodeNote`. Of nearly every answer each attempt went well, or goes well so
 * far, and nothing was left out: that is seen without the schema, which takes a request 10 µs and more.
 */
export const headOfNote = (text: Printable): NoteHead | undefined => {
  if (text instanceof LateNote) return text.note
  const note = fieldsOf(parseJson(textOf(text)))
  if (note?.["version"] !== 1) return undefined
  const { error, open, shown, trail } = note
  const dropped = fieldsOf(shown)?.["dropped"]
  const channel = fieldsOf(open)?.["channel"]
  const well =
    error === undefined &&
    Array.isArray(dropped) &&
    dropped.length === 0 &&
    Array.isArray(trail) &&
    trail.every(wentWell) &&
    (open === undefined || typeof channel === "string")
  if (!well) return decodeNote(text)
  return {
    error: undefined,
    open: typeof channel === "string" ? { channel } : undefined,
    shown: { dropped: [] },
    trail: trail.map(inFull)
  }
}

/** What is `undefined` is not in the text. */
const inFull = <E extends object>(entry: E) => ({
  mode: undefined,
  status: undefined,
  blame: undefined,
  code: undefined,
  ...entry
})

const wentWell = (entry: unknown): entry is AttemptShown => {
  const { attempt, blame, channel, status } = fieldsOf(entry) ?? {}
  return (
    typeof attempt === "number" &&
    typeof channel === "string" &&
    blame === undefined &&
    (status === undefined || typeof status === "number")
  )
}

const fieldsOf = (value: unknown): { readonly [field: string]: unknown } | undefined =>
  typeof value === "object" && value !== null ? { ...value } : undefined

/** How a stream stands, by its note, as `DELETE` tells it: also by a note that says nothing else to this version. */
export const statusOfNote = (text: string): string => {
  const status = fieldsOf(parseJson(text))?.["status"]
  return typeof status === "string" ? status : "completed"
}
