/**
 * `@copilotkit/aimock` as an upstream: somebody else's idea of the OpenAI protocol, with a deterministic answer.
 */
import { LLMock } from "@copilotkit/aimock"
import { textOf, words } from "./upstreamText.ts"

/** A running mock. */
export interface Aimock {
  /** The base URL of a channel, with `/v1`. */
  readonly url: string
  /** How many requests it was sent. */
  readonly requestCount: () => number
  readonly close: () => Promise<void>
}

/** Starts a mock that answers every request with the text of the scripted upstreams, anew each time. */
export const startAimock = async (text: string = textOf(words)): Promise<Aimock> => {
  const mock = new LLMock({ port: 0, host: "127.0.0.1", logLevel: "silent" })
  mock.on({ endpoint: "chat" }, { content: text })
  await mock.start()
  return {
    url: `${mock.url}/v1`,
    requestCount: () => mock.getRequests().length,
    close: () => mock.stop()
  }
}
