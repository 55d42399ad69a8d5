/**
 * The registry: every dialect by its name. A new one of this house is a folder, its names (`Names.ts`), and a row in each
 * of these; one of a program's own is a row of `Dialects.layer`.
 */
import { Context, Layer, Result } from "effect"
import { ConvertRequestFailed, stackless } from "../errors/index.ts"
import { InvalidPolicyOption } from "../policy/index.ts"
import { anthropic, anthropicClient } from "./anthropic/index.ts"
import { chatClient } from "./chat/index.ts"
import type { ClientDialect, UpstreamDialect } from "./Dialect.ts"
import { gemini, geminiClient } from "./gemini/index.ts"
import type { ClientDialectName, UpstreamDialectName } from "./Names.ts"
import { openai, openaiClient } from "./openai/index.ts"
import { responses, responsesClient } from "./responses/index.ts"
import { isDialectName } from "./Signature.ts"

/** What clients speak. */
export const clientDialects = {
  openai: openaiClient,
  responses: responsesClient,
  anthropic: anthropicClient,
  gemini: geminiClient,
  chat: chatClient
} satisfies {
  readonly [N in ClientDialectName]: ClientDialect
}

/** What upstreams speak, of what is built in. */
export const upstreamDialects = { openai, responses, anthropic, gemini } satisfies {
  readonly [N in UpstreamDialectName]: UpstreamDialect
}

/** The client dialect of a name that was stored: `undefined` for one that this version does not know. */
export const clientDialectNamed = (name: string): ClientDialect | undefined =>
  Object.hasOwn(clientDialects, name) ? clientDialects[name as ClientDialectName] : undefined

/** The dialect of upstreams of a name that is built in. */
export const upstreamDialectOf = (name: UpstreamDialectName): UpstreamDialect => upstreamDialects[name]

/** What channels may speak. */
export interface DialectsService {
  /** All names: first those that are built in. */
  readonly names: ReadonlyArray<string>
  readonly has: (name: string) => boolean
  /**
   * The dialect of a name. That of a name which is not there says nothing: its channels are passed over. A configuration
   * names no such one.
   */
  readonly of: (name: string) => UpstreamDialect
}

/** Dialects by the names that channels have for them. Those that are built in stay what they are. */
export type AddedDialects = { readonly [name: string]: UpstreamDialect } & {
  readonly [N in UpstreamDialectName]?: never
}

/**
 * What channels may speak: `openai`, `responses`, `anthropic` and `gemini`, and what a program adds to them. It is a
 * `Context.Reference`, so nobody has to provide it.
 *
 * Add a dialect where you read the configuration **and** where you serve: best to the whole program, once. The
 * configuration takes its name in `channels[].dialect` then, and `effect-resilience/relay` asks its channels by it.
 *
 * ```ts
 * const program = Effect.gen(function* () {
 *   const configuration = yield* loadConfiguration("relay.yaml", process.env)
 *   return yield* runRelay(configuration)
 * })
 *
 * runMain(Effect.provide(program, Dialects.layer({ cohere })))
 * ```
 *
 * **Gotchas.** A relay that is served without a dialect that its channels name dies when it starts. Answers are kept in
 * the words of their clients, so one that was begun over a dialect which is no longer there goes on over another channel.
 *
 * ```ts import.meta.vitest
 * import { Dialects, upstreamDialects } from "effect-resilience/dialect"
 * import { Effect } from "effect"
 *
 * // A vendor that speaks OpenAI's words, elsewhere.
 * const odd = { ...upstreamDialects.openai, endpoint: () => "https://odd.example/talk" }
 * const names = Effect.map(Dialects, (dialects) => dialects.names.at(-1))
 * Effect.runSync(Effect.provide(names, Dialects.layer({ odd }))) // => "odd"
 * Effect.runSync(names) // => "gemini"
 * ```
 */
export class Dialects extends Context.Reference<DialectsService>("effect-resilience/dialect/Dialects", {
  defaultValue: () => builtIn
}) {
  /**
   * What is built in, and more. Throws `InvalidPolicyOption` for a name that is built in, or that is none: it begins with
   * a letter, and has at most 32 of a-z, 0-9 and -.
   */
  static readonly make = (added: AddedDialects): DialectsService => make(added)

  /** The same for all that is run with it. Dies where `make` throws. */
  static readonly layer = (added: AddedDialects): Layer.Layer<never> => Layer.sync(Dialects, () => make(added))
}

const make = (added: AddedDialects): DialectsService => {
  const house: { readonly [name: string]: UpstreamDialect } = upstreamDialects
  for (const name of Object.keys(added)) {
    if (!isDialectName(name) || Object.hasOwn(house, name)) {
      const expected = `at most 32 of a-z, 0-9 and -, beginning with a letter, and none of ${Object.keys(house).join(", ")}`
      return InvalidPolicyOption.refuse("Dialects", "name", expected, name)
    }
  }
  const byName = new Map(Object.entries({ ...house, ...added }))
  return {
    names: [...byName.keys()],
    has: (name) => byName.has(name),
    of: (name) => byName.get(name) ?? absent(name)
  }
}

const builtIn = make({})

/** In the place of a dialect that is not there. */
const absent = (name: string): UpstreamDialect => {
  const { embedded: _, ...dialect } = openai
  const message = `there is no dialect ${JSON.stringify(name)} here`
  return {
    ...dialect,
    unsaid: () => ["model"],
    encode: () => Result.fail(stackless(() => new ConvertRequestFailed({ message }))),
    continuations: () => []
  }
}
