import { BreakerSection, ChannelSection, type Channel, TimeoutsSection } from "effect-resilience/relay"
import { type Cell, declare, Fields, Millis, type Section, type SettingsService } from "effect-resilience/settings"
import { describe, expect, test } from "tstyche"

declare const settings: SettingsService

describe("the value of a section", () => {
  test("is what its schema decodes to", () => {
    expect(settings.of(TimeoutsSection).current.idle).type.toBe<number>()
    expect(settings.of(BreakerSection).current).type.toBe<{
      readonly window: number
      readonly minimum: number
      readonly failureRate: number
      readonly open: number
      readonly cap: number
      readonly probes: number
    }>()
  })

  test("is what it is finished to", () => {
    expect(settings.of(ChannelSection)).type.toBe<Cell<ReadonlyArray<Channel>>>()
  })
})

describe("a declaration", () => {
  const schema = Fields.section({ idle: Fields.withDefault(Millis, "1 second", "Idle.") })
  const rest = { name: "x", description: "X.", schema, changes: { _tag: "Restart" } } as const

  test("finishes what its own schema decodes to", () => {
    expect(declare({ ...rest, absent: {}, finish: ({ idle }) => idle * 2 })).type.toBe<Section<number>>()
    expect(declare).type.not.toBeCallableWith({ ...rest, absent: {}, finish: ({ idle }: { idle: string }) => idle })
  })

  test("is absent as it would be written", () => {
    expect(declare).type.not.toBeCallableWith({ ...rest, absent: { idle: 5 } })
  })
})
