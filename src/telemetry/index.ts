export * from "./EventLog.ts"
export * as EventLogNode from "./EventLogNode.ts"
export * from "./Metrics.ts"
