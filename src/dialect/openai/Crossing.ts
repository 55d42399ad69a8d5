/**
 * A request of another dialect's client in OpenAI's words.
 */
import type { Asked, Part } from "../Request.ts"
import type { Message } from "./Encode.ts"

const textOf = (parts: ReadonlyArray<Part>): string =>
  parts.map((part) => (part._tag === "Text" ? part.text : "")).join("")

/** The messages of a conversation. */
export const messagesOf = ({ system, turns }: Asked): ReadonlyArray<Message> => [
  ...system.map((part) => ({ role: "system", content: textOf([part]) })),
  ...turns.map(({ parts, role }) => ({ role, content: textOf(parts) }))
]
