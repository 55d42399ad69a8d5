/**
 * All clients, all dialects of channels, both ways to take an answer: what each case is put to.
 */
import type { UpstreamDialectName } from "#src/dialect/index"
import { aiAnthropic, aiGoogle, aiOpenai, aiResponses } from "./aiSdk.ts"
import { anthropicSdk } from "./anthropicSdk.ts"
import { googleSdk } from "./googleSdk.ts"
import { openaiSdk } from "./openaiSdk.ts"
import type { Placed } from "./part.ts"
import type { Ask, Client } from "./question.ts"
import { responsesSdk } from "./responsesSdk.ts"

/** The SDKs. */
export const clients: ReadonlyArray<Client> = [
  openaiSdk,
  aiOpenai,
  responsesSdk,
  aiResponses,
  anthropicSdk,
  aiAnthropic,
  googleSdk,
  aiGoogle
]

/** What channels speak. */
export const dialects: ReadonlyArray<UpstreamDialectName> = ["openai", "responses", "anthropic", "gemini"]

/** How an answer is taken. */
export const deliveries: ReadonlyArray<Ask["delivery"]> = ["whole", "stream"]

/** One place of the matrix. */
export interface Place extends Placed {
  readonly client: Client
  readonly dialect: UpstreamDialectName
  readonly delivery: Ask["delivery"]
  /** How a test is named. */
  readonly where: string
}

/** Every client over every channel, whole and streamed. */
export const places: ReadonlyArray<Place> = clients.flatMap((client, c) =>
  dialects.flatMap((dialect, d) =>
    deliveries.map((delivery, y) => ({
      client,
      dialect,
      delivery,
      where: `${client.name}, ${delivery}, over ${dialect}`,
      at: c + d + 2 * y
    }))
  )
)

/** Whether a client shows its program what is thought: the provider of chat completions for `ai` has no words for it. */
export const showsReasoning = ({ name }: Client): boolean => name !== aiOpenai.name

/** Whether a client shows its program which model has answered: Google's provider for `ai` says the one that was asked. */
export const showsModel = (client: Client): boolean => client !== aiGoogle
