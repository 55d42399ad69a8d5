/**
 * The demonstration that `npm start` runs: a relay under a supervisor, before channels that can be broken.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { existsSync } from "node:fs"
import { answerTo } from "../../examples/simulated/Answer.ts"
import { fateIn, manners, moody, nextStep } from "../../examples/simulated/Mood.ts"
import { until } from "../server/kit.ts"
import { startNode } from "../support/spawnNode.ts"
import { contentOf, read } from "../support/sse.ts"
import { type Demo, press, startDemo, stateOf } from "./kit.ts"

const runs = (pid: number): boolean => existsSync(`/proc/${pid}`)

describe("the moods of a simulated channel", () => {
  it("let an answer begin before they break it, and half of one be a half", () => {
    for (const manner of manners) {
      const fate = fateIn(manner, 100)
      const first = nextStep(fate, 0)
      assert.strictEqual(first, manner === "slow" ? "slow" : "pass", manner)
    }
    assert.strictEqual(nextStep(fateIn("half", 100), 49), "pass")
    assert.strictEqual(nextStep(fateIn("half", 100), 50), "half")
    assert.strictEqual(nextStep(fateIn("reset", 100), 99), "reset")
    // A short rest of an answer is broken too.
    assert.strictEqual(nextStep(fateIn("reset", 3), 2), "reset")
  })

  it("are of every kind on the rota of the shaky one, and it answers in between", () => {
    assert.deepEqual(
      moody.map(({ does }) => does),
      ["reset", "well", "stall", "well", "well", "refuse", "well", "half", "well", "well"]
    )
  })
})

describe("the demonstration", () => {
  let demo: Demo
  beforeAll(async () => {
    demo = await startDemo({ PACE: "100" })
  }, 60_000)
  afterAll(() => demo.stop())

  it.each(["reset", "stall", "cut", "half", "garble", "refuse"])(
    "gives a whole answer when the first channel is told to %s",
    { timeout: 60_000 },
    async (mood) => {
      assert.strictEqual(await press(demo, "mend"), 200)
      assert.strictEqual(await press(demo, "channels/shaky", { mood }), 200)
      const { events } = await read(`${demo.url}/chat?message=hello`)
      assert.strictEqual(contentOf(events), answerTo("hello"))
      assert.strictEqual(events.at(-1)?.event, "done")
      // Once its circuit is open it is not asked any more, and nothing breaks.
      const broke = events.find(({ event }) => event === "failover" || event === "attempt")
      if (broke !== undefined) assert.strictEqual(broke.json?.["from"], "shaky")
    }
  )

  it("breaks an answer that is under way, and tells what the whole one is", { timeout: 60_000 }, async () => {
    await press(demo, "mend")
    const asked = read(`${demo.url}/chat?message=Warum%3F`)
    let speaking: string | undefined
    await until(async () => {
      speaking = (await stateOf(demo)).channels.find(({ open }) => open > 0)?.id
      return speaking !== undefined
    })
    assert.strictEqual(await press(demo, `channels/${speaking}`, { mood: "reset" }), 200)
    const { events } = await asked
    const expected = (await (await fetch(`${demo.url}/demo/expected?message=Warum%3F`)).json()) as { text: string }
    assert.strictEqual(contentOf(events), expected.text)
    assert.strictEqual(expected.text, answerTo("Warum?"))
    await press(demo, "mend")
  })

  it("refuses buttons that there are not, and pages of other sites", async () => {
    assert.strictEqual(await press(demo, "channels/shaky", { mood: "explode" }), 400)
    assert.strictEqual(await press(demo, "channels/nobody", { mood: "well" }), 404)
    assert.strictEqual(await press(demo, "nothing"), 404)
    for (const odd of ["%2f", "channels/..%2fkill", "channels%2f..%2f..%2fkill", "kill%3f", "%20"]) {
      assert.strictEqual(await press(demo, odd), 404, odd)
    }
    const foreign = await fetch(`${demo.url}/demo/kill`, {
      method: "POST",
      headers: { origin: "https://elsewhere.example" }
    })
    assert.strictEqual(foreign.status, 403)
    assert.strictEqual((await stateOf(demo)).relay.kills, 0)
  })

  it("starts its relay again when somebody kills it, and the answer goes on", { timeout: 90_000 }, async () => {
    await press(demo, "mend")
    const { pid } = (await stateOf(demo)).relay
    const begun = await read(`${demo.url}/chat?message=hello`, { cutAfter: 20 })
    process.kill(pid, "SIGKILL")
    await until(async () => {
      try {
        return (await stateOf(demo)).relay.kills === 1
      } catch {
        return false
      }
    }, 60_000)
    const last = begun.events.at(-1)
    const rest = await read(`${demo.url}/chat?message=hello`, { headers: { "last-event-id": last?.id ?? "" } })
    assert.strictEqual(contentOf([...begun.events, ...rest.events]), answerTo("hello"))
    assert.strictEqual(rest.events.at(-1)?.event, "done")
    const after = (await stateOf(demo)).relay.pid
    assert.notStrictEqual(after, pid)
    assert.isTrue(runs(after))
  })
})

describe("npm start", () => {
  it("stops with its relay, by a signal, with 0; and says in a line that a port is taken, with 1", {
    timeout: 90_000
  }, async () => {
    const demo = await startDemo()
    const port = new URL(demo.url).port
    const second = await startNode("examples/start.ts", [], { PORT: port }, demo.folder).ended
    assert.strictEqual(second.code, 1)
    assert.include(second.stderr, `port ${port} on 127.0.0.1 is taken`)
    assert.strictEqual(second.stdout, "")
    const { pid } = (await stateOf(demo)).relay
    demo.process.kill("SIGTERM")
    assert.strictEqual((await demo.process.ended).code, 0)
    assert.isFalse(runs(pid))
  })

  it("leaves no relay behind when it is killed itself", { timeout: 90_000 }, async () => {
    const demo = await startDemo()
    const { pid } = (await stateOf(demo)).relay
    demo.process.kill("SIGKILL")
    await until(() => !runs(pid), 10_000)
  })

  it("refuses a port that is none, with 2", { timeout: 60_000 }, async () => {
    const { code, stderr } = await startNode("examples/start.ts", [], { PORT: "no" }).ended
    assert.strictEqual(code, 2)
    assert.include(stderr, "PORT: expected an integer")
  })
})
