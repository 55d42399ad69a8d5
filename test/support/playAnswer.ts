/**
 * Streams one scripted answer over a response, in the frames of OpenAI chat completions.
 */
import type { ServerResponse } from "node:http"
import { setTimeout } from "node:timers/promises"
import type { Answer } from "./behaviour.ts"
import { textOf } from "./upstreamText.ts"

/** What of a request an answer depends on. */
export interface AnswerContext {
  readonly id: string
  readonly model: string
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly promptTokens: number
  /** The text that is to be sent, by chunk: the rest of it where the request goes on from a partial answer. */
  readonly words: ReadonlyArray<string>
}

type Delta = { readonly [field: string]: unknown }

const created = 1_700_000_000

/** Waits, or gives up at once when the signal is aborted. */
const pause = (millis: number, signal: AbortSignal): Promise<void> =>
  setTimeout(millis, undefined, { signal }).catch(() => {})

const deltasOf = (answer: Answer, words: ReadonlyArray<string>): ReadonlyArray<Delta> => [
  ...(answer.reasoning ?? []).map((reasoning_content) => ({ reasoning_content })),
  ...words.map((content) => ({ content })),
  ...(answer.toolCall?.parts ?? []).map((part, index) => ({
    tool_calls: [
      index === 0
        ? { index: 0, id: "call_1", type: "function", function: { name: answer.toolCall?.name, arguments: part } }
        : { index: 0, function: { arguments: part } }
    ]
  }))
]

const usageOf = (answer: Answer, context: AnswerContext) => {
  if (answer.usage === null) return undefined
  const counted = answer.usage ?? { prompt_tokens: context.promptTokens, completion_tokens: context.words.length }
  return { ...counted, total_tokens: counted.prompt_tokens + counted.completion_tokens }
}

const playWhole = (response: ServerResponse, answer: Answer, context: AnswerContext): void => {
  const body = JSON.stringify({
    id: context.id,
    object: "chat.completion",
    created,
    model: context.model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: textOf(context.words) },
        finish_reason: answer.finish ?? "stop",
        logprobs: null
      }
    ],
    usage: usageOf(answer, context)
  })
  response.writeHead(200, { "content-type": "application/json", ...answer.headers })
  if (answer.ending === "reset") {
    response.write(body.slice(0, body.length / 2), () => response.socket?.resetAndDestroy())
    return
  }
  response.end(body)
}

/** Plays an answer to its end, good or bad; stops when the client leaves. */
export const playAnswer = async (response: ServerResponse, answer: Answer, context: AnswerContext): Promise<void> => {
  const closing = new AbortController()
  const closed = new Promise<void>((resolve) => response.once("close", resolve)).then(() => closing.abort())
  if (answer.headersAfter !== undefined) await pause(answer.headersAfter, closing.signal)
  if (response.closed) return
  if (!context.stream) return playWhole(response, answer, context)

  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", ...answer.headers })
  response.flushHeaders()
  const write = (text: string): Promise<void> =>
    response.closed
      ? Promise.resolve()
      : Promise.race([closed, new Promise<void>((resolve) => response.write(text, () => resolve()))])
  const frame = (delta: Delta, finish: string | null = null): string =>
    `data: ${JSON.stringify({
      id: context.id,
      object: "chat.completion.chunk",
      created,
      model: context.model,
      choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }]
    })}\n\n`
  const usageFrame = (): string => {
    const usage = context.includeUsage || answer.usage ? usageOf(answer, context) : undefined
    const { id, model } = context
    return usage === undefined
      ? ""
      : `data: ${JSON.stringify({ id, object: "chat.completion.chunk", created, model, choices: [], usage })}\n\n`
  }
  const send = async (deltas: ReadonlyArray<Delta>): Promise<void> => {
    for (const delta of deltas) {
      if (answer.delay !== undefined) await pause(answer.delay, closing.signal)
      if (response.closed) return
      await write(frame(delta))
    }
  }

  await write(frame({ role: "assistant", content: "" }))
  const deltas = deltasOf(answer, context.words)
  const ending = answer.ending ?? "done"
  const before = answer.after ?? deltas.length
  await send(deltas.slice(0, before))
  if (response.closed) return

  const finish = frame({}, answer.finish ?? (answer.toolCall === undefined ? "stop" : "tool_calls"))
  switch (ending) {
    case "done":
      return void response.end(`${finish}${usageFrame()}data: [DONE]\n\n`)
    case "finishWithoutDone":
      return void response.end(`${finish}${usageFrame()}`)
    case "finishThenStall":
      return void write(finish)
    case "finishThenReset":
      await write(finish)
      // A reset takes what was not read yet with it.
      await pause(30, closing.signal)
      return void response.socket?.resetAndDestroy()
    case "doneWithoutFinish":
      return void response.end("data: [DONE]\n\n")
    case "close":
      return void response.end()
    case "reset":
      return void response.socket?.resetAndDestroy()
    case "stall":
      return
    case "errorFrame":
      return void response.end(
        `data: ${JSON.stringify({
          error: answer.error ?? { message: "The server had an error", type: "server_error", code: "server_error" }
        })}\n\n`
      )
    case "badFrame": {
      await write("data: {not json\n\n")
      await send(deltas.slice(before))
      if (!response.closed) response.end(`${finish}${usageFrame()}data: [DONE]\n\n`)
      return
    }
    case "insideEvent":
      return void response.end(frame(deltas[before] ?? { content: "x" }).slice(0, 40))
    case "insideChunk":
      return void response.socket?.write(`ff\r\n${frame(deltas[before] ?? { content: "x" }).slice(0, 40)}`, () =>
        response.socket?.destroy()
      )
  }
}
