/**
 * `effect-resilience/errors`: the errors, whose fault they are, and what one does with them.
 */

// The union, a class for each code.
export {
  AccessDenied,
  BadRequestBody,
  BizError,
  Conflict,
  ContextLengthExceeded,
  ConvertRequestFailed,
  HeadersTooLarge,
  InsufficientUserQuota,
  InvalidCursor,
  InvalidRequest,
  MethodNotAllowed,
  NotFound,
  PayloadTooLarge,
  PreConsumeTokenQuotaFailed,
  PromptBlocked,
  RateLimited,
  ReadRequestBodyFailed,
  RequestTimeout,
  SensitiveWordsDetected,
  StreamExpired,
  StreamNotFound,
  Unauthorized,
  UnsupportedMediaType,
  ValidationFailed
} from "../errors/CallerErrors.ts"
export {
  ChannelAwsClientError,
  ChannelHeaderOverrideInvalid,
  ChannelInvalidKey,
  ChannelModelMappedError,
  ChannelParamOverrideInvalid,
  ChannelQuotaExhausted,
  ChannelRateLimited,
  ModelNotFound
} from "../errors/ChannelErrors.ts"
export {
  AwsInvokeError,
  BadResponse,
  BadResponseBody,
  BadResponseStatusCode,
  ChannelResponseTimeExceeded,
  DoRequestFailed,
  EmptyResponse,
  ReadResponseBodyFailed,
  StreamFault,
  StreamTruncated,
  UpstreamOverloaded
} from "../errors/UpstreamErrors.ts"
export {
  BulkheadFull,
  ChannelNoAvailableKey,
  CircuitOpen,
  DeadlineExceeded,
  GetChannelFailed,
  RetryBudgetExhausted,
  ShuttingDown,
  Throttled
} from "../errors/PolicyErrors.ts"
export { type Exhaustion, type LastOf, lastOf, RetriesExhausted } from "../errors/RetriesExhausted.ts"
export { LeaseLost, QueryDataError, UpdateDataError } from "../errors/StorageErrors.ts"
export { ClientGone, StreamCancelled } from "../errors/CancelErrors.ts"
export { ApplicationException, InternalError } from "../errors/DefectErrors.ts"
export { leaves, members } from "../errors/Members.ts"
export { type Fault, fault, type FaultClass, type FaultFields, stackless, withHint } from "../errors/Fault.ts"

// The catalogue, and what is known of an error.
export {
  catalogue,
  coarseCode,
  type Code,
  codeByTag,
  codes,
  type Entry,
  lookup,
  type Row,
  type TagOf,
  tagOf
} from "../errors/Catalogue.ts"
export {
  codeOf,
  describe,
  type Description,
  handleAll,
  type Handlers,
  isResilienceError,
  match,
  type Tag
} from "../errors/ResilienceError.ts"

// Whose fault an error is, ours and everybody's.
export {
  Blame,
  blames,
  type ByBlame,
  type ErrorType,
  isBlame,
  recoverableOf,
  type Severity,
  severityOf,
  typeOf
} from "../errors/Blame.ts"
export { type BlameOf, blameOf, ForeignBlame } from "../errors/BlameOf.ts"
export { type BlamedOn, catchBlame, isBlamedOn, type NotBlamedOn } from "../errors/CatchBlame.ts"
export { toResilienceError } from "../errors/ForeignErrors.ts"
export { blameOfStatus } from "../errors/StatusBlame.ts"

// As data.
export {
  decode,
  Detail,
  encode,
  type EncodedError,
  Phase,
  ResilienceError,
  schemaOf,
  StopReason,
  StreamFaultData,
  UpstreamSaid
} from "../errors/Codec.ts"

// Without secrets.
export { type RedactOptions, redactText, redactValue } from "../errors/Redaction.ts"
export { makeSecrets, Secrets, type SecretsService } from "../errors/Secrets.ts"
export { maskError } from "../errors/MaskError.ts"

// Stream faults, after Kitex.
export {
  forwardStreamFault,
  parseCancelPath,
  parseStreamFault,
  printCancelPath,
  printStreamFault,
  type StreamFaultCode,
  streamFault,
  type StreamFaultKind,
  streamFaultKind,
  streamFaultMessages
} from "../errors/StreamFault.ts"
export { cancelFaultOf, streamFaultOf } from "../errors/StreamFaultOf.ts"
