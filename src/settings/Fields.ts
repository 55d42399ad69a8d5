/**
 * How a key of the configuration file is declared: one declaration gives its decoding, its faults and its place in the
 * JSON Schema. Checks stand on the encoded side, so that one pass finds every fault.
 */
import { Effect, Redacted, Schema, SchemaGetter } from "effect"
import { isNameSized, longestName } from "../errors/index.ts"
import { isPlaceholder } from "./Placeholder.ts"

/** What a check becomes in the JSON Schema, where it can be said there. */
type JsonKeywords = { readonly [keyword: string]: unknown }

const notEncoded = SchemaGetter.forbidden<never, unknown>(() => "a configuration is read, never written")

/** A text that a predicate accepts. `expected` is what a fault says: `expected <expected>, got …`. */
export const text = (expected: string, accepts: (value: string) => boolean, json: JsonKeywords = {}) =>
  Schema.String.annotate({ expected }).check(Schema.makeFilter(accepts, { expected, toJsonSchema: () => json }))

/** A text that is more than white space. */
export const someText = text("a non-empty string", (value) => value.trim() !== "", { minLength: 1, pattern: "\\S" })

// A name is told again in events, log lines and what is stored.
const nameSized = Schema.makeFilter(isNameSized, {
  expected: `a name of at most ${longestName} characters`,
  toJsonSchema: () => ({ maxLength: longestName })
})

/** A name of at least one character, and of no more than a client may use. */
export const someName = someText.check(nameSized)

/** A finite number that a predicate accepts. */
export const number = (expected: string, accepts: (value: number) => boolean, json: JsonKeywords = {}) =>
  Schema.Number.annotate({ expected }).check(
    Schema.makeFilter((value) => Number.isFinite(value) && accepts(value), {
      expected,
      toJsonSchema: () => ({ type: "number", ...json })
    })
  )

/** A whole number from `minimum` to `maximum` (default: the greatest that a number holds exactly). */
export const integer = (minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) => {
  const expected =
    maximum === Number.MAX_SAFE_INTEGER
      ? `an integer of at least ${minimum}`
      : `an integer from ${minimum} to ${maximum}`
  return number(expected, (value) => Number.isSafeInteger(value) && value >= minimum && value <= maximum, {
    type: "integer",
    minimum,
    ...(maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum })
  })
}

/** A number of at least zero. */
export const notNegative = number("a number of at least 0", (value) => value >= 0, { minimum: 0 })

/** True or false. */
export const flag = Schema.Boolean.annotate({ expected: "true or false" })

/** One of a few words. `later`: words that a later version brings; their fault says so. */
export const choice = <const Words extends ReadonlyArray<string>>(words: Words, later: ReadonlyArray<string> = []) =>
  Schema.Literals(words).annotate({ expected: words.map((word) => JSON.stringify(word)).join(" or "), later })

/** An object with known keys. `later`: keys that a later version brings; their fault says so. */
export const section = <const Fields extends Schema.Struct.Fields>(fields: Fields, later: ReadonlyArray<string> = []) =>
  Schema.Struct(fields).annotate({ expected: "an object", later })

/** A list. */
export const list = <Item extends Schema.Constraint>(item: Item) => Schema.Array(item).annotate({ expected: "a list" })

/** A list of at least one. */
export const someList = <Item extends Schema.Constraint>(item: Item, expected: string) =>
  Schema.Array(item).annotate({ expected }).check(Schema.isMinLength(1, { expected }))

/** An object with free keys; `expected` is said of a key that `accepts` refuses. */
export const record = <Value extends Schema.Constraint>(
  value: Value,
  expected: string,
  accepts: (key: string) => boolean = () => true,
  json: JsonKeywords = {}
) => Schema.Record(text(expected, accepts, json), value).annotate({ expected: "an object", expectedKey: expected })

/**
 * What stands here may be secret: no fault tells it, and no answer shows it. Said of a list or an object, it is about a
 * scalar in its place: a key that somebody wrote one level too high.
 */
export const secret = <S extends Schema.Top>(schema: S): S["Rebuild"] => schema.annotate({ secret: true })

/**
 * What stands here is told in no fault, for faults are read by many; whoever may see the settings sees it, as he could not
 * change it otherwise.
 */
export const untold = <S extends Schema.Top>(schema: S): S["Rebuild"] => schema.annotate({ secret: true, shown: true })

/** A checked schema whose value is changed after its checks: never the source of a fault. */
export const mapped = <From extends Schema.Top, To extends Schema.Top>(
  from: From,
  to: To,
  decode: (value: From["Type"]) => To["Encoded"]
) => from.pipe(Schema.decodeTo(to, { decode: SchemaGetter.transform(decode), encode: notEncoded }))

// The JSON Schema looks at the keys of the encoded side: so their descriptions and defaults stand there, before the
// schema itself. A generic `annotateKey` forgets the types that each of these restores.

/** A key that must be there. */
export const required = <S extends Schema.Constraint>(schema: S, description: string): S =>
  Schema.toEncoded(schema).pipe(Schema.annotateKey({ description }), Schema.decodeTo(schema)) as Schema.Constraint as S

/** A key that may be left out. */
export const optional = <S extends Schema.Constraint>(schema: S, description: string): Schema.optionalKey<S> =>
  Schema.optionalKey(Schema.toEncoded(schema)).pipe(
    Schema.annotateKey({ description }),
    Schema.decodeTo(Schema.optionalKey(schema))
  ) as Schema.Constraint as Schema.optionalKey<S>

/** A key with a default, given as it would be written in the file. */
export const withDefault = <S extends Schema.Constraint>(
  schema: S,
  value: S["Encoded"],
  description: string
): Schema.withDecodingDefaultKey<S> =>
  Schema.optionalKey(Schema.toEncoded(schema)).pipe(
    Schema.annotateKey({ description, default: value }),
    Schema.decodeTo(schema, { decode: SchemaGetter.withDefault(Effect.succeed(value)), encode: notEncoded })
  ) as Schema.Constraint as Schema.withDecodingDefaultKey<S>

/** A text that a predicate accepts, and that no fault tells. */
export const secretText = (expected: string, accepts: (value: string) => boolean, json: JsonKeywords = {}) =>
  Schema.String.annotate({ expected, secret: true }).check(
    Schema.makeFilter(accepts, { expected, toJsonSchema: () => json })
  )

const inEnvironment = 'a key, or "${NAME}" for what the environment has under that name'

/** A key or token: it goes into a header, so it holds no space and no control character. It is no placeholder. */
export const Secret = mapped(
  secretText("a key without spaces and control characters", (value) => /^[\x21-\x7e]+$/.test(value), {
    pattern: "^[!-~]+$"
  }).check(Schema.makeFilter((value) => !isPlaceholder(value), { expected: inEnvironment, toJsonSchema: () => ({}) })),
  Schema.Redacted(Schema.String),
  (value) => Redacted.make(value)
)

/** A model, or a pattern of models. */
export const modelPattern = text(
  "a model or a pattern of models, without spaces around it",
  (value) => value !== "" && value.trim() === value,
  { minLength: 1, pattern: "^\\S(.*\\S)?$" }
).check(nameSized)
