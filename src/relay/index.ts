export * from "./RelayOptions.ts"
