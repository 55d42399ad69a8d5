/**
 * A channel, one of its keys or one of its models is to blame: another one may well answer.
 */
import { fault } from "./Fault.ts"

/** `channel:invalid_key`: the upstream refused its credential. */
export class ChannelInvalidKey extends /*#__PURE__*/ fault("channel:invalid_key") {}

/** `channel:quota_exhausted`: the upstream's quota is spent. */
export class ChannelQuotaExhausted extends /*#__PURE__*/ fault("channel:quota_exhausted") {}

/** `channel:param_override_invalid`: the channel's parameter override is invalid. */
export class ChannelParamOverrideInvalid extends /*#__PURE__*/ fault("channel:param_override_invalid") {}

/** `channel:header_override_invalid`: the channel's header override is invalid. */
export class ChannelHeaderOverrideInvalid extends /*#__PURE__*/ fault("channel:header_override_invalid") {}

/** `channel:model_mapped_error`: the channel's model mapping is invalid. */
export class ChannelModelMappedError extends /*#__PURE__*/ fault("channel:model_mapped_error") {}

/** `channel:aws_client_error`: the channel's AWS client failed. */
export class ChannelAwsClientError extends /*#__PURE__*/ fault("channel:aws_client_error") {}

/** `channel:rate_limited`: the upstream is receiving too many requests. */
export class ChannelRateLimited extends /*#__PURE__*/ fault("channel:rate_limited") {}

/** `model_not_found`: the model does not exist or is not served here. */
export class ModelNotFound extends /*#__PURE__*/ fault("model_not_found")<{
  readonly model?: string
}> {}

/** The classes of this family, in the catalogue's order. */
export const channelErrors = [
  ChannelInvalidKey,
  ChannelQuotaExhausted,
  ChannelParamOverrideInvalid,
  ChannelHeaderOverrideInvalid,
  ChannelModelMappedError,
  ChannelAwsClientError,
  ChannelRateLimited,
  ModelNotFound
] as const
