#!/usr/bin/env node
/**
 * The `effect-resilience` command. Nothing is loaded here but what says where compiled code is kept: what is loaded after it is
 * had from there.
 */
import process from "node:process"
import { keepCompiled } from "./CompiledNode.ts"

// Whoever sends it wants the configuration read, which is still to come: no relay dies of it while it is loaded.
if (process.argv[2] === "relay") process.on("SIGHUP", () => {})
keepCompiled()
const { runCommand } = await import("./RunCommand.ts")
runCommand()
