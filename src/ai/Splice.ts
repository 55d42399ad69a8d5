/**
 * One answer that several attempts write: what its reader sees is one stream of parts, without a word twice. Plain state,
 * no Effect: `ResilientStream` feeds it.
 *
 * - Text is joined at the seam by the rules of `Stitcher`, into the block that was open when the answer broke: to the
 *   reader it is one text.
 * - What cannot be joined seals the answer: a tool call, from its first part on, what a tool or a provider made (results,
 *   files, approvals), and reasoning that its provider has marked (signed, encrypted, numbered): such reasoning must go
 *   back as it was, before the very text that it led to. A sealed answer that breaks is broken.
 * - Ids of later attempts are made unlike those before.
 */
import type * as Response from "effect/ai/Response"
import { makeStitcher, type Stitcher, type StitchDecision } from "../stream/index.ts"
import type { ContinuationMode } from "./ContinuedPrompt.ts"

/** A part, as a provider gives it. */
export type Part = Response.StreamPartEncoded

/** Where an answer was joined. Offsets are UTF-16 units of its text. */
export interface Seam extends StitchDecision {
  readonly offset: number
}

/** What a broken answer can do. */
export type Broken =
  /** Nothing that would have to be gone on from: it may be asked for anew. */
  | "anew"
  /** Its text can be gone on with. */
  | "continue"
  /** It holds what cannot be joined. */
  | "sealed"

const isMarked = (metadata: Part["metadata"]): boolean => {
  if (metadata === undefined) return false
  for (const name in metadata) if (metadata[name] !== null) return true
  return false
}

/**
 * Whether a part is content, for the commit and for the clocks: something that a reader would miss. An end is content
 * too: an answer may be nothing.
 */
export const isContent = (part: { readonly type: Response.AnyPart["type"]; readonly delta?: unknown }): boolean => {
  switch (part.type) {
    case "text-delta":
    case "reasoning-delta":
      return part.delta !== ""
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-end":
    case "response-metadata":
    case "error":
      return false
    default:
      return true
  }
}

/** What one attempt has of its own. */
interface Attempt {
  /** The ids of its blocks of text, as the reader knows them. The first attempt's are its own. */
  readonly ids: Map<string, string> | undefined
  /** The same of its reasoning: a provider may number both from 0. */
  readonly thoughts: Map<string, string> | undefined
  readonly stitcher: Stitcher | undefined
  /** The block that was open at the seam, until the attempt's first text has taken it. */
  joins: string | undefined
  seamTold: boolean
  /** Something that is neither a repetition nor white space. */
  saidMore: boolean
  /** White space that was said before anything else was. */
  space: string
}

const blank = /^\s*$/

/** One answer. */
export class Splice {
  /** All the text that the reader has. */
  partial = ""
  finished = false
  readonly seams: Array<Seam> = []
  private sealed = false
  private told = false
  private attempts = 0
  private readonly openTexts = new Set<string>()
  private readonly openThoughts = new Set<string>()
  private attempt: Attempt = {
    ids: undefined,
    thoughts: undefined,
    stitcher: undefined,
    joins: undefined,
    seamTold: true,
    saidMore: true,
    space: ""
  }

  /** Another attempt begins, which was asked to go on in this way. The first one needs no word. */
  begin(mode: ContinuationMode): void {
    this.attempts++
    this.attempt = {
      ids: new Map(),
      thoughts: new Map(),
      stitcher: this.partial === "" ? undefined : makeStitcher({ committed: this.partial, mode }),
      joins: [...this.openTexts].at(-1),
      seamTold: this.partial === "",
      saidMore: this.partial === "",
      space: ""
    }
  }

  /**
   * Takes a part, and puts what the reader gets of it at the end of `out`. `false`: the attempt began the answer anew
   * although it was given its beginning, or it ends without having said any more. It is of no use.
   */
  push(part: Part, out: Array<Part>): boolean {
    switch (part.type) {
      case "text-start":
        this.startText(part, out)
        return true
      case "text-delta":
        return this.text(part, out)
      case "text-end":
        if (!this.release(out)) return false
        this.endText(part, out)
        return true
      case "reasoning-start":
      case "reasoning-delta":
      case "reasoning-end":
        this.thought(part, out)
        return true
      case "response-metadata":
        // The first attempt's is the answer's: of two ids neither would be found.
        if (this.attempts === 0 || !this.told) out.push(part)
        this.told = true
        return true
      case "finish":
        return this.finish(part, out)
      case "source":
        if (!this.release(out)) return false
        out.push(part)
        return true
      case "error":
        return true
      case "tool-params-start":
      case "tool-params-delta":
      case "tool-params-end":
      case "tool-call":
      case "tool-result":
      case "tool-approval-request":
      case "file":
        if (!this.release(out)) return false
        this.sealed = true
        this.attempt.saidMore = true
        out.push(part)
        return true
    }
  }

  /**
   * The attempt has broken off. What was held back for the seam is forgotten, as it was not shown; reasoning that was
   * open is closed, since nobody goes on with it. Blocks of text stay open for what comes.
   */
  cut(out: Array<Part>): Broken {
    for (const id of this.openThoughts) out.push({ type: "reasoning-end", id })
    this.openThoughts.clear()
    return this.sealed ? "sealed" : this.partial === "" ? "anew" : "continue"
  }

  private startText(part: Extract<Part, { type: "text-start" }>, out: Array<Part>): void {
    const { attempt } = this
    if (attempt.ids === undefined) {
      this.openTexts.add(part.id)
      out.push(part)
      return
    }
    if (attempt.joins !== undefined) {
      attempt.ids.set(part.id, attempt.joins)
      attempt.joins = undefined
      return
    }
    const id = this.named(part.id, attempt.ids)
    this.openTexts.add(id)
    out.push({ ...part, id })
  }

  private text(part: Extract<Part, { type: "text-delta" }>, out: Array<Part>): boolean {
    const { attempt } = this
    // HOT: nearly all parts of nearly all answers. Nothing is made for them.
    if (attempt.ids === undefined) {
      this.partial += part.delta
      out.push(part)
      return true
    }
    const id = attempt.ids.get(part.id)
    if (id === undefined) {
      this.startText({ type: "text-start", id: part.id }, out)
      return this.text(part, out)
    }
    const { stitcher } = attempt
    const delta = stitcher === undefined ? part.delta : stitcher.push(part.delta)
    if (stitcher?.decision?.refused === true) return false
    this.show(id, delta, part.metadata, out)
    return true
  }

  private show(id: string, delta: string, metadata: Part["metadata"], out: Array<Part>): void {
    const { attempt } = this
    const decision = attempt.stitcher?.decision
    if (!attempt.seamTold && decision !== undefined) {
      attempt.seamTold = true
      this.seams.push({ ...decision, offset: this.partial.length })
      // Who writes the whole anew and stops there has said all of it.
      if (decision.seam === "restart") attempt.saidMore = true
    }
    // White space alone may be all that comes: it would stand in the text although the attempt was of no use.
    attempt.space += delta
    if (attempt.space === "" || (!attempt.saidMore && blank.test(attempt.space))) return
    const shown = attempt.space
    attempt.space = ""
    attempt.saidMore = true
    this.partial += shown
    out.push(
      metadata === undefined
        ? { type: "text-delta", id, delta: shown }
        : { type: "text-delta", id, delta: shown, metadata }
    )
  }

  /** Shows what is held back for the seam: something else comes behind it. `false` as in `push`. */
  private release(out: Array<Part>): boolean {
    const { stitcher } = this.attempt
    if (stitcher === undefined || !stitcher.holding) return true
    const rest = stitcher.end()
    if (stitcher.decision?.refused === true) return false
    const id = [...this.openTexts].at(-1)
    if (id !== undefined) this.show(id, rest, undefined, out)
    return true
  }

  private endText(part: Extract<Part, { type: "text-end" }>, out: Array<Part>): void {
    const id = this.attempt.ids === undefined ? part.id : this.attempt.ids.get(part.id)
    if (id === undefined) return
    this.openTexts.delete(id)
    out.push(id === part.id ? part : { ...part, id })
  }

  private thought(
    part: Extract<Part, { type: "reasoning-start" | "reasoning-delta" | "reasoning-end" }>,
    out: Array<Part>
  ): void {
    if (isMarked(part.metadata)) this.sealed = true
    const id = this.named(part.id, this.attempt.thoughts)
    if (part.type === "reasoning-start") this.openThoughts.add(id)
    if (part.type === "reasoning-end") this.openThoughts.delete(id)
    out.push(id === part.id ? part : { ...part, id })
  }

  private finish(part: Extract<Part, { type: "finish" }>, out: Array<Part>): boolean {
    if (!this.release(out)) return false
    // That nothing more comes proves nothing: an answer that was cut must not look whole.
    if (!this.attempt.saidMore) return false
    for (const id of this.openTexts) out.push({ type: "text-end", id })
    for (const id of this.openThoughts) out.push({ type: "reasoning-end", id })
    this.openTexts.clear()
    this.openThoughts.clear()
    this.finished = true
    out.push(part)
    return true
  }

  private named(id: string, ids: Map<string, string> | undefined): string {
    const known = ids?.get(id)
    if (known !== undefined || ids === undefined) return known ?? id
    const made = `${this.attempts}:${id}`
    ids.set(id, made)
    return made
  }
}
