export * as Failures from "./Failures.ts"
export * as InvalidPolicyOption from "./InvalidPolicyOption.ts"
export * as PolicyTelemetry from "./PolicyTelemetry.ts"
