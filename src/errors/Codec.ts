/**
 * The errors as data: what encodes them to JSON and decodes them back to the same classes. It is a module of its own,
 * since `Schema` is larger than all the errors and policies together, and most programs encode no error.
 *
 * `ResilienceError` is the schema of the union, `schemaOf` that of one class: for the errors of an `HttpApi` or an `Rpc`.
 * What `RetriesExhausted` holds comes back too: one of ours as its own class, any other as an `Error` with its name and
 * message. A stack is never encoded.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Fields from "./Fault.ts"
import { type ResilienceError as Errors, members } from "./Members.ts"
import { isResilienceError, type Tag } from "./ResilienceError.ts"
import type * as Retries from "./RetriesExhausted.ts"
import type * as Faults from "./StreamFault.ts"
import type * as Clocks from "./UpstreamErrors.ts"

// Each schema has the name of its type, as a schema that is written first would have.

/** What an upstream said in its own words. */
export type UpstreamSaid = Fields.UpstreamSaid

/** What an upstream said in its own words. */
export const UpstreamSaid = Schema.Struct({
  status: Schema.optionalKey(Schema.Finite),
  code: Schema.optionalKey(Schema.String),
  type: Schema.optionalKey(Schema.String),
  param: Schema.optionalKey(Schema.NullOr(Schema.String)),
  message: Schema.optionalKey(Schema.String)
})

/** One thing that is wrong with an input, and where. */
export type Detail = Fields.Detail

/** One thing that is wrong with an input, and where. */
export const Detail = Schema.Struct({ field: Schema.String, message: Schema.String, code: Schema.String })

/** A stream fault as it is sent. `code` may be a service's own. */
export type StreamFaultData = Faults.StreamFaultData

/** A stream fault as it is sent. `code` may be a service's own. */
export const StreamFaultData = Schema.Struct({
  code: Schema.Int,
  side: Schema.Literals(["client", "server"]),
  path: Schema.Array(Schema.String),
  message: Schema.String
})

/** Which clock ran out. */
export type Phase = Clocks.Phase

/** Which clock ran out. */
export const Phase = Schema.Literals(["headers", "firstContent", "idle", "attempt", "upstream"])

/** Why a retry stopped. */
export type StopReason = Retries.StopReason

/** Why a retry stopped. */
export const StopReason = Schema.Literals(["attempts", "elapsed", "budget", "notRecoverable", "deadline"])

const encodeDefect = /*#__PURE__*/ Schema.encodeSync(Schema.Defect())
const decodeDefect = /*#__PURE__*/ Schema.decodeUnknownSync(Schema.Defect())

/** The error of an attempt. A plain union would encode an unknown error as the first class whose fields it has. */
const AttemptError: Schema.Codec<unknown, Schema.Json> = Schema.Json.pipe(
  Schema.decodeTo(
    Schema.Unknown,
    SchemaTransformation.transform<unknown, Schema.Json>({
      decode: (json) => Option.getOrElse(decodeOption(json), () => decodeDefect(json)),
      encode: (error) => (isResilienceError(error) ? encode(error) : encodeDefect(error))
    })
  )
)

/** The fields of every error. */
const common = {
  message: Schema.String,
  retryAfterMillis: Schema.optionalKey(Schema.Finite),
  upstream: Schema.optionalKey(UpstreamSaid),
  details: Schema.optionalKey(Schema.Array(Detail)),
  retry: Schema.optionalKey(Schema.Boolean),
  record: Schema.optionalKey(Schema.Boolean),
  publicMessage: Schema.optionalKey(Schema.String)
}

const ofKey = { key: Schema.optionalKey(Schema.String) }
const ofModel = { model: Schema.optionalKey(Schema.String) }

/** The fields that some have beside. */
const own = {
  MethodNotAllowed: { allow: Schema.optionalKey(Schema.Array(Schema.String)) },
  PayloadTooLarge: { limitBytes: Schema.optionalKey(Schema.Finite) },
  BizError: { status: Schema.Int, extra: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)) },
  ModelNotFound: ofModel,
  ChannelResponseTimeExceeded: { phase: Phase, limitMillis: Schema.Finite, elapsedMillis: Schema.Finite },
  StreamFault: { fault: StreamFaultData },
  CircuitOpen: ofKey,
  BulkheadFull: { ...ofKey, limit: Schema.optionalKey(Schema.Int) },
  Throttled: ofKey,
  DeadlineExceeded: {
    limitMillis: Schema.optionalKey(Schema.Finite),
    elapsedMillis: Schema.optionalKey(Schema.Finite)
  },
  GetChannelFailed: ofModel,
  ChannelNoAvailableKey: ofModel,
  StreamCancelled: { fault: StreamFaultData },
  ApplicationException: { typeId: Schema.Int },
  RetriesExhausted: {
    reason: StopReason,
    attempts: Schema.Int,
    elapsedMillis: Schema.Finite,
    last: AttemptError,
    errors: Schema.Array(AttemptError)
  }
}

// The table and the classes say the same, both ways: a field without its schema, or of another type, does not compile.
type OwnOf<T extends Tag> = Omit<Extract<Errors, { readonly _tag: T }>, keyof Fields.Fault>
type Table = typeof own
type Said<T extends Tag> = T extends keyof Table ? Schema.Struct.Type<Table[T]> : object
type Same<A, B> = [A, keyof A] extends [B, keyof B] ? ([B, keyof B] extends [A, keyof A] ? true : false) : false
type Mistold = { [T in Tag]: Same<Said<T>, OwnOf<T>> extends true ? never : T }[Tag]
const nothingIsMistold: [Mistold] extends [never] ? true : Mistold = true
void nothingIsMistold

/** An error as plain data. */
export interface EncodedError {
  readonly _tag: string
  readonly message: string
  readonly [field: string]: Schema.Json
}

type Member = (typeof members)[number]

/**
 * What is said: a field that is there and `undefined` is absent, as it is for who compiles without
 * `exactOptionalPropertyTypes`, and a hint that is no finite number is none.
 */
const said = (fields: object): object =>
  Object.fromEntries(
    Object.entries(fields as { readonly [name: string]: unknown })
      .filter(([name, value]) => value !== undefined && (name !== "retryAfterMillis" || Number.isFinite(value)))
      .map(([name, value]) => [name, name === "upstream" ? said(value as object) : value])
  )

const makeSchema = (Class: Member): Schema.Codec<Errors, EncodedError> => {
  const tag = Class.identifier
  const make = Class as unknown as new (fields: object) => Errors
  const fields = Schema.Struct({
    _tag: Schema.Literal(tag),
    ...common,
    ...(tag in own ? own[tag as keyof Table] : {})
  }) as unknown as Schema.Codec<EncodedError>
  return fields.pipe(
    Schema.decodeTo(
      Schema.instanceOf(make),
      SchemaTransformation.transform<Errors, EncodedError>({
        decode: (json) => new make(json),
        encode: (error) => said({ ...error, message: error.message }) as EncodedError
      })
    )
  )
}

const schemas: ReadonlyMap<Member, Schema.Codec<Errors, EncodedError>> = /*#__PURE__*/ new Map(
  members.map((member) => [member, makeSchema(member)])
)

/**
 * The schema of one class of the union.
 *
 * ```ts import.meta.vitest
 * import { Schema } from "effect"
 * import { CircuitOpen, schemaOf } from "effect-resilience/errors"
 *
 * const json = { _tag: "CircuitOpen", message: "resting", key: "a" }
 *
 * Schema.decodeUnknownSync(schemaOf(CircuitOpen))(json) instanceof CircuitOpen // => true
 * ```
 */
export const schemaOf = <C extends Member>(Class: C): Schema.Codec<InstanceType<C>, EncodedError> =>
  schemas.get(Class) as unknown as Schema.Codec<InstanceType<C>, EncodedError>

/** Every error of this library. */
export type ResilienceError = Errors

/** The union as a schema: what is encoded decodes to the same class. */
export const ResilienceError: Schema.Codec<Errors, EncodedError> = /*#__PURE__*/ Schema.Union([...schemas.values()])

const codec = /*#__PURE__*/ Schema.toCodecJson(ResilienceError)

/**
 * An error as plain JSON.
 *
 * ```ts import.meta.vitest
 * import { Unauthorized, encode } from "effect-resilience/errors"
 *
 * encode(new Unauthorized({ retry: false }))
 * // => { _tag: "Unauthorized", message: "A valid token is required.", retry: false }
 * ```
 */
export const encode: (error: Errors) => Schema.Json = /*#__PURE__*/ Schema.encodeSync(codec)

/** Reads an error from plain JSON: the same class comes back. Fails with `SchemaError` for what is none of ours. */
export const decode = /*#__PURE__*/ Schema.decodeUnknownEffect(codec)

const decodeOption = /*#__PURE__*/ Schema.decodeUnknownOption(codec)
