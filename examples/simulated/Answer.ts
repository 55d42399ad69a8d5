/**
 * What the simulated models answer: always the same words to the same question, so that anybody can check that an
 * answer is whole.
 */

/** A message of a chat completion request. */
export interface Message {
  readonly role: string
  readonly content: unknown
}

/** The answer to a question: some hundred words of Markdown. */
export const answerTo = (question: string): string =>
  `You asked: “${question}” While you read this, a relay asks one channel after the other. ` +
  "It writes each word down before it shows it. When a channel falls silent, breaks off or says no, " +
  "another goes on **from the very letter** where the first one stopped.\n\n" +
  "- Your network drops: you come back with the number of the last event you have, and get what is behind it.\n" +
  "- The relay is killed with `kill -9`: the next one reads what was shown, and goes on with it.\n" +
  "- You ask twice with one key: both read the same answer, and it is made once.\n\n" +
  "Nothing is lost, nothing comes twice, and you can tell that the answer is whole: it ends with these words."

const contentText = (content: unknown): string => (typeof content === "string" ? content : JSON.stringify(content))

/** What a request asks: the user's last word, or the one before a part of the answer that it goes on from. */
export const questionOf = (messages: ReadonlyArray<Message>): string => contentText(askedOf(messages)?.content ?? "")

const lastPartOf = (messages: ReadonlyArray<Message>): number | undefined => {
  const last = messages.findLastIndex(({ role }) => role === "assistant")
  return last >= 0 && messages.length - last <= 2 ? last : undefined
}

const askedOf = (messages: ReadonlyArray<Message>): Message | undefined =>
  messages.slice(0, lastPartOf(messages)).findLast(({ role }) => role === "user")

/** Whether a request goes on from a part of the answer. */
export const goesOn = (messages: ReadonlyArray<Message>): boolean => lastPartOf(messages) !== undefined

/**
 * What is left to say. A request that ends with a part of the answer, or with a part and a word to go on, gets the rest;
 * any other gets all of it.
 */
export const restOf = (messages: ReadonlyArray<Message>): string => {
  const answer = answerTo(questionOf(messages))
  const lastPart = lastPartOf(messages)
  const partial = lastPart === undefined ? "" : contentText(messages[lastPart]?.content)
  return answer.startsWith(partial) ? answer.slice(partial.length) : answer
}

/** A text in the chunks in which it is sent: word by word, nothing left out. */
export const inWords = (text: string): ReadonlyArray<string> => text.match(/\s*\S+|\s+$/g) ?? []
