/**
 * What is measured: the relay, and what stands beside it.
 */
import { existsSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import process from "node:process"
import type { Target } from "./client.ts"
import { cores, has, ports, start, type Started, startModule } from "./process.ts"

/** A process that answers. */
export interface Subject extends Target, Started {}

/** All answers come from here, by `upstream.ts`. */
export const baseUrl = `http://127.0.0.1:${ports.upstream}/v1`

const subject = { core: cores.subject } as const

/** Starts the upstream. */
export const startUpstream = (): Promise<Started> =>
  startModule("upstream.ts", [String(ports.upstream)], { core: cores.load })

/** The bare `node:http` relay. */
export const startBare = async (port: number): Promise<Subject> => ({
  name: "bare node:http",
  port,
  ...(await startModule("bare.ts", [String(port), String(ports.upstream)], subject))
})

/** How our relay is started. */
export interface RelayOptions {
  readonly name: string
  readonly port: number
  /** Where its configuration and its store are. */
  readonly folder: string
  readonly store: "memory" | "sqlite"
  /** More of the configuration. */
  readonly more?: { readonly [section: string]: unknown }
  /** Node's. */
  readonly flags?: ReadonlyArray<string>
}

/** Our relay, from its source, with nothing of what it promises switched off. */
export const startRelay = async ({ flags, folder, more, name, port, store }: RelayOptions): Promise<Subject> => {
  const file = join(folder, `${store}.json`)
  writeFileSync(
    file,
    JSON.stringify({
      server: { port },
      store: store === "memory" ? { type: "memory" } : { type: "sqlite", path: join(folder, "relay.db") },
      channels: [{ id: "bench", dialect: "openai", baseUrl, keys: [], models: ["*"] }],
      ...more
    })
  )
  return { name, port, ...(await startModule("../src/cli/Main.ts", ["relay", "--config", file], subject, flags)) }
}

/** nginx as a proxy that does not wait for more: it has no parser of events, and shows what the network costs. */
export const startNginx = async (port: number, folder: string): Promise<Subject | undefined> => {
  if (!has("nginx")) return undefined
  const file = join(folder, "nginx.conf")
  // One process, which is the one whose CPU is counted.
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr emerg;
events { worker_connections 8192; }
http {
  access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder}; keepalive_requests 1000000000;
  upstream bench { server 127.0.0.1:${ports.upstream}; keepalive 2048; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://bench; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}
`
  )
  return { name: "nginx", port, ...(await startSilent("nginx", ["-p", folder, "-e", "stderr", "-c", file], port)) }
}

const takesConnections = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port })
    const end = (isOpen: boolean): void => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once("connect", () => end(true)).once("error", () => end(false))
  })

/** Starts what says nothing when it is ready: it is, as soon as its port takes a connection. */
const startSilent = async (command: string, args: ReadonlyArray<string>, port: number): Promise<Started> => {
  // A shell that says so and becomes the command.
  const started = await start("sh", ["-c", 'echo starting; exec "$@"', "sh", command, ...args], subject)
  for (let tries = 0; tries < 100; tries++) {
    if (await takesConnections(port)) return started
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${command} does not listen on ${port}`)
}

/** Portkey's gateway, of the folder that `PORTKEY` names: one with `@portkey-ai/gateway` in its `node_modules`. */
export const startPortkey = async (port: number): Promise<Subject | undefined> => {
  const folder = process.env.PORTKEY
  if (folder === undefined || folder === "") return undefined
  const file = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js")
  if (!existsSync(file)) throw new Error(`PORTKEY: ${file} is not there`)
  return {
    name: "Portkey",
    port,
    headers: {
      authorization: "Bearer bench",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": baseUrl
    },
    ...(await start(process.execPath, [file, `--port=${port}`, "--headless"], {
      ...subject,
      ready: /Ready for connections/
    }))
  }
}
