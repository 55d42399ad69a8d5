/**
 * The life of one answer, as a machine: `Unseen -> Flowing <-> Joining -> Sealed | Finishing -> Ended`.
 *
 * It is plain and synchronous: upstream events and losses go in, events to append come out, and it does nothing else. Text is
 * shown when it can no longer be taken back; what was shown is never shown again; a loss after the finish is a success;
 * and an answer that was cut never looks whole.
 */
import {
  type AnswerEncoder,
  codePoints,
  type Delta,
  type Ended,
  endedOf,
  type Finish,
  isContent,
  madeUp,
  type Payload,
  type Replayed,
  type Seam,
  seals,
  tokenQuarters,
  type UpstreamEvent,
  type Usage,
  withoutFinish
} from "../dialect/index.ts"
import { ReadResponseBodyFailed, type ResilienceError, stackless } from "../errors/index.ts"
import { makeStitcher, type Stitcher } from "../stream/index.ts"
import { type Kept, maxEnvelope, maxSaid, maxText, nothingKept, withinReason } from "./AnswerLength.ts"
import { Asides } from "./Asides.ts"
import { Costs } from "./Costs.ts"
import { endsEmpty, isBlank, isUnknown, mayBeEmpty, type Said, trustOf } from "./Ending.ts"
import type { Note } from "./Note.ts"
import type { Join, Phase } from "./Phase.ts"
import { Shown } from "./Shown.ts"
import type { UsagePart } from "./UsageSum.ts"
import { complete, emptyAnswer, going, paused, refused, truncated, type Verdict } from "./Verdict.ts"
import { Waiting } from "./Waiting.ts"
import { WholeCharacters } from "./WholeCharacters.ts"

/** What the machine is told to do with what comes out of it. */
export interface MachineOutput {
  /** Append these events, in order. */
  readonly show: (payloads: ReadonlyArray<Payload>) => void
  /** The first content is about to be shown. */
  readonly onCommit: () => void
  /** A continuation was joined. */
  readonly onSeam: (seam: Seam, mode: Join["mode"]) => void
}

/** What the machine needs to know of its answer. */
export interface MachineOptions {
  readonly encoder: AnswerEncoder
  readonly output: MachineOutput
  /** How many choices were asked for. */
  readonly choices: number
  /** What its client has of the answer already: it is gone on from, and is no part of what is shown. Default: nothing. */
  readonly given?: string | undefined
  /** An estimate of the tokens in the request, for when no upstream says. */
  readonly inputEstimate: () => number
  /**
   * Whether nothing is shown before an attempt has said all: what its reader gets as one body, and what cannot be put
   * together from parts, is begun anew while nobody has seen any of it. Default: what comes is shown.
   */
  readonly atOnce?: boolean | undefined
  /**
   * What of an attempt is not shown before it has said all, since a loss behind it would be one for good: what cannot be spliced,
   * where nobody reads before the end, or the calls of tools, where a client is given each as a whole. Default: nothing.
   */
  readonly holds?: "all" | "calls" | undefined
}

/** Whether a step is a part of a tool's call. */
const calls = ({ pieces }: Delta): boolean =>
  pieces !== undefined && pieces.some(({ _tag }) => _tag === "ToolCall" || _tag === "ToolInput")

/** How many events are kept that come before the first content: they are shown with it. */
const maxOpening = 32

/** One answer's life. */
export class Machine {
  /** Where it is. */
  phase: Phase = { _tag: "Unseen" }
  /** Whether anything was shown: the commit point has passed. */
  committed = false
  /** The answer is as long as one may be: it is not continued. */
  full = false
  /** How it ended well. */
  ended: Ended | undefined

  private readonly encoder: AnswerEncoder
  private readonly output: MachineOutput
  private readonly choices: number
  private readonly given: string
  private readonly spent: Costs
  private readonly shown: Shown
  private model = ""
  /** The end of an answer of which nothing was shown. */
  private pendingFinish: Delta | undefined
  /** What the attempt has said so far, or since it said what waits, where it is shown at once. */
  private waiting: Waiting | undefined
  private readonly atOnce: boolean
  /** Whether a step waits for all of its attempt, and all that comes behind it. */
  private readonly held: ((delta: Delta) => boolean) | undefined
  private opening: Array<Delta> = []
  private finishes = 0
  private said: Said | undefined
  /** Content has followed a finish of this attempt: none that comes alone is believed either. */
  private ran = false
  /** What was joined, and has said nothing new so far. */
  private barren: Join | undefined
  /** How many characters of events the attempt under way has said. */
  private heard = 0
  private openingSize = 0
  private readonly characters = new WholeCharacters()
  private readonly asides = new Asides()

  constructor(options: MachineOptions) {
    this.encoder = options.encoder
    this.output = options.output
    this.choices = options.choices
    this.given = options.given ?? ""
    this.spent = new Costs(options.inputEstimate)
    this.shown = new Shown(options.encoder, this.spent, options.output.show)
    this.atOnce = options.atOnce === true
    this.held = options.holds === undefined ? undefined : options.holds === "all" ? seals : calls
  }

  /**
   * Takes an answer up where its committed events and its note left it. Called once, before anything else.
   *
   * What the lost attempt showed since the last note is counted by what its frames show.
   */
  restore(replayed: Replayed, { costs, finish }: Pick<Note, "costs" | "finish">, kept: Kept = nothingKept): void {
    this.shown.restore(replayed, kept)
    this.shown.sealed ||= this.choices > 1
    this.committed = replayed.begun
    if (finish === undefined && replayed.finish !== undefined && isUnknown(replayed.finish)) {
      this.said = { finish: replayed.finish, trust: "terminator", held: undefined, shown: true }
    }
    // Signatures and what else stands beside is not what was paid for.
    this.spent.restore(costs, this.shown.quarters + replayed.reasoning, finish !== undefined)
    if (replayed.ended) this.phase = { _tag: "Ended" }
    else if (finish !== undefined) this.phase = { _tag: "Finishing", finish, shown: replayed.finish !== undefined }
    else if (replayed.sealed || (replayed.begun && this.choices > 1)) this.phase = { _tag: "Sealed" }
    else if (replayed.begun) this.phase = { _tag: "Flowing" }
  }

  /** The text shown so far. */
  get text(): string {
    return this.shown.text
  }

  /** How many content events were shown. */
  get tokenCount(): number {
    return this.shown.tokenCount
  }

  /** A part of a tool's call was shown. */
  get called(): boolean {
    return this.shown.called
  }

  /** How the answer ends, once that is known. */
  get finishing(): Finish | undefined {
    return this.phase._tag === "Finishing" ? this.phase.finish : undefined
  }

  /** What a continuation goes on from: what was given with the request, and what was shown. */
  get partial(): string {
    return this.given + this.text
  }

  /** The words of the answer so far: those that were shown and those that wait to be, and behind them what stands beside. */
  get words(): string {
    const text = (this.waiting?.all() ?? []).reduce((words, said) => words + said.text, this.text)
    return this.asides.words === "" ? text : `${text}\n${this.asides.words}`
  }

  /** An attempt begins that nothing was shown of: on the model that its channel is asked for. */
  begin(model: string): void {
    this.model = model
    this.spent.begin()
    this.pendingFinish = undefined
    this.waiting = this.atOnce ? new Waiting(this.choices) : undefined
    this.said = undefined
    this.ran = false
    this.barren = undefined
    this.opening = []
    this.openingSize = 0
    this.heard = 0
    this.characters.forget()
  }

  /** The attempt before has shown nothing, and said where it goes on: what comes next follows upon what it has said. */
  goOn(): void {
    this.closePart(true)
    this.pendingFinish = undefined
  }

  /** A continuation begins: what comes next is joined to what was shown, or to what was given. */
  join(join: Join): void {
    this.closePart(join.mode === "token")
    // Whoever goes on by a token goes on within a character, too.
    if (join.mode !== "token") this.characters.forget()
    this.waiting = undefined
    this.barren = undefined
    this.phase = {
      _tag: "Joining",
      join,
      stitcher: makeStitcher({
        committed: this.partial,
        mode:
          join.mode === "message" || join.mode === "restart"
            ? "message"
            : join.unproven === true
              ? "unproven"
              : "prefill"
      })
    }
  }

  /**
   * The upstream has put the answer down: what was held until the seam was sure is all that it will be. What cannot be
   * spliced cannot be gone on from, by a token neither: who goes on counts its calls anew.
   */
  pause(): Verdict {
    const { phase } = this
    if (this.waiting?.sealed === true) return truncated()
    switch (phase._tag) {
      case "Unseen":
        return paused
      case "Joining": {
        const rest = phase.stitcher.end()
        const { decision } = phase.stitcher
        if (decision?.refused === true) return refused
        if (rest !== "") {
          this.joined(phase.join, decision?.seam ?? "exact", decision?.dropped ?? 0)
          this.release(rest)
        }
        return paused
      }
      case "Flowing":
        return paused
      case "Sealed":
        return truncated()
      case "Finishing":
        return this.finish(phase.finish, phase.shown)
      case "Ended":
        return going
    }
  }

  /**
   * How far the answer is, as a number that grows with all that is shown or waits to be: a token that was given at another
   * one is of no use. `undefined` where nothing can be joined to it.
   */
  get position(): number | undefined {
    const { phase, shown, waiting } = this
    if (waiting?.sealed === true || (phase._tag !== "Unseen" && phase._tag !== "Flowing" && phase._tag !== "Joining")) {
      return undefined
    }
    return shown.length + (waiting?.size ?? 0)
  }

  /** One event of the attempt under way, and how many characters it came in: 0 where all of them together are bounded. */
  step(event: UpstreamEvent, size = 0): Verdict {
    switch (event._tag) {
      case "Delta":
        this.heard += size
        if (this.heard > maxSaid) return this.tooLong()
        this.asides.take(event)
        if (this.waiting === undefined) {
          if (this.held === undefined || this.phase._tag === "Finishing" || !this.held(event))
            return this.delta(event, size)
          this.waiting = new Waiting(this.choices)
        }
        // Its end is known; or it is longer than any answer, which is for `delta` to say.
        return this.waiting.push(event, size) ? this.unwait() : going
      case "Done":
        return this.over(true)
      case "Fault":
        return this.loss(event.error)
    }
  }

  /** The attempt's body ended by its framing, without the dialect's terminator. */
  eof(): Verdict {
    return this.waiting?.isCut === true ? truncated() : this.over(false)
  }

  /** The attempt has said all: what waits is shown, if it can be. */
  private over(terminated: boolean): Verdict {
    const shown = this.unwait()
    return shown._tag === "Going" ? this.end(terminated) : shown
  }

  /** The attempt was lost. Once the finish is known that is a success, with estimated usage. */
  loss(error: ResilienceError): Verdict {
    if (this.phase._tag === "Finishing") return this.finish(this.phase.finish, this.phase.shown)
    return { _tag: "Broken", error }
  }

  /** The usage so far, estimated where no upstream said it. */
  usage(): Usage {
    return this.spent.usage
  }

  /** What the attempts so far showed and cost: what a note keeps of it. */
  costs(): ReadonlyArray<UsagePart> {
    return this.spent.noted
  }

  /** The answer ends badly. Nothing follows. */
  fail(error: ResilienceError, retryAfterMillis: number | undefined): void {
    if (this.phase._tag === "Ended") return
    this.phase = { _tag: "Ended" }
    this.output.show(this.encoder.fail({ error, partial: this.text, retryAfterMillis }))
  }

  /** The answer ends well, and says so: called once the verdict was `Complete`. */
  complete(attempts: number): void {
    if (this.phase._tag === "Ended") return
    const phase = this.phase
    this.phase = { _tag: "Ended" }
    const finish = phase._tag === "Finishing" ? phase.finish : this.ownFinish()
    const held = phase._tag === "Finishing" && !phase.shown ? this.said?.held : undefined
    // As the upstream said it: what stands beside a finish is often nowhere else.
    if (held !== undefined) this.show(held)
    const shown = held !== undefined || (phase._tag === "Finishing" && phase.shown)
    const usage = this.usage()
    this.ended = endedOf(finish, usage)
    this.output.show(
      this.encoder.complete({ finish, usage, fullContent: this.text, tokenCount: this.tokenCount, attempts }, shown)
    )
  }

  /** What was said so far was another attempt's; `goesOn`: and what comes follows upon it, by its own word. */
  private closePart(goesOn: boolean): void {
    this.spent.next(goesOn)
    this.heard = 0
    this.said = undefined
    this.ran = false
  }

  /** What is shown is neither taken back nor continued; before that another attempt may do better. */
  private tooLong(): Verdict {
    this.full = this.committed
    return this.loss(stackless(() => new ReadResponseBodyFailed({ message: "the answer is too long" })))
  }

  /** Shows what has waited. */
  private unwait(): Verdict {
    const waiting = this.waiting?.all() ?? []
    this.waiting = undefined
    for (const delta of waiting) {
      const verdict = this.delta(delta)
      if (verdict._tag !== "Going") return verdict
    }
    return going
  }

  private delta(said: Delta, size = 0): Verdict {
    // An answer of several choices is not joined, and its events are of all of them.
    const delta = this.choices > 1 ? said : this.characters.take(said)
    const length = this.shown.length + delta.text.length + delta.reasoning.length
    if (length > maxText || this.shown.kept > maxSaid) return this.tooLong()
    if (delta.usage !== undefined) this.spent.report(size > maxEnvelope ? withinReason(delta.usage) : delta.usage)
    switch (this.phase._tag) {
      case "Unseen":
        return this.first(delta, size)
      case "Joining":
        return this.joining(delta, this.phase.stitcher, this.phase.join)
      case "Flowing":
      case "Sealed":
        return this.flowing(delta)
      case "Finishing":
        if (!isContent(delta)) return this.noteFinish(delta)
        // It was not the end.
        this.phase = { _tag: this.shown.sealed ? "Sealed" : "Flowing" }
        return this.flowing(delta)
      case "Ended":
        return going
    }
  }

  private flowing(delta: Delta): Verdict {
    if (isContent(delta)) {
      this.follow()
      this.open()
      this.show(this.choices > 1 ? delta : withoutFinish(delta))
      if (seals(delta)) {
        this.barren = undefined
        this.shown.sealed = true
        this.phase = { _tag: "Sealed" }
      }
    } else if (delta.finish === undefined || this.choices > 1) this.show(delta)
    return this.noteFinish(delta)
  }

  /** Content comes: a finish that was said before it was not the end. */
  private follow(): void {
    if (this.said === undefined) return
    this.ran = true
    this.said = { ...this.said, trust: "terminator", held: undefined }
  }

  /** What goes on from what was given is committed with its first word, or with its end: not with its seam. */
  private open(): void {
    if (!this.committed) this.commit()
  }

  private commit(): void {
    this.committed = true
    this.output.onCommit()
    const opening = { usage: this.usage(), deltas: this.opening }
    this.opening = []
    this.shown.begin(this.model, opening)
  }

  /** The end that is made up where an upstream closed its answer without a word. */
  private ownFinish(): Finish {
    return madeUp(this.shown.called ? "tool-calls" : "stop")
  }

  private first(delta: Delta, size: number): Verdict {
    if (!isContent(delta)) {
      if (delta.finish !== undefined) this.pendingFinish = delta
      else if (delta.from !== undefined && this.opening.length < maxOpening) {
        this.opening.push(delta)
        this.openingSize += size
        if (this.openingSize > maxText) return this.tooLong()
      }
      return going
    }
    this.commit()
    this.shown.sealed = seals(delta) || this.choices > 1
    this.phase = { _tag: this.shown.sealed ? "Sealed" : "Flowing" }
    return this.flowing(delta)
  }

  private joining(delta: Delta, stitcher: Stitcher, join: Join): Verdict {
    // Reasoning cannot be stitched: what a continuation thinks before its first words is not shown, unless it goes on
    // exactly where nothing but reasoning was.
    if (delta.reasoning !== "" && join.mode === "token" && this.text === "") {
      this.joined(join, "exact", 0)
      return this.flowing(delta)
    }
    if (delta.text !== "") {
      const released = stitcher.push(delta.text)
      const decision = stitcher.decision
      if (decision !== undefined) {
        if (decision.refused === true) return refused
        this.joined(join, decision.seam, decision.dropped)
        this.release(released)
      }
    }
    if (isContent(delta)) this.follow()
    if (seals(delta)) {
      if (this.phase._tag === "Joining") {
        const rest = stitcher.end()
        if (stitcher.decision?.refused === true) return refused
        this.joined(join, stitcher.decision?.seam ?? "exact", stitcher.decision?.dropped ?? 0)
        this.release(rest)
      }
      this.barren = undefined
      this.shown.sealed = true
      this.phase = { _tag: "Sealed" }
      // Its text went through the stitcher.
      const rest = withoutFinish(delta)
      this.open()
      this.show(delta.text === "" ? rest : { ...rest, text: "", from: undefined, raw: undefined })
    }
    return this.noteFinish(delta)
  }

  /** A continuation ended while it was held: what is sure now is all that there will be. */
  private settle(stitcher: Stitcher, join: Join, finish: Finish): Verdict {
    const rest = stitcher.end()
    const decision = stitcher.decision
    if (decision?.refused === true) return refused
    const empty = isBlank(rest) && decision?.seam !== "restart"
    if (empty && !mayBeEmpty(join, finish, this.partial)) return emptyAnswer()
    this.joined(join, empty ? "ambiguous" : (decision?.seam ?? "exact"), decision?.dropped ?? 0)
    this.release(rest)
    this.barren = undefined
    return going
  }

  private joined(join: Join, seam: Seam["seam"], dropped: number): void {
    this.phase = { _tag: "Flowing" }
    // What was said again is of the same words as what is there.
    if (dropped > 0) {
      const quarters = tokenQuarters(this.given) + this.shown.quarters
      this.spent.repeat(Math.ceil((dropped * quarters) / Math.max(1, codePoints(this.given) + this.shown.points)))
    }
    // A target that has written all of the text by itself has said something, though nothing of it is new.
    this.barren = seam === "restart" ? undefined : join
    // What was given was no channel's: there is no other to tell of.
    if (join.from === undefined) return
    const at = { from: join.from, to: join.to, reason: join.reason, offset: this.shown.points, dropped, seam }
    this.output.onSeam(at, join.mode)
    this.output.show(this.encoder.failover(at))
  }

  private release(text: string): void {
    if (text === "") return
    if (!isBlank(text)) this.barren = undefined
    this.open()
    this.shown.say(text)
  }

  private show(delta: Delta): void {
    if (this.barren !== undefined && !isBlank(delta.text)) this.barren = undefined
    this.shown.step(delta)
  }

  private noteFinish(delta: Delta): Verdict {
    const { finish } = delta
    const content = isContent(delta)
    if (finish === undefined) {
      // Usage behind a finish says that it was the end.
      const proves = delta.usage !== undefined && !content && !this.ran && this.said?.trust === "end"
      if (proves && this.phase._tag !== "Finishing") return this.believe({ ...this.said!, trust: "known" })
      return going
    }
    this.finishes++
    const every = this.finishes >= this.choices
    if (!every && !isUnknown(finish)) return going
    const trust = trustOf(finish, { besideContent: content || this.ran, over: this.phase._tag === "Finishing" })
    const shown = this.choices > 1
    const said: Said = { finish, trust, held: content || shown ? undefined : delta, shown }
    // The last one counts.
    if (trust === "known") return this.believe(said)
    this.said = said
    return going
  }

  /** The end is known, but for the usage. */
  private believe(said: Said): Verdict {
    const { phase } = this
    this.said = said
    if (phase._tag === "Joining") {
      const settled = this.settle(phase.stitcher, phase.join, said.finish)
      if (settled._tag !== "Going") return settled
      // It was written with other words before it: what joins it says its finish itself.
      this.said = { ...said, held: undefined }
    } else if (this.barren !== undefined && !mayBeEmpty(this.barren, said.finish, this.partial)) return emptyAnswer()
    this.open()
    this.phase = { _tag: "Finishing", finish: said.finish, shown: said.shown }
    return going
  }

  /** The body has ended, with its terminator or without. */
  private ends(terminated: boolean): Verdict {
    const { said } = this
    if (!terminated && (said === undefined || said.trust === "terminator")) return truncated()
    const verdict = this.believe(
      said ?? { finish: this.ownFinish(), trust: "terminator", held: undefined, shown: false }
    )
    return verdict._tag === "Going" ? complete : verdict
  }

  private end(terminated: boolean): Verdict {
    const phase = this.phase
    switch (phase._tag) {
      case "Unseen": {
        const { pendingFinish } = this
        if (pendingFinish?.finish === undefined || !endsEmpty(pendingFinish.finish)) {
          return emptyAnswer()
        }
        this.commit()
        // As the upstream said it: why it has refused is often nowhere else.
        this.show(pendingFinish)
        return this.finish(pendingFinish.finish, true)
      }
      case "Flowing":
      case "Sealed":
      case "Joining":
        return this.ends(terminated)
      case "Finishing":
        return this.finish(phase.finish, phase.shown)
      case "Ended":
        return going
    }
  }

  private finish(finish: Finish, shown: boolean): Verdict {
    this.phase = { _tag: "Finishing", finish, shown }
    return complete
  }
}
