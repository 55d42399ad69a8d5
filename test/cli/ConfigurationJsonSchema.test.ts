import { assert, describe, it } from "@effect/vitest"
import { configurationJsonSchema } from "#src/cli/index"
import { accepted, channel, keepFolder, withChannel } from "./kit.ts"

keepFolder()

interface Node {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly properties?: { readonly [key: string]: Node }
  readonly items?: Node
  readonly required?: ReadonlyArray<string>
  readonly additionalProperties?: unknown
}

const root = configurationJsonSchema() as Node

/** An object with every default written out. */
const defaultsOf = (node: Node): object =>
  Object.fromEntries(
    Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
      if (child.properties !== undefined) return [[key, defaultsOf(child)]]
      return "default" in child ? [[key, child.default]] : []
    })
  )

const everyKey = (node: Node, path: string): ReadonlyArray<readonly [string, Node]> =>
  Object.entries(node.properties ?? {}).flatMap(([key, child]) => [
    [`${path}.${key}`, child] as const,
    ...everyKey(child, `${path}.${key}`),
    ...(child.items === undefined ? [] : everyKey(child.items, `${path}.${key}[]`))
  ])

describe("the JSON Schema", () => {
  it("describes every key, and has a default for each that may be left out", () => {
    const optional = [
      "$.server.secret",
      "$.store.path",
      ...["type", "path"].map((key) => `$.books.${key}`),
      ...["dsn", "environment", "release"].map((key) => `$.tracker.${key}`),
      "$.rateLimit.by",
      ...["expiresAt", "rateLimit", "concurrency", "addresses", "quota"].map((key) => `$.tokens[].${key}`),
      "$.groups[].quota",
      ...["tokens", "groups"].map((section) => `$.${section}[].quota.budget`),
      ...["headers", "firstContent", "idle", "total"].map((key) => `$.channels[].timeouts.${key}`),
      ...["ca", "cert", "key"].map((key) => `$.channels[].tls.${key}`)
    ]
    for (const [path, node] of everyKey(root, "$")) {
      assert.isString(node.description, path)
      const required =
        /\.(channels|id|dialect|baseUrl|keys|models|name|key|budget\.(amount|per))$/.test(path) &&
        !path.startsWith("$.server")
      if (!required && !optional.includes(path)) assert.property(node, "default", path)
    }
    assert.deepStrictEqual(root.required, ["channels"])
    assert.deepStrictEqual(root.properties?.["channels"]?.items?.required, [
      "id",
      "dialect",
      "baseUrl",
      "keys",
      "models"
    ])
    assert.strictEqual(root.additionalProperties, false)
  })

  it("has the defaults that are decoded", async () => {
    const written = {
      ...defaultsOf(root),
      channels: [{ ...defaultsOf(root.properties?.["channels"]?.items ?? {}), ...channel() }]
    }
    const { retry: writtenRetry, ...withDefaults } = await accepted(JSON.stringify(written))
    const { retry, ...without } = await accepted(withChannel({}))
    assert.deepStrictEqual(withDefaults, without)
    assert.deepStrictEqual({ ...writtenRetry, statuses: 0 }, { ...retry, statuses: 0 } as never)
  })
})
