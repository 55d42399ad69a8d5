/**
 * A channel, one of its keys or one of its models is to blame: another one may well answer.
 */
import { Schema } from "effect"
import { fault } from "./Fault.ts"

/** `channel:invalid_key`: the upstream refused its credential. */
export class ChannelInvalidKey extends Schema.TaggedError<ChannelInvalidKey>()(
  "ChannelInvalidKey",
  fault("channel:invalid_key")
) {}

/** `channel:quota_exhausted`: the upstream's quota is spent. */
export class ChannelQuotaExhausted extends Schema.TaggedError<ChannelQuotaExhausted>()(
  "ChannelQuotaExhausted",
  fault("channel:quota_exhausted")
) {}

/** `channel:param_override_invalid`: the channel's parameter override is invalid. */
export class ChannelParamOverrideInvalid extends Schema.TaggedError<ChannelParamOverrideInvalid>()(
  "ChannelParamOverrideInvalid",
  fault("channel:param_override_invalid")
) {}

/** `channel:header_override_invalid`: the channel's header override is invalid. */
export class ChannelHeaderOverrideInvalid extends Schema.TaggedError<ChannelHeaderOverrideInvalid>()(
  "ChannelHeaderOverrideInvalid",
  fault("channel:header_override_invalid")
) {}

/** `channel:model_mapped_error`: the channel's model mapping is invalid. */
export class ChannelModelMappedError extends Schema.TaggedError<ChannelModelMappedError>()(
  "ChannelModelMappedError",
  fault("channel:model_mapped_error")
) {}

/** `channel:aws_client_error`: the channel's AWS client failed. */
export class ChannelAwsClientError extends Schema.TaggedError<ChannelAwsClientError>()(
  "ChannelAwsClientError",
  fault("channel:aws_client_error")
) {}

/** `channel:rate_limited`: the upstream is receiving too many requests. */
export class ChannelRateLimited extends Schema.TaggedError<ChannelRateLimited>()(
  "ChannelRateLimited",
  fault("channel:rate_limited")
) {}

/** `model_not_found`: the model does not exist or is not served here. */
export class ModelNotFound extends Schema.TaggedError<ModelNotFound>()("ModelNotFound", {
  ...fault("model_not_found"),
  model: Schema.optionalKey(Schema.String)
}) {}
