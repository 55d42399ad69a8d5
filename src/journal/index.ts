export * from "./Journal.ts"
export * from "./JournalStore.ts"
