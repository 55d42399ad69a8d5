// What other floors take. What writes to a process' own streams is in `EventLogNode.ts`.
export * from "./ErrorTracker.ts"
export * from "./EventLog.ts"
export { lineOf } from "./LogLine.ts"
export * from "./Metrics.ts"
