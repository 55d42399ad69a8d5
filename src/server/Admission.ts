/**
 * What a request must pass before an answer is begun, in the order of the contract: rate, model, words, idempotency,
 * quota. The token was looked at before it, the channel is looked for after it.
 */
import { Effect } from "effect"
import { type Caller, groupOf, mayUse } from "../account/index.ts"
import type { Selection } from "../channel/index.ts"
import { type AnswerRequest, foldWidely, makeWordFinder, type WordFinder } from "../dialect/index.ts"
import {
  isNameSized,
  longestName,
  ModelNotFound,
  type ResilienceError,
  SensitiveWordsDetected,
  stackless
} from "../errors/index.ts"
import type { SettingsService } from "../settings/index.ts"
import { SensitiveWordsSection } from "./SensitiveWordsSection.ts"

/** One check. */
type Check = (
  caller: Caller,
  request: Pick<AnswerRequest, "model" | "asked">,
  group?: string
) => Effect.Effect<void, ResilienceError>

/** Lets requests in, or says why not. */
export interface Admission {
  readonly admit: Check
  /** The same by the words that there are now, whatever they are when it is asked. */
  readonly now: () => Check
  /** Whether a caller may use a model, and a channel of its group, or of the one that is named, serves it. */
  readonly model: (caller: Caller, model: string, group?: string) => Effect.Effect<void, ResilienceError>
}

/** The text parts of what a user says, one after the other: not of the system, the model or its tools. */
const saidByUser = (request: Pick<AnswerRequest, "asked">): string =>
  request
    .asked()
    .turns.filter(({ role }) => role === "user")
    .flatMap(({ parts }) => parts.flatMap((part) => (part._tag === "Text" ? [part.text] : [])))
    .join("\n")

/** What finds the words of the settings; made anew where they are others. */
const wordsOf = (settings: SettingsService): (() => WordFinder | undefined) => {
  const section = settings.of(SensitiveWordsSection)
  let words: ReadonlyArray<string> | undefined
  let finder: WordFinder | undefined
  return () => {
    const now = section.current.words
    if (now !== words) {
      words = now
      finder = now.length === 0 ? undefined : makeWordFinder(now, foldWidely)
    }
    return finder
  }
}

/** The checks over the services that they need. */
export const makeAdmission = (selection: Selection["Service"], settings: SettingsService): Admission => {
  const words = wordsOf(settings)
  const notFound = (name: string) =>
    Effect.fail(stackless(() => new ModelNotFound({ model: name.slice(0, longestName) })))
  const model: Admission["model"] = (caller, name, group = groupOf(caller)) => {
    // No request can ask for it, whatever a pattern takes; nor is it quoted back.
    if (!isNameSized(name)) return notFound(name)
    // What a token may not ask for is to it as if it were not there; and so is what other groups have.
    if (caller !== undefined && !mayUse(caller, name)) return notFound(name)
    return selection.serves(name, group) ? Effect.void : notFound(name)
  }
  const checking =
    (finder: WordFinder | undefined): Check =>
    (caller, request, group) => {
      const served = model(caller, request.model, group)
      if (finder === undefined) return served
      const said = Effect.suspend(() =>
        finder.isIn(saidByUser(request)) ? Effect.fail(stackless(() => new SensitiveWordsDetected({}))) : Effect.void
      )
      return Effect.andThen(served, said)
    }
  return {
    model,
    admit: (caller, request, group) => checking(words())(caller, request, group),
    now: () => checking(words())
  }
}
