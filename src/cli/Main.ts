#!/usr/bin/env node
/**
 * The `effect-resilience` command. Nothing is loaded here but what says where compiled code is kept: what is loaded after it is
 * had from there.
 */
import { keepCompiled } from "./CompiledNode.ts"

keepCompiled()
const { runCommand } = await import("./RunCommand.ts")
runCommand()
