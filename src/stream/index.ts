export * from "./ClockState.ts"
export * from "./Stitcher.ts"
