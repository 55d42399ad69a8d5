/**
 * Whose fault the errors of Effect itself are, and of whoever says an HTTP status. They are known by their tags and
 * shapes: most of their modules are marked unstable, and nobody should load one because an error might be of it.
 */
import { type Blame, isBlame } from "./Blame.ts"
import { blameOfStatus } from "./StatusBlame.ts"

interface Shape {
  readonly [field: string]: unknown
}

const shapeOf = (value: unknown): Shape | undefined =>
  typeof value === "object" && value !== null ? (value as Shape) : undefined

interface Rows {
  readonly [tag: string]: Blame
}

const rowOf = (rows: Rows, tag: unknown): Blame | undefined =>
  typeof tag === "string" && Object.hasOwn(rows, tag) ? rows[tag] : undefined

/** Errors whose tag says it all. */
const tags: Rows = {
  TimeoutError: "timeout",
  ExceededCapacityError: "rejected",
  IllegalArgumentError: "defect",
  HttpBodyError: "caller",
  SocketError: "transport",
  PersistenceError: "storage",
  PersistedQueueError: "storage",
  RedisError: "storage",
  KeyValueStoreError: "storage"
}

/** `HttpClientError`, where there is no failed status. */
const httpReasons: Rows = {
  TransportError: "transport",
  EncodeError: "caller",
  InvalidUrlError: "caller",
  DecodeError: "upstream",
  EmptyBodyError: "upstream"
}

/** `AiError`. What a model got wrong is the upstream's, what a tool of the program got wrong is the program's. */
const aiReasons: Rows = {
  RateLimitError: "rate",
  QuotaExhaustedError: "quota",
  AuthenticationError: "credential",
  ContentPolicyError: "content",
  InvalidRequestError: "caller",
  UnsupportedSchemaError: "caller",
  InvalidUserInputError: "caller",
  InternalProviderError: "upstream",
  InvalidResponseError: "upstream",
  InvalidOutputError: "upstream",
  StructuredOutputError: "upstream",
  ToolNotFoundError: "upstream",
  ToolParameterValidationError: "upstream",
  InvalidToolResultError: "defect",
  ToolResultEncodingError: "defect",
  ToolConfigurationError: "defect",
  ToolkitRequiredError: "defect"
}

/** `SqlError`. A violated constraint is whoever's who sent the row; a wrong statement is a bug. */
const sqlReasons: Rows = {
  ConnectionError: "storage",
  AuthenticationError: "credential",
  AuthorizationError: "credential",
  SqlSyntaxError: "defect",
  UniqueViolation: "caller",
  ConstraintError: "caller",
  DeadlockError: "storage",
  SerializationError: "storage",
  LockTimeoutError: "storage",
  StatementTimeoutError: "timeout",
  UnknownError: "storage"
}

/** `PlatformError`: the reasons are those of files, processes and sockets. */
const platformReasons: Rows = {
  BadArgument: "caller",
  AlreadyExists: "caller",
  BadResource: "caller",
  InvalidData: "caller",
  NotFound: "caller",
  PermissionDenied: "credential",
  TimedOut: "timeout",
  Busy: "storage",
  UnexpectedEof: "storage",
  Unknown: "storage",
  WouldBlock: "storage",
  WriteZero: "storage"
}

/** `RateLimiterError` and `CircuitBreakerError`: a refusal, or the store behind it. */
const limiterReasons: Rows = {
  RateLimitExceeded: "rejected",
  RateLimitStoreError: "storage",
  CircuitOpen: "rejected",
  CircuitHalfOpen: "rejected",
  CircuitBreakerStoreError: "storage"
}

const failedStatus = (status: unknown): Blame | undefined =>
  typeof status === "number" && status >= 400 && status < 600 ? blameOfStatus(status) : undefined

const ofHttpReason = (reason: Shape | undefined): Blame | undefined => {
  const status = shapeOf(reason?.["response"])?.["status"]
  // A redirect that nobody follows is an answer that nobody can use.
  if (reason?.["_tag"] === "StatusCodeError" && typeof status === "number") return blameOfStatus(status)
  return failedStatus(status) ?? rowOf(httpReasons, reason?.["_tag"])
}

const ofAiReason = (reason: Shape | undefined): Blame | undefined => {
  // An error of ours as an `AiError` (`toAiError` of `effect-resilience/ai`): it says itself whose fault it is.
  const own = shapeOf(shapeOf(reason?.["metadata"])?.["effect-resilience"])?.["blame"]
  if (isBlame(own)) return own
  const tag = reason?.["_tag"]
  if (tag === "NetworkError") return rowOf(httpReasons, reason?.["reason"])
  return rowOf(aiReasons, tag) ?? failedStatus(shapeOf(shapeOf(reason?.["http"])?.["response"])?.["status"])
}

/** `RpcClientError`: the call did not come through, or what came cannot be read. */
const ofRpcReason = (reason: Shape | undefined): Blame => {
  switch (reason?.["_tag"]) {
    case "RpcClientDefect":
      return "upstream"
    case "HttpError":
      return ofHttpReason(shapeOf(reason["cause"])) ?? rowOf(httpReasons, reason["kind"]) ?? "transport"
    default:
      return "transport"
  }
}

// The brands of reasons that stand alone: their tags are words that others use too.
const aiReason = "~effect/ai/AiError/Reason"
const sqlReason = "~effect/sql/SqlError/Reason"

const ofTag = (error: Shape): Blame | undefined => {
  const reason = shapeOf(error["reason"])
  const reasonTag = reason?.["_tag"]
  switch (error["_tag"]) {
    case "HttpClientError":
      return ofHttpReason(reason)
    case "RpcClientError":
      return ofRpcReason(reason)
    case "AiError":
      return ofAiReason(reason)
    case "SqlError":
      return rowOf(sqlReasons, reasonTag)
    case "PlatformError":
      return rowOf(platformReasons, reasonTag)
    case "RateLimiterError":
    case "CircuitBreakerError":
      return rowOf(limiterReasons, reasonTag)
  }
  if (aiReason in error) return ofAiReason(error)
  if (sqlReason in error) return rowOf(sqlReasons, error["_tag"])
  return rowOf(tags, error["_tag"])
}

/**
 * The status that the class of an error is annotated with (`httpApiStatus`): what an `HttpApi` answers with in its place, and
 * its client makes the error of. Effect's `HttpApiError`s have it, and a program's own errors of an API.
 */
const annotatedStatus = (error: Shape | undefined): unknown => {
  const made = error?.["constructor"]
  const schema = typeof made === "function" ? shapeOf((made as { readonly ast?: unknown }).ast) : undefined
  return shapeOf(schema?.["annotations"])?.["httpApiStatus"]
}

/** The HTTP status of a failed answer, wherever an error keeps it. */
export const statusOf = (error: unknown): number | undefined => {
  const shape = shapeOf(error)
  const reason = shapeOf(shape?.["reason"])
  const found = [
    shape?.["status"],
    shape?.["statusCode"],
    shapeOf(shape?.["response"])?.["status"],
    shapeOf(reason?.["response"])?.["status"],
    shapeOf(shapeOf(reason?.["http"])?.["response"])?.["status"],
    annotatedStatus(shape)
  ].find((status) => failedStatus(status) !== undefined)
  return found as number | undefined
}

/**
 * Whose fault an error of Effect is, or of a library that says an HTTP status (`status`, `statusCode`, `response.status` or
 * its class's `httpApiStatus`, from 400 to 599); `undefined` if nothing of it is known.
 */
export const blameOfEffect = (error: object): Blame | undefined => {
  const shape = error as Shape
  return (
    ofTag(shape) ??
    failedStatus(shape["status"]) ??
    failedStatus(shape["statusCode"]) ??
    failedStatus(shapeOf(shape["response"])?.["status"]) ??
    failedStatus(annotatedStatus(shape))
  )
}
