/**
 * Where a client said that the calls of a tool are held to its schema.
 */
import type { AnswerRequest, Asked, Tool } from "./Request.ts"

/** The client's path of it, of one tool. */
export const strictPath = ({ path }: Tool, dialect: AnswerRequest["dialect"]): string =>
  dialect === "openai" && path.startsWith("tools") ? `${path}.function.strict` : `${path}.strict`

/** The client's paths of it, of each tool that is so. */
export const strictPaths = ({ tools }: Asked, dialect: AnswerRequest["dialect"]): ReadonlyArray<string> =>
  tools.filter(({ strict }) => strict === true).map((tool) => strictPath(tool, dialect))
