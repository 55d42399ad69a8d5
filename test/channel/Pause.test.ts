import { assert, describe, it } from "@effect/vitest"
import * as Pause from "../../src/channel/Pause.ts"

describe("a pause", () => {
  it("keeps the later of two hints, whichever comes first", () => {
    const long = Pause.hinted(Pause.none, 60_000, 0)
    assert.strictEqual(Pause.hinted(long, 5_000, 1_000).until, 60_000)
    const short = Pause.hinted(Pause.none, 5_000, 0)
    assert.strictEqual(Pause.hinted(short, 60_000, 1_000).until, 61_000)
  })

  it("is an hour at most", () => {
    assert.strictEqual(Pause.hinted(Pause.none, 86_400_000, 10).until, 3_600_010)
    assert.strictEqual(Pause.hinted(Pause.none, Number.POSITIVE_INFINITY, 10).until, 3_600_010)
  })

  it("guesses one second, and twice as long each time, up to the cap", () => {
    let pause = Pause.none
    const lengths: Array<number> = []
    for (let now = 0; lengths.length < 5; now = pause.until) {
      pause = Pause.guessed(pause, pause.generation, 5_000, now)
      lengths.push(pause.until - now)
    }
    assert.deepStrictEqual(lengths, [1_000, 2_000, 4_000, 5_000, 5_000])
  })

  it("counts a burst of refusals as one", () => {
    let pause = Pause.none
    for (let late = 0; late < 20; late++) pause = Pause.guessed(pause, 0, 300_000, late)
    assert.strictEqual(pause.until, 1_000)
    assert.strictEqual(pause.guesses, 1)
  })

  it("never shortens a hint by a guess, and stays known", () => {
    const pause = Pause.hinted(Pause.none, 60_000, 0)
    const after = Pause.guessed(pause, pause.generation, 300_000, 1_000)
    assert.strictEqual(after.until, 60_000)
    assert.isTrue(after.known)
  })

  it("is ended by the success of an attempt that began in it, and by no earlier one", () => {
    const pause = Pause.hinted(Pause.none, 60_000, 0)
    assert.isTrue(Pause.lasts(Pause.succeeded(pause, 0), 1))
    assert.isFalse(Pause.lasts(Pause.succeeded(pause, pause.generation), 1))
  })
})
