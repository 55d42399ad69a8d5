#!/usr/bin/env node
/**
 * The `effect-resilience` command. Nothing is loaded here but what says where compiled code is kept: what is loaded after it is
 * had from there.
 */
import process from "node:process"
import { keepCompiled } from "./CompiledNode.ts"

/** While nobody else listens to the signal the relay is still loaded: nothing is under way, and it is stopped in time. */
const stop = (signal: NodeJS.Signals): void => {
  if (process.listenerCount(signal) === 1) process.exit(0)
}

if (process.argv[2] === "relay") {
  // Whoever sends it wants the configuration read, which is still to come: no relay dies of it while it is loaded.
  process.on("SIGHUP", () => {})
  process.on("SIGTERM", stop).on("SIGINT", stop)
}
keepCompiled()
const { runCommand } = await import("./RunCommand.ts")
runCommand()
