/**
 * The route table: what follows from its rows.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type RouteShown } from "#src/server/index"
import { makeRouteTable, type Route, standard } from "#src/server/Route"
import { channelOf, startRelay } from "../support/relay.ts"
import { read } from "../support/sse.ts"

const row = (method: Route["method"], path: string, more: Partial<Route> = {}): Route => ({
  method,
  path,
  access: "token",
  envelope: standard,
  shows: "",
  handle: () => Effect.void,
  ...more
})

describe("makeRouteTable", () => {
  const table = makeRouteTable([
    row("GET", "/a", { head: true }),
    row("POST", "/a"),
    row("GET", "/a/{id}"),
    row("DELETE", "/a/{id}"),
    row("GET", "/b/{name*}", { head: true }),
    row("GET", "/c.d/{id}"),
    row("POST", "/e"),
    row("GET", "/e", { others: true })
  ])
  const found = (method: string, path: string): string => {
    const matched = table.match(method, path)
    switch (matched._tag) {
      case "Found":
        return `${matched.route.method} ${matched.route.path} ${matched.parameter}`.trim()
      case "NotFound":
        return "not found"
      case "MethodNotAllowed":
        return `allow ${matched.allow.join(", ")}`
    }
  }
  it.each([
    ["GET", "/a", "GET /a"],
    ["HEAD", "/a", "GET /a"],
    ["PUT", "/a", "allow GET, POST"],
    ["GET", "/a/", "not found"],
    ["GET", "/a/x%20y", "GET /a/{id} x y"],
    ["HEAD", "/a/x", "allow GET, DELETE"],
    ["GET", "/a/x/y", "not found"],
    ["GET", "/a/%zz", "not found"],
    ["GET", "/b/x/y", "GET /b/{name*} x/y"],
    ["GET", "/b/", "not found"],
    ["GET", "/cxd/1", "not found"],
    ["GET", "/c.d/1", "GET /c.d/{id} 1"],
    ["GET", "/A", "not found"],
    ["PUT", "/e", "GET /e"],
    ["TRACE", "/e", "GET /e"],
    ["HEAD", "/e", "allow POST, GET"]
  ])("%s %s: %s", (method, path, expected) => assert.strictEqual(found(method, path), expected))

  it("knows all methods, for CORS", () => assert.deepStrictEqual(table.methods, ["GET", "POST", "DELETE"]))

  it("is what a relay answers by, and what the README lists", async () => {
    const relay = await startRelay({ channels: [channelOf("a", "http://127.0.0.1:9")] })
    try {
      for (const { method, path } of relay.routes) {
        const asked = await read(relay.url + path.replaceAll(/\{\w+\*?\}/g, "x"), {
          method: method === "GET" ? "PUT" : "GET"
        })
        if (asked.status === 405) assert.include(asked.headers.allow, method)
      }
      assert.strictEqual(tableIn(readme), tableOf(relay.routes))
    } finally {
      await relay.close()
    }
  })
})

const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8")

const mark = (name: string): string => `<${"!--"} ${name} -->`

const tableIn = (text: string): string => (text.split(mark("routes"))[1]?.split(mark("/routes"))[0] ?? "").trim()

/** The rows as a table of Markdown: put it between the README's marks when it has changed. */
const tableOf = (routes: ReadonlyArray<RouteShown>): string => {
  const cells = [
    ["route", "what", "who"],
    ...routes.map(({ access, method, path, shows }) => [`\`${method} ${path.replaceAll("*}", "}")}\``, shows, access])
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]!.length)))
  const lines = cells.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`)
  return [lines[0], `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...lines.slice(1)].join("\n")
}
