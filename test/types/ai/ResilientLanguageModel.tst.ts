import type { Config, Layer } from "effect"
import type { LanguageModel, Model } from "effect/ai"
import type { HttpClient } from "effect/http"
import { DialectLanguageModel, RelayLanguageModel, ResilientLanguageModel } from "effect-resilience/ai"
import { describe, expect, test } from "tstyche"

declare const fromConfig: Layer.Layer<LanguageModel.LanguageModel, Config.ConfigError, "Secrets">
declare const ofProvider: Model.Model<"openai", LanguageModel.LanguageModel, HttpClient.HttpClient>
declare const noModel: Layer.Layer<"Clock">

describe("ResilientLanguageModel.layer", () => {
  test("needs what its models need, and fails as they do", () => {
    expect(ResilientLanguageModel.layer([ofProvider, fromConfig])).type.toBe<
      Layer.Layer<LanguageModel.LanguageModel, Config.ConfigError, HttpClient.HttpClient | "Secrets">
    >()
  })

  test("takes a model of a dialect and one of a relay", () => {
    const models = [
      DialectLanguageModel.layer({ dialect: "openai", baseUrl: "http://a.test/v1", model: "m" }),
      RelayLanguageModel.layer({ url: "http://b.test", model: "m" })
    ] as const
    expect(ResilientLanguageModel.layer(models)).type.toBe<
      Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient>
    >()
  })

  test("wants one model at least, and models only", () => {
    expect(ResilientLanguageModel.layer).type.not.toBeCallableWith([])
    expect(ResilientLanguageModel.layer).type.not.toBeCallableWith([noModel])
  })

  test("wants to be told that a hedged model may be asked twice", () => {
    expect(ResilientLanguageModel.layer).type.not.toBeCallableWith([fromConfig], { hedge: { when: "2 seconds" } })
  })
})
