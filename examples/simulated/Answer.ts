/**
 * What the simulated models answer: always the same words to the same question, so that anybody can check that an
 * answer is whole.
 */

/** A message of a chat completion request. */
export interface Message {
  readonly role: string
  readonly content: unknown
}

/** The answer to a question: some sixty words. */
export const answerTo = (question: string): string =>
  `You asked: “${question}” While you read this, a relay asks one channel after the other. ` +
  "It writes each word down before it shows it. When a channel falls silent, breaks off or says no, " +
  "another goes on from the very letter where the first one stopped. Nothing is lost, nothing comes twice, " +
  "and you can tell that the answer is whole: it ends with these words."

const contentText = (content: unknown): string => (typeof content === "string" ? content : JSON.stringify(content))

/**
 * What is left to say. A request that ends with a part of the answer, or with a part and a word to go on, gets the rest;
 * any other gets all of it.
 */
export const restOf = (messages: ReadonlyArray<Message>): string => {
  const lastPart = messages.findLastIndex(({ role }) => role === "assistant")
  const part = messages.length - lastPart <= 2 ? messages[lastPart] : undefined
  const asked = messages.slice(0, part === undefined ? undefined : lastPart).findLast(({ role }) => role === "user")
  const answer = answerTo(contentText(asked?.content ?? ""))
  const partial = part === undefined ? "" : contentText(part.content)
  return answer.startsWith(partial) ? answer.slice(partial.length) : answer
}

/** Whether a request goes on from a part of an answer. */
export const isContinuation = (messages: ReadonlyArray<Message>): boolean =>
  messages.slice(-2).some(({ role }) => role === "assistant")

/** A text in the chunks in which it is sent: word by word, nothing left out. */
export const inWords = (text: string): ReadonlyArray<string> => text.match(/\s*\S+|\s+$/g) ?? []
