/**
 * Every class of the union, family by family, in the catalogue's order.
 */
import { callerErrors } from "./CallerErrors.ts"
import { cancelErrors } from "./CancelErrors.ts"
import { channelErrors } from "./ChannelErrors.ts"
import { defectErrors } from "./DefectErrors.ts"
import { policyErrors } from "./PolicyErrors.ts"
import { RetriesExhausted } from "./RetriesExhausted.ts"
import { storageErrors } from "./StorageErrors.ts"
import { upstreamErrors } from "./UpstreamErrors.ts"

/** Every class that holds no other error. */
export const leaves = [
  ...callerErrors,
  ...channelErrors,
  ...upstreamErrors,
  ...policyErrors,
  ...storageErrors,
  ...cancelErrors,
  ...defectErrors
] as const

/** Every class of the union. */
export const members = [...leaves, RetriesExhausted] as const

/** Every error of this library. */
export type ResilienceError = InstanceType<(typeof members)[number]>
