/**
 * A relay in a process of its own, started from a configuration file as its users start it: for tests that stop or kill
 * it, and that read all that it writes.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { LogLine } from "./log.ts"
import { type Ended, type Running, startNode } from "./spawnNode.ts"

/** A relay that listens. */
export interface RelayProcess extends Running {
  readonly url: string
  readonly port: number
}

/** The command's file, as it is published: from its sources a relay starts in three times as long. */
export const commandFile = "dist/bin/effect-resilience.js"

/** A temporary folder, and how it is removed. */
export const temporaryFolder = (): { readonly path: string; readonly remove: () => void } => {
  const path = mkdtempSync(join(tmpdir(), "relay-"))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Writes a configuration (JSON is YAML) into a folder and gives the file's path. */
export const writeConfiguration = (folder: string, configuration: object): string => {
  const file = join(folder, "relay.yaml")
  writeFileSync(file, JSON.stringify(configuration))
  return file
}

/** Runs a relay with a configuration file, and waits until it listens. */
export const startRelayProcess = async (
  file: string,
  environment: { readonly [name: string]: string } = {}
): Promise<RelayProcess> => {
  const running = startNode(commandFile, ["relay", "--config", file], environment)
  // The last line of the banner.
  const banner = await running.printed("curl -N")
  const port = Number(/^listening on http:\/\/[^\s:]+:(\d+)/m.exec(banner)?.[1])
  return { ...running, url: `http://127.0.0.1:${port}`, port }
}

/** What a process has logged; a line that is not JSON is a failure. */
export const logOf = ({ stderr }: Ended): ReadonlyArray<LogLine> =>
  stderr
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LogLine)
