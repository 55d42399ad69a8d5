/**
 * A PostgreSQL server of a test's own, in a temporary folder: from the system's packages (`postgresql`), or from the
 * folder that `POSTGRES_BIN` names. It is run by a user that is not root, as PostgreSQL demands.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chownSync, existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The folder of `initdb` and `postgres`. Where there is none: `undefined`, said in one line; with `CI=true` that is a failure. */
export const findPostgres = (): string | undefined => {
  const named = process.env["POSTGRES_BIN"]
  const folders = named ? [named] : globSync("/usr/lib/postgresql/*/bin").sort().reverse()
  const found = folders.find((folder) => existsSync(join(folder, "initdb")))
  if (found !== undefined) return found
  const message = `no PostgreSQL (${named ?? "/usr/lib/postgresql"}): install postgresql, or set POSTGRES_BIN, to run the tests that need one`
  if (process.env["CI"] === "true") throw new Error(message)
  console.warn(`skipped: ${message}`)
  return undefined
}

/** A server that was started. */
export interface PostgresServer {
  /** Makes an empty database; gives its URL. */
  readonly database: () => string
  /** Ends the server as an operator would; its databases stay. */
  readonly stop: () => Promise<void>
  /** Starts it again, at the same port. */
  readonly start: () => Promise<void>
  /** Ends it, and removes all of it. */
  readonly remove: () => Promise<void>
}

const password = "p@ss/w:rd"

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(address)))
    })
  })

/** Who runs the server: ourselves, but not as root. */
const findOwner = (): { readonly uid?: number; readonly gid?: number } => {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }))
  return { uid: id("-u"), gid: id("-g") }
}

/** Starts a server of the binaries in `folder`. */
export const startPostgres = async (folder: string): Promise<PostgresServer> => {
  const home = mkdtempSync(join(tmpdir(), "postgres-"))
  const owner = findOwner()
  const secret = join(home, "password")
  writeFileSync(secret, password)
  if (owner.uid !== undefined && owner.gid !== undefined) {
    chownSync(home, owner.uid, owner.gid)
    chownSync(secret, owner.uid, owner.gid)
  }
  const data = join(home, "data")
  const options = { ...owner, cwd: home, env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C.UTF-8" } }
  const account = ["--username", "relay", "--pwfile", secret, "--auth", "scram-sha-256"]
  execFileSync(join(folder, "initdb"), ["--pgdata", data, "--no-sync", "--encoding", "UTF8", ...account], {
    ...options,
    stdio: ["ignore", "ignore", "inherit"]
  })
  const port = await freePort()
  const url = (name: string): string => `postgres://relay:${encodeURIComponent(password)}@127.0.0.1:${port}/${name}`

  let running: ChildProcess | undefined
  const start = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const settings = ["fsync=off", "listen_addresses=127.0.0.1", `unix_socket_directories=${home}`]
      const args = ["-D", data, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])]
      const child = spawn(join(folder, "postgres"), args, { ...options, stdio: ["ignore", "ignore", "pipe"] })
      running = child
      let said = ""
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        said += chunk
        if (said.includes("ready to accept connections")) resolve()
      })
      child.once("exit", () => {
        running = undefined
        reject(new Error(`PostgreSQL ended: ${said}`))
      })
    })
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      if (running === undefined) return resolve()
      running.once("exit", () => resolve())
      running.kill("SIGINT")
    })
  const kill = (): void => void running?.kill("SIGQUIT")

  await start()
  process.once("exit", kill)
  let databases = 0
  return {
    database: () => {
      const name = `books_${++databases}`
      const connection = ["--host", "127.0.0.1", "--port", String(port), "--username", "relay", "--no-password"]
      execFileSync(join(folder, "createdb"), [...connection, name], {
        ...options,
        env: { ...options.env, PGPASSWORD: password }
      })
      return url(name)
    },
    stop,
    start,
    remove: async () => {
      await stop()
      process.off("exit", kill)
      rmSync(home, { recursive: true, force: true })
    }
  }
}
