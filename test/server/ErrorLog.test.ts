/**
 * The error log of a real relay: which rows a failure leaves, what they hold and never hold, and how they are searched.
 */
import { assert, describe, it } from "@effect/vitest"
import { answer, cut, status } from "../support/behaviour.ts"
import { logLines } from "../support/log.ts"
import type { RunningRelay } from "../support/relay.ts"
import { read } from "../support/sse.ts"
import { completion, until, withRelay } from "./kit.ts"

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

interface Shown {
  readonly [field: string]: unknown
}
interface Page {
  readonly data: ReadonlyArray<Shown>
  readonly next: string | null
}

const get = async (relay: RunningRelay, path: string, headers: Record<string, string> = {}) => {
  const { status: code, text, headers: answered } = await read(`${relay.url}/admin/${path}`, { headers })
  return { status: code, text, headers: answered }
}
const page = async (relay: RunningRelay, path: string): Promise<Page> =>
  JSON.parse((await get(relay, path)).text) as Page

/** Waits for so many rows. */
const rowsOf = async (relay: RunningRelay, path: string, many: number): Promise<ReadonlyArray<Shown>> => {
  let rows: ReadonlyArray<Shown> = []
  await until(async () => (rows = (await page(relay, path)).data ?? []).length >= many)
  return rows
}

const ask = (relay: RunningRelay, id: string, more: object = {}, headers: Record<string, string> = {}) =>
  read(`${relay.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-request-id": id, ...headers },
    body: JSON.stringify(completion(more))
  })

const fields = [
  "id",
  "at",
  "kind",
  "request_id",
  "stream_id",
  "token",
  "group",
  "model",
  "channel",
  "channel_model",
  "key",
  "attempt",
  "stream",
  "class",
  "code",
  "error_type",
  "status_code",
  "upstream_status",
  "upstream_code",
  "upstream_request_id",
  "message",
  "retry_after_ms",
  "first_content_ms",
  "duration_ms",
  "input_tokens",
  "output_tokens",
  "credits"
]

const rateLimited = status(429, {
  headers: { "x-request-id": "req_up_1", "retry-after": "7" },
  body: { error: { message: "Rate limit reached for gpt-x", type: "requests", code: "rate_limit_exceeded" } }
})

describe("the error log", () => {
  it("has a row for each attempt that failed, with exactly the contract's fields, and none for a request that was rescued", () =>
    withRelay({}, async ({ a, b, relay }) => {
      a.enqueue(rateLimited)
      b.enqueue(answer())
      await ask(relay, "one")
      const [row] = await rowsOf(relay, "errors?request_id=one", 1)
      assert.sameMembers(Object.keys(row!), fields)
      const { at, duration_ms, id, stream_id, ...lasting } = row!
      assert.isNumber(at)
      assert.isNumber(duration_ms)
      assert.strictEqual(id, `${String(stream_id)}.1`)
      assert.deepStrictEqual(lasting, {
        kind: "attempt",
        request_id: "one",
        token: null,
        group: "default",
        model: "m",
        channel: "a",
        channel_model: "m",
        key: 0,
        attempt: 1,
        stream: true,
        class: "rate",
        code: "channel:rate_limited",
        error_type: "openai_error",
        status_code: 429,
        upstream_status: 429,
        upstream_code: "rate_limit_exceeded",
        upstream_request_id: "req_up_1",
        message: "Rate limit reached for gpt-x",
        retry_after_ms: 7000,
        first_content_ms: null,
        input_tokens: null,
        output_tokens: null,
        credits: null
      })
      assert.lengthOf((await page(relay, "errors?kind=request")).data, 0)
    }))

  it("has a row for a request that failed too, with its trail; `GET requests/{id}` tells them in order", () =>
    withRelay({ recovery: { mode: "off" } }, async ({ a, b, relay }) => {
      a.enqueue(status(500), status(500))
      b.enqueue(cut(1, "reset", { words: ["half", " of"] }))
      await ask(relay, "two", {}, { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" })
      await rowsOf(relay, "errors?request_id=two&kind=request", 1)
      const { data } = await page(relay, "requests/two")
      assert.deepStrictEqual(
        data.map(({ attempt, channel, kind }) => `${String(kind)} ${String(attempt)} ${String(channel)}`),
        ["attempt 1 a", "attempt 2 a", "attempt 3 b", "request 3 b"]
      )
      const last = data.at(-1)!
      assert.strictEqual(last["kind"], "request")
      assert.strictEqual(last["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736")
      const trail = last["trail"] as ReadonlyArray<Shown>
      assert.deepStrictEqual(
        trail.map(({ channel, class: blame }) => `${String(channel)}=${String(blame)}`),
        ["a=upstream", "a=upstream", "b=transport"]
      )
      assert.isAbove(Number(last["output_tokens"]), 0)
    }))

  it("has the rows of an answer at once when it has ended", () =>
    withRelay({ retry: { times: 0 } }, async ({ a, b, relay }) => {
      for (let n = 0; n < 5; n++) {
        for (const server of [a, b]) server.enqueue(status(400))
        await ask(relay, `at-once-${n}`)
        const { data } = await page(relay, n % 2 === 0 ? `requests/at-once-${n}` : `errors?request_id=at-once-${n}`)
        assert.sameMembers(
          data.map(({ kind }) => kind),
          ["attempt", "request"]
        )
      }
    }))

  it("has a request row and no attempt row for what was refused, with who asked for what", () =>
    withRelay(
      {
        rateLimit: { requests: 1, per: "1 hour" },
        tokens: [
          { name: "team", key: "team-secret-token" },
          { name: "ops", key: "ops-secret-token", admin: true, rateLimit: { requests: null } }
        ]
      },
      async ({ a, relay }) => {
        const beganAt = performance.now()
        a.enqueue(answer())
        await ask(relay, "r1", {}, bearer("team-secret-token"))
        await ask(relay, "r2", {}, bearer("team-secret-token"))
        await ask(relay, "r3", { model: "nobody-has-it" }, bearer("ops-secret-token"))
        // From the 61st on these are told that they ask too often.
        for (let n = 0; n < 75; n++) await ask(relay, `stranger-${n}`, {}, bearer("wrong-secret-token"))
        const spentMillis = performance.now() - beganAt
        const { text } = await get(relay, "errors", bearer("ops-secret-token"))
        const rows = (JSON.parse(text) as Page).data
        const told = rows.map((row) => [row["request_id"], row["kind"], row["token"], row["model"], row["code"]])
        assert.deepStrictEqual(told.slice(-2), [
          ["r3", "request", "ops", "nobody-has-it", "model_not_found"],
          ["r2", "request", "team", null, "rate_limited"]
        ])
        // Who guesses tokens makes no row each: one a second at most.
        assert.isAtLeast(told.length, 3)
        assert.isAtMost(told.length - 2, 1 + Math.floor(spentMillis / 1000))
      }
    ))

  it("is searched by every field, page by page, from the newest on", () =>
    withRelay({ retry: { times: 1 } }, async ({ a, b, relay }) => {
      for (let n = 0; n < 6; n++) {
        if (n === 3) a.enqueue(rateLimited)
        a.enqueue(status(500))
        b.enqueue(status(503, { body: { error: { message: `Busy ${n} Ünder load` } } }))
        await ask(relay, `s${n}`)
      }
      await rowsOf(relay, "errors?request_id=s5&kind=request", 1)
      const all = (await page(relay, "errors")).data
      const count = async (query: string) => (await page(relay, `errors?limit=1000&${query}`)).data.length
      const expected = (field: string, value: unknown) => all.filter((row) => row[field] === value).length
      for (const field of ["kind", "channel", "model", "code", "class", "request_id", "stream_id"]) {
        for (const value of new Set(all.map((row) => String(row[field])))) {
          assert.strictEqual(await count(`${field}=${encodeURIComponent(value)}`), expected(field, value), field)
        }
        assert.strictEqual(await count(`${field}=${field === "kind" ? "request&channel=none" : "none"}`), 0, field)
      }
      assert.strictEqual(await count("status=429"), expected("status_code", 429))
      assert.strictEqual(
        await count("q=LIMIT%20reached"),
        all.filter(({ message }) => /Limit/i.test(String(message))).length
      )
      assert.isAbove(await count("q=ünDER%20LOAD"), 0)
      assert.isAbove(await count("q=ra"), 0)
      assert.strictEqual(await count("q=%25"), 0)
      assert.strictEqual(await count("q=limit%20reaches"), 0)
      const middle = Number(all[5]!["at"])
      assert.strictEqual(await count(`from=${middle}`), all.filter(({ at }) => Number(at) >= middle).length)
      assert.strictEqual(await count(`to=${middle}`), all.filter(({ at }) => Number(at) < middle).length)
      assert.strictEqual(
        await count(`channel=a&code=${encodeURIComponent("channel:rate_limited")}&kind=attempt&q=rate`),
        all.filter(
          ({ channel, code, kind }) => channel === "a" && code === "channel:rate_limited" && kind === "attempt"
        ).length
      )
      const pages: Array<unknown> = []
      for (let next: string | null = ""; next !== null; ) {
        const one: Page = await page(relay, `errors?limit=5${next === "" ? "" : `&cursor=${next}`}`)
        assert.isAtMost(one.data.length, 5)
        pages.push(...one.data.map(({ id }) => id))
        next = one.next
      }
      const ids = all.map(({ id }) => id)
      assert.deepStrictEqual(pages.slice(-ids.length), ids)
      assert.strictEqual(new Set(pages).size, pages.length)
    }))

  it.each([
    "colour=red",
    "limit=0",
    "limit=1001",
    "limit=0x10",
    "limit=%0A5",
    "limit=05",
    "limit=",
    "status=ok",
    "status=5e2",
    "kind=other",
    "from=soon",
    "from=2026-02-30",
    "to=2027-02-29T12:00:00Z",
    "cursor=nothing",
    "q="
  ])("refuses %s with 422 and the field's name", (query) =>
    withRelay({}, async ({ relay }) => {
      const { status: code, text } = await get(relay, `errors?${query}`)
      const { error } = JSON.parse(text) as { readonly error: { readonly details: ReadonlyArray<{ field: string }> } }
      assert.strictEqual(code, 422)
      assert.strictEqual(error.details[0]?.field, query.split("=")[0])
    })
  )

  it("says 404 of a request of which nothing failed", () =>
    withRelay({}, async ({ relay }) => {
      assert.strictEqual((await get(relay, "requests/nobody")).status, 404)
    }))

  it("never holds a prompt, an answer or a key, whoever quotes it", () =>
    withRelay({ recovery: { mode: "off" } }, async ({ a, relay }) => {
      const prompt = "the launch code of the northern silo is seven"
      a.enqueue(
        status(400, {
          body: {
            error: {
              message: `bad words in "${prompt}" of key-of-a sk-proj-abcdefghijklmnop`,
              type: "invalid_request_error"
            }
          }
        })
      )
      await ask(relay, "p1", { messages: [{ role: "user", content: prompt }] })
      a.enqueue(cut(2, "reset", { words: ["the secret answer", " is forty two", "."] }))
      await ask(relay, "p2", { messages: [{ role: "user", content: prompt }] })
      await ask(relay, "p3", { messages: prompt })
      await read(`${relay.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-request-id": "p4" },
        body: `{"messages": "${prompt}`
      })
      await rowsOf(relay, "errors?kind=request", 4)
      const { text } = await get(relay, "errors?limit=1000")
      for (const planted of ["launch code", "silo is seven", "key-of-a", "sk-proj", "forty two"]) {
        assert.notInclude(text, planted)
      }
      assert.include(text, "bad words in")
    }))

  it("never holds an answer that its upstream quotes when it breaks, shown or not, as it is or as JSON", () =>
    withRelay(
      { recovery: { mode: "off" }, retry: { times: 0 }, breaker: { minimum: 100 } },
      async ({ a, b, relay }) => {
        const words = [
          "Well, the patient's ",
          'diagnosis is "confidential"',
          "\nand his name is ",
          "Peter of the north"
        ]
        for (const [at, quoted] of [words.join(""), JSON.stringify({ content: words.join("") })].entries()) {
          for (const more of [{ stream: true }, {}, { response_format: { type: "json_object" } }]) {
            a.enqueue(cut(4, "errorFrame", { words, error: { message: `output stopped after: ${quoted}` } }))
            await ask(relay, `quoted-${at}`, { ...more, messages: [{ role: "user", content: "hello" }] })
          }
        }
        assert.lengthOf(b.requests, 0)
        const rows = await rowsOf(relay, "errors?kind=request", 6)
        for (const { message } of rows) assert.match(String(message), /^output stopped after: /)
        const { text } = await get(relay, "errors?limit=1000")
        for (const told of [text, JSON.stringify(logLines())]) {
          for (const planted of ["patient", "confidential", "Peter of the north"]) assert.notInclude(told, planted)
        }
      }
    ))

  it("never holds the thoughts of an answer and what its calls are made with, where its upstream quotes them", () =>
    withRelay(
      { recovery: { mode: "off" }, retry: { times: 0 }, breaker: { minimum: 100 } },
      async ({ a, b, relay }) => {
        const reasoning = ["The patient asks about ", "a confidential diagnosis"]
        const toolCall = { name: "look_up", parts: ['{"name":"Peter of ', 'the north, number 12"'] }
        const thought = reasoning.join("")
        const input = toolCall.parts.join("")
        for (const quoted of [thought, JSON.stringify({ thought }), input, JSON.stringify({ arguments: input })]) {
          for (const stream of [true, false]) {
            const error = { message: `output stopped after: ${quoted}` }
            a.enqueue(cut(5, "errorFrame", { reasoning, words: ["Well"], toolCall, error }))
            await ask(relay, "quoted", { stream, messages: [{ role: "user", content: "hello" }] })
          }
        }
        assert.lengthOf(b.requests, 0)
        const rows = await rowsOf(relay, "errors?kind=request", 8)
        for (const { message } of rows) assert.match(String(message), /^output stopped after: .*\*\*\*/)
        const { text } = await get(relay, "errors?limit=1000")
        for (const told of [text, JSON.stringify(logLines())]) {
          for (const planted of ["patient", "confidential", "Peter of", "number 12"]) assert.notInclude(told, planted)
        }
      }
    ))

  it("has no code and no type of an upstream that is a part of the request, and has a vendor's own", () =>
    withRelay({ retry: { times: 0 } }, async ({ a, b, relay }) => {
      const prompt = "my password is hunter2_of_the_north, said invalid_request_error"
      for (const server of [a, b]) {
        server.setDefault(
          status(400, {
            body: { error: { message: "no", code: "hunter2_of_the_north", type: "invalid_request_error" } }
          })
        )
      }
      const asked = { "content-type": "application/json", "x-request-id": "named" }
      await ask(relay, "named", { messages: [{ role: "user", content: prompt }] })
      await read(`${relay.url}/v1/embeddings`, {
        method: "POST",
        headers: { ...asked, "x-request-id": "named-2" },
        body: JSON.stringify({ model: "m", input: prompt })
      })
      const { data } = await page(relay, "errors")
      assert.sameMembers(
        data.map((row) => `${String(row["request_id"])} ${String(row["kind"])} ${String(row["upstream_code"])}`),
        [
          "named attempt invalid_request_error",
          "named request invalid_request_error",
          "named-2 attempt invalid_request_error",
          "named-2 request invalid_request_error"
        ]
      )
      assert.notInclude(JSON.stringify(logLines()), "hunter2")
      for (const server of [a, b]) server.reset()
    }))

  it("goes on behind a page: as CSV, and of one request", () =>
    withRelay({ retry: { times: 2 } }, async ({ a, b, relay }) => {
      for (const server of [a, b]) server.setDefault(status(500))
      await ask(relay, "paged")
      const { data } = await page(relay, "requests/paged")
      assert.isAtLeast(data.length, 3)
      const seen: Array<unknown> = []
      for (let next: string | null = ""; next !== null; ) {
        const one: Page = await page(relay, `requests/paged?limit=2${next === "" ? "" : `&cursor=${next}`}`)
        assert.isAtMost(one.data.length, 2)
        seen.push(...one.data)
        next = one.next
      }
      assert.deepStrictEqual(seen, [...data])
      const { next } = await page(relay, "errors?limit=2")
      const csv = await get(relay, "errors?limit=2&format=csv")
      assert.strictEqual(csv.headers["x-next-cursor"], next)
      assert.isUndefined((await get(relay, "errors?format=csv")).headers["x-next-cursor"])
      for (const query of ["limit=0", "cursor=soon", "cursor=-1"]) {
        const { status: code, text } = await get(relay, `requests/paged?${query}`)
        assert.strictEqual(code, 422, query)
        assert.strictEqual(
          (JSON.parse(text) as { error: { details: [Shown] } }).error.details[0]["field"],
          query.split("=")[0]
        )
      }
      for (const server of [a, b]) server.reset()
    }))

  it("has what was tried for embeddings and counts in their request's row", () =>
    withRelay({ retry: { times: 0 } }, async ({ a, b, relay }) => {
      const said = { error: { message: "no such input", type: "invalid_request_error", code: "bad_input" } }
      for (const server of [a, b]) server.setDefault(status(400, { headers: { "x-request-id": "up" }, body: said }))
      await read(`${relay.url}/v1/embeddings`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-request-id": "vectors" },
        body: JSON.stringify({ model: "m", input: "hello" })
      })
      const { data } = await page(relay, "requests/vectors")
      assert.deepStrictEqual(
        data.map(({ kind }) => kind),
        ["attempt", "request"]
      )
      const [attempt, request] = data
      assert.deepInclude(request, {
        model: "m",
        channel: "a",
        channel_model: "m",
        key: 0,
        attempt: 1,
        error_type: "openai_error",
        upstream_status: 400,
        upstream_code: "bad_input",
        upstream_request_id: "up"
      })
      assert.strictEqual(request!["code"], attempt!["code"])
      assert.deepInclude((request!["trail"] as ReadonlyArray<Shown>)[0], { attempt: 1, channel: "a" })
      for (const server of [a, b]) server.reset()
    }))

  it("comes as CSV, whose cells no spreadsheet takes for formulas", () =>
    withRelay({ retry: { times: 0 } }, async ({ a, b, relay }) => {
      a.enqueue(status(500, { body: { error: { message: '=HYPERLINK("http://evil","x")', type: "server_error" } } }))
      b.enqueue(answer())
      await ask(relay, "c1")
      await rowsOf(relay, "errors", 1)
      const { headers, text } = await get(relay, "errors?format=csv")
      assert.match(String(headers["content-type"]), /^text\/csv/)
      const [names, row] = text.split("\r\n")
      assert.strictEqual(names?.split(",")[0], "id")
      assert.include(row, `"'=HYPERLINK(""http`)
    }))

  it("leaves no row when it is off, and one of what went well where that is asked for", async () => {
    await withRelay({ errorLog: { enabled: false } }, async ({ a, b, relay }) => {
      a.enqueue(status(500))
      b.enqueue(answer())
      await ask(relay, "off")
      await new Promise((resolve) => setTimeout(resolve, 600))
      assert.lengthOf((await page(relay, "errors")).data, 0)
    })
    await withRelay({ errorLog: { successes: true, ip: true } }, async ({ a, relay }) => {
      a.enqueue(answer())
      await ask(relay, "fine")
      const [row] = await rowsOf(relay, "errors", 1)
      assert.deepInclude(row, {
        kind: "request",
        class: null,
        code: null,
        status_code: 200,
        channel: "a",
        ip: "127.0.0.1"
      })
    })
  })

  it("names the token of a request that may not come from where it does", () =>
    withRelay(
      {
        tokens: [
          { name: "there", key: "key-there", addresses: ["198.51.100.0/24"] },
          { name: "root", key: "key-root", admin: true }
        ]
      },
      async ({ relay }) => {
        assert.strictEqual((await ask(relay, "from-here", {}, bearer("key-there"))).status, 403)
        const found = async () =>
          (JSON.parse((await get(relay, "requests/from-here", bearer("key-root"))).text) as Page).data
        await until(async () => (await found()).length > 0)
        assert.deepInclude((await found())[0], { code: "access_denied", token: "there", group: "default" })
      }
    ))
})
